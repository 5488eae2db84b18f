"""A provisional prospect map of a datum that is being embedded.

The whole of it coarsely, refined as tiles come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ProspectorError
from ...method.graphs import TokenGraph
from ...method.prospecting import prospect
from ...method.quantizers import assign_nearest
from ...method.soft import centred
from ...method.split import Split
from .embedding import COARSE

if TYPE_CHECKING:
    from typing import Any

    from ...study import Study
    from ...study.fits import FitView

__all__ = ["ProvisionalMap", "provisional_map_of", "provisional_version_of"]


@dataclass(frozen=True)
class ProvisionalMap:
    """What can be said of a datum that is partly embedded.

    A token whose neighbours within the radius are all embedded has its final score; where a fit lets tokens
    belong to several concepts, or takes out what a datum's tokens share, scores are of the strongest concepts
    and none is final. The others take score and concept of the one token of their square of 4 x 4 that was
    embedded first; its neighbours are those of the squares around.

    Attributes
    ----------
    positions : (n, 2) int, of all tokens; origin, pitch, shape : as of ``Study.grid``
    known : (n,) bool, tokens of which something can be said
    final : (n,) bool, tokens whose score no longer changes
    scores : (n,) float64, NaN where excluded or not known
    concepts : (n,) int64, -1 where not known; excluded tokens keep theirs
    version : changes when the map does
    """

    positions: np.ndarray
    origin: tuple
    pitch: float
    shape: tuple
    known: np.ndarray
    final: np.ndarray
    scores: np.ndarray
    concepts: np.ndarray
    version: tuple


def provisional_version_of(study: Study, uid: str, view: FitView) -> tuple | None:
    """What the map of a datum depends on, or None where nothing of it is embedded, or all: cheap to ask."""
    part = None if study.store.has(uid) else study.store.part(uid)
    blocks = part.finished() if part else []
    return (view.key, *blocks) if blocks else None


def provisional_map_of(study: Study, uid: str, view: FitView) -> ProvisionalMap | None:
    """The map of a datum under a fit as far as it is embedded; None where nothing of it is, or all.

    Every block is read and quantised once.
    """
    part = None if study.store.has(uid) else study.store.part(uid)
    blocks = part.finished() if part else []
    if not blocks:
        return None
    version = (view.key, *blocks)
    key = ("provisional", uid)  # the latest alone: what it is of is in its version
    fit_id, sprites, latest = study.memory.get(key) or (None, {}, None)
    if latest is not None and latest.version == version:
        return latest
    sprites = dict(sprites) if fit_id == view.id else {}
    try:
        for block in blocks:
            if block not in sprites:
                # the mean of the whole datum is not known yet: that of the block stands for it
                sprites[block] = _concepts(centred(part.read(*block[:2]), view.settings.centre), view)
    except ProspectorError:  # it was completed, or cancelled, this very moment
        return None
    latest = _map(part, {block: sprites[block] for block in blocks}, uid, view, version)
    study.memory.put(key, (view.id, sprites, latest))
    return latest


def _concepts(vectors: Any, fit: FitView) -> Any:
    """Concepts of tokens as quantised, and under the splits of the fit: (b,) int64."""
    concepts = assign_nearest(vectors, fit.centroids).astype(np.int64)
    for step in fit.state.steps:
        if isinstance(step, Split):
            inside = np.flatnonzero(np.isin(concepts, list(step.members)))
            if inside.size:
                part = assign_nearest(vectors[inside], step.centroids).astype(np.int64)
                moved = part > 0  # the first part stays what it is
                concepts[inside[moved]] = np.array(step.ids)[part[moved]]
    return concepts


def _map(part: Any, sprites: Any, uid: str, fit: FitView, version: Any) -> Any:
    n, positions = len(part.positions), np.asarray(part.positions, np.int64)
    quantised = np.full(n, -1, np.int64)
    for (early, index, _), concepts in sprites.items():
        quantised[part.tokens(early, index)] = concepts
    there = quantised >= 0
    homes = np.array([fit.state.home(k) for k in range(fit.n_concepts)])
    concepts = np.where(there, homes[quantised], -1)
    out = np.isin(concepts, list(fit.state.excluded))
    out[[token for token in fit.state.ignored(uid) if token < n]] = True
    curated = np.where(out, -1, concepts)

    def score(tokens: Any, cells: Any) -> Any:
        graph = TokenGraph.from_grid(cells)
        how = fit.n_concepts, fit.radius, fit.settings.diffusive, fit.smoothing
        return prospect(graph, curated[tokens], fit.coef, *how)

    scores, known, final = np.full(n, np.nan), np.zeros(n, bool), np.zeros(n, bool)
    coarse = part.early[there[part.early]]
    if len(coarse):
        # each token's square among those with an embedded token, if it is one of them
        squares, width = positions // COARSE, int(positions[:, 1].max()) // COARSE + 1
        number = squares[:, 0] * width + squares[:, 1]
        order = np.argsort(number[coarse])
        at = np.minimum(np.searchsorted(number[coarse], number, sorter=order), len(coarse) - 1)
        known = number[coarse][order[at]] == number
        stands_for = order[at[known]]
        scores[known] = score(coarse, squares[coarse])[stands_for]
        concepts[known & ~there] = concepts[coarse[order[at[known & ~there]]]]
    fine = _beginning(part, sprites)
    if fine:
        tokens = np.arange(fine)
        exact = score(tokens, positions[:fine])
        if not (fit.settings.softness or fit.settings.centre):
            final[:fine] = (
                True if fine == n else positions[:fine, 0] < positions[fine, 0] - (fit.radius + fit.smoothing)
            )
        use = final[:fine] | ~known[:fine]
        scores[:fine][use] = exact[use]
        known[:fine] = True
    attrs = part.attrs
    return ProvisionalMap(
        positions,
        tuple(attrs["origin"]),
        attrs["pitch"],
        tuple(attrs["shape"]),
        known,
        final,
        scores,
        np.where(known, concepts, -1),
        version,
    )


def _beginning(part: Any, sprites: Any) -> Any:
    """How many tokens from the first on are in finished blocks. Tokens come row by row."""
    written = {index for early, index, _ in sprites if not early}
    blocks = next((index for index in range(part.n_blocks) if index not in written), part.n_blocks)
    return min(blocks * part.block, len(part.positions))
