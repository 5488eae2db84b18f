"""Kernel page: the weight of every concept and pair; click a cell to see where that pair occurs."""

import numpy as np
import streamlit as st

from pages import shared
from prospector_core.features import unpack
from viewers.figures import kernel_matrix, picked_cell

study = shared.require_fit()
fit = study.current_fit

st.markdown("### Prospect kernel")
hops = f"{fit.radius} hop{'s' if fit.radius != 1 else ''}"
st.caption(
    f"Bars: weight of a concept alone. Square: weight of two concepts within {hops} of each other ({fit.unit}). "
    f"Positive speaks for **{study.classes[1]}**, negative for **{study.classes[0]}**. Click a cell to see where that pair occurs."
)
concepts = sorted(study.concepts(), key=lambda c: (c.excluded, -c.weight))
order = [concept.id for concept in concepts]
mono, table = unpack(fit.coef, fit.n_concepts)
pins = []
for pinned in fit.state.pins:
    pair = pinned if isinstance(pinned, tuple) else (pinned,)
    if all(k in order for k in pair):
        pins.append(tuple(order.index(k) for k in pair))
chosen = st.session_state.get("cell_pair")
figure = kernel_matrix(
    table[np.ix_(order, order)],
    mono[order],
    [concept.name for concept in concepts],
    [concept.colour for concept in concepts],
    excluded=[index for index, concept in enumerate(concepts) if concept.id in fit.state.excluded],
    classes=study.classes,
    label=fit.unit,
    selected=tuple(order.index(k) for k in chosen) if chosen and all(k in order for k in chosen) else None,
    pinned=pins,
)
event = st.plotly_chart(figure, key=f"cell_chart_{fit.id}", on_select="rerun", selection_mode="points", width="stretch", theme="streamlit")
cell = picked_cell(event)
if cell is not None:
    i, j = cell
    picked = (order[i], order[i] if j is None else order[j])
    if picked != chosen:
        st.session_state["cell_pair"] = chosen = picked
        st.rerun()
if chosen is None or not all(k in order for k in chosen):
    st.info("No cell is chosen. Click one in the square.", icon=":material/touch_app:")
    st.stop()

i, j = chosen
weight = fit.pair_weight(i, j)
st.markdown(f"#### *{study.concept_name(i)}* next to *{study.concept_name(j)}*: weight {weight:+.2f}")
found = []
for datum in study.embedded():
    counts = study.pair_tokens(datum, i, j)
    if i == j:
        counts = np.maximum(counts - 1, 0)  # a token beside itself is no pair to look at
    if counts.any():
        found.append((int(counts.sum()) // 2, datum, int(np.argmax(counts))))
found.sort(key=lambda each: -each[0])
if not found:
    st.info("This pair occurs nowhere in the study.", icon=":material/search_off:")
    st.stop()
total = sum(each[0] for each in found)
st.caption(f"{total:,} pairs in {len(found)} of {len(study.embedded())} data; the place with most in each:")
for start in range(0, min(len(found), 12), 6):
    for column, (pairs, datum, token) in zip(st.columns(6), found[start : start + 6]):
        label = study.classes[datum.label] if datum.label in (0, 1) else "unlabelled"
        column.image(shared.token_picture(study, datum, token, 160, 5.0), width="stretch")
        column.caption(f"{datum.name} · {label} · {pairs:,} pairs")
        if column.button("Show on slide", key=f"show_{datum.uid}_{i}_{j}", icon=":material/my_location:", width="stretch"):
            shared.show_token(datum, token)
