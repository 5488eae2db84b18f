"""Addresses that lead to a place on the main page, and the command that leads on to napari."""

import shlex

import pytest
from streamlit.testing.v1 import AppTest

from prospector_core.study import Study
from viewers.napari_plugin.browser import link_to

PAGE = """
import os
import streamlit as st
from pages.deep_link import follow_link
from pages.panels.napari import napari_command
from prospector_core.study import Study
study = Study.open(os.environ["PROSPECTOR_STUDY"])
follow_link(study)
napari_command(study, study.datum("field B3"))
"""


def opened(**query):
    """The page at an address."""
    page = AppTest.from_string(PAGE, default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception and not page.query_params
    return page


def test_an_address_leads_to_a_token_once(folder):
    uid = Study.open(folder).datum("field C4").uid
    page = opened(datum=uid, token="5")
    assert (
        page.session_state["at_datum"],
        page.session_state["at_token"],
        page.session_state["at_focus"],
    ) == (
        uid,
        5,
        True,
    )
    page.session_state["at_token"] = 2
    assert page.run().session_state["at_token"] == 2


def test_an_address_leads_to_what_was_in_sight(folder):
    uid = Study.open(folder).datum("field C4").uid
    page = opened(datum=uid, view="10,20,300,200")
    assert page.session_state["at_view"] == (10, 20, 300, 200) and "at_token" not in page.session_state


@pytest.mark.parametrize(
    "query",
    [{"datum": "../etc"}, {"token": "3"}, {"datum": "field B3", "token": "1"}],
)
def test_an_address_that_makes_no_sense_is_passed_over(folder, query):
    assert "at_datum" not in opened(**query).session_state


@pytest.mark.parametrize("token", ["-1", "99999", "x", "٣"])
def test_a_token_that_is_none_leads_to_its_datum(folder, token):
    uid = Study.open(folder).datum("field C4").uid
    page = opened(datum=uid, token=token, view="1,2,-3,inf")
    assert page.session_state["at_datum"] == uid and "at_token" not in page.session_state


def test_the_command_for_napari_names_the_study_and_the_datum(folder):
    (code,) = opened().code
    assert shlex.split(code.value) == [
        "prospector",
        "napari",
        str(folder.resolve()),
        Study.open(folder).datum("field B3").uid,
    ]


class Selected:
    """As much of a review as a link needs."""

    def __init__(self, datum, token):
        self.datum, self.token = datum, token


def test_napari_s_link_is_what_the_page_follows(folder):
    datum = Study.open(folder).datum("field C4")
    query = dict(part.split("=") for part in link_to(Selected(datum, 5))[1:].split("&"))
    assert opened(**query).session_state["at_token"] == 5
    query = dict(
        part.split("=")
        for part in link_to(Selected(datum, None), (1, 2, 30, 40))[1:].replace("%2C", ",").split("&")
    )
    assert opened(**query).session_state["at_view"] == (1, 2, 30, 40)
