"""The benchmark runs, agrees with the plain version and can be printed. Its times are nobody's test."""

import json

import pytest

from benchmarks.core import format_bench, run_bench
from benchmarks.scale import STEPS, format_scale, measure_scale


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(told):
    return run_bench(lambda *args: told.append(args), quick=True)


def test_reports_plain_numbers(result):
    assert json.loads(json.dumps(result)) == result
    assert [(row["n_concepts"], row["radius"]) for row in result["grid"]] == [(20, 4), (30, 8)]


def test_results_equal_the_plain_version(result):
    for row in result["grid"]:
        assert row["counts_equal_networkx"]
        assert row["prospect_largest_difference"] < 1e-9


def test_tells_how_far_it_is(result, told):
    totals = {total for _, total, _ in told}
    assert len(totals) == 1
    assert [done for done, _, _ in told] == list(range(totals.pop() + 1))


def test_prints_a_table(result):
    text = format_bench(result)
    assert "count, K = 20, r = 4" in text
    assert "prospect, K = 30, r = 8" in text
    assert "matrix product" in text
    assert "first exclusion" in text and "annotate" in text
    assert "export of a map of" in text and "geojson" in text


def test_every_format_is_written(result):
    exported = result["export"]
    assert {"geojson", "ome-tiff", "csv", "parquet"} <= exported.keys()
    assert exported["geojson"]["bytes"] > 100 * exported["tokens"]  # a square with five corners a token


@pytest.mark.parametrize("which", ["edits", "soft_edits"])
def test_every_kind_of_edit_is_timed_by_its_parts(result, which):
    edits = result[which]
    assert (edits["softness"] > 0) == (which == "soft_edits")
    assert set(edits["edits"]) == {
        "first exclusion",
        "rename",
        "recolour",
        "merge",
        "split",
        "exclude",
        "include",
        "pin",
        "reassign",
        "annotate",
        "ignore",
        "relabel",
        "undo",
    }
    for kind, each in edits["edits"].items():
        assert min(each.values()) > 0
        if kind != "undo":  # once in the quick run: no medians of sums
            assert each["total"] == pytest.approx(each["edit"] + each["refit"] + each["paint"])


def test_growth_is_measured_step_by_step(tmp_path):
    told = []
    result = measure_scale((4_000, 8_000), workers_at=0, folder=tmp_path, progress=told.append)
    assert json.loads(json.dumps(result)) == result and result["workers"] is None
    assert [row["data"] for row in result["sizes"]] == [4, 4] and not list(tmp_path.iterdir())
    for row in result["sizes"]:
        assert list(row["steps"]) == list(STEPS) and row["bytes"] > 900 * row["tokens"]
        assert all(step["seconds"] > 0 for step in row["steps"].values())
    assert set(result["slope"]) == {*STEPS, "all"} and "8,000 tokens: maps" in told
    assert "growth" in format_scale(result)
