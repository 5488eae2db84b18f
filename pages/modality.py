"""Which page shows the data of a study: by what the study is of."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

__all__ = ["MAIN_PAGES", "MainPage", "main_page", "main_page_of_session"]


@dataclass(frozen=True)
class MainPage:
    """The page that shows the data of a modality: its file, title and icon, and pages beside it."""

    file: str
    title: str
    icon: str
    more: tuple = ()  # pages that only this modality has: (file, title, icon) each


MAIN_PAGES = {
    "slides": MainPage("slide.py", "Slide", ":material/biotech:"),
    "structures": MainPage(
        "structure.py", "Structure", ":material/hub:", (("families.py", "Families", ":material/category:"),)
    ),
    "documents": MainPage("document.py", "Document", ":material/article:"),
    "cells": MainPage("graph.py", "Cells", ":material/bubble_chart:"),
    "graphs": MainPage("graph.py", "Graph", ":material/bubble_chart:"),
}


def main_page(study):
    """The MainPage of a study."""
    return MAIN_PAGES[study.modality]


def main_page_of_session(default_folder):
    """The MainPage of the study that this session has open; ``default_folder``: the study it opens else.

    Asks the study's file itself: the frame of the app is drawn before the core is loaded.
    """
    folder = st.session_state.get("study_path") or os.environ.get("PROSPECTOR_STUDY") or default_folder
    database = Path(folder) / "study.sqlite"
    return MAIN_PAGES.get(_modality(str(database)) if database.exists() else "slides", MAIN_PAGES["slides"])


def _modality(database):
    for how in (
        "mode=ro",
        "immutable=1",
    ):  # where nothing can be written sqlite reads what never changes alone
        with (
            suppress(sqlite3.Error, TypeError),
            closing(sqlite3.connect(f"{Path(database).absolute().as_uri()}?{how}", uri=True)) as connection,
        ):
            (value,) = connection.execute("SELECT value FROM meta WHERE key = 'modality'").fetchone()
            return value.strip('"')
    return "slides"  # what is wrong with it is said when the study is opened
