"""Prospector heads on a problem.

Concepts, counts and kernels, each computed once and shared by all settings that need it.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..method.calibration import Calibration
from ..method.counting import count_concepts
from ..method.features import n_features
from ..method.kernels import TEST_OFF, FoldChangeKernel
from ..method.prospecting import prospect
from ..method.quantizers import assign_nearest
from ..method.quantizers.base import drawn_tokens
from ..method.soft import centred, count_units, membership
from ..study.settings import GIVEN, QUANTIZERS, FitSettings, make_quantizer, suggested
from .fast import fast_ap

if TYPE_CHECKING:
    from collections.abc import Callable

    from .problem import Problem

__all__ = ["AUTHORS_GRID", "FittedHead", "Outcome", "authors_protocol", "fit_head", "suggested_for"]

AUTHORS_GRID = {
    "concepts": (10, 15, 20, 25, 30),
    "radius": (0, 1, 2, 4, 8),
    "alpha": (0.01, 0.025, 0.05, TEST_OFF),
    "tau": (0.0, 1.0, 2.0),
}
GIVEN_GRID = {
    "concepts": (0,),
    "radius": (0, 1, 2, 4),
    "alpha": (0.001, 0.01, 0.1, 1.0, TEST_OFF),
    "tau": (0.0, 1.0, 2.0, 4.0),
}
_LINEAR_CONCEPTS, _LINEAR_RADII = (
    (15, 30),
    (
        0,
        1,
        2,
    ),
)  # of the grid: a linear kernel takes a minute where data are many


@dataclass
class Outcome:
    """What a method gives for some data.

    Maps {index: (n,) scores}, of those at least that are scored; probability {index: P(class 1)}; seconds of
    the processor it took to fit and to map; parameters (how many numbers were fitted); note (what was
    chosen); epochs a network was trained for.
    """

    maps: dict
    probability: dict
    seconds: float = 0.0
    parameters: int = 0
    note: str = ""
    epochs: int = 0


@dataclass
class FittedHead:
    """Settings, centroids (K, d), kernel and calibration, fitted on some data of a problem."""

    problem: object
    settings: FitSettings
    centroids: np.ndarray
    kernel: object
    calibration: Calibration

    def map(self, index: int) -> np.ndarray:
        """Prospect map of a datum: (n,) float64."""
        problem, s = self.problem, self.settings
        tokens = _tokens(problem, index, self.centroids, s)
        how = len(self.centroids), s.radius, s.diffusive, s.smoothing
        return prospect(problem.graphs[index], tokens, self.kernel.coef_, *how)

    def probability(self, indices: list[int] | np.ndarray) -> np.ndarray:
        """P(class 1) of some data: (m,) float64."""
        counts = counts_of(self.problem, indices, self.centroids, self.settings)
        return self.calibration.predict(self.kernel.evidence(counts))

    @property
    def parameters(self) -> int:
        """How many numbers were fitted: centres of concepts, and weights."""
        return (0 if self.settings.quantizer == GIVEN else self.centroids.size) + self.kernel.coef_.size


def suggested_for(problem: Problem, train: np.ndarray | None = None) -> FitSettings:
    """The settings that a new study of this problem would begin with."""
    if problem.given is not None:
        return suggested(0, len(problem.given))
    indices = range(len(problem.ids)) if train is None else train
    return suggested(sum(problem.graphs[i].n for i in indices))


def centroids_of(problem: Problem, train: np.ndarray, settings: FitSettings) -> np.ndarray:
    """Layer I on the data ``train``: (K, d) float32, once for all settings that share it."""
    if settings.quantizer == GIVEN:
        return problem.given
    key = (
        "centroids",
        tuple(train),
        settings.concepts,
        settings.centre,
        settings.seed,
        settings.sample,
        settings.quantizer,
    )
    if key not in problem.cache:
        sample = _sample(problem, train, settings)
        many = min(settings.concepts, len(sample))
        quantizer = make_quantizer(settings.quantizer, many, settings.sample, settings.seed)
        problem.cache[key] = np.ascontiguousarray(quantizer.fit(sample).centroids_, np.float32)
    return problem.cache[key]


def _sample(problem: Problem, train: np.ndarray, settings: FitSettings) -> np.ndarray:
    """Tokens that concepts are found in, centred.

    Those that the quantizer would draw of all, without all in memory.
    """
    sizes = [problem.graphs[i].n for i in train]
    rows = drawn_tokens(sum(sizes), settings.sample, settings.seed)
    ours = QUANTIZERS.get(settings.quantizer)
    if rows is None or ours is None or hasattr(ours, "fit_blocks"):  # those look at all tokens
        return np.concatenate([centred(problem.embeddings[i], settings.centre) for i in train])
    owner = np.searchsorted(np.cumsum(sizes), rows, side="right")
    first = np.concatenate([[0], np.cumsum(sizes)])
    parts = [
        centred(problem.embeddings[i], settings.centre)[rows[owner == at] - first[at]]
        for at, i in enumerate(train)
    ]
    return np.concatenate(parts)


def _tokens(problem: Problem, index: int, centroids: np.ndarray, settings: FitSettings) -> np.ndarray:
    key = ("tokens", index, centroids.tobytes(), settings.softness, settings.centre)
    if problem.cache.get(("latest", index), (None,))[0] != key:
        vectors = centred(problem.embeddings[index], settings.centre)
        found = (
            membership(vectors, centroids, settings.softness)
            if settings.softness
            else assign_nearest(vectors, centroids)
        )
        problem.cache["latest", index] = (key, found)
    return problem.cache["latest", index][1]


def counts_of(
    problem: Problem, indices: np.ndarray, centroids: np.ndarray, settings: FitSettings
) -> np.ndarray:
    """Counts of some data: (m, p) float64, in units of 1/255^2 where tokens belong to several concepts."""
    said = hash((centroids.tobytes(), settings.softness, settings.centre, settings.radius))
    rows = []
    for index in indices:
        key = ("counts", said, index)
        if key not in problem.cache:
            tokens, graph = _tokens(problem, index, centroids, settings), problem.graphs[index]
            problem.cache[key] = (
                count_units(graph, tokens, settings.radius)
                if settings.softness
                else count_concepts(graph, tokens, len(centroids), settings.radius)
            )
        rows.append(problem.cache[key])
    return np.stack(rows).astype(np.float64)


def forget(problem: Problem) -> None:
    """Let go of what was computed for a problem."""
    problem.cache.clear()


def fit_head(
    problem: Problem, train: np.ndarray, settings: FitSettings, labels: np.ndarray | None = None
) -> FittedHead:
    """A head fitted on the data ``train`` with their labels (or others: (n_data,)): FittedHead."""
    labels = problem.labels if labels is None else labels
    centroids = centroids_of(problem, train, settings)
    counts = counts_of(problem, train, centroids, settings)
    kernel = settings.make_kernel().fit(counts, labels[train])
    curve = Calibration.fit(kernel.evidence(counts), labels[train])
    return FittedHead(problem, settings, centroids, kernel, curve)


def outcome_of(head: FittedHead, test: list[int] | np.ndarray, started: float, note: str = "") -> Outcome:
    """Maps and probabilities of the data ``test`` by a fitted head."""
    maps = {int(i): head.map(i) for i in test}
    probability = dict(zip((int(i) for i in test), head.probability(test).tolist()))
    return Outcome(maps, probability, time.process_time() - started, head.parameters, note)


def candidates(problem: Problem, linear: bool = True) -> list[FitSettings]:
    """The authors' grid for a problem: list of FitSettings that share what they can, in order."""
    grid, base = AUTHORS_GRID, FitSettings()
    if problem.given is not None:
        grid, base = GIVEN_GRID, FitSettings(concepts=len(problem.given), quantizer=GIVEN)
    found = []
    for concepts, radius in itertools.product(grid["concepts"], grid["radius"]):
        here = replace(base, concepts=concepts or base.concepts, radius=radius)
        found += [replace(here, alpha=alpha, tau=tau) for alpha in grid["alpha"] for tau in grid["tau"]]
        if linear and radius in _LINEAR_RADII and (not concepts or concepts in _LINEAR_CONCEPTS):
            found.append(replace(here, kernel="linear"))
    return found


def authors_protocol(
    problem: Problem,
    train: np.ndarray,
    linear: bool = True,
    look: Callable | None = None,
    seed: int = 0,
) -> tuple[FittedHead, float]:
    """The paper's protocol: every setting of its grid.

    It takes the best by AP on the training data **with their token truth**.

    Parameters: look, function(settings, AP on training data), told of each; seed. Returns the FittedHead
    that won, and its AP there.
    """
    best, chosen, plain = -1.0, None, {}
    scored = problem.scored(train)
    for settings in (replace(each, seed=seed) for each in candidates(problem, linear)):
        centroids = centroids_of(problem, train, settings)
        counts = counts_of(problem, train, centroids, settings)
        if settings.kernel == "fold-change":  # one test of all weights serves every alpha and tau
            key = ("tested", centroids.tobytes(), settings.radius, tuple(train))
            if key not in plain:
                plain = {key: FoldChangeKernel(alpha=1e9, tau=0.0).fit(counts, problem.labels[train])}
            kernel = settings.make_kernel()
            change, p = plain[key].fold_change_, plain[key].p_values_
            keep = np.abs(change) >= settings.tau
            if settings.alpha < TEST_OFF:
                keep &= p * n_features(len(centroids), settings.radius) <= settings.alpha
            kernel.fold_change_, kernel.p_values_, kernel.coef_ = change, p, np.where(keep, change, 0.0)
        else:
            kernel = settings.make_kernel().fit(counts, problem.labels[train])
        head = FittedHead(problem, settings, centroids, kernel, None)
        if not np.any(kernel.coef_):
            score = float(np.mean([problem.truth[i].mean() for i in scored]))
        else:
            score = float(
                np.mean([fast_ap(problem.of_cells(head.map(i), i), problem.truth[i]) for i in scored])
            )
        if look:
            look(settings, score)
        if score > best:
            best, chosen = score, head
    counts = counts_of(problem, train, chosen.centroids, chosen.settings)
    chosen.calibration = Calibration.fit(chosen.kernel.evidence(counts), problem.labels[train])
    return chosen, best
