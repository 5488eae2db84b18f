"""A page that says hostile texts in every place where Streamlit reads Markdown."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import streamlit as st

from tests.pages.plain_texts import TEXTS
from viewers.words import plain

for number, text in enumerate(TEXTS):
    said = plain(text)
    with st.container(key=f"row_{number}"):
        st.markdown(said)
        st.markdown(f"**{said}** and *{said}*")
        st.markdown(f"- {said}\n- {said}")
        st.caption(said)
        st.info(said)
        st.markdown(f":blue-badge[{said}]")
        st.button(said, key=f"button_{number}")
        st.checkbox(said, key=f"check_{number}")
        st.radio("r", [0], format_func=lambda _, said=said: said, captions=[said], key=f"radio_{number}")
        st.segmented_control("s", [0], format_func=lambda _, said=said: said, key=f"segments_{number}")
        st.text_input(said, key=f"input_{number}")
        st.expander(said, expanded=True, key=f"fold_{number}").write("x")
        st.metric(said, 1)
        st.progress(0.5, said)
st.html("<p id=drawn>drawn</p>")
