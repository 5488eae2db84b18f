"""What a refit changed, or would change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from ..method.features import unpack
from .journal import Split
from .views import naming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..method.hotspots import HotSpot
    from .data import Datum
    from .fits import Fit
    from .study import Study

__all__ = ["Change", "KernelChange", "ScoreChange", "last_change"]


@dataclass(frozen=True)
class ScoreChange:
    """How well data are predicted before and after, each against the labels of its own fit.

    Attributes
    ----------
    held_out : whether every datum was predicted by kernels fitted without it (too few data: not)
    accuracy, auroc : (before, after), shares 0 to 1; before is None where it was not measured the same way
    data : how many were predicted, (before, after)
    classes : of more than two classes, (name, AUROC before, AUROC after) of each against the rest; else
        empty. The AUROC above is then their mean
    """

    held_out: bool
    accuracy: tuple
    auroc: tuple
    data: tuple
    classes: tuple = ()

    @property
    def verdict(self) -> str | None:
        """One of "better", "worse", "mixed" (one figure rose, one fell), "same"; None without a before."""
        if self.accuracy[0] is None:
            return None
        moves = [np.nan_to_num(np.sign(after - before)) for before, after in (self.accuracy, self.auroc)]
        if not any(moves):
            return "same"
        return "better" if min(moves) >= 0 else "worse" if max(moves) <= 0 else "mixed"

    @property
    def sentence(self) -> str:
        """The same in plain words."""
        said = [f"{self.accuracy[1]:.0%} of {self.data[1]} data predicted right"]
        if np.isfinite(self.auroc[1]):
            said.append(f"{'mean ' if self.classes else ''}AUROC {self.auroc[1]:.2f}")
        if self.accuracy[0] is not None:
            said[0] += f" ({self.accuracy[0]:.0%} before)"
            if len(said) > 1 and np.isfinite(self.auroc[0]):
                said[1] += f" ({self.auroc[0]:.2f} before)"
        how = "each held out" if self.held_out else "not held out: too few data"
        words = {
            "better": "the data are predicted better than before",
            "worse": "the data are predicted worse than before",
            "mixed": "one figure rose, the other fell",
            "same": "predicted as well as before",
        }
        end = f": {words[self.verdict]}" if self.verdict else ""
        return f"{', '.join(said)} ({how}){end}"


@dataclass(frozen=True)
class KernelChange:
    """Two kernels laid out over the same k concepts, to be shown side by side.

    Attributes
    ----------
    concepts : (k,) ids of the concepts that are in either kernel, ascending
    active : (2, k) bool, before and after: whether the concept is in that kernel (else its weights are 0)
    mono : (2, k) float64, weights of the concepts; table : (2, k, k), of their pairs
    pinned : (before, after), each a set of the ids (i,) or (i, j), i <= j, whose weight is the expert's
    unit : of the weights after
    """

    concepts: tuple
    active: np.ndarray
    mono: np.ndarray
    table: np.ndarray
    pinned: tuple
    unit: str


class Change:
    """The difference between two fits of one study; ``before`` None: there was nothing to compare with.

    Attributes: before, after (Fit); flipped: list of (Datum, class before, class after) by predicted class;
    weights: list of (concept, weight before, weight after), largest change first; same_concepts: whether both
    fits speak of the same concepts (else weights is empty, and there is no ``kernel()``).
    """

    def __init__(self, study: Study, before: Fit | None, after: Fit) -> None:
        self._study = study
        self.before = before
        self.after = after
        self.flipped, self.weights = [], []
        self.same_concepts = before is not None and _same_concepts(before, after)
        if before is None:
            return
        old, new = before.summary["predictions"], after.summary["predictions"]
        for datum in study.data:
            if datum.uid in old and datum.uid in new:
                pair = before.predicted(datum.uid), after.predicted(datum.uid)
                if pair[0] != pair[1]:
                    self.flipped.append((datum, *pair))
        if not self.same_concepts:
            return
        k = min(before.n_concepts, after.n_concepts)  # a split adds concepts: they had no weight before
        moved = np.abs(after.coef[:k] - before.coef[:k])
        self.weights = [
            (int(c), before.weight(c), after.weight(c))
            for c in np.argsort(-moved, kind="stable")
            if moved[c] > 0
        ]

    def seen_from(self, target: int) -> Change:
        """The same change seen from another class: Change."""
        return Change(
            self._study, self.before and self.before.seen_from(target), self.after.seen_from(target)
        )

    def of_map(self, datum: Datum | str) -> np.ndarray:
        """A datum's change: (n,) float64, score after minus score before (NaN where either has none)."""
        self._compared()
        return self._study.prospect(datum, self.after) - self._study.prospect(datum, self.before)

    def tokens(
        self, n: int = 10, data: Iterable[Datum | str] | None = None
    ) -> list[tuple[Datum, int, float, float]]:
        """The tokens whose score moved most.

        Returns a list of (Datum, token, score before, score after), largest move first.

        ``data``: where to look (default: all embedded data). Tokens without a score before or after are not
        among them, nor those that did not move.
        """
        self._compared()
        found = []
        for order, datum in enumerate(self._data(data)):
            moved = np.nan_to_num(np.abs(self.of_map(datum)))
            most = np.argpartition(-moved, min(n, len(moved)) - 1)[:n] if len(moved) else ()
            found += [(-float(moved[token]), order, int(token), datum) for token in most if moved[token] > 0]
        found.sort(key=lambda each: each[:3])
        return [
            (
                datum,
                token,
                *(float(self._study.prospect(datum, fit)[token]) for fit in (self.before, self.after)),
            )
            for _, _, token, datum in found[:n]
        ]

    def regions(
        self, datum: Datum | str, threshold: float | None = None
    ) -> tuple[list[HotSpot], list[HotSpot]]:
        """Where a datum's map changed: (rises, falls), two lists of HotSpot, the largest summed change first.

        A region is connected tokens whose score rose (fell) by ``threshold`` or more; default: half of the
        datum's largest change. Its totals are of the change, negative for falls.
        """
        change = self.of_map(datum)
        largest = float(np.nan_to_num(np.abs(change)).max(initial=0.0))
        if not largest > 0:
            return [], []
        if threshold is None:
            threshold = largest / 2
        rises, falls = (self._study.regions(datum, each, threshold) for each in (change, -change))
        return rises, [replace(spot, total=-spot.total, mean=-spot.mean, peak=-spot.peak) for spot in falls]

    def scores(self) -> ScoreChange:
        """How well data are predicted, before and after.

        ScoreChange, whose ``sentence`` says whether the edits hurt.
        """
        after, before = self.after.summary, self.before.summary if self.before else {}
        kind = "held_out" if after["held_out_folds"] else "fitted"
        accuracy, auroc = (
            (before.get(f"{kind}_{name}"), after[f"{kind}_{name}"]) for name in ("accuracy", "auroc")
        )
        each = after.get(f"{kind}_auroc_by_class", ())
        then = before.get(f"{kind}_auroc_by_class", [None] * len(each))
        classes = tuple(zip(self._study.classes, then, each)) if each else ()
        data = (before.get("fitted_on"), after["fitted_on"])
        return ScoreChange(kind == "held_out", accuracy, auroc, data, classes)

    def kernel(self) -> KernelChange:
        """Both kernels over the same concepts: KernelChange.

        Raises FitError where the fits have other concepts.
        """
        self._compared()
        if not self.same_concepts:
            raise FitError(
                "these fits have different concepts: their kernels cannot be compared weight by weight"
            )
        fits, n = (self.before, self.after), max(self.before.n_concepts, self.after.n_concepts)
        active = np.zeros((2, n), bool)
        mono, table = np.zeros((2, n)), np.zeros((2, n, n))
        for row, fit in enumerate(fits):
            k = fit.n_concepts
            active[row, fit.state.active(k)] = True
            mono[row, :k], table[row, :k, :k] = unpack(fit.coef, k)
        shown = np.flatnonzero(active.any(axis=0))
        return KernelChange(
            tuple(int(k) for k in shown),
            active[:, shown],
            mono[:, shown],
            table[:, shown][:, :, shown],
            tuple(fit.pinned for fit in fits),
            self.after.unit,
        )

    def sentences(self) -> list[str]:
        """What changed, in plain words: list of str."""
        study, after = self._study, self.after
        said = self.scores().sentence
        if self.before is None:
            return [f"{after.n_concepts} concepts, {len(after.coef)} weights; {said}"]
        out = [said]
        if self.same_concepts:
            out += self._edited()
        else:
            out.append("the concepts were found anew: weights cannot be compared one by one")
        if self.flipped:
            names = [f"{datum.name} now {study.classes[new]}" for datum, _, new in self.flipped]
            out.append(
                "predicted class changed: "
                + ", ".join(names[:5])
                + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            )
        else:
            out.append("no predicted class changed")
        return out

    def _edited(self) -> list[str]:
        """Sentences on concepts and weights."""
        after, out = self.after, []
        gone = sorted(set(after.state.excluded) - set(self.before.state.excluded))
        back = sorted(set(self.before.state.excluded) - set(after.state.excluded))

        def name(concept: int) -> str:
            return self._study.concept_name(concept, naming(self._study, after))

        if gone:
            out.append("excluded: " + ", ".join(name(k) for k in gone))
        if back:
            out.append("taken back in: " + ", ".join(name(k) for k in back))
        inactive = {*gone, *back, *after.state.merged, *self.before.state.merged}
        moved = [(k, a, b) for k, a, b in self.weights if k not in inactive][:3]
        if moved:
            out.append(
                "weights that moved most: "
                + "; ".join(f"{name(k)} {a:+.2f} to {b:+.2f}" for k, a, b in moved)
            )
        return out

    def _compared(self) -> None:
        if self.before is None:
            raise FitError("there is no earlier fit to compare with")

    def _data(self, data: Iterable[Datum | str] | None) -> list[Datum]:
        study, both = self._study, (self.before.summary["predictions"], self.after.summary["predictions"])
        chosen = [study.datum(each) for each in data] if data is not None else study.embedded()
        return [datum for datum in chosen if all(datum.uid in each for each in both)]

    def __str__(self) -> str:
        return "\n".join(self.sentences())


def _same_concepts(one: Fit, other: Fit) -> bool:
    """Whether a number means the same concept in both fits.

    Found by one search, and split alike as far as both are.
    """
    splits = [[step for step in fit.state.steps if isinstance(step, Split)] for fit in (one, other)]
    return np.array_equal(one.centroids, other.centroids) and all(a == b for a, b in zip(*splits))


def last_change(study: Study) -> Change | None:
    """What the last refit changed: Change; None before the first refit, or where concepts were found anew."""
    fits = study.fits()
    if len(fits) < 2:
        return None
    change = study.change(fits[-2][0])
    return change if change.same_concepts and change.before.radius == change.after.radius else None
