"""What keeps a study safe, on the Study page: when it was backed up, and where its embeddings lie."""

import streamlit as st

from pages import shared
from prospector_core.errors import ProspectorError
from prospector_core.store.allowed_addresses import allow, check_address
from prospector_core.study.backup import last_backup
from prospector_core.study.editors import moment
from prospector_core.study.embeddings_address import NOT_KEYED
from viewers.words import plain

__all__ = ["allow_box", "keeping"]


def allow_box(study):
    """Where a study names an address of embeddings that was not allowed yet.

    The address, and the way to allow it.
    """
    if study.address.refusal() is None:
        return
    with st.container(border=True, key="allow_store"):
        st.warning(
            "The embeddings of this study are elsewhere. The app has not connected to that place yet.",
            icon=":material/cloud_off:",
        )
        st.code(study.address.url, language=None, wrap_lines=True)
        try:
            if not study.address.linked:
                check_address(study.address.url)
        except ProspectorError as error:
            shared.say_error(error)
            return
        st.markdown(
            "The author of the study chose this address. Allow it only if you know it: your credentials are"
            " used there."
        )
        if st.button("Use this address for this study", icon=":material/lock_open:", key="allow_address"):
            try:
                allow(study.path, study.address.identity, study.address.url)
            except ProspectorError as error:
                shared.say_error(error)
                return
            st.rerun()


def keeping(study):
    """One line on the last backup, and one on the numbers of an earlier study."""
    found = last_backup(study)
    if found is None:
        said = "No backup yet"
    else:
        edits = {0: "no edits since", 1: "1 edit since"}.get(found[1], f"{found[1]:,} edits since")
        said = f"Last backup: {moment(found[0])}, {edits}"
    st.caption(f":material/save: {said}. On the command line: `prospector backup STUDY TARGET`")
    if not study.address.keyed:
        st.caption(f":material/key_off: Numbers of data in exports are {plain(NOT_KEYED)}.")
