"""A prospector head finds where a class lives from labels of whole data."""

import numpy as np
import pytest
from sklearn.base import clone

from prospector_core import (
    FoldChangeKernel,
    KMeansQuantizer,
    LinearKernel,
    MiniBatchKMeansQuantizer,
    ProspectorHead,
    ResidueQuantizer,
    TokenGraph,
)
from prospector_core.errors import EmbeddingError, FitError, GraphError
from prospector_core.method.metrics import average_precision

CENTRES = np.random.default_rng(9).normal(size=(5, 12)) * 6


def planted(random, label, side=12):
    """Tissue of concepts 0..2 with spots of 3 and of 4: side by side in class 1, far apart in class 0.

    Both classes hold the same number of each concept: only the pair (3, 4) tells them apart.
    """
    keep = random.random((side, side)) >= 0.1
    keep[2:5, 2:5] = keep[8:11, 8:11] = True
    sprite = random.integers(0, 3, (side, side))
    truth = np.zeros((side, side), bool)
    if label:
        for corner in (2, 8):
            spot = np.array([3, 4] * 4 + [3 if corner == 2 else 4]).reshape(3, 3)
            sprite[corner : corner + 3, corner : corner + 3] = spot
            truth[corner : corner + 3, corner : corner + 3] = True
    else:
        sprite[2:5, 2:5] = 3
        sprite[8:11, 8:11] = 4
    positions = np.argwhere(keep)
    tokens = CENTRES[sprite[keep]] + random.normal(size=(len(positions), CENTRES.shape[1]))
    return TokenGraph.from_grid(positions), tokens.astype(np.float32), truth[keep]


@pytest.fixture(scope="module")
def problem():
    random = np.random.default_rng(0)
    labels = np.arange(36) % 2
    graphs, embeddings, truth = zip(*(planted(random, label) for label in labels), strict=True)
    return graphs, embeddings, labels, truth


TRAIN, TEST = slice(0, 24), slice(24, 36)
HEADS = {
    "fold-change": ProspectorHead(KMeansQuantizer(5), FoldChangeKernel(alpha=0.05), radius=1),
    "linear": ProspectorHead(KMeansQuantizer(5), LinearKernel(), radius=1),
    "diffusive": ProspectorHead(KMeansQuantizer(5), FoldChangeKernel(alpha=0.05), radius=2, diffusive=True),
    "mini-batch": ProspectorHead(MiniBatchKMeansQuantizer(5), FoldChangeKernel(alpha=0.05), radius=1),
}


@pytest.fixture(scope="module", params=HEADS)
def head(request, problem):
    graphs, embeddings, labels, _ = problem
    fresh = clone(HEADS[request.param])
    assert fresh.fit(graphs[TRAIN], embeddings[TRAIN], labels[TRAIN]) is fresh
    return fresh


def test_the_map_finds_what_was_planted(head, problem):
    graphs, embeddings, labels, truth = problem
    found = [
        average_precision(head.prospect(graph, each), where)
        for graph, each, label, where in zip(*(part[TEST] for part in problem), strict=True)
        if label
    ]
    assert np.mean(found) > 0.9


def test_probabilities_sum_to_one_and_separate(head, problem):
    graphs, embeddings, labels, _ = (part[TEST] for part in problem)
    p = head.predict_proba(graphs, embeddings)
    assert p.shape == (12, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    if head.kernel_.name == "fold-change":
        assert p[labels == 1, 1].min() > 0.5 > p[labels == 0, 1].max()


def test_a_tokens_explanation_sums_to_its_score(head, problem):
    graphs, embeddings, _, truth = problem
    token = int(np.argmax(truth[25]))
    scores = head.prospect(graphs[25], embeddings[25])
    found = head.explain(graphs[25], embeddings[25], token)
    assert sum(term.value for term in found.terms) == pytest.approx(found.score, rel=1e-12)
    assert found.score == pytest.approx(scores[token], rel=1e-12)
    assert found.concept == head.sprite(embeddings[25])[token]


def test_the_pair_carries_the_class(problem):
    graphs, embeddings, labels, _ = (part[TRAIN] for part in problem)
    fitted = clone(HEADS["fold-change"]).fit(graphs, embeddings, labels)
    assert not fitted.coef_[:5].any()  # no concept alone tells the classes apart
    assert fitted.coef_.max() > 1
    assert fitted.counts_.shape == (24, 20)
    assert fitted.coef_.shape == (20,)


def test_the_same_bytes_again(head, problem):
    graphs, embeddings, labels, _ = (part[TRAIN] for part in problem)
    again = clone(head).fit(graphs, embeddings, labels)
    assert again.coef_.tobytes() == head.coef_.tobytes()
    assert (
        again.prospect(graphs[0], embeddings[0]).tobytes()
        == head.prospect(graphs[0], embeddings[0]).tobytes()
    )
    assert (
        again.predict_proba(graphs, embeddings).tobytes() == head.predict_proba(graphs, embeddings).tobytes()
    )


def test_residues_need_no_encoder():
    random = np.random.default_rng(1)
    chains, graphs, labels, truth = [], [], np.arange(30) % 2, []
    for label in labels:
        residues = random.choice(list("AVLGSTK"), 60)
        site = random.choice(56) + np.arange(4) if label else random.choice(60, 4, replace=False)
        residues[site] = list("CHCH")
        chains.append("".join(residues))
        graphs.append(TokenGraph.from_chain(60, reach=1))
        truth.append(np.isin(np.arange(60), site))
    head = ProspectorHead(ResidueQuantizer(), FoldChangeKernel(alpha=0.01), radius=1).fit(
        graphs, chains, labels
    )
    maps = [head.prospect(graph, chain) for graph, chain in zip(graphs, chains, strict=True)]
    assert (
        np.mean([average_precision(m, t) for m, t, label in zip(maps, truth, labels, strict=True) if label])
        > 0.9
    )
    assert head.counts_.shape == (30, 21 + 21 * 22 // 2)
    listed = clone(head).fit(graphs, [list(chain) for chain in chains], labels)
    assert np.array_equal(listed.coef_, head.coef_)


def test_follows_scikit_learn():
    head = ProspectorHead(KMeansQuantizer(7), LinearKernel(), radius=3)
    assert not [name for name in vars(head) if name.endswith("_")]
    assert head.get_params()["quantizer__n_concepts"] == 7
    fresh = clone(head).set_params(quantizer__n_concepts=9, kernel__C=0.5, radius=2)
    assert (fresh.quantizer.n_concepts, fresh.kernel.C, fresh.radius) == (9, 0.5, 2)
    assert (head.quantizer.n_concepts, head.kernel.C, head.radius) == (7, 1.0, 3)
    assert fresh.n_concepts == 9
    assert ProspectorHead().n_concepts == 20


def test_fitting_leaves_the_given_parts_alone(problem):
    graphs, embeddings, labels, _ = (part[TRAIN] for part in problem)
    quantizer, kernel = KMeansQuantizer(5), FoldChangeKernel()
    ProspectorHead(quantizer, kernel).fit(graphs, embeddings, labels)
    assert not hasattr(quantizer, "centroids_")
    assert not hasattr(kernel, "coef_")


def test_data_without_tokens_go_along(problem):
    graphs, embeddings, labels, _ = (part[TRAIN] for part in problem)
    empty, nothing = TokenGraph.from_grid([]), np.empty((0, 12), np.float32)
    head = clone(HEADS["fold-change"]).fit([*graphs, empty], [*embeddings, nothing], [*labels, 0])
    assert head.prospect(empty, nothing).shape == (0,)
    p = head.predict_proba([empty, graphs[1]], [nothing, embeddings[1]])
    assert np.isfinite(p).all()
    assert head.predict_proba([], []).shape == (0, 2)


def test_what_cannot_be_fitted_is_said_in_one_line(problem):
    graphs, embeddings, labels, _ = (part[TRAIN] for part in problem)
    wrong = [np.full_like(embeddings[0], np.nan), *embeddings[1:]]
    narrow = [embeddings[0][:, :5], *embeddings[1:]]
    short = [embeddings[0][:-1], *embeddings[1:]]
    cases = [
        (([], [], []), FitError, "no data"),
        ((graphs, embeddings, labels[:-1]), FitError, "give one of each a datum"),
        ((graphs[:-1], embeddings, labels), FitError, "give one of each a datum"),
        ((graphs, embeddings, labels[:, None]), FitError, "a datum"),
        ((graphs, embeddings, np.ones(24)), FitError, "both classes"),
        ((graphs, embeddings, labels + 1), FitError, "0 and 1"),
        ((graphs, wrong, labels), EmbeddingError, "NaN"),
        ((graphs, narrow, labels), EmbeddingError, r"dimensions \[\(5,\), .* same encoder"),
        ((graphs, short, labels), GraphError, "one concept per token"),
        ((graphs[:2], [each[:0] for each in embeddings[:2]], labels[:2]), FitError, "0 tokens"),
    ]
    for data, error, says in cases:
        with pytest.raises(error, match=says) as caught:
            clone(HEADS["fold-change"]).fit(*data)
        assert "\n" not in str(caught.value)


def test_one_embedding_a_graph_in_prediction(head, problem):
    graphs, embeddings, _, _ = problem
    with pytest.raises(FitError, match="give one of each"):
        head.predict_proba(graphs[:3], embeddings[:2])
