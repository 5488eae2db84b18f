"""What the page of a chain says of a trajectory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from prospector_core.study import Study
from viewers.study_key import study_key
from viewers.words import plain

from . import chains

__all__ = ["over_time"]

_MOST = 8  # residues that are listed


@st.cache_data(show_spinner=False, max_entries=64)
def _spread(key, fit_key, uid, _study):
    """Standard deviation of each residue's score over the frames."""
    scores = _study.prospect(uid).reshape(-1, chains.n_residues(_study, uid))
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.nanstd(scores, axis=0))


def over_time(study: Study, datum, token: int | None, frame: int, go_to: Callable[[int], None]) -> None:
    """List the residues of a trajectory whose score changes most; draw that of the selected one by frame."""
    numbers = chains.frames_of(study, datum)
    if len(numbers) < 2:
        return
    spread = _spread(study_key(study), study.view.key, datum.uid, study)
    changing = [int(at) for at in np.argsort(-spread, kind="stable")[:_MOST] if spread[at] > 0]
    with st.expander(
        f"Changes most over {len(numbers)} frames", icon=":material/animation:", expanded=token is None
    ):
        st.caption(
            "Standard deviation of a residue's score from frame to frame. The class is predicted from counts"
            " averaged over all frames."
        )
        labels = chains.labels_of(study, datum)
        rows = st.container(gap=None)
        for residue in changing:
            rows.button(
                f"{plain(labels[residue])} · ± {spread[residue]:.2f}",
                key=f"changing_{residue}",
                type="tertiary",
                on_click=go_to,
                args=(frame * len(labels) + residue,),
            )
        if not changing:
            st.caption("No score changes.")
        if token is not None:
            scores = np.asarray(study.prospect(datum)).reshape(len(numbers), -1)[:, token % len(labels)]
            st.line_chart({"frame": numbers, "score": scores}, x="frame", y="score", height=160)
