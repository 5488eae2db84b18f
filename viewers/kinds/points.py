"""Tokens drawn as points where ``KindView.places`` has them: the viewer with its layers, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from prospector_core.palette import EXCLUDED_COLOUR, rgb_of
from prospector_core.study import Study
from viewers import tile_server
from viewers.colour_limits import change_limit, doubt_of, error_limit, resamples_of, score_limit
from viewers.graph_viewer import encode_edges, encode_numbers, encode_positions, graph_viewer, middle_of
from viewers.kinds.legends import beyond_chance, concept_legend, ends_of
from viewers.kinds.neighbours import coloured_neighbours
from viewers.kinds.parts import Pane, Selection
from viewers.point_pictures import paint_points, points_around, spacing_of
from viewers.study_key import study_key
from viewers.token_pixels import diverging_colours
from viewers.viewing import Focus, Layer, Marking, Room

if TYPE_CHECKING:
    from viewers.kinds.base import KindView

__all__ = ["address", "draw", "picture_of_datum", "picture_of_token"]

_MOST_RESAMPLED = 50_000  # tokens; hundreds of kernels on more take minutes


def draw(view: KindView, study: Study, pane: Pane, under=None, more_layers=()) -> bool:
    """Draw the viewer of a datum as points, as ``KindView.draw`` says.

    Parameters
    ----------
    under : mapping, optional
        What lies under the points, as the graph viewer takes it.
    more_layers : list of mappings
        Layers beside those that every kind has.
    """
    with st.spinner("Drawing the map…"):
        layers, token = [*_layers(study, pane), *more_layers], pane.token
    words, state = study.kind.words, st.session_state

    def picked():
        pick = state[pane.key].pick
        if pick:
            at = None if pick["token"] is None else int(pick["token"])
            pane.select(Selection(pane.datum.uid, at, nothing_there=at is None))

    graph_viewer(
        _graph(view, study, pane.datum),
        layers,
        key=pane.key,
        layer=Layer(
            name=pane.layer if any(each["id"] == pane.layer for each in layers) else "map",
            concepts=concept_legend(study, pane.fit),
            words={"token": words.token, "tokens": words.tokens},
        ),
        focus=Focus(
            selected=token,
            neighbours=[
                {"token": at, "colour": colour}
                for at, colour in coloured_neighbours(study, pane.datum, token, pane.fit)
            ],
            place=token,
            count=pane.focus_count,
            on_pick=picked,
        ),
        marking=Marking(regions=pane.regions, tools=pane.marking, on_mark=pane.mark, on_step=pane.step),
        room=Room(above=pane.above),
        under=under,
    )
    return True


def _graph(view, study, datum):
    """Places and edges of a datum for the graph viewer; bytes are made when the browser asks for them."""
    positions, attrs = view.places(study, datum), study.attrs(datum)
    key = (study_key(study), datum.uid)
    return {
        "id": f"{datum.uid} {study.stamp(datum)}",  # the viewer keeps places and edges while this is the same
        "n": len(positions),
        "dims": positions.shape[1],
        "middle": middle_of(positions).tolist(),
        "unit": attrs.get("unit") or study.embedding.get("unit") or "",
        "laid_out": bool(attrs.get("laid_out")),
        "positions": tile_server.register_image(
            key, lambda: encode_positions(positions), version="places", kind="points"
        ),
        "edges": tile_server.register_image(
            key, lambda: encode_edges(study.graph(datum).edges), version="edges", kind="points"
        ),
    }


def address(
    study: Study,
    datum,
    name: str,
    version: Any,
    values: Callable[[], np.ndarray],
    top: Callable[[], float | None] = lambda: None,
) -> str:
    """Address of a number a token, (n,), made when it is asked for; ``top``: of the strongest colour."""
    key = (study_key(study), datum.uid)
    return tile_server.register_image(
        key, lambda: encode_numbers(values(), top()), version=(name, version), kind="points"
    )


def _layers(study, pane):
    """Layers of the graph viewer that points of every kind can be coloured by."""
    datum, fit, change, (low, high) = pane.datum, pane.fit, pane.change, ends_of(study)
    found = [
        {
            "id": "map",
            "label": "Map",
            "kind": "diverging",
            "limit": score_limit(study),
            "unit": f"prospect score ({fit.unit}, summed{beyond_chance(fit)})",
            "low": f"for {low}",
            "high": f"for {high}",
            "url": address(study, datum, "map", fit.key, lambda: study.prospect(datum, fit)),
        },
        {
            "id": "concepts",
            "label": "Concepts",
            "kind": "concept",
            "unit": "",
            "url": address(
                study,
                datum,
                "concepts",
                (fit.id, tuple(sorted(fit.state.excluded))),
                lambda: study.concepts_of(datum, fit),
            ),
        },
    ]
    if change is not None:
        version = (change.before.key, change.after.key)
        found.append(
            {
                "id": "change",
                "label": "Change",
                "kind": "diverging",
                "limit": change_limit(study, change),
                "unit": f"change of score ({fit.unit})",
                "low": f"more for {low}",
                "high": f"more for {high}",
                "url": address(study, datum, "change", version, lambda: change.of_map(datum)),
            }
        )
    return [*found, *_uncertainty(study, datum, fit)]


def _uncertainty(study, datum, fit):
    """The layer of standard errors; none of a fit that is only tried, or of very many tokens."""
    if fit.id <= 0 or study.n_tokens(datum) > _MOST_RESAMPLED:
        return []
    url = address(
        study,
        datum,
        "error",
        fit.key,
        lambda: doubt_of(study, datum, fit).error,
        lambda: error_limit(study, fit),
    )
    return [
        {
            "id": "uncertainty",
            "label": "Uncertainty",
            "kind": "sequential",
            "low": 0.0,
            "high": None,
            "headed": True,
            "unit": f"standard error of the score, {resamples_of(fit)} resamples",
            "url": url,
        }
    ]


# ---- pictures


@st.cache_data(show_spinner=False, max_entries=2048)
def _picture(key, uid, fit_key, side, limit, _view, _study):
    positions = _view.places(_study, _study.datum(uid))
    if fit_key is None:
        colours = np.tile(np.array([[90, 110, 130]], np.uint8), (len(positions), 1))
    else:
        scores = _study.prospect(uid)
        colours = diverging_colours(scores, limit)
        colours[np.isnan(scores)] = rgb_of(EXCLUDED_COLOUR)
        # near-white says "neither" on a map; at this size it must still be seen that there are tokens
        colours = np.minimum(colours, 226)
    return paint_points(positions, colours, side)


def picture_of_datum(view: KindView, study: Study, datum, side: int) -> np.ndarray:
    """A datum at a glance, its map where there is one: (h, w, 3) uint8, the longer side ``side``."""
    fit = study.view
    limit = score_limit(study) if fit else None
    return _picture(study_key(study), datum.uid, fit and fit.key, side, limit, view, study)


@st.cache_data(show_spinner=False, max_entries=4096)
def _around(key, place, version, side, context, _view, _study):
    (uid, token), (_, colours) = place, version
    datum = _study.datum(uid)
    positions = _view.places(_study, datum)
    near, tokens = _study.graph(datum).around(token, 4)
    names = [colours[k] for k in _study.concepts_of(datum)[tokens].tolist()]
    middle, reach = np.searchsorted(tokens, token), spacing_of(positions) * context
    return points_around(positions[tokens], near.edges, names, int(middle), side, reach)


def picture_of_token(
    view: KindView, study: Study, datum, token: int, side: int, context: float
) -> np.ndarray:
    """A token ringed among those around it, in the colours of their concepts: (side, side, 3) uint8."""
    version = (study.view.id, tuple(study.colours()))
    place = datum.uid, int(token)
    return _around(study_key(study), place, version, side, context, view, study)
