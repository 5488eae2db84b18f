"""Concepts page: one card per concept with its most typical tiles.

Rename, recolour, exclude, split, pin, and merge several.
"""

import streamlit as st

from pages import shared
from pages.concept_tree import concept_tree
from pages.editing import edit_quietly
from pages.fields import field_key, typed
from pages.panels import concept_edits
from pages.panels.edits import above
from pages.people import locked
from prospector_core.study.branches import branches_of
from prospector_core.study.prompts import (
    PHRASES,
    can_prompt,
    parse_phrases,
    phrase_vectors,
    similarity,
    suggest_names,
)
from viewers.kinds import view_of
from viewers.study_key import study_key
from viewers.words import heat_table, plain, share_text, weight_bar

ORDERS = {
    "one": lambda c: -c.weight,
    "zero": lambda c: c.weight,
    "tiles": lambda c: -c.tokens,
    "number": lambda c: c.id,
}

study = shared.require_fit()
fit = study.view
state = st.session_state
view, words = view_of(study), study.kind.words
zero, one = plain(study.others), plain(study.classes[study.target])
new = concept_edits.new_parts(study)


def sorted_cards(order):
    """Concepts in the order that was asked for.

    The parts of one that was split at the last refit side by side.
    """
    ranked = sorted(study.concepts(), key=lambda c: (c.excluded, ORDERS[order](c)))
    place = {concept.id: index for index, concept in enumerate(ranked)}
    # a part of a part follows the card that the first split started from
    heads = {part: new.get(head, head) for part, head in new.items()}
    return sorted(
        ranked, key=lambda c: (place.get(heads.get(c.id, c.id), place[c.id]), c.id in new, place[c.id])
    )


def renamed(concept, key):
    """Keep the name that was typed."""
    name = typed(key)
    if name is not None and name.strip() and name.strip() != concept.name:
        edit_quietly(lambda: study.curation.rename(concept.id, name))


def recoloured(concept, key):
    """Keep the colour that was picked."""
    colour = typed(key)
    if colour not in (None, concept.colour):
        edit_quietly(lambda: study.curation.recolour(concept.id, colour))


def picked(uid, token):
    """A token of a card was clicked: note where it lies; the page goes there below, as a callback cannot."""
    state["at_go"] = uid, token


def tokens(concept):
    """A concept's most typical tokens; a click goes to one in its datum."""
    if not view.typical(study, concept, picked):
        st.caption(f"no {words.token} carries this concept")


def about(concept):
    """Weight, how often, and what the expert did to it."""
    if concept.excluded:
        reason = study.curation.state.excluded.get(concept.id, "")
        st.caption(":material/block: excluded, drawn hatched" + (f": {plain(reason)}" if reason else ""))
    else:
        st.html(weight_bar(concept.weight, largest, study.sides, concept.pinned))
    in_zero, in_one = (share_text(share) for share in concept.shares)
    more = f" · holds concepts {', '.join(map(str, concept.merged))} too" if concept.merged else ""
    st.caption(
        f"{in_one} of {words.tokens} in *{one}*, {in_zero} in *{zero}* · {words.count(concept.tokens)}{more}"
    )
    view.about_concept(study, concept)
    for change in concept_edits.waiting(study, concept):
        st.caption(f":orange[:material/pending:] {plain(change)} at the next refit")


def _head(concept, colour, name, gone):
    """Its box to choose, its colour and its name; ``colour``, ``name``: keys of the fields."""
    with st.container(horizontal=True, gap="small", wrap=False, vertical_alignment="center"):
        st.checkbox(
            f"Choose {plain(concept.name)}",
            key=f"choose_{concept.id}",
            label_visibility="collapsed",
            width="content",
            disabled=gone or concept.excluded,
            help="Choose several to merge them",
        )
        st.color_picker(
            f"Colour of concept {concept.id}",
            concept.colour,
            key=colour,
            on_change=recoloured,
            args=(concept, colour),
            disabled=locked(study),
            label_visibility="collapsed",
            width=40,
        )
        st.text_input(
            f"Name of concept {concept.id}",
            concept.name,
            key=name,
            on_change=renamed,
            args=(concept, name),
            max_chars=60,
            disabled=locked(study),
            label_visibility="collapsed",
            placeholder=f"name of concept {concept.id}",
        )


def card(concept):
    """One concept."""
    with st.container(border=True, height="stretch"):
        colour, name = (
            field_key(f"{what}_{concept.id}", value)
            for what, value in (("colour", concept.colour), ("name", concept.name))
        )
        gone = study.curation.state.home(concept.id) != concept.id
        _head(concept, colour, name, gone)
        # Each part in a container of its own, also where it is empty: a popover below that moved would open
        # anew.
        with st.container():
            if concept.id in new:
                # not st.badge, which escapes brackets once more
                parent = plain(study.concept_name(new[concept.id]))
                st.markdown(f":blue-badge[:material/call_split: new: split off {parent}]")
            tokens(concept)
        with st.container():
            about(concept)
        if gone:
            return
        with st.container(horizontal=True, gap="xsmall"):
            concept_edits.exclude_or_include(study, concept)
            if not concept.excluded:
                concept_edits.split(study, concept)
                concept_edits.pin(
                    study,
                    concept.id,
                    float(fit.fitted_coef[concept.id]),
                    concept_edits.pin_of(study, concept.id),
                    f"pin_{concept.id}",
                    "Pinned" if concept_edits.pin_of(study, concept.id) is not None else "Pin",
                )


def clear():
    """Choose none."""
    for concept in chosen:
        state[f"choose_{concept.id}"] = False


@st.cache_data(show_spinner=False, max_entries=8)
def vectors_of(study_key, phrases, _study):
    """Directions of phrases, (n, d): the encoder is loaded once for the same phrases."""
    return phrase_vectors(_study, list(phrases))


def name_by_phrases():
    """A table of concepts against phrases, and the best phrase as name: for encoders that read text too."""
    with st.expander("Name concepts by phrases", icon=":material/translate:"):
        with st.form("phrases", border=False):
            text = st.text_area(
                "Words or phrases, with commas between them",
                ", ".join(PHRASES),
                key="shown_phrases_text",
                help="English, as in a report. The encoder compares each with the pictures of each concept",
            )
            if st.form_submit_button("Compare", icon=":material/compare_arrows:"):
                st.session_state["shown_phrases"] = text
        if "shown_phrases" not in st.session_state:
            return
        with shared.errors_said():
            phrases = parse_phrases(st.session_state["shown_phrases"])
            with st.spinner("Loading the encoder and comparing…"):
                table = similarity(study, phrases, vectors_of(study_key(study), tuple(phrases), study))
            suggested = suggest_names(study, phrases, table)
            shown = [concept for concept in concepts if not concept.excluded]
            st.html(heat_table([c.name for c in shown], phrases, table[[c.id for c in shown]]))
            st.caption(
                "From −1 to 1: how much rather a phrase than the others fits a concept than the others. The"
                " best of each row is bold. A guess of the encoder's, not a diagnosis: look at the tiles."
            )
            if not suggested:
                st.caption("All concepts have names. Undo a name, and its concept gets a suggestion again.")
            else:
                st.button(
                    f"Take the best phrase as name of {len(suggested)} concepts",
                    icon=":material/label:",
                    on_click=rename_all,
                    disabled=locked(study),
                    args=(suggested,),
                    help="Names that you gave stay. Undo takes the names back one by one",
                )


def rename_all(names):
    """Rename concepts, {id: name}, each an edit of its own."""
    if edit_quietly(lambda: [study.curation.rename(id, name) for id, name in names.items()]):
        st.toast(f"{len(names)} concepts named")


if "at_go" in state:
    uid, token = state.pop("at_go")
    shared.show_token(study.datum(uid), token)

st.markdown("### Concepts")
st.caption(
    f"Kinds of {words.token} that the encoder tells apart. A positive weight speaks"
    f" **{plain(study.sides[1])}**, a negative one **{plain(study.sides[0])}** ({fit.unit}). Name what you"
    f" recognise; exclude what does not belong{view.unwanted}; merge what is one kind, split what is two;"
    f" then refit. Click a {words.token} to see it in its {words.datum}."
)
above(study)
if branches_of(study) is not None and st.toggle(
    "As a tree", key="shown_tree", help="Merge and split along its branches"
):
    concept_tree(study)
    st.stop()
labels = {
    "one": f"{plain(study.sides[1])} first",
    "zero": f"{plain(study.sides[0])} first",
    "tiles": f"most {words.tokens} first",
    "number": "by number",
}
order = st.segmented_control(
    "Order", list(ORDERS), default="one", required=True, key="shown_order", format_func=labels.get
)
concepts = sorted_cards(order or "one")
largest = max((abs(c.weight) for c in concepts), default=1.0) or 1.0
chosen = [
    c
    for c in concepts
    if state.get(f"choose_{c.id}") and not c.excluded and study.curation.state.home(c.id) == c.id
]
with st.container(key="chosen_place"):
    if chosen:
        with st.container(border=True, horizontal=True, vertical_alignment="bottom", key="chosen"):
            st.markdown(
                f"**{len(chosen)} chosen:** {', '.join(plain(c.name) for c in chosen)}", width="stretch"
            )
            if len(chosen) > 1:
                concept_edits.merge(study, chosen, "merge_chosen", [f"choose_{c.id}" for c in chosen])
            else:
                st.caption("Choose another one to merge the two.", width="content")
            st.button("Choose none", key="choose_none", on_click=clear)

if can_prompt(study):
    name_by_phrases()

with (
    st.spinner(f"Fetching typical {words.tokens}…"),
    st.container(key="split_cards"),
    st.container(key="cards"),
):
    for start in range(0, len(concepts), 3):
        for column, concept in zip(st.columns(3), concepts[start : start + 3]):
            with column:
                card(concept)
view.about_concepts(study, concepts)
