"""Atlas page: a sample of all tokens laid out by likeness.

Point at one to see it, click it to know more, choose many to correct them.
"""

import streamlit as st

from pages import shared
from pages.atlas_chosen import about_chosen
from pages.panels.edits import above
from pages.panels.refit import step_history
from pages.panels.token import about_token
from prospector_core.errors import ProspectorError
from prospector_core.palette import class_palette
from prospector_core.wording import datum_words
from viewers.atlas import atlas
from viewers.atlas_points import atlas_points
from viewers.colour_limits import score_limit
from viewers.kinds import view_of
from viewers.study_key import study_key
from viewers.viewing import Focus, Scale
from viewers.words import class_of, plain

MOST = 3000  # tokens: more take long to lay out and hide each other

study = shared.require_fit()
fit = study.view
state = st.session_state
view, words = view_of(study), study.kind.words


@st.cache_resource(show_spinner=False, max_entries=4)
def laid_out(key, n_embedded, _study):
    """The atlas of a study; another one when more data have been embedded."""
    return _study.atlas(MOST)


def picked():
    """A point was clicked."""
    if state["atlas"].pick:
        state["atlas_point"] = state["atlas"].pick["point"]
        state.pop("atlas_chosen", None)


def lassoed():
    """Several points were chosen, or none."""
    if state["atlas"].lasso:
        choose(state["atlas"].lasso["points"])


def choose(points=()):
    """Choose these points together."""
    state.pop("atlas_point", None)
    state["atlas_chosen"] = [int(each) for each in points]


def stepped():
    """Undo or redo by keys."""
    if state["atlas"].step:
        step_history(study, state["atlas"].step["to"])


st.markdown("### Atlas")
st.caption(
    f"Up to {MOST:,} {words.tokens}; the same number from each {datum_words(study)[0]}."
    f" {words.tokens.capitalize()} that the encoder finds alike are near each other;"
    " distances between far groups say nothing. A concept in two places may be worth splitting;"
    " two concepts in one place, merging."
)
above(study)
try:
    with st.spinner(f"Laying out the {words.tokens}; the first time takes up to a minute…"):
        n_embedded = len(study.embedded())
        found = laid_out(study_key(study), n_embedded, study)
except ProspectorError as error:
    shared.say_error(error)
    st.stop()
points = atlas_points(study, fit, found)
if not 0 <= state.get("atlas_point", -1) < len(found):
    state.pop("atlas_point", None)
chosen = [each for each in state.get("atlas_chosen", ()) if 0 <= each < len(found)]

concepts = sorted(study.concepts(), key=lambda each: -each.weight)
with st.container(key="split"):
    left, right = st.columns([5, 2])
with left:
    atlas(
        points,
        key="atlas",
        concepts=[{"id": c.id, "name": c.name, "colour": c.colour, "excluded": c.excluded} for c in concepts],
        scale=Scale(
            limit=score_limit(study),
            classes=study.classes,
            sides=study.sides,
            colours=class_palette(len(study.classes)) if study.several else None,
        ),
        hover=view.hover(study, found),
        focus=Focus(selected=state.get("atlas_point"), chosen=chosen, on_pick=picked),
        on_lasso=lassoed,
        on_step=stepped,
    )
with right:
    if chosen:
        about_chosen(study, found, chosen, choose)
    elif "atlas_point" not in state:
        st.info(
            f"Point at a {words.token} to see it, click it to know more. Draw a lasso (L, or hold Shift)"
            " around many, or a rectangle with the keyboard (R), to see and correct them together.",
            icon=":material/touch_app:",
        )
    else:
        datum = study.datum(found.uids[found.datum[state["atlas_point"]]])
        token = int(found.token[state["atlas_point"]])
        st.markdown(f"**{plain(datum.name)}** · labelled *{plain(class_of(study, datum))}*")
        if st.button(view.show, icon=":material/my_location:", key="atlas_show"):
            shared.show_token(datum, token)
        about_token(study, datum, token)
