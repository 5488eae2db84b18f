"""From embeddings to concepts: nearest centroid, as brute force finds it; the same seed, the same bytes."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_data import seeds
from sklearn.base import clone

from prospector_core import KMeansQuantizer, MiniBatchKMeansQuantizer, ResidueQuantizer
from prospector_core.errors import EmbeddingError, FitError
from prospector_core.quantizers import RESIDUE_TYPES, StreamedKMeansQuantizer, assign_nearest


def blobs(seed=0, n=300, d=8, k=4):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(k, d)) * 10
    of = random.choice(k, n, p=np.arange(k, 0, -1) / (k * (k + 1) / 2))
    return (centres[of] + random.normal(size=(n, d))).astype(np.float32), of


@given(seed=seeds, n=st.integers(0, 200), d=st.integers(1, 40), k=st.integers(1, 33))
def test_the_nearest_centroid_as_brute_force_finds_it(seed, n, d, k):
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(n, d)).astype(np.float32)
    centroids = random.normal(size=(k, d)).astype(np.float32)
    distances = ((embeddings[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)
    found = assign_nearest(embeddings, centroids)
    assert found.dtype == np.int32
    assert found.shape == (n,)
    assert np.array_equal(found, distances.argmin(axis=1))


@pytest.mark.parametrize("shift", [0, 1, 30])
def test_near_ties_are_settled_as_in_double_precision(shift):
    random = np.random.default_rng(shift)
    one, two = random.normal(size=(2, 64)).astype(np.float32) + shift
    along = random.normal(size=(500, 64))
    along -= np.outer(along @ (one - two), one - two) / ((one - two) @ (one - two))
    embeddings = ((one + two) / 2 + along + random.normal(size=(500, 1)) * 1e-7 * (one - two)).astype(np.float32)
    centroids = np.stack([one, two, two])
    distances = ((embeddings[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)
    sure = np.abs(distances[:, 0] - distances[:, 1]) > 1e-12 * distances[:, 0]
    found = assign_nearest(embeddings, centroids)
    assert np.array_equal(found[sure], distances.argmin(axis=1)[sure])
    assert set(found) == {0, 1}
    one_by_one = [int(assign_nearest(embeddings[v : v + 1], centroids)[0]) for v in range(500)]
    assert found.tolist() == one_by_one


@given(seed=seeds, k=st.integers(1, 12))
def test_the_first_of_equally_near_centroids(seed, k):
    random = np.random.default_rng(seed)
    # small whole numbers: every distance is exact, ties are many
    embeddings = random.integers(-1, 2, (100, 3)).astype(np.float32)
    centroids = random.integers(-1, 2, (k, 3)).astype(np.float32)
    distances = ((embeddings[:, None] - centroids[None]) ** 2).sum(axis=2)
    assert np.array_equal(assign_nearest(embeddings, centroids), distances.argmin(axis=1))


def test_blocks_meet_without_a_seam():
    random = np.random.default_rng(0)
    embeddings = random.integers(-9, 10, (16384 * 2 + 5, 2)).astype(np.float32)
    centroids = random.integers(-9, 10, (7, 2)).astype(np.float32)
    distances = ((embeddings[:, None] - centroids[None]) ** 2).sum(axis=2)
    assert np.array_equal(assign_nearest(embeddings, centroids), distances.argmin(axis=1))


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
def test_other_number_types_are_taken_as_float32(dtype):
    embeddings = np.random.default_rng(0).integers(-9, 10, (50, 4)).astype(dtype)
    centroids = embeddings[:5].astype(np.float32)
    expected = assign_nearest(embeddings.astype(np.float32), centroids)
    assert np.array_equal(assign_nearest(embeddings, centroids), expected)
    assert np.array_equal(assign_nearest(np.asfortranarray(embeddings), centroids), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_value_that_is_not_finite_is_found(bad, k):
    random = np.random.default_rng(0)
    for column in range(4):
        embeddings = random.normal(size=(10, 4)).astype(np.float32)
        embeddings[7, column] = bad
        with pytest.raises(EmbeddingError, match="token 7 is not finite"):
            assign_nearest(embeddings, random.normal(size=(k, 4)))


@pytest.mark.parametrize("shape", [(10, 3), (10,), (10, 4, 1)])
def test_embeddings_of_another_encoder(shape):
    with pytest.raises(EmbeddingError, match="encoder"):
        assign_nearest(np.zeros(shape, np.float32), np.zeros((2, 4)))


KMEANS = [KMeansQuantizer(4), MiniBatchKMeansQuantizer(4, batch=64)]


@pytest.mark.parametrize("quantizer", KMEANS, ids=lambda quantizer: quantizer.name)
class TestKMeans:
    def test_finds_what_is_there_most_frequent_first(self, quantizer):
        embeddings, of = blobs()
        quantizer = clone(quantizer).fit(embeddings)
        concepts = quantizer.predict(embeddings)
        table = np.zeros((4, 4), int)
        np.add.at(table, (of, concepts), 1)
        assert (np.count_nonzero(table, axis=1) == 1).all()
        sizes = np.bincount(concepts)
        assert (sizes[:-1] >= sizes[1:]).all()

    def test_keeps_float32(self, quantizer):
        embeddings, _ = blobs()
        quantizer = clone(quantizer).fit(embeddings.astype(np.float64))
        assert quantizer.centroids_.dtype == np.float32
        assert quantizer.centroids_.shape == (4, 8)
        assert quantizer.predict(embeddings).dtype == np.int32

    def test_same_seed_same_bytes(self, quantizer):
        embeddings = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
        one, two = clone(quantizer).fit(embeddings), clone(quantizer).fit(embeddings)
        other = clone(quantizer).set_params(seed=1).fit(embeddings)
        assert one.centroids_.tobytes() == two.centroids_.tobytes()
        assert one.centroids_.tobytes() != other.centroids_.tobytes()

    def test_a_sample_is_enough_and_the_same_again(self, quantizer):
        embeddings, _ = blobs(n=2000)
        some = clone(quantizer).set_params(sample=200)
        one, two = clone(some).fit(embeddings), clone(some).fit(embeddings)
        assert one.centroids_.tobytes() == two.centroids_.tobytes()
        whole = clone(quantizer).fit(embeddings)
        # the same concepts; the sample may rank two of them the other way round
        pairs = {(int(a), int(b)) for a, b in zip(one.predict(embeddings), whole.predict(embeddings), strict=True)}
        assert len(pairs) == 4

    def test_follows_scikit_learn(self, quantizer):
        assert not [name for name in vars(quantizer) if name.endswith("_")]
        fresh = clone(quantizer).set_params(n_concepts=3, seed=5)
        assert fresh.get_params()["n_concepts"] == 3
        assert fresh.fit(blobs()[0]) is fresh
        with pytest.raises(ValueError, match="not fitted"):
            clone(quantizer).predict(blobs()[0])

    @pytest.mark.parametrize(
        ("embeddings", "parameters", "error", "says"),
        [
            (np.zeros((3, 2)), {}, FitError, "3 tokens cannot make 4 concepts"),
            (np.zeros((0, 2)), {}, FitError, "0 tokens"),
            (np.zeros(9), {}, EmbeddingError, "shape"),
            (np.full((9, 2), np.nan), {}, EmbeddingError, "NaN"),
            (np.full((9, 2), 1e300), {}, EmbeddingError, "infinite"),
            (np.array([["a", "b"]] * 9), {}, EmbeddingError, "numbers"),
            (np.zeros((9, 2)), {"n_concepts": 0}, FitError, "at least 1"),
        ],
    )
    def test_says_in_one_line_what_is_wrong(self, quantizer, embeddings, parameters, error, says):
        with pytest.raises(error, match=says) as caught:
            clone(quantizer).set_params(**parameters).fit(embeddings)
        assert "\n" not in str(caught.value)


def test_residue_types_are_concepts():
    quantizer = ResidueQuantizer()
    assert clone(quantizer).fit() is not quantizer
    assert quantizer.n_concepts == 21
    assert quantizer.predict(RESIDUE_TYPES).tolist() == list(range(20))
    assert quantizer.predict("AXa-").tolist() == [0, 20, 0, 20]
    assert quantizer.predict(["A", "R", "?"]).tolist() == [0, 1, 20]
    assert quantizer.predict(np.array(list("VA"))).tolist() == [19, 0]
    assert quantizer.predict("").shape == (0,)
    assert quantizer.predict("ACD").dtype == np.int32


@pytest.mark.parametrize("quantizer", [KMeansQuantizer, MiniBatchKMeansQuantizer])
def test_tokens_that_are_all_the_same_make_one_concept(quantizer):
    """As in slides of one colour: the others are empty, and no library says a word."""
    flat = np.ones((40, 6), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = quantizer(4).fit(flat)
    assert found.centroids_.shape == (4, 6) and len(np.unique(found.predict(flat))) == 1


def test_a_stream_of_blocks_gives_the_concepts_of_the_whole():
    """In the memory of a block, from a sample that has seen little; the same whenever the same blocks come."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 5, (6, 4))
    kinds = rng.choice(6, 60_000, p=[0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
    vectors = (centres[kinds] + rng.normal(0, 0.5, (60_000, 4))).astype(np.float16)
    made = [StreamedKMeansQuantizer(6).fit_blocks(vectors[:300], np.array_split(vectors, 13)) for _ in range(2)]
    assert made[0].centroids_.tobytes() == made[1].centroids_.tobytes()
    found = made[0].predict(vectors)
    sizes = np.bincount(found, minlength=6)
    assert (np.diff(sizes) <= 0).all()  # from the most to the least frequent
    nearest = np.linalg.norm(made[0].centroids_[:, None] - centres, axis=2)
    assert sorted(nearest.argmin(axis=1)) == list(range(6)) and nearest.min(axis=1).max() < 0.05
    assert (
        np.linalg.norm(KMeansQuantizer(6).fit(vectors[:300]).centroids_[:, None] - centres, axis=2).min(axis=1).max()
        > 0.05
    )
    with pytest.raises(EmbeddingError, match="NaN"):
        StreamedKMeansQuantizer(2).fit_blocks(vectors[:300], [np.full((3, 4), np.nan)])
