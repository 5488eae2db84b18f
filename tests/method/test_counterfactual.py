"""One token's neighbours and "what if": the whole map recomputed says the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core import TokenGraph, prospect
from prospector_core.errors import GraphError
from prospector_core.method._compiled.sparse import ball
from prospector_core.method.counterfactual import Spread, Without, neighbours_of, what_if
from prospector_core.method.features import pair_index
from prospector_core.study import explanations
from tests.support.random_data import any_graph, kernel_of, kinds, seeds, sprite_of
from tests.support.study_files import make_study

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
CASES = {
    "seed": seeds,
    "kind": kinds,
    "radius": st.integers(0, 4),
    "k": st.integers(1, 5),
    "excluded": st.sampled_from([0.0, 0.3]),
    "diffusive": st.booleans(),
    "smoothing": st.integers(0, 3),
}


def case(seed, kind, radius, k, excluded):
    """A graph, a sprite, a kernel and a token."""
    random = np.random.default_rng(seed)
    graph = any_graph(random, kind)
    while not graph.n:
        graph = any_graph(random, kind)
    return (
        graph,
        sprite_of(random, graph, k, excluded),
        kernel_of(random, k, radius),
        int(random.integers(graph.n)),
    )


@given(**CASES)
@settings(max_examples=80)
def test_neighbours_add_up_to_the_score(seed, kind, radius, k, excluded, diffusive, smoothing):
    graph, sprite, coef, token = case(seed, kind, radius, k, excluded)
    found = neighbours_of(graph, sprite, coef, k, radius, token, Spread(diffusive, smoothing))
    score = prospect(graph, sprite, coef, k, radius, diffusive, smoothing)[token]
    assert found.concept == sprite[token]
    if sprite[token] < 0:
        assert np.isnan(found.score) and not found.tokens.size
        return
    np.testing.assert_allclose([found.score, found.contributions.sum()], score, **CLOSE)
    tokens, hops = ball(graph.indptr, graph.indices, sprite, token, max(radius, smoothing))
    assert dict(zip(found.tokens, found.hops)) == dict(zip(tokens, hops)) and found.tokens[0] == token
    assert (found.concepts == sprite[found.tokens]).all() and (np.diff(found.hops) >= 0).all()


@given(**CASES)
@settings(max_examples=80)
def test_without_a_concept_is_the_map_without_its_tokens(
    seed, kind, radius, k, excluded, diffusive, smoothing
):
    graph, sprite, coef, token = case(seed, kind, radius, k, excluded)
    before = prospect(graph, sprite, coef, k, radius, diffusive, smoothing)[token]
    around = set(neighbours_of(graph, sprite, coef, k, radius, token, Spread(diffusive, smoothing)).tokens)
    for concept in range(k):
        found = what_if(
            graph,
            sprite,
            coef,
            k,
            radius,
            token,
            Without(concept=concept),
            spread=Spread(diffusive, smoothing),
        )
        left = np.where(sprite == concept, -1, sprite)
        then = prospect(graph, left, coef, k, radius, diffusive, smoothing)[token]
        np.testing.assert_allclose([found.score, found.would_be], [before, then], **CLOSE)
        np.testing.assert_allclose(found.difference, then - before, **CLOSE)
        kept = set(neighbours_of(graph, left, coef, k, radius, token, Spread(diffusive, smoothing)).tokens)
        assert found.lost.tolist() == sorted(around - kept)


@given(**CASES)
@settings(max_examples=50)
def test_without_neighbours_or_a_pair_is_the_map_without_them(
    seed, kind, radius, k, excluded, diffusive, smoothing
):
    graph, sprite, coef, token = case(seed, kind, radius, k, excluded)
    alone = np.full(graph.n, -1)
    alone[token] = sprite[token]
    found = what_if(
        graph, sprite, coef, k, radius, token, Without(neighbours=True), spread=Spread(diffusive, smoothing)
    )
    np.testing.assert_allclose(
        found.would_be, prospect(graph, alone, coef, k, radius, diffusive, smoothing)[token], **CLOSE
    )
    for i in range(k):
        for j in range(k):
            zero = coef.copy()
            if radius:
                zero[pair_index(i, j, k)] = 0.0
            then = prospect(graph, sprite, zero, k, radius, diffusive, smoothing)[token]
            found = what_if(
                graph,
                sprite,
                coef,
                k,
                radius,
                token,
                Without(pair=(i, j)),
                spread=Spread(diffusive, smoothing),
            )
            np.testing.assert_allclose(found.would_be, then, **CLOSE)
            if i == sprite[token]:
                short = what_if(
                    graph,
                    sprite,
                    coef,
                    k,
                    radius,
                    token,
                    Without(pair=j),
                    spread=Spread(diffusive, smoothing),
                )
                assert short.would_be == found.would_be or np.isnan(short.would_be)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "one thing at a time"),
        ({"concept": 0, "neighbours": True}, "one thing at a time"),
        ({"concept": 9}, "no concept 9"),
        ({"pair": (0, 9)}, "a pair is of two concepts"),
        ({"pair": (0, 1, 0)}, "a pair is of two concepts"),
    ],
)
def test_questions_that_make_no_sense(asked, says):
    graph = TokenGraph.from_chain(5)
    with pytest.raises(GraphError, match=says):
        what_if(graph, np.zeros(5, int), np.ones(5), 2, 1, 0, Without(**asked))
    with pytest.raises(GraphError, match="no token 5"):
        what_if(graph, np.zeros(5, int), np.ones(5), 2, 1, 5, Without(concept=0))


def test_in_a_study_under_its_edits(tmp_path):
    study = make_study(tmp_path, fit={"radius": 2})
    study.curation.exclude(1)
    study.refit()
    datum = study.data[0]
    token = int(np.flatnonzero(study.sprite(datum) == 0)[5])
    said = explanations.neighbours(study, datum, token)
    assert said.score == pytest.approx(study.explain(datum, token).score)
    assert set(said.tokens) == set(study.explain(datum, token).neighbours)
    found = explanations.what_if(study, datum, token, without=2)
    fit = study.view
    sprite = study.sprite(datum)
    then = prospect(
        study.graph(datum), np.where(sprite == 2, -1, sprite), fit.coef, fit.n_concepts, fit.radius
    )
    assert found.would_be == pytest.approx(then[token])
    assert np.isnan(explanations.what_if(study, datum, token, without=0).would_be)
    old = explanations.what_if(study, datum, token, without_pair=3, view=study.fits()[0][0])
    assert old.difference != explanations.what_if(study, datum, token, without_pair=3).difference
