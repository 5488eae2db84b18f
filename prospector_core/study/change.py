"""What a refit changed."""

import numpy as np

__all__ = ["Change"]


class Change:
    """The difference between two fits of one study (``before`` may be None: there was nothing to compare with).

    Attributes: before, after (Fit); flipped: list of (Datum, class before, class after) by predicted class;
    weights: list of (concept, weight before, weight after), largest change first.
    """

    def __init__(self, study, before, after):
        self._study = study
        self.before = before
        self.after = after
        self.flipped, self.weights = [], []
        if before is None:
            return
        old, new = before.summary["predictions"], after.summary["predictions"]
        for datum in study.data:
            if datum.uid in old and datum.uid in new:
                pair = int(old[datum.uid] >= 0.5), int(new[datum.uid] >= 0.5)
                if pair[0] != pair[1]:
                    self.flipped.append((datum, *pair))
        k = min(before.n_concepts, after.n_concepts)  # a split adds concepts: they had no weight before
        moved = np.abs(after.coef[:k] - before.coef[:k])
        self.weights = [
            (int(c), before.weight(c), after.weight(c)) for c in np.argsort(-moved, kind="stable") if moved[c] > 0
        ]

    def of_map(self, datum):
        """A datum's change: (n,) float64, score after minus score before (NaN where either has none)."""
        return self._study.prospect(datum, self.after) - self._study.prospect(datum, self.before)

    def sentences(self):
        """What changed, in plain words: list of str."""
        study, after = self._study, self.after
        summary = after.summary
        kind = "held_out" if summary["held_out_folds"] else "fitted"
        accuracy = f"{summary[f'{kind}_accuracy']:.0%} of {summary['fitted_on']} data predicted right" + (
            " (each held out)" if kind == "held_out" else " (not held out: too few data)"
        )
        if self.before is None:
            return [f"{after.n_concepts} concepts, {len(after.coef)} weights; {accuracy}"]
        old = self.before.summary.get(f"{kind}_accuracy")
        out = [accuracy + (f", {old:.0%} before" if old is not None else "")]
        gone = sorted(set(after.state.excluded) - set(self.before.state.excluded))
        back = sorted(set(self.before.state.excluded) - set(after.state.excluded))
        if gone:
            out.append("excluded: " + ", ".join(study.concept_name(k) for k in gone))
        if back:
            out.append("taken back in: " + ", ".join(study.concept_name(k) for k in back))
        inactive = set(gone) | set(back)
        moved = [(k, a, b) for k, a, b in self.weights if k not in inactive][:3]
        if moved:
            out.append(
                "weights that moved most: "
                + "; ".join(f"{study.concept_name(k)} {a:+.2f} to {b:+.2f}" for k, a, b in moved)
            )
        if self.flipped:
            names = [f"{datum.name} now {study.classes[new]}" for datum, _, new in self.flipped]
            out.append(
                "predicted class changed: "
                + ", ".join(names[:5])
                + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            )
        else:
            out.append("no datum's predicted class changed")
        return out

    def __str__(self):
        return "\n".join(self.sentences())
