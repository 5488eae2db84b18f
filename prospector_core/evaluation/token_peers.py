"""Peers without a network that learn from labels of whole data: tokens one at a time, or a mixture of them.

Each is a function ``(problem, train, test, seed) -> Outcome``. Every datum weighs the same, and classes are
balanced; inputs are standardised by the training data. What has to be chosen is chosen by labels of data that
were held out.
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from ..method.folds import stratified_folds
from ..method.smoothing import smoothed
from .heads import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sklearn.mixture import GaussianMixture

    from .problem import Problem

__all__ = [
    "PEERS",
    "max_instance_svm",
    "prototype_head",
    "token_regression",
    "token_regression_with_neighbours",
]

_STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # inverse strength of the penalty, C
_FOLDS, _STEPS, _ROUNDS = 3, 200, 6
_PROTOTYPES, _AXES, _SAMPLE, _PRIOR = 8, 32, 10_000, 1.0


def token_regression(problem: Problem, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """Logistic regression of tokens, each with the label of its datum; the map is its log odds."""
    return _regression(problem, train, test, seed, problem.embeddings.__getitem__)


def token_regression_with_neighbours(
    problem: Problem, train: np.ndarray, test: np.ndarray, seed: int
) -> Outcome:
    """As ``token_regression``, of a token's embedding and the mean of its neighbours' beside it."""

    def beside(index: int) -> np.ndarray:
        own = np.asarray(problem.embeddings[index], np.float64)
        # one step of smoothing is the mean of a token and of the mean around it, itself included
        around = 2 * smoothed(problem.graphs[index], own, 1) - own
        return np.concatenate([own, around], axis=1)

    return _regression(problem, train, test, seed, beside)


def _regression(
    problem: Problem, train: np.ndarray, test: np.ndarray, seed: int, read: Callable[[int], np.ndarray]
) -> Outcome:
    started = time.process_time()
    tokens = {int(i): np.asarray(read(int(i)), np.float32) for i in (*train, *test)}
    strength = _chosen_strength(problem, train, seed, tokens)
    score = _fitted(problem, train, tokens, strength)
    maps = {int(i): score(tokens[int(i)]) for i in test}
    probability = {i: float(expit(scores.mean())) for i, scores in maps.items()}
    size = tokens[int(train[0])].shape[1] + 1
    return Outcome(maps, probability, time.process_time() - started, size, f"C {strength:g}")


def _chosen_strength(problem: Problem, train: np.ndarray, seed: int, tokens: dict[int, np.ndarray]) -> float:
    """The C whose mean log odds of held-out data predict their labels best (log loss)."""
    labels = problem.labels[train]
    folds = min(_FOLDS, int(np.bincount(labels, minlength=2).min()))
    if folds < 2:
        return _STRENGTHS[1]
    losses = np.zeros(len(_STRENGTHS))
    for inside, out in stratified_folds(labels, folds, seed):
        for at, strength in enumerate(_STRENGTHS):
            score = _fitted(problem, train[inside], tokens, strength)
            odds = np.array([score(tokens[int(i)]).mean() for i in train[out]])
            losses[at] += np.logaddexp(0, np.where(labels[out] == 1, -odds, odds)).sum()
    return _STRENGTHS[int(np.argmin(losses))]


def _fitted(
    problem: Problem, train: np.ndarray, tokens: dict[int, np.ndarray], strength: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that scores tokens: (n, d) -> (n,)."""
    from sklearn.linear_model import LogisticRegression

    rows, labels, weights = _stacked(problem, train, tokens)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    model = LogisticRegression(C=strength, max_iter=_STEPS)
    with _unsettled():
        model.fit((rows - mean) / spread, labels, sample_weight=weights)
    return lambda some: model.decision_function((some - mean) / spread)


@contextmanager
def _unsettled() -> Iterator[None]:
    """Whether the last digit has settled is not said: so many steps are the method."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _stacked(
    problem: Problem, train: np.ndarray, tokens: dict[int, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of some data (n, d), the labels of their data (n,), and weights (n,) that make data alike."""
    sizes = np.array([len(tokens[int(i)]) for i in train])
    share = np.bincount(problem.labels[train], minlength=2)
    each = 1 / (2 * share[problem.labels[train]] * sizes)
    weights = np.repeat(each, sizes) * sizes.sum()
    return np.concatenate([tokens[int(i)] for i in train]), np.repeat(problem.labels[train], sizes), weights


def max_instance_svm(problem: Problem, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """mi-SVM (Andrews et al. 2002): which tokens of class 1 are of it is learned, at least one a datum."""
    from sklearn.linear_model import SGDClassifier

    started = time.process_time()
    tokens = {int(i): np.asarray(problem.embeddings[int(i)], np.float32) for i in (*train, *test)}
    rows, labels, weights = _stacked(problem, train, tokens)
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    rows, now = (rows - mean) / spread, labels.copy()
    bounds = np.cumsum([0, *(len(tokens[int(i)]) for i in train)])
    ones = [slice(a, b) for i, a, b in zip(train, bounds, bounds[1:]) if problem.labels[i] == 1]
    model = None
    for _ in range(_ROUNDS):
        balanced = weights * np.where(now == 1, 0.5 / weights[now == 1].sum(), 0.5 / weights[now == 0].sum())
        model = SGDClassifier(alpha=1e-3, random_state=seed, average=True, max_iter=20)
        with _unsettled():
            model.fit(rows, now, sample_weight=balanced * len(rows))
        scores, before = model.decision_function(rows), now
        now = np.zeros_like(labels)
        for some in ones:
            now[some] = scores[some] > 0
            now[some.start + int(np.argmax(scores[some]))] = 1
        if np.array_equal(now, before):
            break
    maps = {int(i): model.decision_function((tokens[int(i)] - mean) / spread) for i in test}
    probability = {i: float(expit(scores.max())) for i, scores in maps.items()}
    return Outcome(maps, probability, time.process_time() - started, rows.shape[1] + 1)


def prototype_head(problem: Problem, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """Prototypes and a straight line, as PANTHER (Song et al. 2024): a mixture of Gaussians sums up a datum.

    A mixture of ``_PROTOTYPES`` is fitted to tokens of the training data (32 principal components at most); a
    datum is the weight and the mean of each part, by one step of expectation and maximisation from the
    mixture, and these numbers go into a logistic regression. Given which token belongs where its log odds
    are a sum over tokens, whose parts are the map.
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    started, rng = time.process_time(), np.random.default_rng(seed)
    sample = np.concatenate([problem.embeddings[int(i)] for i in train]).astype(np.float64)
    sample = sample[rng.permutation(len(sample))[:_SAMPLE]]
    axes = PCA(min(_AXES, *sample.shape), random_state=seed).fit(sample)
    drawn = axes.transform(sample)
    mixture = GaussianMixture(
        min(_PROTOTYPES, len(drawn)), covariance_type="diag", reg_covar=1e-3, random_state=seed
    )
    with _unsettled():
        mixture.fit(drawn)
    tokens = {int(i): axes.transform(problem.embeddings[int(i)]) for i in (*train, *test)}
    parts = {i: _prototype_parts(mixture, each) for i, each in tokens.items()}
    rows = {i: each.sum(axis=0)[None] for i, each in parts.items()}
    strength = _chosen_strength(problem, train, seed, rows)
    score = _fitted(problem, train, rows, strength)
    # the score is linear, so that a token's part of it is what is lost without the token's part of the datum
    maps = {int(i): score(rows[int(i)]) - score(rows[int(i)] - parts[int(i)]) for i in test}
    probability = {int(i): float(expit(score(rows[int(i)])[0])) for i in test}
    size = drawn.shape[1] * mixture.n_components * 2 + rows[int(train[0])].shape[1]
    return Outcome(maps, probability, time.process_time() - started, size, f"C {strength:g}")


def _prototype_parts(mixture: GaussianMixture, tokens: np.ndarray) -> np.ndarray:
    """What each token adds to the numbers of its datum, (n, K + K d): their sum is weights and means.

    Means are drawn to the mixture's own by ``_PRIOR`` tokens, and measured from there.
    """
    belongs = mixture.predict_proba(tokens)
    shares = belongs / (belongs.sum(axis=0) + _PRIOR)
    away = shares[:, :, None] * (tokens[:, None] - mixture.means_[None])
    return np.concatenate([belongs / len(tokens), away.reshape(len(tokens), -1)], axis=1)


PEERS = {
    "token regression": token_regression,
    "token regression + neighbours": token_regression_with_neighbours,
    "mi-SVM": max_instance_svm,
    "prototype head": prototype_head,
}
