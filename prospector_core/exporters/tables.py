"""A row a token: CSV and Parquet."""

import io

import numpy as np

__all__ = ["csv_table", "parquet_table"]


def columns(study, datum):
    """A datum's tokens as columns: token, where it is (``Modality.places``), concept, name, score, pinned (whether the
    concept's own weight is the expert's)."""
    places = study.kind.places(study, datum)
    concepts = study.concepts_of(datum)
    known = {concept.id: concept for concept in study.concepts()}
    return {
        "token": np.arange(len(concepts)),
        **places,
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
