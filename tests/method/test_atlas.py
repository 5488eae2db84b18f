"""The atlas: which tokens are drawn, and that alike ones are near each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prospector_core.errors import EmbeddingError
from prospector_core.method.atlas import lay_out, sample_tokens


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 200), st.integers(0, 3))
def test_each_datum_gives_as_many_tokens_as_others_or_all_it_has(sizes, n, seed):
    datum, token = sample_tokens(sizes, n, seed)
    counts = np.bincount(datum, minlength=len(sizes))
    assert counts.sum() == min(n, sum(sizes)) or (counts.sum() <= n and (counts <= sizes).all())
    assert counts.sum() >= min(n, sum(sizes)) - len(sizes)  # rounding
    for index, size in enumerate(sizes):
        drawn = token[datum == index]
        assert len(set(drawn.tolist())) == len(drawn) and (drawn < size).all() and (np.diff(drawn) > 0).all()
    whole = [count for count, size in zip(counts, sizes) if count < size]
    assert not whole or max(counts) - min(whole) <= len(sizes)
    again = sample_tokens(sizes, n, seed)
    assert (again[0] == datum).all() and (again[1] == token).all()


def test_groups_stay_groups():
    rng = np.random.default_rng(0)
    kind = np.repeat(np.arange(3), 40)
    vectors = np.eye(3, 12)[kind] * 20 + rng.normal(size=(120, 12))
    place = lay_out(vectors, seed=0)
    assert place.shape == (120, 2) and place.dtype == np.float32 and np.abs(place).max() == pytest.approx(1)
    centres = np.stack([place[kind == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(place[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == kind).mean() > 0.97
    assert (lay_out(vectors, seed=0) == place).all()


@pytest.mark.parametrize("vectors", [np.ones((50, 4)), np.zeros((5, 3)), np.empty((0, 1))])
def test_nothing_to_lay_out_is_one_line(vectors):
    with pytest.raises(EmbeddingError):
        lay_out(vectors)


def test_one_dimension_is_enough():
    place = lay_out(np.linspace(0, 1, 40)[:, None])
    assert place.shape == (40, 2) and np.isfinite(place).all()
