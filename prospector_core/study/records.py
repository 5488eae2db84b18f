"""What ``study.sqlite`` says of a study, its files and its data, checked where it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ..errors import StudyDamagedError
from ..store.checked import LargerRecord, Number, Positive, Record, Side, read_json, record_of
from .fit_records import check_settings

if TYPE_CHECKING:
    from pathlib import Path

    from ..store.database import Database
    from .journal import CurationState
    from .study import Study

__all__ = ["check_edits", "check_meta", "datum_row", "fit_row", "job_rows", "source_row"]

_Name = Annotated[str, Field(max_length=10_000)]
_Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}\z")]
_Path = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*\z")]


class _Vectors(LargerRecord):
    folder: _Path
    absolute: _Path


class _Table(LargerRecord):
    sample: str | None = None
    values: str = "X"
    spatial: str = "spatial"
    unit: str | None = None
    features: str | None = None
    not_features: str | None = None
    x: str | None = None
    y: str | None = None
    label: str | None = None
    table: str | None = None


class _Embedding(LargerRecord):
    encoder: _Name
    mpp: Positive | None = None
    tile: Annotated[int, Field(ge=1, le=65536)] | None = None
    min_tissue: Annotated[Number, Field(ge=0, le=1)] | None = None
    dtype: Literal["float32", "float16"] = "float32"
    stain: Literal["macenko", "reinhard"] | None = None
    imported: bool = False
    dim: Annotated[int, Field(ge=1, le=10**6)] | None = None
    words: Annotated[int, Field(ge=1, le=10_000)] | None = None
    language: _Name | None = None
    id_field: _Name | None = None
    text_field: _Name | None = None
    reader: Annotated[int, Field(ge=1, le=2)] = 1
    notes: list[str] = []
    atom: _Name | None = None
    cutoff: Positive | None = None
    features: list[str] | None = None
    transform: _Name | None = None
    mean: list[Number] | None = None
    scale: list[Number] | None = None
    edges: _Name | None = None
    unit: _Name | None = None
    table: _Table | None = None
    vectors: _Vectors | None = None


class _Meta(LargerRecord):
    name: _Name
    modality: _Name
    classes: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=2, max_length=1000)]
    embedding: _Embedding


_STATES = {
    "embed": ("waiting", "running", "paused", "done", "failed"),
    "worker": ("starting", "working", "fitting", "not fitted", "ended", "failed"),
}


class _Job(Record):
    uid: Annotated[str, Field(max_length=200)]
    state: Annotated[str, Field(max_length=20)]
    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)]
    message: str
    updated: Number
    rate: Annotated[Number, Field(ge=0)]
    request: Literal["", "pause", "cancel"]


class _Fingerprint(LargerRecord):
    size: Annotated[int, Field(ge=0)]
    hash: str


class _Info(LargerRecord):
    absolute: _Path | None = None
    width: Side | None = None
    height: Side | None = None
    mpp: Positive | None = None
    stated_mpp: Number | None = None
    objective_power: Number | None = None
    format: _Name | None = None
    title: _Name | None = None
    bounds: Annotated[list[Number], Field(min_length=4, max_length=4)] | None = None
    at_hand: bool = True
    fingerprint: _Fingerprint | None = None
    documents: int | None = None
    models: int | None = None
    assemblies: list[str] | None = None


class _Source(LargerRecord):
    id: _Uid
    path: _Path
    name: _Name
    info: _Info


class _Part(LargerRecord):
    id: str | None = None
    at: Annotated[int, Field(ge=0, lt=2**62)] | None = None
    sample: str | None = None
    chain: str | None = None
    model: str | None = None
    assembly: str | None = None
    frames: str | None = None


class _Datum(LargerRecord):
    uid: _Uid
    name: _Name
    source: _Uid
    field: Annotated[list[Side], Field(min_length=4, max_length=4)] | _Part | None
    label: Annotated[int, Field(ge=0)] | None
    split: str | None


class _Fit(LargerRecord):
    id: int
    at: str
    journal: Annotated[int, Field(ge=0)]
    settings: dict[str, Any]
    summary: dict[str, Any]


def check_meta(path: Path, meta: Mapping[str, Any]) -> dict[str, Any]:
    """Raise StudyDamagedError for values of ``meta`` that no program of ours wrote.

    ``path``: of the database.
    """
    _record(_Meta, path, meta, "what it says of itself")
    if len(set(meta["classes"])) < len(meta["classes"]):
        raise StudyDamagedError(f"{path} has two classes of one name: restore it from a backup")


def check_edits(study: Study, state: CurationState) -> None:
    """Raise StudyDamagedError where edits name data or classes that the study does not have.

    Parameters: state, CurationState. Tokens are not looked at: a datum that was embedded anew may have fewer,
    and edits of those that are gone do nothing.
    """
    classes = [*state.labels.values(), *state.class_pins, *(region.target for region in state.regions)]
    if any(label is not None and label >= len(study.classes) for label in classes):
        raise _damaged(f"{study.database.path}: an edit names a class that is not there")
    study.table.follow(state)
    known = {row.uid for row in study.table.rows}
    named = [region.datum for region in state.regions] + [
        step[0] for step in state.steps if isinstance(step, tuple)
    ]
    if not known.issuperset([*state.labels, *state.added, *state.removed, *named]):
        raise _damaged(f"{study.database.path}: an edit names a datum that is not there")


def source_row(path: Path, row: Sequence[Any]) -> Any:
    """A row of ``sources`` as (uid, path, name, info)."""
    found = dict(zip(("id", "path", "name", "info"), row))
    found["info"] = _json(path, found["info"], "what it says of a file")
    _record(_Source, path, found, "what it says of a file")
    return tuple(found.values())


def datum_row(path: Path, row: Sequence[Any], n_classes: int) -> Any:
    """A row of ``data`` as (uid, name, source, field or part, label, split)."""
    found = dict(zip(("uid", "name", "source", "field", "label", "split"), row))
    if found["field"] is not None:
        found["field"] = _json(path, found["field"], "what it says of a datum")
    _record(_Datum, path, found, "what it says of a datum")
    if found["label"] is not None and found["label"] >= n_classes:
        raise StudyDamagedError(
            f"{path} has {n_classes} classes and a datum of class {found['label']}: restore it from a backup"
        )
    return tuple(found.values())


def fit_row(path: Path, row: Sequence[Any]) -> Any:
    """A row of ``fits`` as (id, time, journal entry, settings, summary), the last two as dicts."""
    found = dict(zip(("id", "at", "journal", "settings", "summary"), row))
    for name in ("settings", "summary"):
        found[name] = _json(path, found[name], f"the {name} of fit {found['id']}")
    _record(_Fit, path, found, f"what it says of fit {found['id']}")
    try:
        check_settings(found["settings"])
    except ValueError as error:
        raise _damaged(f"{path} is damaged (fit {found['id']}: {error})") from None
    return tuple(found.values())


def job_rows(database: Database, kind: str, order: str = "jobs.uid") -> list[tuple]:
    """Rows of ``jobs`` of data that are there, or of the process at work (kind "worker").

    List of (uid, state, done, total, message, updated, rate, request). A state that is none is not shown as
    one. Raises StudyDamagedError.
    """
    rows = database.read(
        "SELECT jobs.uid, state, done, total, message, updated, rate, request FROM jobs LEFT JOIN data ON"
        f" data.uid = jobs.uid WHERE kind = ? AND (kind = 'worker' OR position IS NOT NULL) ORDER BY {order}",
        (kind,),
    )
    for row in rows:
        said = dict(zip(("uid", "state", "done", "total", "message", "updated", "rate", "request"), row))
        _record(_Job, database.path, said, "what it says of the queue")
        if said["state"] not in _STATES[kind]:
            raise _damaged(f"{database.path} is damaged: what it says of the queue is no state")
    return rows


def _json(path: Path, text: Any, what: str) -> Any:
    return read_json(text, f"{path} is damaged: {what}", _damaged)


def _damaged(text: str) -> StudyDamagedError:
    return StudyDamagedError(f"{text}: restore it from a backup")


def _record(model: type, path: Path, value: Any, what: str) -> Any:
    return record_of(model, value, f"{path} is damaged: {what}", _damaged)
