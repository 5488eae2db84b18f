"""The numbers of tokens as the browser gets them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewers.tokens import encode_doubt, encode_tokens

scores = st.lists(st.one_of(st.floats(-1e4, 1e4), st.just(np.nan)), max_size=40)


@given(scores, st.integers(0, 2**31 - 100))
def test_tokens_come_back_to_the_seventh_digit(scores, far):
    n = len(scores)
    positions = np.stack([np.arange(n) + far, np.arange(n)[::-1]], 1)
    concepts = np.arange(n) % 7 - 1
    got = encode_tokens(positions, scores, concepts)
    assert len(got) == 16 * n
    columns = np.frombuffer(got, "<i4", 3 * n).reshape(3, n)
    assert (columns[:2].T == positions).all() and (columns[2] == concepts).all()
    np.testing.assert_allclose(np.frombuffer(got, "<f4", n, 12 * n), scores, rtol=2**-23, atol=1e-37)


@given(scores)
def test_doubts_come_back_behind_their_limit(scores):
    error, n = np.abs(np.array(scores)), len(scores)
    unsure = np.arange(n) % 3 == 0
    got = encode_doubt(error, unsure, 2.5)
    limit, *found = np.frombuffer(got, "<f4", n + 1)
    assert limit == 2.5 and len(got) == 4 + 8 * n
    np.testing.assert_allclose(found, error, rtol=2**-23, atol=1e-37)
    assert (np.frombuffer(got, "<i4", n, 4 + 4 * n) == unsure).all()


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ValueError, match="one length"):
        encode_tokens(np.zeros((3, 2)), np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="one length"):
        encode_doubt(np.zeros(3), np.zeros(2), 1.0)
