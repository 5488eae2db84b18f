"""The provisional map of a datum in work, rule by rule.

On a grid of 10 x 10 tokens whose blocks are given.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from prospector_core import TokenGraph, prospect
from prospector_core.errors import StudyError
from prospector_core.modalities.slides.coarse import (
    _beginning,
    _concepts,
    _map,
    provisional_map_of,
    provisional_version_of,
)
from prospector_core.store.cache import Cache
from prospector_core.study.journal import CurationState, Region, Split
from prospector_core.study.settings import FitSettings

K, BLOCK = 3, 20
POSITIONS = np.argwhere(np.ones((10, 10), bool))
EARLY = np.array([0, 4, 8, 40, 44, 48, 80, 84, 88])  # the first token of each square of 4 x 4
CENTRES = np.eye(K, dtype=np.float32)
KINDS = np.random.default_rng(2).integers(0, K, 100)
VECTORS = CENTRES[KINDS]


class Part:
    """What is there of a datum: blocks of the tokens that came early, and of all row by row."""

    positions, early, block, n_blocks = POSITIONS, EARLY, BLOCK, 5
    attrs = {"origin": [1.0, 2.0], "pitch": 8.0, "shape": [10, 10]}

    def __init__(self, *blocks):
        self.blocks, self.read_blocks = list(blocks), []

    def finished(self):
        return list(self.blocks)

    def tokens(self, early, index):
        rows = slice(index * BLOCK, (index + 1) * BLOCK)
        return EARLY[rows] if early else np.arange(100)[rows]

    def read(self, early, index):
        self.read_blocks.append((early, index))
        return VECTORS[self.tokens(early, index)]


def fit(radius=1, state=None, id=1, **settings):
    coef = np.arange(1.0, 10.0)[: 9 if radius else 3]
    state = state or CurationState()
    return SimpleNamespace(
        centroids=CENTRES,
        coef=coef,
        n_concepts=K + state.n_extra,
        radius=radius,
        id=id,
        key=(id, 1),
        state=state,
        smoothing=settings.get("smoothing", 0),
        settings=FitSettings(radius=radius, **settings),
    )


class Store:
    def __init__(self, part, whole=False):
        self.there, self.whole = part, whole

    def has(self, uid):
        return self.whole

    def part(self, uid):
        return self.there


def study(part, whole=False, memory=None):
    return SimpleNamespace(store=Store(part, whole), memory=Cache() if memory is None else memory)


SQUARES = POSITIONS // 4


def of_squares(state=None, radius=1):
    """The scores of a map that stands on the early tokens alone."""
    kinds = KINDS[EARLY].copy()
    if state:
        kinds[np.isin(kinds, list(state.excluded))] = -1
    scores = prospect(
        TokenGraph.from_grid(SQUARES[EARLY]), kinds, np.arange(1.0, 10.0)[: 9 if radius else 3], K, radius
    )
    which = (SQUARES[:, None] == SQUARES[EARLY][None]).all(axis=2).argmax(axis=1)
    return scores[which], KINDS[EARLY][which]


def test_what_came_early_stands_for_its_square():
    found = provisional_map_of(study(Part((True, 0, 5))), "u", fit())
    scores, concepts = of_squares()
    assert found.known.all() and not found.final.any() and found.version == ((1, 1), (True, 0, 5))
    np.testing.assert_array_equal(found.scores, scores)
    assert found.concepts.tolist() == [KINDS[at] if at in EARLY else k for at, k in enumerate(concepts)]
    assert (found.origin, found.pitch, found.shape) == ((1.0, 2.0), 8.0, (10, 10))
    assert np.array_equal(found.positions, POSITIONS)


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_rows_far_enough_from_the_edge_are_final(radius):
    """Two blocks are four rows; a row whose neighbours within the radius are all there is final."""
    found = provisional_map_of(study(Part((True, 0, 5), (False, 0, 5), (False, 1, 5))), "u", fit(radius))
    rows = POSITIONS[:, 0]
    assert found.final.tolist() == (rows < 4 - radius).tolist() and found.known.all()
    whole = prospect(TokenGraph.from_grid(POSITIONS), KINDS, fit(radius).coef, K, radius)
    np.testing.assert_array_equal(found.scores[found.final], whole[found.final])
    coarse, concepts = of_squares(radius=radius)
    np.testing.assert_array_equal(found.scores[~found.final], coarse[~found.final])
    assert found.concepts[:40].tolist() == KINDS[:40].tolist()
    assert found.concepts[40:].tolist() == [
        KINDS[at] if at in EARLY else concepts[at] for at in range(40, 100)
    ]


def test_without_early_tokens_only_the_beginning_is_known():
    part = Part((False, 0, 5), (False, 2, 5))
    part.early = EARLY[:0]
    found = provisional_map_of(study(part), "u", fit())  # the third block waits for the second
    rows = POSITIONS[:, 0]
    assert found.known.tolist() == (rows < 2).tolist() and found.final.tolist() == (rows < 1).tolist()
    first = prospect(TokenGraph.from_grid(POSITIONS[:20]), KINDS[:20], fit().coef, K, 1)
    np.testing.assert_array_equal(found.scores[:20], first)
    assert np.isnan(found.scores[20:]).all() and (found.concepts[~found.known] == -1).all()
    assert found.concepts[:20].tolist() == KINDS[:20].tolist()


def test_all_blocks_there_but_not_yet_closed():
    found = provisional_map_of(study(Part(*((False, at, 5) for at in range(5)))), "u", fit())
    assert found.final.all() and found.known.all()
    np.testing.assert_array_equal(
        found.scores, prospect(TokenGraph.from_grid(POSITIONS), KINDS, fit().coef, K, 1)
    )


@pytest.mark.parametrize("settings", [{"softness": 0.5}, {"centre": 0.5}])
def test_where_tokens_are_soft_or_centred_nothing_is_final(settings):
    found = provisional_map_of(
        study(Part((True, 0, 5), *((False, at, 5) for at in range(5)))), "u", fit(**settings)
    )
    assert not found.final.any() and found.known.all()
    scores, _ = of_squares()
    if "softness" in settings:
        np.testing.assert_array_equal(found.scores, scores)


def test_a_block_is_centred_by_its_own_mean():
    part = Part((False, 0, 5))
    vectors = VECTORS[:20] - 0.75 * VECTORS[:20].astype(float).mean(axis=0)
    nearest = ((vectors[:, None] - CENTRES[None]) ** 2).sum(axis=2).argmin(axis=1)
    found = provisional_map_of(study(part), "u", fit(centre=0.75))
    assert found.concepts[:20].tolist() == nearest.tolist()


def test_edits_count():
    state = CurationState(
        merged={0: 1}, excluded={2: ""}, regions=[Region("u", (3, 99, 500), "ignore", 1.0, None)]
    )
    found = provisional_map_of(study(Part(*((False, at, 5) for at in range(5)))), "u", fit(state=state))
    merged = np.where(KINDS == 0, 1, KINDS)
    assert found.concepts.tolist() == merged.tolist()
    out = np.where(merged == 2, -1, merged)
    out[[3, 99]] = -1
    np.testing.assert_array_equal(
        found.scores, prospect(TokenGraph.from_grid(POSITIONS), out, fit().coef, K, 1)
    )
    cut = Split(0, frozenset({0, 1}), (0, 3), np.array([[1, 0, 0], [0, 1, 0]], np.float32))
    steps = fit(state=CurationState(steps=[cut, ("u", (1,), 2)]))
    assert _concepts(VECTORS, steps).tolist() == np.where(KINDS == 1, 3, KINDS).tolist()
    assert _concepts(VECTORS[KINDS == 2], steps).tolist() == [2] * int((KINDS == 2).sum())


def test_how_much_from_the_beginning_is_there():
    part = Part()
    blocks = lambda *said: {(early, index, 0): None for early, index in said}
    assert _beginning(part, {}) == 0 and _beginning(part, blocks((True, 0))) == 0
    assert _beginning(part, blocks((False, 0), (False, 1), (False, 3))) == 40
    assert _beginning(part, blocks(*((False, at) for at in range(5)))) == 100
    part.positions = POSITIONS[:93]
    assert _beginning(part, blocks(*((False, at) for at in range(5)))) == 93


def test_blocks_are_read_once_and_maps_made_anew_when_more_is_there():
    part = Part((True, 0, 5))
    made = study(part)
    first = provisional_map_of(made, "u", fit())
    assert provisional_map_of(made, "u", fit()) is first and part.read_blocks == [(True, 0)]
    part.blocks.append((False, 0, 5))
    second = provisional_map_of(made, "u", fit())
    assert second is not first and part.read_blocks == [(True, 0), (False, 0)] and second.final.any()
    assert provisional_version_of(made, "u", fit()) == second.version == ((1, 1), (True, 0, 5), (False, 0, 5))
    other = provisional_map_of(made, "u", fit(id=2))  # another fit: other concepts
    assert len(part.read_blocks) == 4 and other.version[0] == (2, 1)
    part.blocks[0] = (True, 0, 6)  # written again
    provisional_map_of(made, "u", fit(id=2))
    assert part.read_blocks[4:] == [(True, 0)]


def test_maps_that_are_not_looked_at_any_more_are_dropped():
    part, memory = Part((True, 0, 5)), Cache(20_000)
    first = provisional_map_of(study(part, memory=memory), "a", fit())
    assert provisional_map_of(study(part, memory=memory), "a", fit()) is first
    for uid in "bcdefgh":
        provisional_map_of(study(part, memory=memory), uid, fit())
    assert memory.nbytes <= 20_000 and memory.get(("provisional", "a")) is None


def test_before_and_after_there_is_none():
    for nothing in (study(None), study(Part()), study(Part((True, 0, 5)), whole=True)):
        assert (
            provisional_map_of(nothing, "u", fit()) is None
            and provisional_version_of(nothing, "u", fit()) is None
        )

    class Gone(Part):
        def read(self, early, index):
            raise StudyError("it is gone")

    assert provisional_map_of(study(Gone((True, 0, 5))), "u", fit()) is None


def test_a_square_without_an_embedded_token_is_not_known():
    """Half of the early tokens are there.

    Their squares are known, and what is right of the last one is not taken for it.
    """
    part = Part((True, 0, 5))
    found = _map(part, {(True, 0, 5): KINDS[EARLY]}, "u", fit(), ())
    assert found.known.all()
    part.tokens = lambda early, index: EARLY[:5]
    half = _map(part, {(True, 0, 5): KINDS[EARLY[:5]]}, "u", fit(), ())
    number = SQUARES[:, 0] * 3 + SQUARES[:, 1]
    assert half.known.tolist() == (number < 5).tolist() and np.isnan(half.scores[number >= 5]).all()
    assert (half.concepts[number >= 5] == -1).all()
