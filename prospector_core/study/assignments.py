"""Layer I over a study's data: which concepts each token belongs to.

As quantised and as the expert has edited them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FitError
from ..method.quantizers import assign_nearest
from ..method.soft import ONE, mean_of, merge_shares, shifted, sprite_and_shares
from ..store.cache import Cache
from ..store.derived import DERIVED_KEPT, DatumArrays, DerivedArrays
from .journal import Split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .journal import CurationState
    from .settings import FitSettings

__all__ = ["Sprites", "there", "without"]


class Sprites:
    """Sprites of one set of centroids: as quantised, and as curated.

    Parameters: folder for derived arrays; centroids (K, d); embeddings, function uid -> (n, d); memory, a
    Cache for the arrays in use (default: its own); settings, FitSettings (default: one concept per token,
    embeddings as they are); stamp, function uid -> what the content of its embeddings is known by (default:
    they never change).
    """

    def __init__(
        self,
        folder: Path,
        centroids: np.ndarray,
        embeddings: Callable[[str], np.ndarray],
        memory: Cache | None = None,
        settings: FitSettings | None = None,
        stamp: Callable[[str], str] = lambda uid: "",
    ) -> None:
        self.softness, self._centre = (settings.softness, settings.centre) if settings else (0.0, 0.0)
        said = np.ascontiguousarray(centroids).tobytes()
        if self.softness or self._centre:
            said += f"softness {self.softness!r} centre {self._centre!r}".encode()
        self.folder = folder / hashlib.sha256(said).hexdigest()[:16]
        self.centroids = centroids
        self._embeddings = embeddings
        self._stamp = stamp
        self._memory = Cache(DERIVED_KEPT) if memory is None else memory
        self.arrays = DatumArrays(DerivedArrays(self.folder, self._memory, folder.parent), stamp)

    def n_concepts(self, state: CurationState) -> int:
        """Centroids, and the concepts that splits have added."""
        return len(self.centroids) + state.n_extra

    def quantised(self, uid: str) -> np.ndarray:
        """Nearest centroid of every token: (n,) int16."""
        return self.arrays.get(
            uid, "sprite", lambda: self._nearest(uid, self._embeddings(uid), self.centroids).astype(np.int16)
        )

    def _nearest(self, uid, vectors, centroids):
        if vectors.shape[1] != centroids.shape[1]:
            raise FitError(
                f"the embeddings of {uid} have {vectors.shape[1]} numbers per token, the concepts"
                f" {centroids.shape[1]}: they are of another encoder than the fit; find concepts again"
                " (`prospector fit`)"
            )
        return assign_nearest(vectors, shifted(centroids, self._shift(uid)))

    def _shift(self, uid):
        """What centring takes from a datum's embeddings: (d,) float64, or None.

        The embeddings themselves are not moved: the concepts are.
        """
        if not self._centre:
            return None
        return self._centre * self.arrays.get(uid, "mean", lambda: mean_of(self._embeddings(uid)))

    def shares(self, uid: str, threads: int | None = None) -> np.ndarray:
        """Shares of the concepts, as quantised: (n, K) uint8 (see ``soft``)."""

        def compute() -> np.ndarray:
            known, stamp = self.arrays.peek(uid, "sprite"), self._stamp(uid)
            sprite, shares = sprite_and_shares(
                self._embeddings(uid), self.centroids, self.softness, known, threads, self._shift(uid)
            )
            if known is None:  # it was found on the way: embeddings are read once
                self.arrays.put(uid, "sprite", sprite.astype(np.int16), stamp)
            return shares

        return self.arrays.get(uid, "shares", compute)

    def put_mean(self, uid: str, mean: np.ndarray, stamp: str) -> None:
        """Keep the mean (d,) of a datum's embeddings with this stamp, which is known from elsewhere."""
        if self.arrays.peek(uid, "mean") is None:
            self.arrays.put(uid, "mean", mean, stamp)

    def distances(self, uid: str) -> np.ndarray:
        """Distance of every token to its centroid: (n,) float32. Small = typical."""

        def compute() -> np.ndarray:
            vectors = self._embeddings(uid)
            out, centroids = np.empty(len(vectors), np.float32), shifted(self.centroids, self._shift(uid))
            for start in range(0, len(vectors), 4096):
                rows = slice(start, start + 4096)
                out[rows] = np.linalg.norm(vectors[rows] - centroids[self.quantised(uid)[rows]], axis=1)
            return out

        return self.arrays.get(uid, "distance", compute)

    def edited(self, uid: str, state: CurationState) -> np.ndarray:
        """The sprite after splitting concepts and reassigning tokens, before merging and excluding.

        (n,) int64.
        """
        return self.stepped(uid, state.steps, self.n_concepts(state))

    def stepped(self, uid: str, steps: Sequence[Split | tuple], n_concepts: int) -> np.ndarray:
        """As ``edited``, after these splits and reassignments.

        ``n_concepts`` is more than any id that they name.
        """
        sprite = self.quantised(uid).astype(np.int64)
        for step in steps:
            if isinstance(step, Split):
                among = np.zeros(n_concepts, bool)
                among[list(step.members)] = True
                inside = np.flatnonzero(among[sprite])
                if inside.size:
                    part = self._parts(uid, inside, step.centroids)
                    moved = part > 0  # the first part stays what it is
                    sprite[inside[moved]] = np.array(step.ids)[part[moved]]
            elif step[0] == uid:
                sprite[there(step[1], len(sprite))] = step[2]
        return sprite

    def stepped_shares(
        self, uid: str, steps: Sequence[Split | tuple], n_concepts: int, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sprite (n,) int64 and shares (n, n_concepts) uint8 after these splits and reassignments.

        What a token had of a split concept goes to the part that it is nearest to.
        """
        found = self.shares(uid, threads)  # before the sprite, which is found on the way
        sprite = self.quantised(uid).astype(np.int64)
        shares = np.zeros((len(found), n_concepts), np.uint8)
        shares[:, : found.shape[1]] = found
        for step in steps:
            if isinstance(step, Split):
                members = sorted(step.members)
                inside = np.flatnonzero(np.logical_or.reduce([shares[:, k] > 0 for k in members]))
                if inside.size:
                    part = self._parts(uid, inside, step.centroids)
                    moved, ids = (
                        inside[part > 0],
                        np.array(step.ids)[part[part > 0]],
                    )  # the first part stays what it is
                    share = np.zeros(len(moved), np.uint8)
                    for k in members:
                        share += shares[moved, k]
                        shares[moved, k] = 0
                    shares[moved, ids] = share
                    strongest = np.isin(sprite[moved], members)
                    sprite[moved[strongest]] = ids[strongest]
            elif step[0] == uid:
                tokens = there(step[1], len(sprite))
                shares[tokens] = 0
                shares[tokens, step[2]] = ONE
                sprite[tokens] = step[2]
        return sprite, shares

    def curated_shares(self, uid: str, state: CurationState) -> np.ndarray:
        """Shares as the expert has them, (n, K) uint8.

        Those of merged concepts added; tokens of excluded ones 0.
        """
        homes, k = self.groups(state), self.n_concepts(state)
        out = np.isin(homes, list(state.excluded))
        sprite, shares = self.stepped_shares(uid, state.steps, k)
        shares = without(shares, out, sprite)
        shares = merge_shares(shares, homes, k)
        shares[out[sprite]] = 0
        shares[there(state.ignored(uid), len(shares))] = 0
        return shares

    def _parts(self, uid, tokens, centroids):
        """Which part of a split concept each of its tokens is nearest to: (m,) int16."""
        key = hashlib.sha256(tokens.tobytes() + centroids.tobytes()).hexdigest()[:16]
        return self.arrays.get(
            uid,
            f"split-{key}",
            lambda: self._nearest(uid, self._vectors_of(uid, tokens), centroids).astype(np.int16),
        )

    def vectors(self, uid: str, tokens: np.ndarray) -> np.ndarray:
        """Embeddings of some tokens of a datum, as concepts are found in: (m, d)."""
        vectors, shift = self._vectors_of(uid, tokens), self._shift(uid)
        return vectors if shift is None else vectors - shift.astype(np.float32)

    def _vectors_of(self, uid, tokens):
        """Embeddings of some tokens of a datum: (m, d). Kept for a while: a split looks at them twice."""
        key = self.folder, "vectors", uid, self._stamp(uid), hashlib.sha256(tokens.tobytes()).digest()
        return self._memory.make(key, lambda: self._embeddings(uid)[tokens])

    def curated(self, uid: str, state: CurationState) -> np.ndarray:
        """The sprite as the expert has it.

        Merged concepts carry the id they went into; excluded and ignored tokens -1.
        """
        sprite = self.groups(state, excluded=-1)[self.edited(uid, state)]
        sprite[there(state.ignored(uid), len(sprite))] = -1
        return sprite

    def groups(self, state: CurationState, excluded: int | None = None) -> np.ndarray:
        """Final id of each original concept.

        (K,) int64; excluded concepts keep theirs, or get ``excluded``.
        """
        homes = state.homes(self.n_concepts(state))
        return np.array(
            [excluded if excluded is not None and home in state.excluded else home for home in homes]
        )


def there(tokens: Sequence[int] | np.ndarray, n: int) -> np.ndarray:
    """Those of tokens that a datum of n tokens has: (m,) int64.

    Edits may name some that it no longer has, embedded anew.
    """
    tokens = np.asarray(tokens, np.int64).reshape(-1)
    return tokens[tokens < n]


def without(shares: np.ndarray, out: np.ndarray, sprite: np.ndarray) -> np.ndarray:
    """Shares whose concepts that are out (K,) bool are given to each token's strongest concept.

    Changed in place.
    """
    if out.any():
        lost = shares[:, out].sum(axis=1, dtype=np.uint8)
        shares[:, out] = 0
        some = np.flatnonzero(lost)
        shares[some, sprite[some]] += lost[some]
    return shares
