"""Two fits of the same concepts side by side: whose maps moved, and which weights changed most."""

import numpy as np

from prospector_core.method.features import pair_index
from prospector_core.study.change import Change

__all__ = ["Compared"]

_SHOWN = 2  # data with pictures, a refit
_EXACT = 60  # with more data, only the maps of the most promising are compared
_CANDIDATES = 12
_WEIGHTS = 8  # weights listed, a refit


class Compared:
    """Two fits of the same concepts, side by side."""

    def __init__(self, study, before, after):
        self.study, self.before, self.after = study, before, after
        self.flipped = Change(study, before, after).flipped

    def seen_from(self, view):
        """The same of another class."""
        return Compared(view, self.before.seen_from(view.target), self.after.seen_from(view.target))

    def moved_most(self):
        """Data whose maps moved most: list of (Datum, mean absolute change a token), most first.

        Data that did not move are left out.
        """
        study = self.study
        there = set(self.before.summary["predictions"]) & set(self.after.summary["predictions"])
        data = [datum for datum in study.embedded() if datum.uid in there]
        if len(data) > _EXACT:  # by what the counts say of them, which is quick
            old, new = study.evidence(self.before), study.evidence(self.after)
            size = {datum.uid: max(1, study.n_tokens(datum)) for datum in data}
            data.sort(key=lambda datum: -abs(new[datum.uid] - old[datum.uid]) / size[datum.uid])
            data = data[:_CANDIDATES]
        found = [(datum, float(np.abs(self.difference(datum)).mean())) for datum in data]
        return sorted((each for each in found if each[1] > 0), key=lambda each: -each[1])[:_SHOWN]

    def difference(self, datum):
        """Score after minus before, (n,); no score counts as zero."""
        old, new = (np.nan_to_num(self.study.prospect(datum, fit)) for fit in (self.before, self.after))
        return new - old

    def weights(self):
        """Largest changes of weights that both kernels have.

        List of (concepts, before, after); how many others went or came.
        """
        before, after = self.before, self.after
        k = min(before.n_concepts, after.n_concepts)
        same = np.array([c in set(before.state.active(k)) & set(after.state.active(k)) for c in range(k)])
        rows, columns = np.triu_indices(k)
        keys = [(c,) for c in range(k)]
        old, new, kept = before.coef[:k], after.coef[:k], same
        if before.radius and after.radius:
            keys += list(zip(rows.tolist(), columns.tolist()))
            old = np.concatenate([old, before.coef[pair_index(rows, columns, before.n_concepts)]])
            new = np.concatenate([new, after.coef[pair_index(rows, columns, after.n_concepts)]])
            kept = np.concatenate([same, same[rows] & same[columns]])
        gap = np.where(kept, np.abs(new - old), 0)
        order = [int(i) for i in np.argsort(-gap, kind="stable")[:_WEIGHTS] if gap[i] > 0]
        return [(keys[i], float(old[i]), float(new[i])) for i in order], int(((old != new) & ~kept).sum())
