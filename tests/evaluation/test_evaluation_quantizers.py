"""Quantizers compared: a row each by truth, and what labels alone say of each, in the report."""

import json

import numpy as np
import pytest

from prospector_core import TokenGraph
from prospector_core.errors import BadInputError
from prospector_core.evaluation import Problem
from prospector_core.evaluation.quantizers import methods_of
from prospector_core.evaluation.report import write_report
from prospector_core.evaluation.run import evaluate, method_names
from prospector_core.evaluation.studies import choose_for
from prospector_core.method.folds import stratified_folds
from prospector_core.study.settings import GIVEN, FitSettings
from tests.support.study_files import make_study

NAMES = "k-means,spherical k-means,tree"


def turned(n=20, side=6, given=None):
    """Class 1 has a block of tokens that point another way; lengths of vectors are noise."""
    random = np.random.default_rng(0)
    graph = TokenGraph.from_grid(np.argwhere(np.ones((side, side), bool)))
    ways, labels = np.eye(4, 5), np.arange(n) % 2
    embeddings, truth = [], []
    for label in labels:
        kind, true = random.integers(0, 3, (side, side)), np.zeros((side, side), bool)
        if label:
            row, column = random.integers(0, side - 2, 2)
            true[row : row + 3, column : column + 3] = True
            kind[true] = 3
        lengths = random.lognormal(0, 1.5, (side * side, 1))
        noise = random.normal(0, 0.05, (side * side, 5))
        embeddings.append(((ways[kind.ravel()] + noise) * lengths).astype(np.float32))
        truth.append(true.ravel())
    names = [f"d{i}" for i in range(n)]
    return Problem(
        "turned", names, [graph] * n, embeddings, labels, truth, stratified_folds(labels, 2), given=given
    )


def test_each_has_a_row_and_labels_say_which(tmp_path):
    found = evaluate(turned(), methods_of(NAMES))
    ap = {each["method"]: each["ap"] for each in found.summary}
    assert list(ap) == sorted(ap, key=ap.get, reverse=True)
    assert set(ap) == {"concepts by k-means", "concepts by spherical k-means", "concepts by tree"}
    assert ap["concepts by spherical k-means"] > ap["concepts by k-means"] + 0.02  # lengths are noise here
    assert all(row["ap_folds"] and row["parameters"] for row in found.summary)
    assert len(found.searches) == 2
    for search in found.searches:
        assert search["of"] == "quantizers" and len(search["candidates"]) == 3
        for each in search["candidates"]:
            assert 0 < each["log_loss"] < 20 and 0 <= each["auroc"] <= 1 and -1 <= each["stability"] <= 1
    for name, value in ap.items():
        mean = np.mean([c["ap"] for s in found.searches for c in s["candidates"] if c["settings"] == name])
        folds = next(row["ap_folds"] for row in found.summary if row["method"] == name)
        assert mean == pytest.approx(np.mean(folds)) and value == pytest.approx(mean, abs=0.05)
    page = next(each for each in write_report([found], tmp_path) if each.suffix == ".html").read_text()
    assert "concepts by tree: AP" in page and "Quantizer by labels alone" in page and "stability" in page
    assert json.loads((tmp_path / "evaluation.json").read_text())[0]["searches"]


def test_concepts_that_an_encoder_brings_come_first():
    given = np.eye(4, 5, dtype=np.float32)
    found = evaluate(turned(given=given), methods_of("k-means"), folds=1)
    assert {each["method"] for each in found.summary} == {"concepts as encoded", "concepts by k-means"}
    assert found.searches[0]["candidates"][0]["settings"] == "concepts as encoded"


def test_what_can_be_asked_for():
    assert methods_of("none") == methods_of(None) == []
    assert len(method_names("none", quantizers="all")) == len(method_names("none")) + 1
    with pytest.raises(BadInputError, match="no quantizer 'trie': choose from k-means, spherical k-means"):
        methods_of("tree, trie")


def test_settings_are_searched_with_the_quantizer_that_was_asked_for(tmp_path):
    study = make_study(tmp_path, (1,) * 5 + (0,) * 5)
    candidates = [
        FitSettings(concepts=k, quantizer=name) for k in (3, 4) for name in ("k-means", "gaussian mixture")
    ]
    choice = choose_for(study, candidates, quantizer="tree")
    assert [(each.concepts, each.quantizer) for each in choice.candidates] == [(3, "tree"), (4, "tree")]
    with pytest.raises(BadInputError, match="brings no concepts"):
        choose_for(study, candidates, quantizer=GIVEN)
