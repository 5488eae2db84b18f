"""The frame of the app: navigation, sidebar, and the page that was chosen."""

from pathlib import Path

import streamlit as st

import viewers
from pages import shared

# A picture of our own: Streamlit's named icons would be fetched from outside for the browser's tab.
ICON = Path(viewers.__file__).with_name("icon.png")
st.set_page_config(page_title="Prospector", page_icon=str(ICON), layout="wide")
st.html("<style>.stMainBlockContainer {padding-top: 3.2rem; padding-bottom: 2rem}</style>")
page = st.navigation(
    [
        st.Page("slide.py", title="Slide", icon=":material/biotech:", default=True),
        st.Page("study.py", title="Study", icon=":material/folder_open:"),
        st.Page("concepts.py", title="Concepts", icon=":material/palette:"),
        st.Page("kernel.py", title="Kernel", icon=":material/grid_on:"),
    ]
)
shared.sidebar(shared.current_study())
page.run()
