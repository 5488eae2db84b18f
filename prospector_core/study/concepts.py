"""The concepts of a fit in a study's data: which token carries which, their names, colours and shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EmbeddingError
from ..palette import concept_palette
from .concept_search import given_name
from .data import as_given
from .fits import FitView
from .journal import CurationState
from .settings import GIVEN
from .views import fit_view, layer, naming, view_of

if TYPE_CHECKING:
    from .assignments import Sprites
    from .data import Datum
    from .study import Study

__all__ = [
    "Concept",
    "colours",
    "concept_name",
    "concepts",
    "concepts_of",
    "part_sizes",
    "shares",
    "sprite",
    "tokens_of",
    "typical_tokens",
]


@dataclass(frozen=True)
class Concept:
    """A concept as a page shows it.

    Attributes
    ----------
    id : int
    name : str
    colour : str
        "#rrggbb".
    excluded : bool
    merged : tuple of int
        Ids that went into it.
    weight : float
        Of its monogram.
    pinned : bool
    tokens : int
        How many carry it.
    shares : (2,) tuple of float
        Of the tokens of class 0 and of class 1 data; of several classes, of the data of the others and of the
        class that the study is seen from.
    class_shares : (n_classes,) tuple of float
        Of the tokens of each class's data.
    """

    id: int
    name: str
    colour: str
    excluded: bool
    merged: tuple
    weight: float
    pinned: bool
    tokens: int
    shares: tuple
    class_shares: tuple = ()


# ---- which token carries which


def sprite(study: Study, datum: Any, view: Any = None) -> np.ndarray:
    """A datum's sprite under a fit: (n,) int64, merged ids resolved, excluded tokens -1."""
    view, sprites = _seen(study, view)
    return sprites.curated(study.datum(datum).uid, view.state)


def shares(study: Study, datum: Any, view: Any = None) -> np.ndarray:
    """How far each token belongs to each concept: (n, K) uint8, in units of 1/255.

    Merged concepts' shares are with the one they went into, tokens that are out have none.
    """
    view, sprites = _seen(study, view)
    return sprites.curated_shares(study.datum(datum).uid, view.state)


def tokens_of(study: Study, datum: Any, view: FitView) -> np.ndarray:
    """What maps are made of: the sprite (n,), or shares (n, K) where tokens belong to several concepts."""
    return shares(study, datum, view) if view.settings.softness else sprite(study, datum, view)


def concepts_of(study: Study, datum: Any, view: Any = None) -> np.ndarray:
    """As ``sprite``, (n,) int64, but excluded tokens keep their concept (for drawing them hatched)."""
    view, sprites = _seen(study, view)
    return sprites.groups(view.state)[sprites.edited(study.datum(datum).uid, view.state)]


def _seen(study: Study, view: Any) -> tuple[FitView, Sprites]:
    view = fit_view(study, view)
    return view, layer(study, view.centroids, view.settings)[0]


def part_sizes(study: Study, view: Any = None) -> np.ndarray:
    """How many tokens each concept has before merges: (K,) int64."""
    view, sprites = _seen(study, view)
    parts = [sprites.edited(datum.uid, view.state) for datum in study.embedded()]
    return np.bincount(np.concatenate(parts), minlength=view.n_concepts)


def typical_tokens(
    study: Study, concept: int, n: int = 8, per_datum: int = 2, view: Any = None
) -> list[tuple[Datum, int]]:
    """The tokens nearest to their concept's centre, few from each datum: list of (Datum, token)."""
    view, sprites = _seen(study, view)
    nearest = []
    for order, datum in enumerate(study.embedded()):
        tokens = np.flatnonzero(concepts_of(study, datum, view) == concept)
        distances = sprites.distances(datum.uid)[tokens]
        for at in np.argsort(distances, kind="stable")[:per_datum]:
            nearest.append((float(distances[at]), order, datum, int(tokens[at])))
    nearest.sort(key=lambda row: row[:2])
    return [(datum, token) for _, _, datum, token in nearest[:n]]


# ---- names, colours, shares


def concept_name(study: Study, concept: int, state: CurationState | None = None) -> str:
    """A concept's name: the expert's, else the one that the encoder gives it, else "concept N"."""
    state = state or study.curation.state
    return state.names.get(concept) or _given_name(study, concept) or f"concept {concept}"


def _given_name(study: Study, concept: int) -> str | None:
    view = view_of(study)
    if view is None or view.settings.quantizer != GIVEN or concept >= len(view.centroids):
        return None
    return given_name(study, view.centroids[concept])


def colours(study: Study, view: Any = None) -> list[str]:
    """Colour of each of the K concepts, "#rrggbb", edits applied.

    Merged ones take the colour they went into.
    """
    view = fit_view(study, view)
    state = naming(study, view)
    base = concept_palette(view.n_concepts)
    homes = (view.state.home(k) for k in range(view.n_concepts))
    return [state.colours.get(home, base[home]) for home in homes]


def concepts(study: Study, view: Any = None) -> list[Concept]:
    """Every concept that has not been merged away: list of Concept, ascending id."""
    view = fit_view(study, view)
    state, colour = naming(study, view), colours(study, view)
    tokens, sides, classes = _shares(study, view, state)
    homes = [view.state.home(k) for k in range(view.n_concepts)]
    pinned = {view.state.home(key) for key in view.state.pins_of(view.target) if not isinstance(key, tuple)}
    return [
        Concept(
            id=k,
            name=concept_name(study, k, state),
            colour=colour[k],
            excluded=state.home(k) in state.excluded,
            merged=tuple(other for other, home in enumerate(homes) if other != k and home == k),
            weight=view.weight(k),
            pinned=k in pinned,
            tokens=int(tokens[k]),
            shares=tuple(map(float, sides[:, k])),
            class_shares=tuple(map(float, classes[:, k])),
        )
        for k in range(view.n_concepts)
        if k not in view.state.merged
    ]


def _shares(study: Study, view: FitView, state: CurationState) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of each concept (K,), its shares of the two sides (2, K) and of each class (n_classes, K)."""
    data = study.embedded()
    occurs = _occurrences(study, view, data)
    labels = [state.labels.get(row.uid, row.label) for row in as_given(study, data)]
    totals = np.stack(
        [occurs[[own == label for own in labels]].sum(axis=0) for label in range(len(study.classes))]
    )
    sides = np.stack([np.delete(totals, view.target, axis=0).sum(axis=0), totals[view.target]])
    classes, sides = (of / np.maximum(of.sum(axis=1, keepdims=True), 1) for of in (totals, sides))
    return occurs.sum(axis=0), sides, classes


def _occurrences(study: Study, view: FitView, data: Sequence[Datum]) -> np.ndarray:
    """How many tokens of each datum carry each concept: (n_data, K) int64. Pages ask at every rerun."""

    def compute() -> np.ndarray:
        rows = [np.bincount(concepts_of(study, datum, view), minlength=view.n_concepts) for datum in data]
        if not rows:
            raise EmbeddingError(f"no datum of {study.path} is embedded: run `prospector embed` first")
        return np.stack(rows)

    return study.memory.make(("occurrences", view.id, study.content(data)), compute)
