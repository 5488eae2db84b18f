"""Making a study of graphs or cells.

Which data the files hold, their labels, and what their features are standardised by.
"""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import BadInputError, GraphError, LabelsError
from ..labels import LabelTable
from ..parts import NewStudy
from ..token_file import TokenOptions, TokenTable
from .edges import build_graph, parse_edges
from .encoders import TRANSFORMS, transformed
from .files import list_token_files, open_tokens
from .graph_objects import is_graph_object, label_of, name_of, table_of
from .options import GraphOptions

if TYPE_CHECKING:
    from ...store.database import Database

__all__ = ["look_at_graphs"]


def look_at_graphs(
    path: Path,
    sources: Any,
    labels: LabelTable,
    options: GraphOptions,
    progress: Callable[[int, int], None] | None,
) -> NewStudy:
    """Read the tokens of all data once: for their features, and whether graphs can be made of them.

    Parameters
    ----------
    path : Path
        Of the study.
    sources : a folder or file of tokens (see ``files``), a list of files, or a list of graphs in memory
        networkx, PyTorch Geometric, dicts of features, positions, edges.
    labels : LabelTable
        Its file column names data (samples) or files; for graphs in memory also {name: class} or a list of
        classes; None: the graphs say it themselves.
    options : GraphOptions
    progress : function(data read, data), or None
    """
    transform, edges = options.transform, options.edges
    if transform not in TRANSFORMS:
        raise BadInputError(f"there is no transform {transform!r}: choose one of {', '.join(TRANSFORMS)}")
    if edges is not None:
        parse_edges(edges)
    reading = _reading(options, labels)
    memory = _in_memory(sources)
    if labels.table is None and memory is not None:
        labels = replace(labels, table=_own_labels(memory))
    of_file = isinstance(labels.table, (str, os.PathLike))
    told = _Told()
    files = _memory_files(path, memory) if memory is not None else _disk_files(sources, labels, reading, told)
    rows, classes = _read_labels(labels, files, told)
    matched, parts = _match(rows, files, labels.name if of_file else "labels", told)
    rows = [
        _with_part(row, part if len(files[file]) > 1 else None)
        for row, file, part in zip(rows, matched, parts)
    ]
    statistics, units = _Statistics(transform), set()
    for number, (row, one) in enumerate(_tables(rows, matched, parts, memory, reading), start=1):
        build_graph(_few(one), edges)  # whether it can be made is said now, not when it is embedded
        units.add(one.unit)
        if row.split != "test" or labels.known is not None:  # what is added is not standardised by itself
            statistics.add(one, row.name)
        if progress:
            progress(number, len(rows))
    embedding = {**_embedding_record(options, reading, statistics, units), "notes": told.notes()}
    used = {file: (file.name if memory is not None else str(file), {}, file) for file in sorted(set(matched))}

    def keep(folder: Path, database: Database) -> None:
        for file in used if memory is not None else ():
            _save(memory[files[file][0]], folder / "graphs" / file.name)

    return NewStudy(rows, classes, matched, used, embedding, keep)


@dataclass
class _Told:
    """What the files say of themselves, all together.

    Attributes: left, {what is no feature: why}; said, notes; by, what parts are told by; labels, {part:
    class} of a column of theirs, None where a table says them.
    """

    left: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    by: str = ""
    labels: dict[str, str] | None = None

    def notes(self) -> list[str]:
        """What was left out and why, one line a reason; then what was said."""
        why: dict[str, list[str]] = {}
        for name, reason in self.left.items():
            why.setdefault(reason, []).append(name)
        return [*(f"no feature ({reason}): {_some(names, 8)}" for reason, names in why.items()), *self.said]


def _reading(options: GraphOptions, labels: LabelTable) -> TokenOptions:
    """How the files are read; the column of the class is kept from the features."""
    return TokenOptions(
        options.sample_column,
        options.values,
        options.spatial,
        options.unit,
        options.features,
        options.not_features,
        options.x,
        options.y,
        labels.label_column,
        options.table,
    )


def _embedding_record(
    options: GraphOptions, reading: TokenOptions, statistics: _Statistics, units: set[str]
) -> dict[str, Any]:
    """What the study says of its embeddings. Raises LabelsError where there is nothing to fit on."""
    if statistics.names is None:
        raise LabelsError("all data are for testing: some are needed to fit on")
    mean, scale = statistics.result()
    return {
        "encoder": options.encoder,
        "features": statistics.names,
        "transform": options.transform,
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "edges": options.edges,
        "unit": units.pop() if len(units) == 1 else "",
        "table": {
            key: value
            for key, value in asdict(reading).items()
            if value is not None or key in ("sample", "unit")  # as they were kept before there were more
        },
    }


def _in_memory(sources):
    """{name: TokenTable} of graphs in memory, None where files are meant."""
    if isinstance(sources, (str, os.PathLike)):
        return None
    given = list(sources) if isinstance(sources, (list, tuple)) else [sources]
    if not any(map(is_graph_object, given)):
        return None
    if not all(map(is_graph_object, given)):
        raise BadInputError("give files, or graphs in memory, not both")
    names = [name_of(each, number) for number, each in enumerate(given, start=1)]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise GraphError(f"two graphs are called {double!r}: give each its own name")
    found = _Memory((name, table_of(each, name)) for name, each in zip(names, given))
    found.given = given
    return found


class _Memory(dict):
    """{name: TokenTable}, and the graphs that they were made of."""


def _own_labels(memory):
    found = [label_of(each) for each in memory.given]
    if not any(each is not None for each in found):
        raise LabelsError("say which class each graph is of: labels={name: class}, or a list of classes")
    return found


def _memory_files(path, memory):
    """{file: [name]}: graphs in memory are kept in the study."""
    return {path / "graphs" / f"{number:05d}.npz": [name] for number, name in enumerate(memory, start=1)}


def _disk_files(sources, labels, options, told):
    """{file: [part]} of files on disk; ``told`` is filled with what they say of themselves."""
    table = labels.table
    ignore = [table] if isinstance(table, (str, os.PathLike)) else []
    files, found = {}, {}
    for file in list_token_files(sources, ignore):
        with open_tokens(file, options) as opened:
            files[file] = opened.parts
            told.left |= opened.left
            told.said += opened.said
            told.by = told.by or opened.by
            if table is None and labels.label_column is not None:
                found |= opened.labels(labels.label_column)
    told.labels = found or None
    return files


def _read_labels(labels, files, told):
    """Rows and classes of a table, a {name: class}, a list of classes, or a column of the files."""
    table = labels.table if labels.table is not None else told.labels
    if table is None:
        raise LabelsError(
            "say where the labels are: --labels, a table with a row a sample, or --label-column, a column of"
            f" the files' own tables that is the same for all of a sample{f' ({told.by})' if told.by else ''}"
        )
    if isinstance(table, (str, os.PathLike)):
        return labels.read()
    names = [part for parts in files.values() for part in parts]
    if not isinstance(table, Mapping):
        table = list(table)
        if len(table) != len(names):
            raise LabelsError(f"{len(table)} labels of {len(names)} data: give one each")
        table = dict(zip(names, table))
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "labels.csv"
        with open(written, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("datum", "label"))
            writer.writerows((name, "" if label is None else str(label)) for name, label in table.items())
        return replace(labels, table=written, file_column=None, label_column=None).read()


def _match(rows, files, table, told):
    """The file of each row, and which of its parts: by the name of the datum, else by that of its file."""
    by_part, by_file = {}, {}
    for file, parts in files.items():
        for part in parts:
            by_part.setdefault(part.lower(), []).append((file, part))
        for key in {file.name.lower(), file.stem.lower(), file.name.split(".")[0].lower()}:
            by_file.setdefault(key, []).append(file)
    found, missing = [], []
    for row in rows:
        given = Path(row.file.replace("\\", "/")).name.lower()
        places = by_part.get(row.name.lower(), []) or by_part.get(row.file.lower(), [])
        homes = by_file.get(given, []) or by_file.get(Path(given).stem, [])
        if homes and (row.name != row.file or not places):
            inside = [place for place in places if place[0] in homes]
            places = inside or [(file, files[file][0]) for file in homes if len(files[file]) == 1]
            if not places:
                raise LabelsError(
                    f"{table}: {homes[0].name} holds {len(files[homes[0]])} data ({_some(files[homes[0]])}),"
                    f" none called {row.name!r}: name one"
                )
        if len(places) > 1:
            raise LabelsError(
                f"{table}: {row.name!r} is in {' and in '.join(sorted({file.name for file, _ in places}))}:"
                " add a column that names the file"
            )
        if places:
            found.append(places[0])
        else:
            missing.append(row.name)
    if missing:
        raise LabelsError(
            f"{table} names {_some(missing)}, not found among the data: they are"
            f" {_some([part for parts in files.values() for part in parts])}"
            + (f", by {told.by}; choose one with --sample-column" if told.by else "")
        )
    double = next((place for place in found if found.count(place) > 1), None)
    if double is not None:
        raise LabelsError(f"{table}: two rows are of {double[1]!r}: each datum has one row")
    return [file for file, _ in found], [part for _, part in found]


def _with_part(row, part):
    if row.field is not None:
        raise LabelsError("x, y, width and height are of fields of slides: leave those columns out")
    return replace(row, part={"sample": part} if part is not None else None)


def _tables(rows, matched, parts, memory, options):
    """(row, TokenTable) of each datum, file by file: each is opened once."""
    order = sorted(zip(rows, matched, parts), key=lambda each: (str(each[1]), each[2]))
    for file, group in groupby(order, key=lambda each: each[1]):
        with contextlib.nullcontext() if memory is not None else open_tokens(file, options) as opened:
            for row, _, part in group:
                yield row, memory[part] if memory is not None else opened.read(part)


def _few(table, most=200):
    """Its first tokens, with the edges among them: enough to see whether a graph can be made."""
    if len(table) <= most:
        return table
    edges = table.edges if table.edges is None else table.edges[(table.edges < most).all(axis=1)]
    positions = None if table.positions is None else table.positions[:most]
    return TokenTable(table.features[:most], table.names, positions, edges)


class _Statistics:
    """Mean and standard deviation of each feature, over data one after the other."""

    def __init__(self, transform: str) -> None:
        self.names, self._transform, self._n = None, transform, 0

    def add(self, table: TokenTable, name: str) -> None:
        if self.names is None:
            self.names = list(table.names)
            self._mean, self._square = np.zeros(len(self.names)), np.zeros(len(self.names))
        if list(table.names) != self.names:
            raise GraphError(
                f"{name} has other features ({_some(table.names)}) than the data before it"
                f" ({_some(self.names)})"
            )
        values = transformed(table.features, self._transform)
        n, mean = len(values), values.mean(axis=0)
        away = mean - self._mean
        self._square += ((values - mean) ** 2).sum(axis=0) + away**2 * self._n * n / (self._n + n)
        self._mean = self._mean + away * n / (self._n + n)
        self._n += n

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """(mean, standard deviation); 1 where a feature never changes."""
        deviation = np.sqrt(self._square / self._n)
        return self._mean, np.where(deviation > 1e-12 * np.maximum(np.abs(self._mean), 1.0), deviation, 1.0)


def _save(table, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"features": table.features, "names": np.array(table.names), "unit": np.array(table.unit)}
    for key in ("positions", "edges"):
        if getattr(table, key) is not None:
            arrays[key] = getattr(table, key)
    if table.ids is not None:
        arrays["ids"] = np.array(table.ids)
    np.savez_compressed(file, **arrays)


def _some(names, limit=4):
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
