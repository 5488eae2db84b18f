"""Ways of finding concepts compared.

A map of each scored against truth, and what labels alone say of each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import BadInputError
from ..study.settings import GIVEN, list_quantizers
from .choose import choose
from .heads import fit_head, outcome_of, suggested_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy as np

    from ..study.settings import FitSettings
    from .choose import Choice
    from .heads import Outcome
    from .problem import Problem

__all__ = [
    "OF",
    "asked",
    "candidates_of",
    "choose_quantizer",
    "methods_of",
    "notes_of",
    "outcomes_of",
    "row_name",
]

OF = "quantizers"  # of a search: what was chosen among
_METHOD = "quantizers: "  # a method that is several; the names follow, with commas between them


def row_name(quantizer: str) -> str:
    """What a quantizer's row is called."""
    return f"concepts by {quantizer}" if quantizer != GIVEN else "concepts as encoded"


def methods_of(names: str | None) -> list[str]:
    """Methods for ``evaluate``: "all", "none" or None, or quantizers separated by commas.

    List of one str, or of none.

    Raises BadInputError.
    """
    if names in (None, "none", ""):
        return []
    known = list_quantizers()
    chosen = known if names == "all" else [each.strip() for each in names.split(",")]
    for name in chosen:
        if name not in known:
            raise BadInputError(f"there is no quantizer {name!r}: choose from {', '.join(known)}, or all")
    return [_METHOD + ",".join(dict.fromkeys(chosen))]


def asked(method: str) -> list[str] | None:
    """The quantizers that a method of ``methods_of`` names: list of str; None of another method."""
    return method.removeprefix(_METHOD).split(",") if method.startswith(_METHOD) else None


def candidates_of(problem: Problem, train: np.ndarray, names: list[str]) -> list[FitSettings]:
    """Settings that a fit begins with, by each quantizer; where the encoder brings concepts, those first.

    List of FitSettings.
    """
    usual = suggested_for(problem, train)
    first = [usual] if problem.given is not None else []
    return first + [replace(usual, quantizer=name) for name in names]


def choose_quantizer(
    problem: Problem,
    train: np.ndarray,
    names: list[str],
    seed: int = 0,
    progress: Callable[..., object] | None = None,
) -> Choice:
    """What labels of the data ``train`` say of quantizers.

    Choose.Choice, in the order of ``candidates_of``; the first stays unless another is clearly better.
    """
    choice = choose(problem, train, candidates_of(problem, train, names), seed, progress)
    return replace(
        choice,
        names=tuple(row_name(each.quantizer) for each in choice.candidates),
        first=row_name(choice.candidates[0].quantizer),
    )


def outcomes_of(
    problem: Problem,
    names: list[str],
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
    started: Callable[..., Any],
) -> tuple[dict[str, Outcome], Choice]:
    """Maps of the data ``test`` by each quantizer, fitted on ``train``.

    ({row name: Outcome}, Choice by labels alone).

    ``started``: the clock that an Outcome's seconds are of.
    """
    found = {}
    for settings in candidates_of(
        problem, train, names
    ):  # first, so that seconds are those of finding concepts, too
        begun = started()
        found[row_name(settings.quantizer)] = outcome_of(fit_head(problem, train, settings), test, begun)
    return found, choose_quantizer(problem, train, names, seed)


def notes_of(searches: list[dict[str, float | list[dict] | str]]) -> list[str]:
    """What labels say of each quantizer, in sentences, from searches whose "of" is ``OF``: list of str."""
    if not searches:
        return []
    lines = []
    for at, one in enumerate(searches[0]["candidates"]):
        rows = [search["candidates"][at] for search in searches]
        mean = {
            key: sum(row[key] for row in rows) / len(rows)
            for key in ("ap", "log_loss", "auroc", "top_auroc", "stability")
        }
        lines.append(
            f"{one['settings']}: AP {mean['ap']:.3f}; by labels alone log loss {mean['log_loss']:.3f}, AUROC"
            f" {mean['auroc']:.3f}, of the best twentieth {mean['top_auroc']:.3f}, stability"
            f" {mean['stability']:.2f}"
        )
    chosen = dict.fromkeys(f"{search['chosen']} ({search['why']})" for search in searches)
    loss, usual = (
        sum(search[key] for search in searches) / len(searches) for key in ("loss", "suggested_loss")
    )
    said = (
        f"Quantizer by labels alone: {'; '.join(chosen)}. That costs {loss:.3f} AP against choosing by the"
        f" truth; the one to begin with costs {usual:.3f}."
    )
    return [f"{'. '.join(lines)}.", said]
