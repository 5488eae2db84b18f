"""The frame of the app: navigation, sidebar, and the page that was chosen."""

import contextlib
from pathlib import Path

import streamlit as st

import viewers
from pages.opened_kind import kind_of_session
from sample_data import sample_folder
from viewers.kinds import entry_of

# Pictures of our own: Streamlit's named icons would be fetched from outside for the browser's tab.
PICTURES = Path(viewers.__file__).parent
st.set_page_config(page_title="Prospector", page_icon=str(PICTURES / "icon.png"), layout="wide")
st.logo(str(PICTURES / "logo.svg"), size="large", icon_image=str(PICTURES / "icon.png"))
kind = entry_of(kind_of_session(sample_folder()))
page = st.navigation(
    [
        st.Page("datum.py", title=kind.title, icon=kind.icon, default=True),
        st.Page("study.py", title="Study", icon=":material/folder_open:"),
        st.Page("concepts.py", title="Concepts", icon=":material/palette:"),
        st.Page("atlas.py", title="Atlas", icon=":material/scatter_plot:"),
        st.Page("kernel.py", title="Kernel", icon=":material/grid_on:"),
        st.Page("evaluate.py", title="Evaluation", icon=":material/fact_check:"),
        *(st.Page(file, title=title, icon=icon) for file, title, icon in kind.pages),
    ]
)
with st.spinner("Opening the study…"):
    # Late, as it takes seconds the first time: the frame above and this line are seen meanwhile.
    from pages import deep_link, missing, people, shared, sidebar
    from pages import editing as session
    from pages.panels import preview
    from prospector_core.errors import ProspectorError

    if people.ended():
        st.stop()
    study = shared.current_study(say=True)
    people.note_opened(study)
shared.style()
try:
    with session.drawn(study):
        missing.looking_only(study)
        deep_link.follow_link(study)
        sidebar.sidebar(study)
        # what is wrong with the fit the page says, where there is room for the reason
        with contextlib.suppress(ProspectorError), st.sidebar:
            if study is not None and study.view is not None:
                preview.box(study, "side_")
        page.run()
except ProspectorError as error:
    shared.say_error(error)
