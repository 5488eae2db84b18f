"""One row per token: CSV and Parquet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ..wording import table_cell

if TYPE_CHECKING:
    from ..study import Datum, Study

__all__ = ["csv_table", "parquet_table"]


def columns(study: Study, datum: Datum) -> dict[str, list[bool | str] | np.ndarray]:
    """A datum's tokens as columns: token, where it is (``Modality.places``), concept, name, score.

    Pinned (whether the concept's own weight is the expert's).

    Of several classes, if the study is seen from none of them: a column ``score_CLASS`` each, ``class`` (the
    one that it speaks for most) and ``margin`` (see ``Study.strongest_class``) instead of ``score``.
    """
    views = study.class_views()
    places = study.kind.places(study, datum)
    concepts = study.concepts_of(datum)
    known = {concept.id: concept for concept in study.concepts()}
    pinned = {concept.id for view in views for concept in view.concepts() if concept.pinned}
    scores = {"score": views[0].prospect(datum)}
    if len(views) > 1:
        strongest = study.strongest_class(datum)
        scores = {f"score_{view.classes[view.target]}": view.prospect(datum) for view in views}
        names = [None if each < 0 else study.classes[each] for each in strongest.classes.tolist()]
        scores |= {"class": names, "margin": strongest.margin}
    return {
        "token": np.arange(len(concepts)),
        **places,
        "concept": concepts,
        "name": [known[concept].name for concept in concepts.tolist()],
        **scores,
        "pinned": [concept in pinned for concept in concepts.tolist()],
    }


def csv_table(study: Study, datum: Datum) -> bytes:
    """A datum as CSV bytes, UTF-8; an excluded token's score is empty.

    Text that a spreadsheet would run as a formula (it begins with = + - @) has an apostrophe in front.
    """
    return _write(study, datum, "csv")


def parquet_table(study: Study, datum: Datum) -> bytes:
    """A datum as Parquet bytes; an excluded token's score is null."""
    return _write(study, datum, "parquet")


def _write(study: Study, datum: Datum, kind: str) -> bytes:
    import pyarrow  # late: half a second that other commands need not wait
    import pyarrow.csv
    import pyarrow.parquet

    found = columns(study, datum)
    scores = {name for name in found if name in ("score", "margin") or name.startswith("score_")}
    if kind == "csv":  # opened by a spreadsheet, no name may be run
        found = {table_cell(name): _cells(values) for name, values in found.items()}
        scores = {table_cell(name) for name in scores}
    table = pyarrow.table(
        {
            name: pyarrow.array(each, mask=np.isnan(each)) if name in scores else each
            for name, each in found.items()
        }
    )
    buffer = io.BytesIO()
    if kind == "csv":
        pyarrow.csv.write_csv(table, buffer)
    else:
        pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def _cells(values: list[bool | str] | np.ndarray) -> list[bool | str] | np.ndarray:
    """A column of a CSV table: text made safe, numbers as they are."""
    text = (
        isinstance(values, list) or getattr(values, "dtype", None) is not None and values.dtype.kind in "UO"
    )
    return [table_cell(value) for value in values] if text else values
