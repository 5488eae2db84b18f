"""The published method, number by number: counts exactly, TF-IDF, kernels and maps within 1e-9."""

import json
from pathlib import Path

import numpy as np
import pytest

from prospector_core import FoldChangeKernel, LinearKernel, TokenGraph, count_concepts, prospect
from prospector_core.method.tfidf import tfidf

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.json"))


@pytest.fixture(scope="module", params=GOLDEN, ids=lambda path: path.stem)
def case(request):
    return json.loads(request.param.read_text())


def graph_of(case, datum):
    if case["kind"] == "grid":
        return TokenGraph.from_grid(datum["positions"])
    if case["kind"] == "contact":
        return TokenGraph.from_contacts(datum["xyz"], datum["cutoff"])
    return TokenGraph.from_edges(datum["n"], datum["edges"])


def test_there_are_golden_cases():
    assert len(GOLDEN) == 7


def test_edges_are_those_of_the_reference(case):
    for datum in case["data"]:
        expected = {tuple(sorted(edge)) for edge in datum["edges"]}
        assert {tuple(edge) for edge in graph_of(case, datum).edges.tolist()} == expected


def test_counts_are_equal(case):
    for datum in case["data"]:
        counts = count_concepts(graph_of(case, datum), np.array(datum["concepts"]), case["k"], case["r"])
        assert counts.tolist() == datum["counts"]
        same = count_concepts(
            TokenGraph.from_edges(datum["n"], datum["edges"]),
            np.array(datum["concepts"]),
            case["k"],
            case["r"],
        )
        assert same.tolist() == datum["counts"]


def test_kernels_and_maps(case):
    counts = np.array([datum["counts"] for datum in case["data"]])
    labels = np.array([datum["label"] for datum in case["data"]])
    for fit in case["fits"]:
        np.testing.assert_allclose(tfidf(counts), fit["tfidf"], atol=1e-9)
        if fit["variant"] == "inferential":
            coef = FoldChangeKernel(**fit["hparams"]).fit(counts, labels).coef_
            np.testing.assert_allclose(coef, fit["kernel"], atol=1e-9)
        else:
            coef = LinearKernel(l1_ratio=fit["hparams"]["lambda"]).fit(counts, labels).coef_
            np.testing.assert_allclose(coef, fit["kernel"], atol=1e-3)
        for datum, expected in zip(case["data"], fit["maps"]):
            scores = prospect(
                graph_of(case, datum), np.array(datum["concepts"]), fit["kernel"], case["k"], case["r"]
            )
            np.testing.assert_allclose(scores, expected, atol=1e-9)
