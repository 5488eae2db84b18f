"""Kernel page: the weight of every concept and pair; click a cell to see where that pair occurs."""

import numpy as np
import streamlit as st

from pages import shared
from pages.edits import waiting_for_refit
from prospector_core.features import unpack
from viewers.figures import kernel_matrix, picked_cell

SHOWN = 8  # places, one a datum
ALONE = -1

study = shared.require_fit()
fit = study.current_fit
state = st.session_state
concepts = sorted(study.concepts(), key=lambda c: (c.excluded, -c.weight))
order = [concept.id for concept in concepts]
names = {concept.id: concept.name for concept in concepts}
active = [concept.id for concept in concepts if concept.id not in fit.state.excluded]
chart = f"cell_chart_{fit.id}"


def clicked():
    """A cell of the square, or a bar."""
    cell = picked_cell(state[chart])
    if cell is not None:
        i, j = cell
        state["cell_pair"] = (order[i], ALONE if j is None else order[j])


def chosen_by_name():
    """The same by the boxes beside the square, for those who cannot click it."""
    state["cell_pair"] = (state["cell_first"], state["cell_second"])


def figure():
    """The square and the bars."""
    mono, table = unpack(fit.coef, fit.n_concepts)
    pins = []
    for pinned in fit.state.pins:
        pair = pinned if isinstance(pinned, tuple) else (pinned,)
        if all(k in order for k in pair):
            pins.append(tuple(order.index(k) for k in pair))
    pair = state.get("cell_pair")
    return kernel_matrix(
        table[np.ix_(order, order)],
        mono[order],
        [concept.name for concept in concepts],
        [concept.colour for concept in concepts],
        excluded=[index for index, k in enumerate(order) if k not in active],
        classes=study.classes,
        label=fit.unit,
        selected=tuple(None if k == ALONE else order.index(k) for k in pair) if pair else None,
        pinned=pins,
    )


def places(i, j):
    """Where a pair (or one concept) lies: the datum's place with most of it, with a way there."""
    found = shared.pairs_of(study, i, None if j == ALONE else j)
    if not found:
        st.info("This occurs nowhere in the study.", icon=":material/search_off:")
        return
    what = "tile" if j == ALONE else "pair"
    total = sum(each[0] for each in found)
    st.caption(
        f"{total:,} {what}{'s' if total != 1 else ''} in {len(found)} of {len(study.embedded())} data. Of each, the most telling place:"
    )
    for start in range(0, min(len(found), SHOWN), 2):
        for column, (count, uid, token) in zip(st.columns(2), found[start : start + 2]):
            datum = study.datum(uid)
            with column:
                words = f"{datum.name} · {shared.class_of(study, datum)} · {count:,} {what}{'s' if count != 1 else ''}"
                st.image(shared.token_picture(study, datum, token, 180, 5.0), width="stretch", alt=words)
                st.caption(shared.plain(words))
                if st.button(
                    "Show on slide", key=f"show_{uid}_{i}_{j}", icon=":material/my_location:", width="stretch"
                ):
                    shared.show_token(datum, token)


st.markdown("### Prospect kernel")
hops = f"{fit.radius} hop{'s' if fit.radius != 1 else ''}"
st.caption(
    f"Square: weight of two concepts within {hops} of each other. Bars: weight of a concept by itself ({fit.unit}). "
    f"Positive speaks for **{shared.plain(study.classes[1])}**, negative for **{shared.plain(study.classes[0])}**. Click a cell or a bar to see where it occurs."
)
shared.refit_here(study, waiting_for_refit(study))
pair = state.get("cell_pair")
if pair and not (pair[0] in active and pair[1] in [ALONE, *active]):
    pair = None
    del state["cell_pair"]
with st.container(key="split"):
    left, right = st.columns([3, 2], gap="medium")
with left:
    st.plotly_chart(figure(), key=chart, on_select=clicked, selection_mode="points", width="stretch", theme="streamlit",
                    config={"displayModeBar": False})  # fmt: skip
with right:
    state["cell_first"], state["cell_second"] = pair or (None, ALONE)
    st.selectbox(
        "Concept",
        active,
        index=None,
        key="cell_first",
        format_func=names.get,
        on_change=chosen_by_name,
        placeholder="Click a cell, or choose here",
    )
    st.selectbox("within the receptive field of", [ALONE, *(active if fit.radius else [])], key="cell_second", on_change=chosen_by_name,
                 format_func=lambda k: names.get(k, "(by itself, wherever it is)"), disabled=pair is None)  # fmt: skip
    if pair:
        i, j = pair
        if j == ALONE:
            st.markdown(f"#### *{shared.plain(names[i])}* by itself: {shared.signed(fit.weight(i))}")
        else:
            st.markdown(
                f"#### *{shared.plain(names[i])}* near *{shared.plain(names[j])}*: {shared.signed(fit.pair_weight(i, j))}"
            )
        with st.spinner("Looking for places…"):
            places(i, j)
