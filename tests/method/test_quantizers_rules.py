"""Quantizers, rule by rule: with numbers worked out by hand, or by a plain way of computing the same."""

import math
import warnings

import numpy as np
import pytest
from sklearn import cluster, mixture
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from prospector_core.errors import EmbeddingError, FitError
from prospector_core.method.quantizers import (
    CentroidQuantizer,
    ConceptTree,
    GaussianMixtureQuantizer,
    KMeansQuantizer,
    MiniBatchKMeansQuantizer,
    ResidueQuantizer,
    SphericalKMeansQuantizer,
    StreamedKMeansQuantizer,
    TreeQuantizer,
    VQAutoencoderQuantizer,
    assign_nearest,
    spherical,
    vq,
)
from prospector_core.method.quantizers.base import drawn_tokens
from prospector_core.method.quantizers.tree import join

torch = pytest.importorskip("torch")


def cloud(n=700, d=5, seed=0):
    """Four kinds that overlap."""
    random = np.random.default_rng(seed)
    return (np.eye(4, d)[random.integers(0, 4, n)] * 3 + random.normal(0, 1, (n, d))).astype(np.float32)


# ---- what all share


class Given(CentroidQuantizer):
    """Centroids as they are given; ``seen`` is what they were to be found in."""

    def __init__(self, centroids=None, n_concepts=2, sample=50_000, seed=0):
        super().__init__(n_concepts, sample, seed)
        self.centroids = centroids

    def _find(self, sample):
        self.seen, self.threads = sample, [each["num_threads"] for each in threadpool_info()]
        warnings.warn("did not settle", ConvergenceWarning, stacklevel=1)
        return np.array(self.centroids, np.float64)


def test_tokens_are_drawn_with_the_seed_if_there_are_more_than_asked_for():
    assert drawn_tokens(5, 5, 0) is None and drawn_tokens(0, 5, 0) is None
    for seed in (0, 3):
        rows = np.sort(np.random.RandomState(seed).choice(100, 7, replace=False))
        assert drawn_tokens(100, 7, seed).tolist() == rows.tolist() and len(set(rows)) == 7
    found = Given([[0.0], [9]], sample=7, seed=3).fit(np.arange(100.0)[:, None])
    assert found.seen[:, 0].tolist() == rows.tolist() and found.seen.dtype == np.float32
    assert KMeansQuantizer(2, sample=50).fit(cloud(50)).centroids_.shape == (2, 5)


def test_concepts_run_from_the_most_to_the_least_frequent_and_equals_stay():
    tokens = np.array([0, 0, 10, 20, 20, 20, 30.0])[:, None]
    found = Given([[0], [10], [20], [30]], 4).fit(tokens)
    assert found.centroids_[:, 0].tolist() == [20, 0, 10, 30] and found.centroids_.dtype == np.float32
    assert found.predict(tokens).tolist() == [1, 1, 2, 0, 0, 0, 3]
    assert found.centroids_.flags.c_contiguous


def test_centroids_are_found_on_one_thread_and_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Given([[0.0], [1]]).fit([[0.0], [1]])
    assert set(found.threads) <= {1}


@pytest.mark.parametrize(
    ("tokens", "concepts", "error"),
    [
        (np.zeros((4, 2)), 4, None),
        (np.zeros((3, 2)), 4, FitError),
        (np.zeros((4, 2)), 0, FitError),
        (np.zeros((4, 2)), 1, None),
        (np.zeros(4), 1, EmbeddingError),
        ([[np.inf, 0]], 1, EmbeddingError),
        ([[1e39, 0]], 1, EmbeddingError),  # too large for float32
        ([[1e38, 0]], 1, None),
    ],
)
def test_how_many_and_which_tokens_make_concepts(tokens, concepts, error):
    quantizer = Given(np.zeros((max(concepts, 1), 2)), concepts)
    if error is None:
        quantizer.fit(tokens)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(error):
                quantizer.fit(tokens)


def test_residues_are_fitted_by_nothing():
    quantizer = ResidueQuantizer()
    assert quantizer.fit() is quantizer and quantizer.fit("ACD") is quantizer


# ---- k-means and mixtures: what scikit-learn is asked


def told(monkeypatch, module, name):
    """The estimators of that name that are made from now on."""
    made, usual = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given, **named: made.append(usual(*given, **named)) or made[-1])
    return made


def test_what_scikit_learn_is_asked_for(monkeypatch):
    """Fits of studies that exist were made so: any other number would give other concepts."""
    plain, batches, mixtures = (
        told(monkeypatch, *each)
        for each in ((cluster, "KMeans"), (cluster, "MiniBatchKMeans"), (mixture, "GaussianMixture"))
    )
    KMeansQuantizer(3, n_init=2, seed=5).fit(cloud(60))
    MiniBatchKMeansQuantizer(3, n_init=2, seed=5, batch=30).fit(cloud(60))
    GaussianMixtureQuantizer(3, seed=5, covariance="tied").fit(cloud(60))
    assert {key: plain[0].get_params()[key] for key in ("n_clusters", "n_init", "random_state")} == {
        "n_clusters": 3,
        "n_init": 2,
        "random_state": 5,
    }
    assert {
        key: batches[0].get_params()[key] for key in ("n_clusters", "n_init", "random_state", "batch_size")
    } == {
        "n_clusters": 3,
        "n_init": 2,
        "random_state": 5,
        "batch_size": 30,
    }
    names = ("n_components", "covariance_type", "reg_covar", "max_iter", "init_params", "random_state")
    assert [mixtures[0].get_params()[key] for key in names] == [3, "tied", 1e-3, 100, "kmeans", 5]
    StreamedKMeansQuantizer(3, seed=5).fit_blocks(cloud(60), [cloud(60)])
    stream = batches[1].get_params()
    names = ("n_clusters", "n_init", "random_state", "batch_size", "reassignment_ratio")
    assert [stream[key] for key in names] == [3, 1, 5, 16384, 0.0]


def test_a_mixture_does_not_see_how_large_numbers_are():
    tokens = cloud()
    found = GaussianMixtureQuantizer(3, seed=1).fit(tokens)
    for factor, shift in ((1e-5, 0), (1e4, 0), (1, 300)):
        moved = GaussianMixtureQuantizer(3, seed=1).fit(tokens.astype(np.float64) * factor + shift)
        np.testing.assert_allclose(
            moved.centroids_, found.centroids_ * factor + shift, rtol=1e-3, atol=2e-3 * factor
        )
        np.testing.assert_allclose(moved.weights_, found.weights_, atol=1e-3)


def test_weights_of_a_mixture_follow_the_order_of_its_concepts():
    random = np.random.default_rng(0)
    tokens = np.concatenate([random.normal(at, 0.1, (n, 2)) for at, n in ((0, 50), (5, 200), (9, 100))])
    found = GaussianMixtureQuantizer(3).fit(tokens)
    np.testing.assert_allclose(found.weights_, [200 / 350, 100 / 350, 50 / 350], atol=1e-3)
    np.testing.assert_allclose(found.centroids_.mean(axis=1), [5, 9, 0], atol=0.1)


def test_a_stream_is_of_blocks_of_16384_and_its_concepts_are_the_most_frequent_first():
    random = np.random.default_rng(0)
    kinds = np.concatenate(
        [random.choice(3, 16384, p=[0.6, 0.3, 0.1]), random.choice(3, 40_000, p=[0.1, 0.2, 0.7])]
    )
    tokens = (np.eye(3)[kinds] * 9 + random.normal(0, 1, (len(kinds), 3))).astype(np.float32)
    whole = StreamedKMeansQuantizer(3, sample=500).fit(tokens)
    blocks = [tokens[start : start + 16384] for start in range(0, len(tokens), 16384)]
    assert (
        whole.centroids_.tobytes()
        == StreamedKMeansQuantizer(3, sample=500).fit_blocks(tokens, blocks).centroids_.tobytes()
    )
    assert whole.centroids_.argmax(axis=1).tolist() == np.argsort(-np.bincount(kinds)).tolist()
    # a block as large as the sample pulls concepts to where its tokens are
    np.testing.assert_allclose(whole.centroids_[0], [0, 0, 9], atol=0.1)
    sample = KMeansQuantizer(3, sample=500).fit(tokens)
    assert (
        StreamedKMeansQuantizer(3, sample=500).fit_blocks(tokens, []).centroids_.tobytes()
        == sample.centroids_.tobytes()
    )
    with pytest.raises(EmbeddingError, match="shape"):
        StreamedKMeansQuantizer(3).fit(tokens[:, 0])


def test_a_rare_concept_of_a_stream_keeps_its_place():
    random = np.random.default_rng(1)
    common, rare = random.normal(0, 1, (3000, 2)), random.normal(40, 1, (3, 2))
    start = np.concatenate([common[:50], rare])
    found = StreamedKMeansQuantizer(2).fit_blocks(
        start, [common[:1500], np.concatenate([common[1500:], rare])]
    )
    np.testing.assert_allclose(found.centroids_, [common.mean(axis=0), rare.mean(axis=0)], atol=0.1)


# ---- directions


def plain_spherical(directions, centres, least=1e-5, steps=100):
    """Spherical k-means, concept by concept.

    Centres (K, d), the sum of cosines, and how many steps it took.
    """
    before, centres = -np.inf, centres / np.linalg.norm(centres, axis=1, keepdims=True)
    for step in range(steps):  # noqa: B007
        cosines = np.array([directions @ centre for centre in centres])
        now, own = cosines.argmax(axis=0), cosines.max(axis=0)
        if own.mean() - before < least:
            break
        before, fresh, worst = own.mean(), centres.copy(), iter(np.argsort(own, kind="stable"))
        for k in range(len(centres)):
            members = directions[now == k]
            total = members.sum(axis=0) if len(members) else directions[next(worst)]
            fresh[k] = total / np.linalg.norm(total)
        centres = fresh
    return centres, own.sum(), step


@pytest.mark.parametrize("lost", [False, True])
def test_spherical_steps_end_where_one_brings_less_than_a_hundred_thousandth(monkeypatch, lost):
    """Without kinds it settles slowly; a lost concept begins again at the token that fits its own worst."""
    directions = np.random.default_rng(4).normal(size=(1500, 3))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    start = directions[:6].astype(np.float64) * 3
    if lost:
        start[4:] = start[3]  # the first of equals has their tokens
    exact = directions.astype(np.float64)
    expected, alike, steps = plain_spherical(exact, start)
    monkeypatch.setattr(cluster, "kmeans_plusplus", lambda *_, **__: (start, None))
    found, sum_found = SphericalKMeansQuantizer(6)._settled(directions, None)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert sum_found == pytest.approx(alike, rel=1e-6)
    if not lost:  # the limit is seen
        assert [plain_spherical(exact, start, least)[2] for least in (5e-6, 2e-5)] == [38, 34] and steps == 35


def test_spherical_steps_are_a_hundred_at_most(monkeypatch):
    monkeypatch.setattr(spherical, "_SETTLED", -np.inf)
    turned, usual = [], spherical._unit
    monkeypatch.setattr(spherical, "_unit", lambda *given: turned.append(1) or usual(*given))
    SphericalKMeansQuantizer(2)._settled(np.eye(3, dtype=np.float32), np.random.RandomState(0))
    assert len(turned) == 101


def test_the_best_of_several_starts_is_kept(monkeypatch):
    tries = iter(
        [
            (np.array([[1.0, 0], [0, 1]]), 5.0),
            (np.array([[0.6, 0.8], [0.8, 0.6]]), 7.0),
            (np.eye(2), 7.0),
            (np.eye(2), 6.0),
        ]
    )
    monkeypatch.setattr(SphericalKMeansQuantizer, "_settled", lambda *_: next(tries))
    found = SphericalKMeansQuantizer(2, n_init=4)._find(
        np.array([[3.0, 4], [0, 0], [1, 0], [0, 7]], np.float32)
    )
    radius = math.sqrt((25 + 0 + 1 + 49) / 4)
    np.testing.assert_allclose(found, np.array([[0.6, 0.8], [0.8, 0.6]]) * radius)
    assert next(tries, None) is None


def test_directions_have_length_1():
    vectors = np.array([[3.0, 4], [0, 0], [0, 2]])
    assert spherical._unit(vectors).tolist() == [[0.6, 0.8], [1, 0], [0, 1]]
    assert spherical._unit(vectors, np.array([[9.0, 9], [0, 1], [9, 9]])).tolist() == [
        [0.6, 0.8],
        [0, 1],
        [0, 1],
    ]


# ---- trees


def tree_of(joins, heights, sizes, fine=None):
    m = len(sizes)
    fine = np.arange(m, dtype=np.float32)[:, None] if fine is None else fine
    return ConceptTree(
        fine,
        np.array(sizes),
        np.array(joins, np.int32),
        np.array(heights, float),
        np.arange(2, dtype=np.int32),
    )


@pytest.fixture
def tree():
    """((0, 2) at 1, (1, 3) at 2) at 5, then 4 at 9; 3 has most tokens."""
    return tree_of([[0, 2], [1, 3], [5, 6], [4, 7]], [1, 2, 5, 9], [1, 2, 3, 10, 4])


def test_leaves_below_a_node(tree):
    assert [tree.leaves(node) for node in range(9)] == [
        (0,),
        (1,),
        (2,),
        (3,),
        (4,),
        (0, 2),
        (1, 3),
        (0, 1, 2, 3),
        (0, 1, 2, 3, 4),
    ]
    assert tree.n_fine == 5


def test_a_fork_is_where_leaves_part_first_and_its_larger_side_comes_first(tree):
    assert tree.fork([0, 1, 2, 3, 4]) == (9.0, [(0, 1, 2, 3), (4,)])
    assert tree.fork([2, 0, 1]) == (5.0, [(0, 2), (1,)])  # 4 tokens and 2
    assert tree.fork((3, 1)) == (2.0, [(3,), (1,)]) and tree.fork([2]) == (0.0, [(2,)])
    assert tree.fork([0, 4]) == (9.0, [(4,), (0,)])
    assert tree_of([[0, 1]], [3], [5, 5]).fork([1, 0]) == (3.0, [(0,), (1,)])  # of equals the first


def test_parts_are_cut_where_the_tree_parts_them_highest_up(tree):
    whole = range(5)
    assert tree.parts(whole, 1) == [(0, 1, 2, 3, 4)] and tree.parts(whole, 2) == [(0, 1, 2, 3), (4,)]
    assert tree.parts(whole, 3) == [(1, 3), (0, 2), (4,)]
    assert tree.parts(whole, 4) == [(3,), (0, 2), (4,), (1,)]
    assert tree.parts(whole, 5) == tree.parts(whole, 9) == [(3,), (4,), (2,), (1,), (0,)]
    equal = tree_of([[0, 1], [2, 3], [4, 5]], [2, 2, 5], [4, 4, 4, 4])
    assert equal.parts(range(4), 3) == [(2, 3), (0,), (1,)]


def test_a_centre_is_the_mean_of_tokens():
    tree = tree_of([[0, 1], [2, 3]], [1, 2], [3, 1, 0], np.array([[0, 4], [8, 0], [5, 5]], np.float32))
    assert tree.centre((0, 1)).tolist() == [2, 3] and tree.centre([2]).tolist() == [5, 5]
    assert tree.centre((0, 2)).tolist() == pytest.approx([0, 4], abs=1e-6)
    assert tree.centre((0, 1)).dtype == np.float32


def test_joins_are_those_that_add_least():
    """Two tokens at 0, one at 3, one at 10: 2 * 1 / 3 * 9 = 6, then 3 * 1 / 4 * 81 = 60.75."""
    joins, heights = join([[10.0], [0], [3]], [1, 2, 1])
    assert joins.tolist() == [[1, 2], [0, 3]] and joins.dtype == np.int32
    assert heights.tolist() == pytest.approx([math.sqrt(12), math.sqrt(121.5)])
    empty, heights = join([[0.0], [50], [1]], [4, 0, 4])
    assert (
        empty.tolist() == [[0, 1], [2, 3]] or heights[0] < 1e-2
    )  # what nobody is of joins first and costs nothing
    assert heights[0] == pytest.approx(math.sqrt(2 * 1e-9 * 49**2), rel=1e-3) and empty[0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("concepts", "tokens", "fine", "many"),
    [(4, 1000, 8, 32), (4, 1000, 3, 12), (4, 60, 8, 15), (4, 10, 8, 4), (40, 1100, 8, 256), (2, 1000, 8, 16)],
)
def test_how_many_fine_concepts_there_are(concepts, tokens, fine, many):
    """So many a concept, a quarter of the tokens and 256 at most, and never fewer than concepts."""
    values = np.random.default_rng(0).permutation(tokens).astype(np.float32)[:, None]
    found = TreeQuantizer(concepts, fine=fine).fit(values)
    assert found.tree_.n_fine == many and len(found.tree_.roots) == concepts
    assert found.tree_.joins.shape == (many - 1, 2) and found.tree_.sizes.sum() == tokens
    sizes = [found.tree_.sizes[list(found.tree_.leaves(root))].sum() for root in found.tree_.roots]
    nearest = np.bincount(found.predict(values), minlength=concepts)
    assert nearest.sum() == sum(sizes) == tokens and nearest[0] >= nearest[-1]
    fine_centres = KMeansQuantizer(many, sample=tokens, n_init=1).fit(values).centroids_
    assert found.tree_.fine.tobytes() == fine_centres.tobytes()


# ---- codes


def test_codes_follow_their_tokens_by_moving_averages():
    """A fiftieth a step; to begin with a code counts its fair share of a batch of 512."""
    codes = vq._Codes(torch, torch.tensor([[0.0], [10.0]]))
    encoded = torch.tensor([[1.0], [3.0]])
    assert codes.nearest(torch.tensor([[4.0], [6.0]])).tolist() == [0, 1]
    assert codes.follow(encoded, torch.tensor([0, 0]), torch.tensor([1.0, 2.0])) == 0
    assert codes.places[:, 0].tolist() == pytest.approx([0.02 * 4 / (0.98 * 256 + 0.02 * 2), 10.0])
    assert codes._counts.tolist() == pytest.approx([0.98 * 256 + 0.04, 0.98 * 256])
    assert codes.follow(encoded, torch.tensor([1, 1]), torch.tensor([1.0, 2.0])) == 0
    count, total = 0.98 * 0.98 * 256 + 0.04, 0.98 * 0.98 * 2560 + 0.02 * 4
    assert codes.places[1, 0].item() == pytest.approx(total / count, rel=1e-6)


def aged(*counts):
    """Codes at 0, 1, 2, ... that have these counts after a step in which token 100 says the first one."""
    codes = vq._Codes(torch, torch.arange(float(len(counts)))[:, None])
    before = torch.tensor(counts) / 0.98
    before[0] -= 0.02 / 0.98
    codes._counts, codes._sums = before, codes.places * before[:, None]
    return codes


@pytest.mark.parametrize(("share", "revived"), [(0.049, 1), (0.051, 0)])
def test_a_code_is_dead_with_a_twentieth_of_its_fair_share(share, revived):
    fair = 100.0
    codes = aged(200.0 - share * fair, share * fair)
    tokens = torch.tensor([[7.0], [30.0], [40.0], [8.0]])
    assert (
        codes.follow(tokens, torch.tensor([0, 0, 0, 0])[:1].repeat(4), torch.tensor([1.0, 5, 5, 2]))
        == revived
    )
    if revived:  # at the token that is decoded worst, the first of equals
        fair = codes._counts[0].item() + share * fair
        assert codes.places[1].item() == 30 and codes._sums[1].item() == pytest.approx(
            30 * codes._counts[1].item()
        )
        assert codes._counts[1].item() == pytest.approx(fair / 2, rel=1e-5)
    else:
        assert codes.places[1].item() == pytest.approx(1)


def test_no_more_codes_begin_anew_than_there_are_tokens():
    codes = vq._Codes(torch, torch.tensor([[1.0], [2.0], [3.0]]))
    codes._counts = torch.tensor([300.0, 0, 0])
    codes._sums = torch.tensor([[300.0], [1e-5], [1e-5]])
    assert codes.follow(torch.tensor([[9.0]]), torch.tensor([0]), torch.tensor([1.0])) == 1
    assert codes.places[:, 0].tolist() == pytest.approx([(0.98 * 300 + 0.18) / (0.98 * 300 + 0.02), 9, 0.98])


def test_layers_begin_as_he_has_them_and_bend_between_but_not_after():
    first, second = vq._layers(torch, (3, 4, 2), torch.Generator().manual_seed(5))
    random = torch.Generator().manual_seed(5)
    for (weight, bias), (few, many) in zip((first, second), ((4, 3), (2, 4))):
        expected = torch.randn((few, many), generator=random) * math.sqrt(2 / many)
        assert torch.allclose(weight, expected) and bias.tolist() == [0] * few
        assert weight.requires_grad and bias.requires_grad
    with torch.no_grad():
        first[1].add_(0.5)
        second[1].sub_(9)
        values = np.array([[1.0, -2, 3], [0, 1, 0]])
        hidden = values @ first[0].numpy().T + 0.5
        hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
        expected = hidden @ second[0].numpy().T - 9
        found = vq._through(torch, (first, second), torch.tensor(values, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_codes_without_a_token_go_where_one_lies_farthest_from_its_own():
    sample = np.array([[0.0], [1], [5], [9]], np.float32)
    assert vq._without_empty(sample, np.array([[0.5], [100], [200]], np.float32)).tolist() == [
        [0.5],
        [9],
        [5],
    ]
    assert vq._without_empty(sample, np.array([[0.5], [7]], np.float32)).tolist() == [[0.5], [7]]
    flat = vq._without_empty(np.ones((3, 1), np.float32), np.array([[1.0], [2]], np.float32))
    assert flat.tolist() == [[1], [2]]


def test_torch_has_its_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError), vq._one_thread(torch):
            assert torch.get_num_threads() == 1
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_codes_of_studies_that_exist_stay():
    """The same seed and data give the same codes: rounded, as the last digits depend on the machine."""
    found = VQAutoencoderQuantizer(5, steps=30, seed=3).fit(cloud())
    expected = [
        [0.652, 0.268, 0.631, 1.72, 0.397],
        [0.83, -0.718, 1.962, 0.196, 1.117],
        [0.004, 2.928, -0.016, -0.499, 0.803],
        [3.469, 0.315, 0.071, -0.172, 0.489],
        [1.481, 3.655, -0.124, -0.832, 2.053],
    ]
    np.testing.assert_allclose(found.centroids_, expected, atol=2e-3)
    assert found.revived_ == 0
    before = VQAutoencoderQuantizer(3, steps=0, seed=3).fit(cloud())  # what the beginning gives
    assert before.centroids_.shape == (3, 5) and before.revived_ == 0


def test_codes_pull_the_tokens_and_not_the_other_way_round(monkeypatch):
    """Each step: codes at the mean of tokens, a quarter of the pull on the encoder.

    And gradients straight through.
    """
    seen = []
    usual = vq._Codes.follow
    monkeypatch.setattr(vq._Codes, "follow", lambda codes, *given: seen.append(given) or usual(codes, *given))
    VQAutoencoderQuantizer(4, steps=10, seed=0).fit(cloud(300))
    assert len(seen) == 8  # the first fifth of the steps has no codes
    assert all(len(encoded) == len(said) == len(wrong) == 300 for encoded, said, wrong in seen)
    assert not any(encoded.requires_grad or wrong.requires_grad for encoded, _, wrong in seen)
    seen.clear()
    VQAutoencoderQuantizer(4, steps=5, seed=0).fit(cloud(700))
    assert len(seen) == 4 and len(seen[0][0]) == 512


def test_nearest_takes_what_has_blocks_as_it_is():
    """Embeddings of a store are read as they are used; only numbers have a nearest centroid."""
    tokens = cloud(40)

    class Stored:
        blocks, dtype, ndim, shape = None, tokens.dtype, 2, tokens.shape

        def __len__(self):
            return 40

        def __getitem__(self, rows):
            return tokens[rows]

    assert np.array_equal(assign_nearest(Stored(), tokens[:3]), assign_nearest(tokens, tokens[:3]))
    for kind in ("b", "i", "u", "f"):
        assert (
            len(
                assign_nearest(
                    np.zeros((2, 5), np.dtype({"b": "?", "i": "i4", "u": "u1", "f": "f2"}[kind])), tokens[:3]
                )
            )
            == 2
        )
    for kind in ("c8", "U3", "O"):
        with pytest.raises(EmbeddingError, match="must be numbers"):
            assign_nearest(np.zeros((2, 5), kind), tokens[:3])


def test_a_quantizer_that_finds_nothing_of_its_own_is_none():
    with pytest.raises(NotImplementedError):
        CentroidQuantizer(1).fit(np.zeros((2, 2)))
    usual = {"n_concepts": 20, "sample": 50_000, "seed": 0}
    assert CentroidQuantizer().get_params() == usual
    assert VQAutoencoderQuantizer().get_params() == usual | {"steps": 1500}
    assert StreamedKMeansQuantizer().get_params() == usual | {"n_init": 4}
