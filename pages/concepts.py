"""Concepts page: a card a concept; rename, recolour, exclude; each with its most typical tiles."""

import streamlit as st

from pages import shared
from prospector_core.study.prompts import PHRASES, can_prompt, parse_phrases, similarity, suggest_names

study = shared.require_fit()
fit = study.current_fit

zero, one = (shared.plain(name) for name in study.classes)

st.markdown("### Concepts")
st.caption(
    f"Kinds of tile that the encoder tells apart. A positive weight speaks for **{one}**, a negative one for "
    f"**{zero}** ({fit.unit}). Name what you recognise; exclude what is no tissue (ink, folds, dust); then refit."
)
shared.refit_here(study)
ORDERS = {
    f"for {study.classes[1]} first": lambda c: -c.weight,
    f"for {study.classes[0]} first": lambda c: c.weight,
    "most tiles first": lambda c: -c.tokens,
    "by number": lambda c: c.id,
}
order = st.segmented_control("Order", list(ORDERS), default=next(iter(ORDERS)), required=True, key="shown_order")
concepts = sorted(study.concepts(), key=lambda c: (c.excluded, ORDERS[order or next(iter(ORDERS))](c)))
largest = max((abs(c.weight) for c in concepts), default=1.0) or 1.0


def renamed(concept):
    """Keep the name that was typed."""
    name = st.session_state[f"name_{concept.id}"]
    if name.strip() and name.strip() != concept.name:
        shared.edit_quietly(lambda: study.curation.rename(concept.id, name))


def recoloured(concept):
    """Keep the colour that was picked."""
    colour = st.session_state[f"colour_{concept.id}"]
    if colour != concept.colour:
        shared.edit_quietly(lambda: study.curation.recolour(concept.id, colour))


def card(concept):
    """One concept."""
    with st.container(border=True, height="stretch"):
        st.session_state[f"colour_{concept.id}"] = concept.colour
        st.session_state[f"name_{concept.id}"] = concept.name
        with st.container(horizontal=True, gap="small", wrap=False):
            st.color_picker(f"Colour of concept {concept.id}", key=f"colour_{concept.id}", on_change=recoloured, args=(concept,),
                            label_visibility="collapsed", width=40)  # fmt: skip
            st.text_input(f"Name of concept {concept.id}", key=f"name_{concept.id}", on_change=renamed, args=(concept,), max_chars=60,
                          label_visibility="collapsed", placeholder=f"name of concept {concept.id}")  # fmt: skip
        picture = shared.typical_tiles(study, concept.id)
        if picture is not None:
            st.image(picture, width="stretch", alt=f"The most typical tiles of {concept.name}")
        else:
            st.caption("no tile carries this concept")
        if concept.excluded:
            st.caption(":material/block: excluded, drawn hatched")
        else:
            st.html(shared.weight_bar(concept.weight, largest, study.classes))
        in_zero, in_one = (shared.share_text(share) for share in concept.shares)
        more = f" · holds concepts {', '.join(map(str, concept.merged))} too" if concept.merged else ""
        st.caption(
            f"{in_one} of tiles in *{one}*, {in_zero} in *{zero}* · {concept.tokens:,} tiles"
            + (" · :material/push_pin: pinned" if concept.pinned else "") + more
        )  # fmt: skip
        if concept.excluded:
            if st.button("Include", key=f"include_{concept.id}", icon=":material/add_circle:", width="stretch"):
                shared.edit(
                    lambda: study.curation.include(concept.id),
                    f"{shared.plain(concept.name)} is back: refit to see the effect",
                )
        elif st.button("Exclude", key=f"exclude_{concept.id}", icon=":material/block:", width="stretch",
                           help="Its tiles leave the graph: no count, no score, a gap to their neighbours"):  # fmt: skip
            shared.edit(
                lambda: study.curation.exclude(concept.id),
                f"Excluded {shared.plain(concept.name)}: refit to see the effect",
            )


def name_by_phrases():
    """A table of concepts against phrases, and the best phrase as name: for encoders that read text too."""
    with st.expander("Name concepts by phrases", icon=":material/translate:"):
        with st.form("phrases", border=False):
            text = st.text_area(
                "Words or phrases, with commas between them", ", ".join(PHRASES), key="shown_phrases_text",
                help="English, as in a report. The encoder compares each with the pictures of each concept",
            )  # fmt: skip
            if st.form_submit_button("Compare", icon=":material/compare_arrows:"):
                st.session_state["shown_phrases"] = text
        if "shown_phrases" not in st.session_state:
            return
        with shared.errors_said():
            phrases = parse_phrases(st.session_state["shown_phrases"])
            with st.spinner("Loading the encoder and comparing…"):
                table = similarity(study, phrases, shared.vectors_of(study, phrases))
            suggested = suggest_names(study, phrases, table)
            shown = [concept for concept in concepts if not concept.excluded]
            st.html(shared.heat_table([c.name for c in shown], phrases, table[[c.id for c in shown]]))
            st.caption(
                "From −1 to 1: how much rather a phrase than the others fits a concept than the others. The best of each row is bold. "
                "A guess of the encoder's, not a diagnosis: look at the tiles."
            )
            if not suggested:
                st.caption("All concepts have names. Undo a name, and its concept gets a suggestion again.")
            elif st.button(f"Take the best phrase as name of {len(suggested)} concepts", icon=":material/label:",
                           help="Names that you gave stay. Undo takes the names back one by one"):  # fmt: skip
                shared.edit(lambda: rename_all(suggested), f"{len(suggested)} concepts named")


def rename_all(names):
    """Rename concepts, {id: name}, each an edit of its own."""
    for id, name in names.items():
        study.curation.rename(id, name)


if can_prompt(study):
    name_by_phrases()

with st.spinner("Fetching typical tiles…"), st.container(key="split_cards"):
    for start in range(0, len(concepts), 3):
        for column, concept in zip(st.columns(3), concepts[start : start + 3]):
            with column:
                card(concept)
