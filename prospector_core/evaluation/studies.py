"""A study as a problem: its embeddings and labels, and the truth of its tokens.

The truth comes from a table or a folder of masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError
from ..method.folds import stratified_folds
from ..scheduling import InProcess
from ..store.cache import Cache
from ..study.settings import GIVEN
from ..study.worker_context import Place, place_of, study_at
from .problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..method.graphs import TokenGraph
    from ..scheduling import OnCluster
    from ..study import Study
    from ..study.settings import FitSettings
    from .choose import Choice
    from .heads import Outcome

__all__ = ["AtPlace", "choose_for", "own_maps", "problem_beside", "problem_of", "tokens_for"]

_VECTORS_KEPT = 2**30  # bytes


def problem_of(study: Study, truth: dict[str, np.ndarray] | None, folds: int = 5, seed: int = 0) -> Problem:
    """A study of two classes as a Problem. ``truth``: from ``read_truth``, or None (nothing is scored).

    Data whose split is "test" are the test data; where there are none, ``folds`` folds with as much of each
    class in each. Raises BadInputError, FitError.
    """
    data = [datum for datum in study.embedded() if datum.label is not None]
    if len(study.classes) > 2:
        target = study.target
        labels = np.array([int(datum.label == target) for datum in data])
    else:
        labels = np.array([datum.label for datum in data])
    if not data or len(set(labels.tolist())) < 2:
        raise BadInputError("an evaluation needs embedded data of both classes: run `prospector embed` first")
    test = np.array([datum.split == "test" for datum in data])
    both = all(len(set(labels[some].tolist())) == 2 for some in (test, ~test)) if test.any() else False
    chosen = (
        [(np.flatnonzero(~test), np.flatnonzero(test))] if both else stratified_folds(labels, folds, seed)
    )
    given = study.given_concepts()
    found, uids = truth or {}, [datum.uid for datum in data]
    return Problem(
        study.name,
        [datum.name for datum in data],
        _Read(study.graph, uids),
        _Read(_Vectors(study), uids),
        labels,
        [found.get(uid) for uid in uids],
        chosen,
        given=None if given is None else given[1],
        groups=None if both else uids,
        modality=study.modality,
    )


class _Read(Sequence):
    """What a function reads of each datum, when it is asked for: a study need not fit into memory."""

    def __init__(self, read: Callable | _Vectors, uids: list[str]) -> None:
        self._read, self._uids = read, uids

    def __len__(self) -> int:
        return len(self._uids)

    def __getitem__(self, index: int) -> TokenGraph | np.ndarray:
        return self._read(self._uids[index])


class _Vectors:
    """Embeddings (n, d) float32 of a datum by its uid; those used last are kept."""

    def __init__(self, study: Study) -> None:
        self._study, self._kept = study, Cache(_VECTORS_KEPT)

    def __call__(self, uid: str) -> np.ndarray:
        found = self._kept.get(uid)
        if found is None:
            found = np.asarray(self._study.store.vectors(uid)[:], np.float32)
            self._kept.put(uid, found)
        return found


@dataclass(frozen=True)
class AtPlace:
    """The problem that is a study at a Place, for a worker."""

    place: Place
    target: int
    seed: int

    def load(self) -> Any:
        """Problem."""
        study = study_at(self.place)
        return problem_of(
            study if study.target == self.target else study.seen_from(self.target), None, seed=self.seed
        )


def problem_beside(study: Study, others: list[Study], truth: object | None, seed: int = 0) -> Problem:
    """A study as ``problem_of``, and beside it studies of the same data with other tokens or another encoder.

    Problem.

    Maps of all of them are scored on the tokens of the first, of which those of the others are parts. Raises
    BadInputError.
    """
    found = problem_of(study, truth, seed=seed)
    found.tokens = _tokens_of_study(study)
    for other in others:
        beside = problem_of(other, None, seed=seed)
        if sorted(beside.ids) != sorted(found.ids):
            raise BadInputError(
                f"{other.path} is of other data than {study.path}: studies are compared on the same data"
            )
        order = [beside.ids.index(name) for name in found.ids]
        if (beside.labels[order] != found.labels).any():
            raise BadInputError(f"{other.path} has other labels than {study.path}: label both alike")
        name = _tokens_of_study(other)
        while name == found.tokens or name in found.others:
            name += f" of {other.path.name}"
        cells = [_parts_of(study, other, each) for each in found.ids]
        found.others[name] = Problem(
            found.name,
            found.ids,
            [beside.graphs[i] for i in order],
            [beside.embeddings[i] for i in order],
            found.labels,
            found.truth,
            found.folds,
            cells=cells,
            given=beside.given,
            cell_graphs=found.graphs,
            modality=other.modality,
            tokens=name,
        )
    return found


def _tokens_of_study(study: Study) -> str:
    said = study.embedding
    size = f", {said['tile']} px at {said['mpp']:g} um" if said.get("tile") and said.get("mpp") else ""
    return f"{said['encoder']}{size}"


def _parts_of(study: Study, other: Study, name: str) -> np.ndarray:
    """For each token of a datum of another study the token of the first that it is a part of: (m,) int."""
    here, there = (next(datum for datum in each.embedded() if datum.name == name) for each in (study, other))
    n, m = study.n_tokens(here), other.n_tokens(there)
    if not study.kind.tiled:
        if n != m:
            raise BadInputError(
                f"{name} has {n} {study.kind.words.tokens} in {study.path}, but {m} in {other.path}: compare"
                " encoders on the same"
            )
        return np.arange(n)
    if m < n:
        raise BadInputError(
            f"{other.path} has coarser tiles than {study.path}: begin with the coarser study, on whose tiles"
            " maps are scored"
        )
    from scipy.spatial import cKDTree

    middles = []
    for each, datum in ((study, here), (other, there)):
        grid = each.grid(datum)
        middles.append(
            np.asarray(grid["origin"])[::-1] + (np.asarray(grid["positions"]) + 0.5) * grid["pitch"]
        )
    return cKDTree(middles[0]).query(middles[1])[1]


def tokens_for(
    study: Study, others: list[Study], seed: int = 0, progress: Callable[..., object] | None = None
) -> tuple[Choice, Study]:
    """Which of several studies of the same data to use: (choose.Choice, the study).

    It is chosen by labels alone; data whose split is "test" are left out. Raises BadInputError.
    """
    from .choose import choose_tokens

    problem = problem_beside(study, others, None, seed)
    kinds = {problem.tokens: problem, **problem.others}
    choice = choose_tokens(kinds, _fitted_on(study, problem), seed, progress)
    return choice, [study, *others][list(kinds).index(choice.names[choice.best])]


def choose_for(
    study: Study,
    candidates: list[FitSettings] | None = None,
    seed: int = 0,
    progress: Callable[..., object] | None = None,
    quantizer: str | None = None,
    on: OnCluster | None = None,
) -> Choice:
    """Settings for a study by its labels alone (data whose split is "test" are left out): choose.Choice.

    Parameters: as ``choose.choose``; quantizer, what all candidates find concepts by (default: what each
    says).
    """
    from .choose import auto_candidates, choose

    on = on or InProcess()
    problem = problem_of(study, None, seed=seed)
    train = _fitted_on(study, problem)
    if quantizer == GIVEN and problem.given is None:
        raise BadInputError("the encoder of this study brings no concepts of its own: name another quantizer")
    if quantizer is not None:
        candidates = auto_candidates(problem, train) if candidates is None else candidates
        candidates = list(dict.fromkeys(replace(each, quantizer=quantizer).check() for each in candidates))
    with place_of(study, on) as place:
        return choose(problem, train, candidates, seed, progress, on, AtPlace(place, study.target, seed))


def _fitted_on(study: Study, problem: Problem) -> np.ndarray:
    """Those of a study's problem that may be fitted on: (m,) indices.

    Raises BadInputError where they are too few to choose by.
    """
    data = [datum for datum in study.embedded() if datum.label is not None]
    train = np.array([at for at, datum in enumerate(data) if datum.split != "test"])
    if np.bincount(problem.labels[train], minlength=2).min() < 5:
        raise BadInputError(
            "settings are chosen by predicting data that were held out: label and embed five data of each"
            " class at least, or fit with the settings to begin with"
        )
    return train


def own_maps(study: Study, problem: object | None, truth: dict[str, int]) -> Outcome:
    """The study's own fit, edits and all, on the data that it was fitted on.

    An Outcome over the problem's data.
    """
    from .heads import Outcome

    fit = study.view
    data = [datum for datum in study.embedded() if datum.label is not None]
    maps = {at: study.prospect(datum, fit) for at, datum in enumerate(data) if datum.uid in truth}
    probability = {at: study.predictions(fit).get(datum.uid, float("nan")) for at, datum in enumerate(data)}
    return Outcome(
        maps,
        probability,
        0.0,
        len(fit.coef),
        f"fit {fit.id}, edits and all; its maps are of data that it was fitted on",
    )
