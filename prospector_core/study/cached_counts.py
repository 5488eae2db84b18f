"""Layer II, first half, over a study's data.

Counts of concepts and pairs, made anew only where an edit makes it necessary.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numba import get_num_threads

from ..errors import EmbeddingError
from ..method.counting import count_concepts, merge_counts, recount
from ..method.features import n_features, pair_index
from ..method.soft import UNIT, count_units
from .assignments import there, without
from .journal import CurationState, Split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..method.graphs import TokenGraph
    from .action import Region
    from .assignments import Sprites

__all__ = ["Counts", "compact_coef", "expand"]


class Counts:
    """Counts of a study's sprites at one radius, recounted only where an edit makes it necessary.

    Merging adds columns of what is cached; excluding, splitting and reassigning recount the data in which
    those tokens are. Cached counts are found by what was edited, so that data without such tokens are not
    even looked at.

    Attributes: radius; unit, what a whole count is: 1, or 255^2 where tokens belong to several concepts.
    """

    def __init__(self, sprites: Sprites, graph: Callable[[str], TokenGraph], radius: int) -> None:
        self._sprites = sprites
        self._graph = graph
        self.radius = radius
        self.unit = UNIT if sprites.softness else 1
        self._arrays = sprites.arrays

    def n_concepts(self, state: CurationState) -> int:
        """K under a CurationState, inactive concepts included."""
        return self._sprites.n_concepts(state)

    def cached(
        self, uid: str, state: CurationState, region: Region | None = None, threads: int | None = None
    ) -> np.ndarray:
        """Counts before merging, excluded and ignored tokens out: (p,) int64. ``region``: its tokens only."""
        n_found = len(self._sprites.centroids)
        counts = self._arrays.get(
            uid, f"counts-K{n_found}-r{self.radius}-all", lambda: self._count_first(uid, n_found, threads)
        )
        at_first = set(np.flatnonzero(counts[:n_found]).tolist())
        wanted = self._wanted(uid, state, region, at_first)
        if not wanted.plain:
            counts = self._arrays.get(uid, self._key(wanted), lambda: self._count(wanted, at_first, threads))
        return expand(counts, range(wanted.k), self._sprites.n_concepts(state), self.radius)

    def _count_first(self, uid, n_found, threads):
        if self._sprites.softness:
            return count_units(self._graph(uid), self._sprites.shares(uid, threads), self.radius, threads)
        return count_concepts(self._graph(uid), self._sprites.quantised(uid), n_found, self.radius, threads)

    def _wanted(self, uid, state, region, at_first):
        """What is to be counted of a datum: _Cut. ``at_first``: concepts that occur in it as quantised."""
        steps, present = _steps_of(uid, state.steps, at_first)
        gone = frozenset(k for k in present if state.home(k) in state.excluded)
        return _Cut(
            uid,
            tuple(steps),
            gone,
            state.ignored(uid),
            None if region is None else region.tokens,
            max(len(self._sprites.centroids), 1 + max(present, default=0)),
        )

    def _key(self, cut):
        tag = "all" if cut.plain else _digest(cut.steps, sorted(cut.gone), cut.ignored, cut.region)
        return f"counts-K{cut.k}-r{self.radius}-{tag}"

    def _count(self, wanted, at_first, threads):
        """Count a datum; only around the tokens that differ where a near sprite's counts are known."""
        graph = self._graph(wanted.uid)
        if self._sprites.softness:
            sprite, shares = self._sprites.stepped_shares(wanted.uid, wanted.steps, wanted.k, threads)
            out = np.zeros(wanted.k, bool)
            out[list(wanted.gone)] = True
            shares = without(shares, out, sprite)
            shares[self._outside(wanted, sprite)] = 0
            return count_units(graph, shares, self.radius, threads)
        sprite = self._sprite(wanted)
        for nearly in self._before(wanted, at_first):
            counts = self._arrays.peek(nearly.uid, self._key(nearly))
            if counts is not None:
                counts = expand(counts, range(nearly.k), wanted.k, self.radius)
                return recount(graph, sprite, wanted.k, self.radius, self._sprite(nearly), counts, threads)
        return count_concepts(graph, sprite, wanted.k, self.radius, threads)

    def _before(self, wanted, at_first):
        """What may have been counted already and differs in few tokens: one edit less."""
        if wanted.region is not None:
            return
        if wanted.steps:
            steps, present = _steps_of(wanted.uid, wanted.steps[:-1], at_first)
            k = max(len(self._sprites.centroids), 1 + max(present, default=0))
            yield replace(wanted, steps=tuple(steps), gone=wanted.gone & present, k=k)
        for concept in sorted(wanted.gone):
            yield replace(wanted, gone=wanted.gone - {concept})
        if wanted.ignored.size:
            yield replace(wanted, ignored=wanted.ignored[:0])

    def _sprite(self, cut):
        """The sprite that is counted: edited, but not merged; tokens that are out -1."""
        sprite = self._sprites.stepped(cut.uid, cut.steps, cut.k)
        sprite[self._outside(cut, sprite)] = -1
        return sprite

    def _outside(self, cut, sprite):
        """Which tokens are out: those of concepts that are gone, the ignored ones, those outside the region.

        (n,) bool.
        """
        gone = np.zeros(cut.k, bool)
        gone[list(cut.gone)] = True
        outside = gone[sprite]
        outside[there(cut.ignored, len(sprite))] = True
        if cut.region is not None:
            inside = np.zeros(len(sprite), bool)
            inside[there(cut.region, len(sprite))] = True
            outside |= ~inside
        return outside

    def compact(self, rows: list[tuple[str, Region | None]], state: CurationState) -> np.ndarray:
        """Counts over active concepts only, as if the study had been quantised that way.

        (n_rows, p_active) int64.

        Parameters: rows, list of (uid, Region or None).
        """
        k = self._sprites.n_concepts(state)
        position = {concept: index for index, concept in enumerate(state.active(k))}
        homes = self._sprites.groups(state)
        groups = np.array([position.get(int(home), -1) for home in homes])
        if not rows:
            raise EmbeddingError("no datum is embedded: run `prospector embed` first")
        counts = np.stack(self._all(rows, state))
        return merge_counts(counts, groups, k, self.radius)

    def _all(self, rows: list[tuple[str, Region | None]], state: CurationState) -> list[np.ndarray]:
        """``cached`` of many rows; what has to be counted is counted side by side, a datum a thread."""
        threads = get_num_threads()
        if threads == 1 or len(rows) < 2 * threads:
            return [self.cached(uid, state, region) for uid, region in rows]
        with ThreadPoolExecutor(2 * threads) as pool:  # some read while others count
            return list(pool.map(lambda row: self.cached(row[0], state, row[1], threads=1), rows))


@dataclass(frozen=True)
class _Cut:
    """What is counted of a datum: tokens after ``steps``, without those of concepts that are ``gone``.

    The ``ignored`` ones, and those outside a ``region`` (None: all). k: more than any id that occurs.
    """

    uid: str
    steps: tuple
    gone: frozenset
    ignored: np.ndarray
    region: tuple | None
    k: int

    @property
    def plain(self) -> bool:
        """Whether it is the sprite as quantised."""
        return not self.steps and not self.gone and not self.ignored.size and self.region is None


def _steps_of(uid, all_steps, present):
    """Which splits and reassignments may concern a datum, and the concepts that may occur in it after them.

    Parameters: present, set of the concepts that occur in it as quantised. Returns (list, set).
    """
    steps, present = [], set(present)
    for step in all_steps:
        if isinstance(step, Split):
            if step.members & present:
                steps.append(step)
                present |= set(step.ids)
        elif step[0] == uid:
            steps.append(step)
            present.add(step[2])
    return steps, present


def _digest(steps, gone, ignored, region):
    """A name for how a datum's sprite was edited."""
    said = hashlib.sha256()
    for step in steps:
        if isinstance(step, Split):
            said.update(f"split {step.ids} {sorted(step.members)} {step.centroids.shape}".encode())
            said.update(np.ascontiguousarray(step.centroids).tobytes())
        else:
            said.update(f"reassign {step[2]} {len(step[1])}".encode() + np.array(step[1], np.int64).tobytes())
    said.update(f"out {gone} {len(ignored)}".encode() + np.asarray(ignored, np.int64).tobytes())
    if region is not None:
        said.update(b"region" + np.array(region, np.int64).tobytes())
    return said.hexdigest()[:16]


def expand(coef: np.ndarray, active: Sequence[int], n_concepts: int, radius: int) -> np.ndarray:
    """Weights (or counts) over active concepts laid out over all K: (p,), 0 for inactive ones."""
    if len(active) == n_concepts:
        return coef
    full = np.zeros(n_features(n_concepts, radius), coef.dtype)
    full[_places(tuple(active), n_concepts, radius)] = coef
    return full


def compact_coef(coef: np.ndarray, active: Sequence[int], n_concepts: int, radius: int) -> np.ndarray:
    """The inverse of ``expand``: (p_active,) float64."""
    return coef[_places(tuple(active), n_concepts, radius)]


@lru_cache(maxsize=64)  # asked for once a fold
def _places(active: tuple[int, ...], n_concepts: int, radius: int) -> np.ndarray:
    """Where the features over active concepts are among all p: (p_active,) int64."""
    active = np.array(active, np.int64)
    if not radius:
        return active
    i, j = np.triu_indices(len(active))
    return np.concatenate([active, pair_index(active[i], active[j], n_concepts)])
