"""What pictures and numbers of a study are remembered under, in caches and in addresses of tiles."""

import os
from pathlib import Path

from prospector_core.study import Study
from prospector_core.study.data import edition

__all__ = ["identity", "source_key", "study_key"]


def identity(path: str | Path) -> tuple[int, int] | None:
    """A value that is another one once the folder was replaced by another study."""
    database = Path(path) / "study.sqlite"
    return (
        (database.stat().st_ino, database.stat().st_ctime_ns if os.name == "nt" else 0)
        if database.exists()
        else None
    )


def study_key(study: Study) -> str:
    """The key of a study; another one once embeddings were replaced, or files linked anew."""
    return f"{study.path}|{identity(study.path)}|{study.files.version}|{edition(study)}"


def source_key(study: Study, datum) -> str:
    """The key of what is read from a datum's file: another one once that is another file, too."""
    try:
        state = study.sources[study.datum(datum).source].path.stat()
        return f"{study_key(study)}|{state.st_size} {state.st_mtime_ns}"
    except OSError:
        return study_key(study)
