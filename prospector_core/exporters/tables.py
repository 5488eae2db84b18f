"""A row a token: CSV and Parquet."""

import io

import numpy as np

__all__ = ["csv_table", "parquet_table"]


def columns(study, datum):
    """A datum's tokens as columns: token, row, column, x, y (level-0 pixels, corner), size, concept, name, score,
    pinned (whether the concept's own weight is the expert's)."""
    grid = study.grid(datum)
    concepts = study.concepts_of(datum)
    known = {concept.id: concept for concept in study.concepts()}
    corner = np.array(grid["origin"]) + grid["positions"][:, ::-1] * grid["pitch"]
    return {
        "token": np.arange(len(concepts)),
        "row": grid["positions"][:, 0],
        "column": grid["positions"][:, 1],
        "x": corner[:, 0],
        "y": corner[:, 1],
        "size": np.full(len(concepts), float(grid["pitch"])),
        "concept": concepts,
        "name": [known[concept].name for concept in concepts.tolist()],
        "score": study.prospect(datum),
        "pinned": [known[concept].pinned for concept in concepts.tolist()],
    }


def csv_table(study, datum):
    """A datum as CSV bytes, UTF-8; an excluded token's score is empty."""
    return _write(study, datum, "csv")


def parquet_table(study, datum):
    """A datum as Parquet bytes; an excluded token's score is null."""
    return _write(study, datum, "parquet")


def _write(study, datum, kind):
    import pyarrow  # late: half a second that other commands need not wait
    import pyarrow.csv
    import pyarrow.parquet

    found = columns(study, datum)
    score = pyarrow.array(found["score"], mask=np.isnan(found["score"]))
    table = pyarrow.table({**found, "score": score})
    buffer = io.BytesIO()
    if kind == "csv":
        pyarrow.csv.write_csv(table, buffer)
    else:
        pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()
