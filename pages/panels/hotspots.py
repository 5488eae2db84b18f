"""The hot spots of a map: its regions with high scores, each with a way there."""

from collections.abc import Callable

import streamlit as st

from prospector_core.study import Study
from viewers.hotspots import hot_spots_of
from viewers.words import area_text, plain, signed

__all__ = ["hot_spots"]


def hot_spots(study: Study, data, expanded: bool, go_to: Callable, fit) -> None:
    """List the regions with high scores, the largest sum first.

    ``go_to``: function(datum uid, HotSpot); ``fit``: the Fit that is shown.
    """
    words = study.kind.words
    threshold, n_spots, ranked = hot_spots_of(study, data, fit)
    with st.expander(f"Hot spots ({n_spots})", icon=":material/local_fire_department:", expanded=expanded):
        if not ranked:
            st.caption(f"No {words.token} scores {signed(threshold)} or more.")
        else:
            st.caption(
                f"Connected {words.tokens} that score {signed(threshold)} or more, by summed score"
                + (f"; the first {len(ranked)}" if n_spots > len(ranked) else "")
            )
        rows = st.container(gap=None)
        for rank, (spot, uid) in enumerate(ranked, start=1):
            size = words.count(len(spot.tokens)) if spot.unit == "tokens" else area_text(spot.area, spot.unit)
            rows.button(
                f"{rank} · {size} · mean {signed(spot.mean)}",
                key=f"spot_{rank}",
                type="tertiary",
                help=(
                    f"Go there. {plain(study.datum(uid).name)}: {words.count(len(spot.tokens))}, sum"
                    f" {signed(spot.total)}, highest {signed(spot.peak)}"
                ),
                on_click=go_to,
                args=(uid, spot),
            )
