"""Settings of a fit: what finds concepts, and how the kernel is fitted."""

import streamlit as st

from pages import shared
from pages.editing import by_me
from pages.panels.change import note_change
from pages.people import locked
from prospector_core.errors import ProspectorError
from prospector_core.method.kernels import KERNELS
from prospector_core.method.shrinkage import ADAPTIVE
from prospector_core.method.smoothing import MOST_STEPS
from prospector_core.study import FitSettings
from prospector_core.study.settings import GIVEN, about_quantizer, list_quantizers
from viewers.streamlit_patches import undisturbed
from viewers.words import plain

__all__ = ["fit_form"]


def _ask_main(study, now):
    """Ask for concepts, radius and kernel, beginning at ``now``: {field of FitSettings: value}."""
    left, middle, right = st.columns(3)
    concepts = left.number_input(
        "Concepts",
        min(2, now.concepts),
        max(200, now.concepts),
        now.concepts,
        help=f"K: how many kinds of {study.kind.words.token} to tell apart",
    )
    radius = middle.number_input(
        "Radius, hops",
        0,
        max(16, now.radius),
        now.radius,
        help=f"r: how far a {study.kind.words.token} looks at its neighbours; 0 = not at all",
    )
    names = list(dict.fromkeys([*KERNELS, now.kernel]))  # a study may bring what this version does not know
    kernel = right.selectbox(
        "Kernel",
        names,
        index=names.index(now.kernel),
        help="fold-change: how much more frequent in one class; linear: logistic regression",
    )
    seed = left.number_input("Seed", 0, max(10**6, now.seed), now.seed)
    tau = middle.number_input(
        "Smallest log2 change kept (tau)", 0.0, max(8.0, float(now.tau)), float(now.tau), 0.5
    )
    tested = right.checkbox("Only significant weights (alpha 0.05)", now.alpha < 1e9)
    return {
        "concepts": int(concepts),
        "radius": int(radius),
        "kernel": kernel,
        "seed": int(seed),
        "tau": tau,
        "alpha": 0.05 if tested else 1e10,
    }


def _ask_quantizer(study, now):
    """Ask how concepts are found: {field of FitSettings: value}."""
    with st.expander(f"How concepts are found: {plain(now.quantizer)}"):
        ways = [*([GIVEN] if study.given_concepts() is not None else []), *list_quantizers()]
        quantizer = st.radio(
            "How concepts are found",
            ways,
            index=ways.index(now.quantizer) if now.quantizer in ways else 0,
            captions=[plain(about_quantizer(each)) for each in ways],
            label_visibility="collapsed",
            key="shown_quantizer",
        )
    return {"quantizer": quantizer}


def _ask_softness(study, now):
    """Ask how strictly tokens belong to concepts, and how careful the kernel is: {field: value}."""
    with st.expander("How strictly a token belongs to one concept, and how careful the kernel is"):
        left, right = st.columns(2)
        softness = left.number_input(
            "Softness",
            0.0,
            max(4.0, float(now.softness)),
            float(now.softness),
            0.05,
            help=(
                f"0: a {study.kind.words.token} belongs to its nearest concept alone. 0.25: also to"
                " concepts about as near"
            ),
        )
        centre = right.slider(
            f"Taken out of what the {study.kind.words.tokens} of a {study.kind.words.datum} share",
            0.0,
            1.0,
            float(now.centre),
            0.05,
            help="So that concepts are less about the stain of a slide, or the subject of a document",
        )
        pseudo = left.number_input(
            "Pseudo-count",
            0.0,
            max(100.0, float(now.pseudo)),
            float(now.pseudo),
            0.01,
            help=("Fold-change kernel: the larger, the less is said by what is rare. 0: the paper's kernel"),
        )
        shrink = right.checkbox(
            "Draw uncertain weights towards 0",
            bool(now.shrink),
            help="Fold-change kernel: a weight counts less where it varies between data of one class",
        )
        smoothing = left.number_input(
            "Smoothing of maps, in steps",
            0,
            MOST_STEPS,
            now.smoothing,
            help=(
                f"0: every {study.kind.words.token} by itself. 2: its score is the mean of its own and of the"
                " means one and two steps around it"
            ),
        )
    shrink = (now.shrink or ADAPTIVE) if shrink else False
    return {
        "softness": softness,
        "centre": centre,
        "pseudo": pseudo,
        "shrink": shrink,
        "smoothing": smoothing,
    }


def fit_form(study):
    """Settings of concepts and kernel."""
    now = study.settings
    with st.form("fit"):
        chosen = {**_ask_main(study, now), **_ask_quantizer(study, now), **_ask_softness(study, now)}
        st.caption(
            "A new fit finds new concepts: names and exclusions of the present ones end. Corrected labels"
            " stay."
        )
        if not st.form_submit_button(
            "Find concepts and fit", type="primary", icon=":material/play_arrow:", disabled=locked(study)
        ):
            return
    settings = FitSettings(**chosen)
    try:
        with undisturbed(), st.status("Fitting", expanded=True) as status, by_me(study):
            change = study.fit(settings, progress=lambda text: status.update(label=text.capitalize()))
        note_change(study, change)
    except ProspectorError as error:
        shared.say_error(error)
    else:
        st.rerun()
