"""Layer II, second half, over a study's data.

Kernels under the expert's edits, and predictions of data left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from ..method.calibration import Calibration
from ..method.features import pair_index
from ..method.metrics import auroc
from ..method.uncertainty import bootstrap_kernels
from .cached_counts import compact_coef, expand
from .fits import Kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from .cached_counts import Counts
    from .journal import CurationState
    from .settings import FitSettings

__all__ = ["apply_pins", "fit_kernel", "resampled_kernels"]


def apply_pins(
    coef: np.ndarray, state: CurationState, n_concepts: int, radius: int, target: int = 1
) -> np.ndarray:
    """The kernel of a class with the expert's weights in place of the fitted ones: a new (p,) array."""
    pinned = coef.copy()
    # where concepts were merged, what was said of the one they went into counts last
    for key, weight in sorted(
        state.pins_of(target).items(), key=lambda pin: not set(np.ravel(pin[0])) & set(state.merged)
    ):
        pair = sorted(state.home(k) for k in (key if isinstance(key, tuple) else (key,)))
        if any(k in state.excluded for k in pair):
            continue
        if len(pair) == 1:
            pinned[pair[0]] = weight
        elif radius:
            pinned[pair_index(*pair, n_concepts)] = weight
    return pinned


def fit_kernel(
    counts: Counts,
    uids: list[str],
    labels: dict[str, int | None],
    fitted_on: Collection[str],
    state: CurationState,
    settings: FitSettings,
    classes: Sequence[str] = ("class 0", "class 1"),
) -> Kernels:
    """Fit the kernel and predict every datum, those it was fitted on by kernels fitted without them.

    Parameters
    ----------
    counts : Counts; uids : all data; labels : {uid: class 0..n-1 or None}; fitted_on : uids that may be
        fitted on
    state : CurationState; settings : FitSettings; classes : names of the n classes

    Returns Kernels: one, or of more than two classes one per class against the rest, from the same counts.
    Raises FitError.
    """
    rows = _evidence(counts, uids, labels, fitted_on, state)
    if len(classes) == 2:
        coef, full, calibration, probability, folds, _ = _fit_one(rows, state, settings, 1)
        truth, train = rows.of(1)
        trained = train[: rows.n]
        summary = {
            "predictions": {uid: float(p) for uid, p in zip(uids, probability)},
            "fitted_on": int(trained.sum()),
            "held_out_folds": folds,
            "positive": int((truth[: rows.n][trained] == 1).sum()),
            **_scores(truth[: rows.n][trained], probability[trained], "held_out" if folds else "fitted"),
        }
        return Kernels(coef[None], full[None], (calibration,), summary)
    _check_classes(rows, classes)
    found = [_fit_one(rows, state, settings, target) for target in range(len(classes))]
    coef, full, calibration, probability, folds, fitted = zip(*found)
    # held out in every kernel or in none: else the probabilities of one datum would not be comparable
    held_out = min(folds)
    single = np.stack(
        probability if held_out else fitted, axis=1
    )  # each class against the rest: (n_data, n_classes)
    shares = single / single.sum(axis=1, keepdims=True)
    trained = rows.train[: rows.n]
    summary = {
        "predictions": {uid: [float(p) for p in each] for uid, each in zip(uids, shares)},
        "fitted_on": int(trained.sum()),
        "held_out_folds": held_out,
        "class_counts": [
            int((rows.label[: rows.n][trained] == target).sum()) for target in range(len(classes))
        ],
        **_class_scores(rows.label[: rows.n][trained], shares[trained], "held_out" if held_out else "fitted"),
    }
    return Kernels(np.stack(coef), np.stack(full), tuple(calibration), summary)


def _check_classes(rows: _Rows, classes: Sequence[str]) -> None:
    """Raise FitError where a class has no data, or all."""
    for target, name in enumerate(classes):
        truth, train = rows.of(target)
        if not (truth[train] == 1).any():
            raise FitError(
                f"no datum labelled {name!r} is embedded: one kernel per class needs data of every class"
            )
        if not (truth[train] == 0).any():
            raise FitError(
                f"all embedded data are labelled {name!r}: one kernel per class needs data of every class"
            )


def _fit_one(rows, state, settings, target):
    """The kernel of one class against the rest.

    Returns (coef, coef before pins, Calibration, P(target) of every datum (n_data,) held out where it was
    fitted on, the number of folds, P(target) not held out).
    """
    n, radius, weight = rows.n, settings.radius, rows.weight
    compact = rows.compact.astype(np.float64)  # once, not in every fold
    k, active = rows.n_concepts, rows.active
    truth, train = rows.of(target)
    whole = np.arange(len(truth)) < n

    def fitted(some: np.ndarray) -> tuple[np.ndarray, Calibration, Callable[[np.ndarray], np.ndarray]]:
        kernel = settings.make_kernel().fit(compact[some], truth[some], weight[some])
        full = expand(kernel.coef_, active, k, radius)
        used = compact_coef(apply_pins(full, state, k, radius, target), active, k, radius)
        curve = Calibration.fit(kernel.evidence(compact[some & whole], used), truth[some & whole])
        return full, curve, lambda some: curve.predict(kernel.evidence(some, used))

    full, calibration, predict = fitted(train)
    at_first = predict(compact[:n])
    probability = at_first.copy()
    held_out = _folds(truth[:n], train[:n], settings)
    for out in held_out:
        # a datum's regions are left out with it: they are parts of what is to be predicted
        _, _, predict = fitted(train & ~out[rows.owner])
        probability[out] = predict(compact[:n][out])
    return apply_pins(full, state, k, radius, target), full, calibration, probability, len(held_out), at_first


@dataclass(frozen=True)
class _Rows:
    """What kernels are fitted on, a row each datum, then one each region marked for or against.

    Attributes: n, how many are data; n_concepts, active (as of the state); compact counts (n_rows, p_active);
    label (n_rows,), the class, of a region the one it is about, or -1; against (n_rows,) bool, regions
    against that class; weight (n_rows,); owner (n_rows,), the index of the datum; train (n_rows,) bool, the
    rows to fit on.
    """

    n: int
    n_concepts: int
    active: list
    compact: np.ndarray
    label: np.ndarray
    against: np.ndarray
    weight: np.ndarray
    owner: np.ndarray
    train: np.ndarray

    def of(self, target: int) -> tuple[np.ndarray, np.ndarray]:
        """One class against the rest: truth (n_rows,) 1, 0 or -1, and the rows to fit on (n_rows,) bool.

        A region against a class is an example of the rest in the kernel of that class, and in no other.
        """
        truth = np.where(self.label >= 0, (self.label == target).astype(np.int64), -1)
        truth[self.against] = np.where(self.label[self.against] == target, 0, -1)
        return truth, self.train & (truth >= 0)


def _evidence(counts, uids, labels, fitted_on, state):
    """What the kernels of all classes are fitted on: _Rows; every datum is counted once. Raises FitError."""
    # A region marked for a class is one more datum of that class: the sprite cut to it.
    known = set(uids)
    regions = [region for region in state.regions if region.evidence != "ignore" and region.datum in known]
    compact = counts.compact(
        [(uid, None) for uid in uids] + [(region.datum, region) for region in regions], state
    )
    n = len(uids)
    owner = np.array([*range(n), *(uids.index(region.datum) for region in regions)])
    weight = np.array([1.0] * n + [region.weight for region in regions])
    label = np.array(
        [-1 if labels[uid] is None else labels[uid] for uid in uids]
        + [1 if region.target is None else region.target for region in regions]
    )
    against = np.array([False] * n + [region.evidence == "against" for region in regions])
    train = np.array([uid in fitted_on for uid in uids])[owner] & (label >= 0)
    if not train[:n].any():
        raise FitError("no labelled datum has been embedded: label and embed data of both classes first")
    k = counts.n_concepts(state)
    return _Rows(n, k, state.active(k), compact, label, against, weight, owner, train)


def resampled_kernels(
    counts: Counts,
    uids: list[str],
    labels: dict[str, int | None],
    fitted_on: Collection[str],
    state: CurationState,
    settings: FitSettings,
    n: int,
    target: int = 1,
) -> np.ndarray:
    """Kernels of a class as ``fit_kernel``'s, each fitted on rows drawn with replacement.

    (n, p) float64, pins applied.

    Parameters as ``fit_kernel``; n resamples, drawn with the seed of the settings; target, the class. A
    marked region is drawn like a datum. Raises FitError.
    """
    rows = _evidence(counts, uids, labels, fitted_on, state)
    truth, train = rows.of(target)
    kernel = settings.make_kernel()
    fits = bootstrap_kernels(kernel, rows.compact[train], truth[train], n, settings.seed, rows.weight[train])
    k, radius = rows.n_concepts, settings.radius
    return np.stack(
        [apply_pins(expand(each, rows.active, k, radius), state, k, radius, target) for each in fits]
    )


def _folds(truth, train, settings):
    """Boolean rows to leave out in turn.

    One datum each, or 5 stratified folds where a fit is slow or data are many.
    """
    index = np.flatnonzero(train)
    smallest = min((truth[index] == 1).sum(), (truth[index] == 0).sum())
    if smallest < 2:
        return []
    n_folds = len(index) if settings.kernel == "fold-change" and len(index) <= 100 else int(min(5, smallest))
    fold = np.full(len(truth), -1)
    if n_folds == len(index):
        fold[index] = np.arange(n_folds)
    else:
        shuffled = np.random.default_rng(settings.seed).permutation(index)
        for label in (0, 1):
            members = shuffled[truth[shuffled] == label]
            fold[members] = np.arange(len(members)) % n_folds
    return [fold == number for number in range(n_folds)]


def _scores(truth, probability, kind):
    accuracy = float(((probability >= 0.5) == (truth == 1)).mean())
    return {f"{kind}_accuracy": accuracy, f"{kind}_auroc": auroc(probability, truth == 1)}


def _class_scores(truth, shares, kind):
    """The same scores as ``_scores``, of several classes.

    They are the share predicted right, and the mean AUROC of each class against the rest.
    """
    each = [auroc(shares[:, target], truth == target) for target in range(shares.shape[1])]
    known = [value for value in each if np.isfinite(value)]
    return {
        f"{kind}_accuracy": float((shares.argmax(axis=1) == truth).mean()),
        f"{kind}_auroc": float(np.mean(known)) if known else float("nan"),
        f"{kind}_auroc_by_class": each,
    }
