"""Kernel page: the weight of every concept and pair, also before the last edits.

Click a cell to pin it or see where it occurs.
"""

import streamlit as st

from pages import shared
from pages.panels import concept_edits, preview
from pages.panels.edits import above
from prospector_core.method.features import pair_index
from prospector_core.study.change import Change, last_change
from prospector_core.wording import datum_words
from viewers.figures import Kernel, kernel_matrix, picked_cell
from viewers.hotspots import pairs_of
from viewers.kernel_square import kernel_square
from viewers.kinds import view_of
from viewers.words import class_of, plain, signed

SHOWN = 8  # places, one per datum
ALONE = -1

study = shared.require_fit()
fit = study.view
state = st.session_state
concepts = sorted(study.concepts(), key=lambda c: (c.excluded, -c.weight))
order = [concept.id for concept in concepts]
names, colours = ({concept.id: getattr(concept, what) for concept in concepts} for what in ("name", "colour"))
active = [concept.id for concept in concepts if concept.id not in fit.state.excluded]
chart = "_".join(map(str, ("cell_chart", *(fit.key if study.several else (fit.id,)))))


def clicked():
    """A cell of the square, or a bar."""
    cell = picked_cell(state[chart])
    if cell is not None:
        i, j = cell
        state["cell_pair"] = (order[i], ALONE if j is None else order[j])


def chosen_by_name():
    """The same by the boxes beside the square, for those who cannot click it."""
    state["cell_pair"] = (state["cell_first"], state["cell_second"])


def compared():
    """What there is to compare the kernel with: the edit on trial, else the last refit. Change or None."""
    return preview.current(study) or last_change(study)


def figure(change, shown):
    """The square and the bars."""
    square = kernel_square(change or Change(study, fit, fit), order, shown)
    pair = state.get("cell_pair")
    weights = Kernel(
        square.table,
        square.mono,
        [names[k] for k in order],
        [colours[k] for k in order],
        excluded=square.gone,
        pinned=[tuple(order.index(k) for k in pin) for pin in square.pinned if set(pin) <= set(order)],
        change=shown == "change",
    )
    in_order = pair and set(pair) <= {ALONE, *order}
    return kernel_matrix(
        weights,
        classes=(None, study.classes[study.target]) if study.several else study.classes,
        limit=square.limit,
        label=square.label,
        selected=tuple(None if k == ALONE else order.index(k) for k in pair) if in_order else None,
    )


def pin_cell(i, j):
    """The chosen weight: pin it, or unpin it."""
    key = i if j == ALONE else (min(i, j), max(i, j))
    feature = i if j == ALONE else int(pair_index(i, j, fit.n_concepts))
    pinned = study.curation.state.pins_of(study.target).get(key)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        concept_edits.pin(
            study,
            key,
            float(fit.fitted_coef[feature]),
            pinned,
            "cell_pin",
            "Pin" if pinned is None else "Pinned",
            disabled=any(study.curation.state.home(k) != k for k in (i, j) if k != ALONE),
        )
        if pinned is not None:
            st.caption(f":material/keep: pinned at {signed(pinned)}", width="content")


def places(i, j):
    """Where a pair (or one concept) lies: the datum's place with most of it, with a way there."""
    found = pairs_of(study, i, None if j == ALONE else j)
    if not found:
        st.info("This occurs nowhere in the study.", icon=":material/search_off:")
        return
    what = study.kind.words.token if j == ALONE else "pair"
    total = sum(each[0] for each in found)
    st.caption(
        f"{total:,} {what}{'s' if total != 1 else ''} in {len(found)} of {len(study.embedded())}"
        f" {datum_words(study)[1]}. The strongest place of each:"
    )
    for start in range(0, min(len(found), SHOWN), 2):
        for column, (count, uid, token) in zip(st.columns(2), found[start : start + 2]):
            datum = study.datum(uid)
            with column:
                words = (
                    f"{datum.name} · {class_of(study, datum)} · {count:,} {what}{'s' if count != 1 else ''}"
                )
                view_of(study).token(study, datum, token, "stretch", 5.0, words)
                st.caption(plain(words))
                if st.button(
                    view_of(study).show,
                    key=f"show_{uid}_{i}_{j}",
                    icon=":material/my_location:",
                    width="stretch",
                ):
                    shared.show_token(datum, token)


st.markdown("### Prospect kernel")
hops = f"{fit.radius} hop{'s' if fit.radius != 1 else ''}"
st.caption(
    f"Square: weight of two concepts within {hops} of each other. Bars: weight of a concept by itself"
    f" ({fit.unit}). Positive speaks **{plain(study.sides[1])}**, negative **{plain(study.sides[0])}**. Click"
    " a square or a bar to see where it occurs."
)
above(study)
pair = state.get("cell_pair")
if pair and not (pair[0] in active and pair[1] in [ALONE, *active]):
    pair = None
    del state["cell_pair"]
with st.container(key="split"):
    left, right = st.columns([3, 2], gap="medium")
change = compared()
if change is not None:
    # what is in one kernel alone gets a row, too: a concept that was merged away, a part that was split off
    for kernel_fit in (change.before, change.after):
        for concept in study.concepts(kernel_fit):
            if concept.id not in names:
                order.append(concept.id)
                names[concept.id], colours[concept.id] = concept.name, concept.colour
with left:
    shown = "after"
    if change is not None:
        tried = preview.current(study) is not None
        labels = (
            {"before": "now", "after": "after the edit", "change": "change"}
            if tried
            else {"before": "before the last refit", "after": "now", "change": "change"}
        )
        shown = st.segmented_control(
            "Weights",
            list(labels),
            format_func=labels.get,
            key=f"shown_weights_{tried}",
            required=True,
            default="before" if tried else "after",
        )
    if shown == "change":
        st.caption("×: the concept is in one of the two kernels only.")
    st.plotly_chart(
        figure(change, shown),
        key=chart,
        on_select=clicked,
        selection_mode="points",
        width="stretch",
        theme="streamlit",
        config={"displayModeBar": False},
    )
with right:
    state["cell_first"], state["cell_second"] = pair or (None, ALONE)
    st.selectbox(
        "Concept",
        active,
        index=None,
        key="cell_first",
        format_func=names.get,
        on_change=chosen_by_name,
        placeholder="Click a square, or choose here",
    )
    st.selectbox(
        "within the receptive field of",
        [ALONE, *(active if fit.radius else [])],
        key="cell_second",
        on_change=chosen_by_name,
        format_func=lambda k: names.get(k, "(by itself, wherever it is)"),
        disabled=pair is None,
    )
    if pair:
        i, j = pair
        if j == ALONE:
            st.markdown(f"#### *{plain(names[i])}* by itself: {signed(fit.weight(i))}")
        else:
            st.markdown(f"#### *{plain(names[i])}* near *{plain(names[j])}*: {signed(fit.pair_weight(i, j))}")
        pin_cell(i, j)
        with st.spinner("Looking for places…"):
            places(i, j)
