"""Which map is drawn: of all weights or of those beyond chance, smoothed or every token by itself."""

import streamlit as st

from prospector_core.errors import ProspectorError
from prospector_core.study.chance import LEVEL, LEVELS, known_null, masked, no_signal, null_of
from viewers.words import plain

__all__ = ["map_box", "shown_fit"]

_SWITCH, _LEVEL, _PLAIN = "mask_on", "mask_level", "map_plain"


def shown_fit(study):
    """The current fit as it is drawn: FitView.

    Where the switches are on, what of it exceeds chance, and scores without smoothing. Shuffles labels where
    what exceeds chance is not known yet.
    """
    fit = _beyond_chance(study, study.view)
    return fit.unsmoothed if st.session_state.get(_PLAIN) else fit


def _beyond_chance(study, fit):
    if not st.session_state.get(_SWITCH):
        return fit
    level = st.session_state.get(_LEVEL, LEVEL)
    null = known_null(study, fit, level)
    if null is None:
        bar = st.progress(0.0, "Shuffling labels, to see what chance gives…")
        try:
            null = null_of(
                study,
                fit,
                level,
                progress=lambda done, total: bar.progress(
                    done / total, f"Shuffling labels: {done} of {total}"
                ),
            )
        except ProspectorError:  # said where the switch is
            return fit
        finally:
            bar.empty()
    key = (str(study.path), study.content(), fit.key, level)
    kept = st.session_state.get("mask_fit")
    if kept is None or kept[0] != key:
        kept = st.session_state["mask_fit"] = (key, masked(fit, null))
    return kept[1]


def map_box(study):
    """The switches, and what is left where chance is taken out."""
    doubt = no_signal(study.view)
    if doubt:
        st.warning(f"{plain(doubt)}. The page *Evaluation* says more.", icon=":material/help:")
    if study.view.settings.smoothing:
        steps, words = study.view.settings.smoothing, study.kind.words
        st.toggle(
            "Smoothed",
            value=not st.session_state.get(_PLAIN),
            key="smoothed_switch",
            on_change=_smoothed,
            help=(
                f"A {words.token}'s score is the mean of its own and of the means up to {steps}"
                f" step{'s' * (steps > 1)} around it. Off: every {words.token} by itself"
            ),
        )
    _mask_box(study)


def _mask_box(study):
    on = st.toggle(  # its own state is gone on pages that do not draw it
        "Only what exceeds chance",
        value=bool(st.session_state.get(_SWITCH)),
        key="mask_switch",
        on_change=_switched,
        help=(
            "Labels are shuffled among the data 200 times; only weights that chance hardly ever reaches are"
            " drawn. Truth is not used"
        ),
    )
    if not on:
        return
    st.select_slider(
        "False discovery rate",
        LEVELS,
        value=st.session_state.get(_LEVEL, LEVEL),
        key="mask_slider",
        on_change=_moved,
        format_func=lambda level: f"{level:.0%}",
        help="Share of the weights shown that may be there by chance (Benjamini-Hochberg)",
    )
    try:
        null = null_of(study, study.view, st.session_state.get(_LEVEL, LEVEL))
    except ProspectorError as error:
        st.warning(plain(error), icon=":material/help:")
        return
    if not null.signal:
        st.warning(
            f"**No evidence.** The labels are predicted no better than shuffled ones (AUROC {null.auroc:.2f};"
            f" shuffled {null.shuffled.mean():.2f}, p = {null.p_signal:.2f}): the map is empty.",
            icon=":material/help:",
        )
    elif not null.kept.any():
        st.warning(
            "There is signal, but no single weight exceeds chance at this rate: the map is empty.",
            icon=":material/help:",
        )
    else:
        n = int(null.kept.sum())
        st.caption(
            f"{n} of {len(null.kept)} weights exceed{'s' * (n == 1)} what shuffled labels give; the others"
            " count 0."
        )


def _smoothed():
    st.session_state[_PLAIN] = not st.session_state["smoothed_switch"]


def _switched():
    st.session_state[_SWITCH] = st.session_state["mask_switch"]


def _moved():
    st.session_state[_LEVEL] = st.session_state["mask_slider"]
