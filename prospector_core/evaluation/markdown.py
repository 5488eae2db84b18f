"""Evaluations as a page of documentation with its figures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..store.files import write_atomic
from .report import ALT, figures, notes_on, said_of, spread_over_seeds, table_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from .run import Evaluation

__all__ = ["markdown", "overview", "write_markdown"]


def write_markdown(evaluations: list[Evaluation], path: Path, images: Path, intro: str) -> None:
    """A page of documentation: ``path`` (.md), its figures in the folder ``images``.

    ``intro``: text that it begins with.
    """
    text = markdown(evaluations, path, images)
    write_atomic(path, f"{intro}\n{text}".encode())


def markdown(evaluations: list[Evaluation], path: Path, images: Path) -> str:
    """What a page of documentation at ``path`` says of each set, its figures in the folder ``images``."""
    images.mkdir(parents=True, exist_ok=True)
    parts = []
    for each in evaluations:
        parts.append(f"## {each.problem['name']}\n\n{said_of(each)}\n")
        shown = figures(each)
        for name in ALT:
            if shown.get(name):
                file = images / f"{_slug(each.problem['name'])}-{name}.svg"
                write_atomic(file, shown[name].encode())
                parts.append(
                    f"![{ALT[name]}:"
                    f" {each.problem['name']}]({os.path.relpath(file, path.parent).replace(os.sep, '/')})\n"
                )
        parts.append(_markdown_table(table_of(each)))
        parts += [f"- {line}" for line in notes_on(each)] + [""]
    return "\n".join(parts).rstrip() + "\n"


def overview(evaluations: list[Evaluation]) -> str:
    """AP of every method (rows, the best on average first) on every set (columns), ± over seeds: str."""
    found = {
        each.problem["name"]: {row["method"]: row for row in each.summary}
        for each in evaluations
        if each.summary
    }
    names = dict.fromkeys(method for rows in found.values() for method in rows)
    places: dict[str, list[float]] = {name: [] for name in names}
    for rows in found.values():
        for place, method in enumerate(sorted(rows, key=lambda name: -rows[name]["ap"])):
            places[method].append(place / len(rows))
    ranked = sorted(names, key=lambda name: float(np.mean(places[name])))
    chance = ["*a random map*", *(f"{each.problem['chance_ap']:.3f}" for each in evaluations if each.summary)]
    return _markdown_table(
        (
            ["Method", *found],
            [*([name, *(_short(rows.get(name)) for rows in found.values())] for name in ranked), chance],
        )
    )


def _short(row: dict[str, Any] | None) -> str:
    return "" if row is None else f"{row['ap']:.3f} {spread_over_seeds(row)}".strip()


def _markdown_table(table: tuple[list[str], list[list[str]]]) -> str:
    header, rows = table
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).replace("--", "-").strip("-")
