"""What kind of data the session's study is of, before the core is loaded."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import streamlit as st

from viewers.kinds import FIRST

__all__ = ["kind_of_session"]


def kind_of_session(default_folder: Path) -> str:
    """The kind of the study that this session has open; ``default_folder``: the study it opens else.

    Asks the study's file itself: the frame of the app is drawn before the core is loaded.
    """
    folder = st.session_state.get("study_path") or os.environ.get("PROSPECTOR_STUDY") or default_folder
    database = Path(folder) / "study.sqlite"
    return _kind(database) if database.exists() else FIRST


def _kind(database):
    # where nothing can be written sqlite reads what never changes alone
    for how in ("mode=ro", "immutable=1"):
        with (
            suppress(sqlite3.Error, TypeError),
            closing(sqlite3.connect(f"{database.absolute().as_uri()}?{how}", uri=True)) as connection,
        ):
            (value,) = connection.execute("SELECT value FROM meta WHERE key = 'modality'").fetchone()
            return value.strip('"')
    return FIRST  # what is wrong with it is said when the study is opened
