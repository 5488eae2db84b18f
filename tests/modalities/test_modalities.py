"""What a study is of: words, graphs, and errors for kinds that are not known."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prospector_core
from prospector_core import Study, TokenGraph
from prospector_core.errors import BadInputError, StudyVersionError
from prospector_core.method.hotspots import graph_spots, hot_spots
from prospector_core.modalities import MODALITIES, Modality, modality_of


@pytest.mark.parametrize("name", MODALITIES)
def test_a_modality_says_what_is_asked_of_it(name):
    kind = modality_of(name)
    assert kind.name == name and kind is modality_of(name)
    assert all((kind.words.datum, kind.words.data, kind.words.token, kind.words.tokens, kind.words.source))
    assert kind.words.count(1).startswith("1 ") and kind.words.count(2) == f"2 {kind.words.tokens}"
    assert kind.exports and kind.place_names and kind.encoder and isinstance(kind.keeps_edges, bool)


def test_a_study_of_an_unknown_kind_is_refused_in_one_line():
    with pytest.raises(StudyVersionError, match="study of smells.*update"):
        modality_of("smells")


def test_a_study_must_be_of_one_thing(tmp_path):
    with pytest.raises(BadInputError, match="slides="):
        Study.create(tmp_path / "s", labels=tmp_path / "labels.csv")
    assert not (tmp_path / "s").exists()


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1), st.integers(0, 2**32 - 1))
def test_regions_of_a_graph_are_those_of_the_grid_that_it_came_from(places, seed):
    positions = np.array(sorted(places))
    scores = np.random.default_rng(seed).choice([-1.0, 0.5, 2.0, np.nan], len(positions))
    graph = TokenGraph.from_grid(positions)
    one, other = hot_spots(positions, scores, 0.5), graph_spots(graph, scores, 0.5)
    assert [spot.tokens.tolist() for spot in one] == [spot.tokens.tolist() for spot in other]
    assert [(s.total, s.mean, s.peak, s.peak_token) for s in one] == [
        (s.total, s.mean, s.peak, s.peak_token) for s in other
    ]
    assert all(
        spot.rect is None and spot.unit == "tokens" and spot.area == len(spot.tokens) for spot in other
    )


def test_regions_of_a_graph_need_fitting_scores():
    graph = TokenGraph.from_chain(3)
    with pytest.raises(BadInputError, match="3 tokens"):
        graph_spots(graph, np.zeros(2), 0.0)
    with pytest.raises(BadInputError, match="number"):
        graph_spots(graph, np.zeros(3), np.nan)


def _asks_by_name(tree):
    """Lines that compare something with a kind's name, or ask whether a kind has something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [each for side in (node.left, *node.comparators) for each in ast.walk(side)]
            if any(isinstance(each, ast.Constant) and each.value in MODALITIES for each in parts):
                yield node.lineno
        asks = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if asks and node.func.id in ("hasattr", "getattr") and "kind" in ast.unparse(node.args[0]):
            yield node.lineno


def test_no_code_of_the_core_asks_which_kind_it_is():
    home = Path(prospector_core.__file__).parent
    found = [
        f"{path.relative_to(home)}:{line}"
        for path in sorted(home.rglob("*.py"))
        for line in _asks_by_name(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found
    wrong = 'if study.modality in ("slides", "cells") or hasattr(self.kind, "centres"):\n    pass\n'
    assert list(_asks_by_name(ast.parse(wrong))) == [1, 1]


def test_every_hook_is_declared_in_the_base():
    for name in MODALITIES:
        kind = type(modality_of(name))
        own = {each for each in vars(kind) if not each.startswith("_")}
        declared = {*dir(Modality), *Modality.__annotations__}
        assert own <= declared, f"{name} has {own - declared}, which Modality does not declare"
