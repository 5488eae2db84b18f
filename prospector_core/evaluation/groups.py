"""Groups of data that must not straddle a fold, and folds as given, from a table."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError
from ..method.folds import grouped_folds

if TYPE_CHECKING:
    from .problem import Problem

__all__ = ["grouped"]

_DATUM = ("datum", "id", "name", "slide", "file", "document", "pdb_id")
_GROUP = ("group", "patient", "case", "cluster", "cluster40", "site")


def grouped(problem: Problem, table: Path, seed: int = 0, folds: int = 5) -> Problem:
    """The same problem with folds that keep together what a table says belongs together.

    Parameters
    ----------
    table : Path
        A .csv or .tsv, with a column for the datum and one for its group (group, patient, case, cluster) or
        its fold (fold), which then stays as it is given. Every datum must be named.
    seed, folds : int
        Of folds that are drawn.

    Returns Problem. Raises BadInputError.
    """
    rows, names = _read(table)
    datum, group = (next((names[each] for each in some if each in names), None) for some in (_DATUM, _GROUP))
    if datum is None or (group is None and "fold" not in names):
        raise BadInputError(
            f"{table.name} must have a column for the datum ({', '.join(_DATUM[:3])}) and one for its group"
            f" ({', '.join(_GROUP[:3])}) or fold; it has {', '.join(names)}"
        )
    column = names.get("fold", group)
    said = {row[datum].strip(): (row[column] or "").strip() for row in rows}
    own = [said.get(name) or said.get(Path(name).stem) for name in problem.ids]
    if missing := [name for name, each in zip(problem.ids, own) if not each]:
        raise BadInputError(f"{table.name} has no {column} of {missing[0]}: name every labelled datum")
    if "fold" not in names:
        return _with(problem, grouped_folds(problem.labels, own, folds, seed), own)
    numbers = np.unique(own, return_inverse=True)[1]
    found = [
        (np.flatnonzero(numbers != each), np.flatnonzero(numbers == each)) for each in np.unique(numbers)
    ]
    if any(len(set(problem.labels[train].tolist())) < 2 for train, _ in found):
        raise BadInputError(f"{table.name}: without one of the folds only one class is left to fit on")
    return _with(problem, found, None)


def _with(problem: Problem, folds: list[tuple[np.ndarray, np.ndarray]], groups: list | None) -> Problem:
    others = {name: replace(each, folds=folds, groups=groups) for name, each in problem.others.items()}
    return replace(problem, folds=folds, groups=groups, others=others, cache={}, drawn={})


def _read(table: Path) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Rows of a table, and its columns by their names in small letters."""
    if not table.is_file():
        raise BadInputError(f"there is no file {table}: give a table of groups or folds")
    tab = table.name.removesuffix(".gz").endswith(".tsv")
    with gzip.open(table, "rt") if table.suffix == ".gz" else table.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t" if tab else ","))
    if not rows:
        raise BadInputError(f"{table.name} has no rows")
    return rows, {name.strip().lower(): name for name in rows[0] if name}
