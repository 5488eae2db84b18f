"""Folds that keep groups together, drawn anew for other seeds, and folds as a table gives them."""

import numpy as np
import pytest

from benchmarks.evaluation import BEGIN, between_marks
from prospector_core.errors import BadInputError
from prospector_core.evaluation.datasets import rare_pairs
from prospector_core.evaluation.groups import grouped
from prospector_core.evaluation.markdown import overview
from prospector_core.evaluation.run import evaluate
from prospector_core.method.folds import grouped_folds


def test_no_group_straddles_and_classes_are_spread():
    random = np.random.default_rng(0)
    groups, labels = random.integers(0, 40, 300), random.integers(0, 2, 300)
    folds = grouped_folds(labels, groups, 5, seed=1)
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(300))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert 40 <= len(test) <= 80 and 0.4 < labels[test].mean() < 0.6
    other = grouped_folds(labels, groups, 5, seed=2)
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(folds, other))
    again = grouped_folds(labels, groups, 5, seed=1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again))


def test_a_class_in_one_group_cannot_be_held_out():
    with pytest.raises(BadInputError, match="two groups with data of each class"):
        grouped_folds([1, 1, 0, 0], ["a", "a", "b", "c"])


def test_other_seeds_have_other_folds_where_groups_are_known():
    problem = rare_pairs(n=30)
    assert problem.folds_of(0) is problem.folds and problem.folds_of(1) is problem.folds_of(1)
    tested = [[test.tolist() for _, test in problem.folds_of(draw)] for draw in range(3)]
    assert tested[0] != tested[1] != tested[2]
    problem.groups = None
    assert problem.folds_of(2) is problem.folds


def test_every_datum_is_scored_once_a_seed_and_intervals_are_of_data_and_of_seeds():
    problem = rare_pairs(n=20)
    found = evaluate(problem, ["nearest centroid", "constant"], seeds=3)
    rows = [row for row in found.rows if row["method"] == "nearest centroid"]
    assert len(rows) == 3 * 10 == 3 * len({row["datum"] for row in rows})
    own = next(each for each in found.summary if each["method"] == "nearest centroid")
    assert own["ap_data_low"] < own["ap"] < own["ap_data_high"]
    assert own["ap_low"] <= own["ap_seeds_low"] <= own["ap"] <= own["ap_seeds_high"] <= own["ap_high"]
    table = overview([found])
    assert "| nearest centroid |" in table and f"{own['ap']:.3f} ±" in table and "*a random map*" in table


def table_of(path, problem, column, values):
    lines = [f"datum,{column}", *(f"{name},{value}" for name, value in zip(problem.ids, values))]
    path.write_text("\n".join(lines))
    return path


def test_groups_and_folds_from_a_table(tmp_path):
    problem = rare_pairs(n=24)
    patients = [f"p{at // 3}" for at in range(24)]
    found = grouped(problem, table_of(tmp_path / "patients.csv", problem, "Patient", patients), folds=3)
    assert len(found.folds) == 3 and found.groups == patients
    for draw in range(3):
        for train, test in found.folds_of(draw):
            assert not {patients[i] for i in train} & {patients[i] for i in test}
    given = grouped(problem, table_of(tmp_path / "folds.csv", problem, "fold", np.arange(24) % 4))
    assert [test.tolist()[:2] for _, test in given.folds] == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert given.folds_of(3) is given.folds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("datum,colour\na,1\n", "one for its group"),
        ("datum,group\na,1\n", "has no group of datum 0: name every"),
        ("datum,group\n", "has no rows"),
    ],
)
def test_tables_that_group_nothing_are_said(tmp_path, text, says):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BadInputError, match=says):
        grouped(rare_pairs(n=10), tmp_path / "t.csv")


def test_tables_are_written_between_marks_and_the_rest_stays():
    page = between_marks("# Title\n\nWords.\n", "one")
    assert page.startswith("# Title\n\nWords.\n") and page.count(BEGIN) == 1
    again = between_marks(page + "\nAfter.\n", "two")
    assert "one" not in again and "two" in again and again.endswith("\nAfter.\n")
