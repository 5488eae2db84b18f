"""From embeddings to concepts: nearest centroid, as brute force finds it; the same seed, the same bytes."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from prospector_core import (
    GaussianMixtureQuantizer,
    KMeansQuantizer,
    MiniBatchKMeansQuantizer,
    ResidueQuantizer,
    SphericalKMeansQuantizer,
    TreeQuantizer,
    VQAutoencoderQuantizer,
)
from prospector_core.errors import EmbeddingError, FitError
from prospector_core.method.quantizers import RESIDUE_TYPES, StreamedKMeansQuantizer, assign_nearest
from prospector_core.method.quantizers.tree import join
from prospector_core.method.soft import centred, membership, strongest
from tests.support.random_data import seeds


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
    embeddings = ((one + two) / 2 + along + random.normal(size=(500, 1)) * 1e-7 * (one - two)).astype(
        np.float32
    )
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


QUANTIZERS = [
    KMeansQuantizer(4),
    MiniBatchKMeansQuantizer(4, batch=64),
    SphericalKMeansQuantizer(4),
    GaussianMixtureQuantizer(4),
    TreeQuantizer(4),
    VQAutoencoderQuantizer(4, steps=100),
]


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda quantizer: quantizer.name)
class TestQuantizers:
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

    def test_shares_of_centred_tokens_agree_with_its_sprite(self, quantizer):
        embeddings, _ = blobs()
        moved = centred(embeddings + 3, 0.5)
        quantizer = clone(quantizer).fit(moved)
        shares = membership(moved, quantizer.centroids_, 0.25)
        assert (shares.sum(axis=1) == 255).all()
        shift = 0.5 * (embeddings + 3).mean(axis=0, dtype=np.float64)
        assert np.array_equal(
            strongest(membership(embeddings + 3, quantizer.centroids_, 0.0, shift=shift)),
            quantizer.predict(moved),
        )

    def test_a_sample_is_enough_and_the_same_again(self, quantizer):
        embeddings, _ = blobs(n=2000)
        some = clone(quantizer).set_params(sample=200)
        one, two = clone(some).fit(embeddings), clone(some).fit(embeddings)
        assert one.centroids_.tobytes() == two.centroids_.tobytes()
        whole = clone(quantizer).fit(embeddings)
        # the same concepts; the sample may rank two of them the other way round
        pairs = {
            (int(a), int(b)) for a, b in zip(one.predict(embeddings), whole.predict(embeddings), strict=True)
        }
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


@pytest.mark.parametrize("quantizer", [type(each) for each in QUANTIZERS])
def test_tokens_that_are_all_the_same_make_one_concept(quantizer):
    """As in slides of one colour: the others are empty, and no library says a word."""
    flat = np.ones((40, 6), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = quantizer(4).fit(flat)
    assert found.centroids_.shape == (4, 6) and len(np.unique(found.predict(flat))) == 1


def test_a_stream_of_blocks_gives_the_concepts_of_the_whole():
    """In the memory of a block, from a sample that has seen little.

    The same whenever the same blocks come.
    """
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 5, (6, 4))
    kinds = rng.choice(6, 60_000, p=[0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
    vectors = (centres[kinds] + rng.normal(0, 0.5, (60_000, 4))).astype(np.float16)
    made = [
        StreamedKMeansQuantizer(6).fit_blocks(vectors[:300], np.array_split(vectors, 13)) for _ in range(2)
    ]
    assert made[0].centroids_.tobytes() == made[1].centroids_.tobytes()
    found = made[0].predict(vectors)
    sizes = np.bincount(found, minlength=6)
    assert (np.diff(sizes) <= 0).all()  # from the most to the least frequent
    nearest = np.linalg.norm(made[0].centroids_[:, None] - centres, axis=2)
    assert sorted(nearest.argmin(axis=1)) == list(range(6)) and nearest.min(axis=1).max() < 0.05
    assert (
        np.linalg.norm(KMeansQuantizer(6).fit(vectors[:300]).centroids_[:, None] - centres, axis=2)
        .min(axis=1)
        .max()
        > 0.05
    )
    with pytest.raises(EmbeddingError, match="NaN"):
        StreamedKMeansQuantizer(2).fit_blocks(vectors[:300], [np.full((3, 4), np.nan)])


@given(seed=seeds, k=st.integers(1, 9))
def test_spherical_concepts_are_those_of_the_largest_cosine(seed, k):
    random = np.random.default_rng(seed)
    embeddings = (random.normal(size=(60, 5)) * random.lognormal(0, 2, (60, 1))).astype(np.float32)
    quantizer = SphericalKMeansQuantizer(k, n_init=1, seed=seed).fit(embeddings)
    lengths = np.linalg.norm(quantizer.centroids_, axis=1)
    np.testing.assert_allclose(
        lengths, np.sqrt((embeddings.astype(float) ** 2).sum(axis=1).mean()), rtol=1e-5
    )
    cosines = embeddings.astype(float) @ (quantizer.centroids_ / lengths[:, None]).T
    own = cosines[np.arange(60), quantizer.predict(embeddings)]
    assert (own >= cosines.max(axis=1) - 1e-5 * np.linalg.norm(embeddings, axis=1)).all()
    assert len(np.unique(quantizer.predict(embeddings))) == k  # none is empty
    assert np.array_equal(quantizer.predict(embeddings), quantizer.predict(embeddings * 7))


def test_spherical_concepts_do_not_see_lengths():
    random = np.random.default_rng(0)
    of = random.integers(0, 3, 400)
    embeddings = (np.eye(3, 6)[of] + random.normal(0, 0.05, (400, 6))) * random.lognormal(0, 1.5, (400, 1))
    found = SphericalKMeansQuantizer(3).fit(embeddings).predict(embeddings)
    assert len({*zip(of.tolist(), found.tolist())}) == 3
    assert len({*zip(of.tolist(), KMeansQuantizer(3).fit(embeddings).predict(embeddings).tolist())}) > 3


def test_a_mixture_tells_kinds_of_different_width():
    """A wide kind around a narrow one.

    K-means cuts the wide one through, the mixture knows how many each has.
    """
    random = np.random.default_rng(0)
    narrow, wide = random.normal([3, 0], 0.1, (300, 2)), random.normal([0, 0], 1.5, (900, 2))
    embeddings = np.concatenate([narrow, wide]).astype(np.float32)
    quantizer = GaussianMixtureQuantizer(2).fit(embeddings)
    np.testing.assert_allclose(np.sort(quantizer.weights_), [0.25, 0.75], atol=0.03)
    gap = np.linalg.norm(quantizer.centroids_[:, None] - np.array([[3, 0], [0, 0]]), axis=2).min(axis=0)
    assert gap.max() < 0.15
    with pytest.raises(FitError, match="covariance 'round'"):
        GaussianMixtureQuantizer(2, covariance="round").fit(embeddings)


def test_joins_are_wards():
    """Of single tokens, as scipy has it; of clusters, as if their tokens had been joined one by one first."""
    from scipy.cluster.hierarchy import linkage

    random = np.random.default_rng(0)
    tokens = random.normal(size=(40, 3))
    joins, heights = join(tokens, np.ones(40))
    expected = linkage(tokens, "ward")
    np.testing.assert_allclose(heights, expected[:, 2], rtol=1e-9)
    assert np.array_equal(joins, expected[:, :2].astype(int))
    kinds = np.repeat(random.normal(size=(9, 3)) * 20, random.integers(1, 12, 9), axis=0)
    places, sizes = np.unique(kinds, axis=0, return_counts=True)
    np.testing.assert_allclose(join(places, sizes)[1], linkage(kinds, "ward")[-8:, 2], rtol=1e-9)


@given(seed=seeds, k=st.integers(1, 8))
def test_a_tree_is_cut_into_its_highest_parts(seed, k):
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(90, 4)).astype(np.float32)
    quantizer = TreeQuantizer(k, fine=4, seed=seed).fit(embeddings)
    tree = quantizer.tree_
    assert (np.diff(tree.heights) >= 0).all() and tree.sizes.sum() == 90
    whole = tree.leaves(2 * tree.n_fine - 2)
    assert whole == tuple(range(tree.n_fine))
    # what is below the concepts is what the top of the tree parts into; centroids are the means of their
    # tokens
    below = [tree.leaves(node) for node in tree.roots]
    assert sorted(below) == sorted(tree.parts(whole, k))
    assert sorted(sum(below, ())) == list(whole)
    for leaves, centre in zip(below, quantizer.centroids_):
        assert np.array_equal(tree.centre(leaves), centre)
        some = np.isin(assign_nearest(embeddings, tree.fine), leaves)
        np.testing.assert_allclose(centre, embeddings[some].mean(axis=0), atol=1e-4)
        _, sides = tree.fork(leaves)
        assert sorted(sum(sides, ())) == list(leaves) and len(sides) == min(2, len(leaves))
        assert len(tree.parts(leaves, 99)) == len(leaves)


@pytest.mark.parametrize("together", [False, True])
def test_codes_that_nobody_says_begin_anew(monkeypatch, together):
    """Kinds from frequent to rare; also where all codes begin at one place.

    So that all but one are dead at first.
    """
    import torch

    random = np.random.default_rng(0)
    of = random.choice(6, 4000, p=[0.5, 0.3, 0.1, 0.06, 0.03, 0.01])
    embeddings = (8 * np.eye(6, 12)[of] + random.normal(0, 0.3, (4000, 12))).astype(np.float32)
    if together:
        begin = VQAutoencoderQuantizer._begin
        monkeypatch.setattr(VQAutoencoderQuantizer, "_begin", lambda *given: begin(*given)[:1].repeat(12, 1))
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with torch.no_grad():
        quantizer = VQAutoencoderQuantizer(12, steps=400).fit(embeddings)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert (quantizer.revived_ > 0) == together
    found = quantizer.predict(embeddings)
    assert np.bincount(found, minlength=12).min() > 0
    assert len({*zip(of.tolist(), found.tolist())}) == 12  # no concept holds tokens of two kinds


@pytest.mark.parametrize(
    ("quantizer", "defaults"),
    [
        (KMeansQuantizer, {"n_concepts": 20, "n_init": 4, "sample": 50_000, "seed": 0}),
        (
            MiniBatchKMeansQuantizer,
            {"n_concepts": 20, "n_init": 4, "sample": 1_000_000, "seed": 0, "batch": 4096},
        ),
        (SphericalKMeansQuantizer, {"n_concepts": 20, "n_init": 4, "sample": 50_000, "seed": 0}),
        (GaussianMixtureQuantizer, {"n_concepts": 20, "sample": 50_000, "seed": 0, "covariance": "diag"}),
        (TreeQuantizer, {"n_concepts": 20, "sample": 50_000, "seed": 0, "fine": 8}),
    ],
)
def test_what_is_taken_where_nothing_is_said(quantizer, defaults):
    """Fits of studies that exist were made with these: another number would give other concepts."""
    assert quantizer().get_params() == defaults
