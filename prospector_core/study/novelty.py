"""When concepts should be found anew: new data lie far from all of them, more often than those before did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .journal import Entry, read_journal, replay
from .views import layer

if TYPE_CHECKING:
    from .assignments import Sprites
    from .study import Study

__all__ = ["CarriedName", "Novelty", "carried_names", "novelty"]

_TOKENS = 1000  # of a datum, evenly over it
_OLD = 100  # data, evenly over those that concepts were found on
_USUAL = 0.05  # share of the tokens before that counts as far
_LEAST_OVERLAP = 0.25  # of tokens, for a name to be carried over


@dataclass(frozen=True)
class Novelty:
    """How far data that came after the concepts lie from them.

    A token is far where it lies farther from the nearest centroid than 95 % of the tokens of the data that
    concepts were found on. A datum is unlike them where more than 10 % of its tokens are far, and more than
    in any datum before.

    Attributes
    ----------
    far : float
        Share of the new data's tokens that are far, the mean over data; 0.05 where they are like the others.
    unlike : list of str
        Names of the data that are unlike those before.
    data : int
        How many new data there are.
    """

    far: float
    unlike: list[str]
    data: int

    def __str__(self) -> str:
        """Return the advice in one line; "" where concepts need not be found anew."""
        if not self.unlike:
            return ""
        some = ", ".join(self.unlike[:3]) + (" and others" if len(self.unlike) > 3 else "")
        return (
            f"{len(self.unlike)} of {self.data} new data ({some}) are far from all concepts more often than"
            f" any before ({self.far:.0%} of new tokens, 5 % of those before): consider finding concepts anew"
        )


def novelty(study: Study) -> Novelty | None:
    """Compare data that came after the concepts with those that they were found on.

    None where there is no fit, or nothing new. At most 100 of the earlier data, and 1,000 tokens of each
    datum, are looked at.
    """
    view = study.view
    origin = None if view is None else _found_at(study)
    if view is None or origin is None:
        return None
    fits = [row for row in study.fits() if row[2] >= origin]
    first = set(fits[0][4]["predictions"]) if fits else set()
    old = [datum for datum in study.embedded() if datum.uid in first]
    new = [datum for datum in study.embedded() if datum.uid not in first]
    if not old or not new:
        return None

    def compute() -> Novelty:
        sprites = layer(study, view.centroids, view.settings)[0]
        some = [old[i] for i in np.unique(np.linspace(0, len(old) - 1, _OLD).astype(int))]
        before = [_distances(study, sprites, datum.uid, view.centroids) for datum in some]
        limit = np.quantile(np.concatenate(before), 1 - _USUAL)
        most = max(float((each > limit).mean()) for each in before)
        shares = [float((_distances(study, sprites, d.uid, view.centroids) > limit).mean()) for d in new]
        unlike = [d.name for d, share in zip(new, shares) if share > max(most, 2 * _USUAL)]
        return Novelty(float(np.mean(shares)), unlike, len(new))

    return study.memory.make(("novelty", view.id, study.content([*old, *new])), compute)


def _found_at(study: Study) -> int | None:
    """Id of the journal's entry at which the concepts were found."""
    return next((e.id for e in reversed(study.curation.history()) if e.action == "fit"), None)


def _distances(study: Study, sprites: Sprites, uid: str, centroids: np.ndarray) -> np.ndarray:
    """Distance of some tokens of a datum to the nearest centroid: (m,) float64."""
    n = study.store.shape(uid)[0]
    tokens = np.unique(np.linspace(0, n - 1, min(n, _TOKENS)).astype(np.int64))
    vectors, centres = sprites.vectors(uid, tokens).astype(np.float64), centroids.astype(np.float64)
    squares = (vectors**2).sum(axis=1)[:, None] - 2 * vectors @ centres.T + (centres**2).sum(axis=1)
    return np.sqrt(np.maximum(squares.min(axis=1), 0))


@dataclass(frozen=True)
class CarriedName:
    """A name of an earlier concept for one found anew.

    Attributes
    ----------
    concept, earlier : int
        The concept now, and the one that had the name.
    name : str
    overlap : float
        Tokens that are in both, as a share of those in one or the other.
    """

    concept: int
    earlier: int
    name: str
    overlap: float


def carried_names(study: Study) -> list[CarriedName]:
    """Names that experts gave before concepts were found anew, for the concepts nearest by tokens.

    One name a concept, the largest overlap first, from a quarter on; concepts that have a name keep it.
    Nothing is renamed: that is for a person to approve.
    """
    origin, view = _found_at(study), study.view
    earlier = [row for row in study.fits() if origin is not None and row[2] < origin]
    if view is None or not earlier:
        return []
    before, state = study.load_fit(earlier[-1][0]), _state_before(study, origin)
    if not state.names:
        return []
    now = layer(study, view.centroids, view.settings)[0]
    then = layer(study, before.centroids, before.settings)[0]
    table = np.zeros((then.n_concepts(state), now.n_concepts(study.curation.state)), np.int64)
    sizes = np.zeros(table.shape[0], np.int64), np.zeros(table.shape[1], np.int64)
    for datum in study.embedded():
        a, b = then.curated(datum.uid, state), now.curated(datum.uid, study.curation.state)
        for size, sprite in zip(sizes, (a, b)):
            size += np.bincount(sprite[sprite >= 0], minlength=len(size))
        both = (a >= 0) & (b >= 0)
        np.add.at(table, (a[both], b[both]), 1)
    overlap = table / np.maximum(sizes[0][:, None] + sizes[1] - table, 1)
    found, taken = [], set(study.curation.state.names)
    pairs = [(-overlap[k, j], k, j) for k in state.names for j in range(table.shape[1])]
    done: set[int] = set()
    for share, k, j in sorted(pairs):
        if -share >= _LEAST_OVERLAP and k not in done and j not in taken and state.home(k) == k:
            found.append(CarriedName(j, k, state.names[k], float(-share)))
            done.add(k)
            taken.add(j)
    return found


def _state_before(study: Study, entry: int):
    """What edits amounted to just before an entry of the journal."""
    entries: list[Entry] = read_journal(study.database, entry - 1)
    return replay(entries)
