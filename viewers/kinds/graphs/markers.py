"""What concepts of cells are: markers on their cards, and a heatmap of concepts and markers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from prospector_core.method.markers import Markers
from prospector_core.study import Study
from prospector_core.study.concepts import Concept
from viewers.words import plain, share_text, signed

__all__ = ["heatmap_of_markers", "marker_heatmap", "say_markers"]

_ON_CARD, _EACH, _MOST = 5, 3, 40  # markers on a card; of each concept in the heatmap; columns of it
_UNIT = "standard deviations above all"
_SCALE = [[0, "#2166ac"], [0.5, "#f7f7f7"], [1, "#b2182b"]]


def say_markers(study: Study, concept: Concept) -> None:
    """Say on a concept's card which features are higher in it than in all tokens."""
    markers = study.kind.markers(study)
    if markers is None:
        return
    words, parts = study.kind.words, []
    for at in markers.top(concept.id, _ON_CARD):
        text = f"**{plain(markers.names[at])}** {signed(float(markers.difference[concept.id, at]))}"
        if markers.above_zero is not None:
            own, usual = markers.above_zero[concept.id, at], markers.above_zero_of_all[at]
            text += f" ({share_text(own)} of its {words.tokens}, {share_text(usual)} of all)"
        parts.append(text)
    of_counts = (
        f"; in brackets, how many {words.tokens} have more than 0" if markers.above_zero is not None else ""
    )
    st.caption(
        ":material/biotech: " + (" · ".join(parts) or "no feature stands out"),
        help=f"Markers: mean of the concept minus that of all {words.tokens}, in standard deviations of all"
        f" {words.tokens}{of_counts}",
    )


def marker_heatmap(study: Study, concepts: Sequence[Concept]) -> None:
    """Draw a heatmap of concepts and their markers, with the numbers as a table."""
    markers = study.kind.markers(study)
    if markers is None or not concepts:
        return
    with st.expander("Markers of all concepts", icon=":material/biotech:", expanded=True):
        st.plotly_chart(
            heatmap_of_markers(markers, concepts),
            key="marker_heatmap",
            width="stretch",
            theme="streamlit",
            config={"displayModeBar": False},
        )
        st.caption(
            f"Mean of a concept minus that of all {study.kind.words.tokens}, in standard deviations of all"
            f" {study.kind.words.tokens}. Features: the {_EACH} highest of each concept."
        )
        shown = [concept.id for concept in concepts]
        st.dataframe(
            {
                "feature": markers.names,
                **{f"{each.name} ({each.id})": markers.difference[each.id].round(3) for each in concepts},
            },
            hide_index=True,
            height=min(38 + 35 * len(shown), 300),
        )


def heatmap_of_markers(markers: Markers, concepts: Sequence[Concept]) -> go.Figure:
    """Return a heatmap of concepts (rows) and their highest features (columns)."""
    columns = list(dict.fromkeys(at for each in concepts for at in markers.top(each.id, _EACH)))[:_MOST]
    columns = columns or list(range(min(len(markers.names), _MOST)))
    values = markers.difference[[each.id for each in concepts]][:, columns]
    end = float(np.nanmax(np.abs(values), initial=0.5)) if np.isfinite(values).any() else 0.5
    names = [_text(markers.names[at]) for at in columns]
    rows = [_text(each.name) for each in concepts]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            zmin=-end,
            zmax=end,
            colorscale=_SCALE,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": _UNIT, "side": "right"}, "thickness": 12},
            customdata=np.broadcast_to(np.array(names, object), values.shape),
            text=np.broadcast_to(np.array(rows, object)[:, None], values.shape),
            hovertemplate="%{text}<br>%{customdata}: %{z:+.2f} standard deviations<extra></extra>",
        )
    )
    figure.update_layout(
        height=140 + 24 * len(rows),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"tickvals": list(range(len(names))), "ticktext": names, "tickangle": -45, "automargin": True},
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": rows,
            "autorange": "reversed",
            "automargin": True,
        },
    )
    return figure


def _text(name: str) -> str:
    """A name that plotly must not read as markup."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:40]
