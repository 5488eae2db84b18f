"""Checks of what an edit says, before the journal keeps it: concepts, pairs, weights, tokens and regions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CurationError
from .views import class_index

if TYPE_CHECKING:
    from .data import Datum
    from .journal import CurationState
    from .study import Study

__all__ = [
    "check_concept",
    "check_evidence",
    "checked_pair",
    "checked_region",
    "checked_shares",
    "checked_tokens",
    "checked_weight",
    "must_say_class",
    "n_concepts",
]


def n_concepts(study: Study, state: CurationState) -> int:
    """How many concepts there are, those that edits added included.

    Raises CurationError before the first fit.
    """
    fit = study.view
    if fit is None:
        raise CurationError("the study has no concepts yet: fit it first")
    return len(fit.centroids) + state.n_extra


def check_concept(study: Study, state: CurationState, concept: int) -> None:
    """Raise CurationError unless a concept is there and counts: neither merged into another nor excluded."""
    n = n_concepts(study, state)
    if not 0 <= concept < n:
        raise CurationError(f"there is no concept {concept}: concepts are 0..{n - 1}")
    if concept in state.merged:
        raise CurationError(
            f"concept {concept} has been merged into {state.home(concept)}: name that one, or undo"
        )
    if concept in state.excluded:
        raise CurationError(f"concept {concept} is excluded: include it first")


def must_say_class(study: Study, target: int | str) -> bool:
    """Whether an edit must say which class it is about.

    Raises CurationError for a class that there is not.
    """
    several = len(study.classes) > 2
    if class_index(study, target) != 1 and not several:
        raise CurationError(
            f"there is one kernel, whose positive weights speak for {study.classes[1]!r}: mark or"
            " pin with that in mind"
        )
    return several


def checked_shares(composition: np.ndarray | dict[int, float]) -> dict[int, float]:
    """What a family is made of, without what is hardly there: {concept: share}.

    Parameters: composition, (K,) shares or {concept: share}.
    """
    shares = (
        composition
        if isinstance(composition, dict)
        else dict(enumerate(np.asarray(composition, float).tolist()))
    )
    shares = {int(concept): round(float(share), 4) for concept, share in shares.items() if share >= 0.0005}
    if not shares:
        raise CurationError("a family is made of at least one concept")
    return shares


def checked_pair(study: Study, concepts: int | Iterable[int]) -> list[int]:
    """A concept, or a pair of concepts in their order, whose weight a study can pin."""
    pair = (
        [int(concepts)] if not isinstance(concepts, (tuple, list)) else sorted(int(one) for one in concepts)
    )
    if len(pair) not in (1, 2):
        raise CurationError("pin one concept or a pair of concepts")
    if len(pair) == 2 and study.settings.radius == 0:
        raise CurationError(
            "this study counts no pairs (radius 0): pin single concepts, or fit with a larger radius"
        )
    return pair


def checked_weight(weight: float | None) -> float | None:
    """A pinned weight as a number; None unpins."""
    weight = None if weight is None else float(weight)
    if weight is not None and not abs(weight) < 1e6:
        raise CurationError(f"a weight must be a number between -1000000 and 1000000, got {weight}")
    return weight


def checked_tokens(
    study: Study, datum: Datum | str | dict[Any, Iterable[int]], tokens: Iterable[int] | None
) -> list[dict[str, Any]]:
    """Tokens of a datum, or of several ({datum: tokens}, tokens None): list of {datum: uid, tokens}."""
    given = datum.items() if isinstance(datum, dict) else [(datum, tokens)]
    parts = []
    for each, some in given:
        each, some = study.datum(each), sorted({int(token) for token in some})
        n = study.n_tokens(each)
        if not some or some[0] < 0 or some[-1] >= n:
            raise CurationError(f"{each.name} has tokens 0..{n - 1}: name at least one of them")
        parts.append({"datum": each.uid, "tokens": some})
    if not parts:
        raise CurationError("name at least one token")
    return parts


def check_evidence(evidence: str, weight: float) -> None:
    """Raise CurationError unless a region can say this, with this weight."""
    if evidence not in ("for", "against", "ignore"):
        raise CurationError(f'evidence is "for", "against" or "ignore", not {evidence!r}')
    if not 0 < float(weight) < 1e6:
        raise CurationError(f"a region's weight must be a positive number, got {weight}")


def checked_region(
    study: Study, datum: Any, polygon: Any
) -> tuple[list[dict[str, Any]], list[list[float]] | None]:
    """The tokens that a region holds, and its outline: list of {datum: uid, tokens}; list of [x, y] or None.

    Parameters: datum and polygon, as those of ``Curation.annotate``.
    """
    several = isinstance(datum, dict)
    data = [study.datum(each) for each in (datum if several or isinstance(datum, (list, tuple)) else [datum])]
    shape = np.asarray([] if several else polygon)
    outline = None
    if several and data:
        found = [np.unique(np.asarray(tokens, np.int64)) for tokens in datum.values()]
    elif (
        shape.ndim == 2 and shape.shape[1] == 2 and len(shape) >= 3 and np.isfinite(shape.astype(float)).all()
    ):
        found = [study.tokens_inside(each, shape) for each in data]
        outline = [[float(x), float(y)] for x, y in shape]
    elif shape.ndim == 1 and shape.size and np.issubdtype(shape.dtype, np.integer) and len(data) == 1:
        found = [np.unique(shape)]
    else:
        raise CurationError("a region is at least 3 points (x, y) in level-0 pixels, or a list of token ids")
    for each, tokens in zip(data, found):
        if not tokens.size or tokens[0] < 0 or tokens[-1] >= study.n_tokens(each):
            raise CurationError(f"the region holds no token of {each.name}: draw it over tissue")
    return [{"datum": each.uid, "tokens": tokens.tolist()} for each, tokens in zip(data, found)], outline
