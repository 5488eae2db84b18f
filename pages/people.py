"""Who has logged in to a server, what they may do, and the way out."""

import streamlit as st

from pages import shared
from viewers.access import session as access
from viewers.access.server import server
from viewers.words import plain

__all__ = ["ended", "locked", "note_opened", "who"]


def locked(study=None):
    """Whether a study (None: the one that is open) can only be looked at here.

    This depends on who sits here, and on where the study lies.
    """
    study = study or shared.current_study()
    return study is not None and (bool(study.database.read_only) or not access.may_edit(study.path))


def who(study):
    """Show in the sidebar of a server who has logged in, with the way out.

    Where nothing can be edited, it says why.
    """
    person = access.person_here()
    if person is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="who"):
        st.markdown(f":material/person: {plain(person.name)}", width="stretch")
        if server().settings.openid:
            st.button("Log out", key="log_out", type="tertiary", on_click=st.logout)
    if study is not None and not access.may_edit(study.path):
        st.caption(":material/visibility: You may look at this study, but not edit it.")


def ended():
    """Whether the login of this session has ended, here or in another window.

    Then that is all that the page says.
    """
    started, person = server(), access.person_here()
    if started is None or (person is not None and started.still(person)):
        return False
    st.info("Your login has ended.", icon=":material/logout:")
    st.link_button("Log in again", started.settings.address + "/", type="primary")
    return True


def note_opened(study):
    """On a server: that this session has opened a study, once."""
    if study is not None and st.session_state.get("noted_open") != str(study.path):
        st.session_state["noted_open"] = str(study.path)
        access.note("opened", study)
