"""Concepts page: a card a concept; rename, recolour, exclude; each with its most typical tiles."""

import streamlit as st

from pages import shared

study = shared.require_fit()
fit = study.current_fit

st.markdown("### Concepts")
st.caption(
    f"Kinds of tile that the encoder tells apart. A positive weight speaks for **{study.classes[1]}**, a negative one for "
    f"**{study.classes[0]}** ({fit.unit}). Name what you recognise; exclude what is no tissue (ink, folds, dust); then refit."
)
ORDERS = {
    f"for {study.classes[1]} first": lambda c: -c.weight,
    f"for {study.classes[0]} first": lambda c: c.weight,
    "most tiles first": lambda c: -c.tokens,
    "by number": lambda c: c.id,
}
order = st.segmented_control("Order", list(ORDERS), default=next(iter(ORDERS)), required=True)
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
    with st.container(border=True):
        swatch, name = st.columns([1, 6], vertical_alignment="bottom")
        st.session_state[f"colour_{concept.id}"] = concept.colour
        st.session_state[f"name_{concept.id}"] = concept.name
        swatch.color_picker("Colour", key=f"colour_{concept.id}", on_change=recoloured, args=(concept,), label_visibility="collapsed")
        name.text_input("Name", key=f"name_{concept.id}", on_change=renamed, args=(concept,), max_chars=60, label_visibility="collapsed")
        picture = shared.tile_mosaic(study, study.typical_tokens(concept.id))
        if picture is not None:
            st.image(picture, width="stretch")
        else:
            st.caption("no tile carries this concept")
        if concept.excluded:
            st.caption(":material/block: excluded, drawn hatched")
        else:
            st.html(shared.weight_bar(concept.weight, largest, study.classes))
        zero, one = (shared.share_text(share) for share in concept.shares)
        more = f" · holds concepts {', '.join(map(str, concept.merged))} too" if concept.merged else ""
        st.caption(
            f"{one} of tiles in *{study.classes[1]}*, {zero} in *{study.classes[0]}* · {concept.tokens:,} tiles"
            + (" · :material/push_pin: pinned" if concept.pinned else "") + more
        )  # fmt: skip
        if concept.excluded:
            if st.button("Include", key=f"include_{concept.id}", icon=":material/add_circle:", width="stretch"):
                shared.edit(lambda: study.curation.include(concept.id), f"{concept.name} is back: refit to see the effect")
        elif st.button("Exclude", key=f"exclude_{concept.id}", icon=":material/block:", width="stretch",
                           help="Its tiles leave the graph: no count, no score, a gap to their neighbours"):  # fmt: skip
            shared.edit(lambda: study.curation.exclude(concept.id), f"Excluded {concept.name}: refit to see the effect")


columns = st.columns(3)
for index, concept in enumerate(concepts):
    with columns[index % 3]:
        card(concept)
