"""Which folders the app reads: those of whoever started it, of the studies, and what ``--data`` names."""

import os
from pathlib import Path

import sample_data
from prospector_core.store.readable import (
    DATA_FOLDERS,
    is_ordinary,
    limit_reading,
    named_folders,
    remembered_folders,
    source_folders,
    working_folder,
)
from sample_data import sample_folder

__all__ = ["limit_app"]


def limit_app(own: bool = True) -> None:
    """Let this process, and those it starts, read only what the app may.

    Parameters
    ----------
    own : bool
        Whether the home folder and the working directory of the account are among it, and where its studies
        were made from: right where only its owner gets in.

    Raises
    ------
    BadInputError
        If PROSPECTOR_DATA_FOLDERS names what may not be named.
    """
    named = [each for each in os.environ.get(DATA_FOLDERS, "").split(os.pathsep) if each]
    folders = [*named_folders(named), sample_folder().parent, Path(sample_data.__file__).parent]
    study = Path(os.environ.get("PROSPECTOR_STUDY") or sample_folder())  # what this start opens
    folders += [study, *filter(is_ordinary, source_folders(study))]
    if own:
        folders += [Path.home(), *working_folder(), *remembered_folders()]
    limit_reading(folders)
