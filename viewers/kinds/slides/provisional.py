"""Data that are being embedded, on the Slide page.

Their provisional maps, refined in place, and how far they are.
"""

import numpy as np
import streamlit as st

from prospector_core.study.maps import provisional_map, provisional_version
from viewers import tile_server
from viewers.token_pixels import render_map, render_sprite
from viewers.tokens import encode_tokens
from viewers.words import plain, time_left

__all__ = ["data", "note", "overlays_of"]

_EVERY = 4.0  # seconds between looks at what has come


def data(study):
    """Data that are embedded in part, enough for a map of them: list of Datum."""
    there = set(study.store.uids())
    return [d for d in study.data if d.uid not in there and provisional_version(study, d) is not None]


def overlays_of(study, some, limit):
    """Provisional map and sprite of each datum, as ``slides.overlays.overlays_of``.

    Their addresses change as tiles come.
    """
    fit = study.view
    colours, excluded = study.colours(), frozenset(study.curation.state.excluded)
    found = []
    for datum in some:
        now = provisional_map(study, datum, fit)
        if now is None:
            continue
        (x, y), (rows, columns) = now.origin, now.shape
        box = {"x": x, "y": y, "width": columns * now.pitch, "height": rows * now.pitch}

        def drawn(make, datum=datum):
            # What is there when the browser asks: kept addresses must not keep every map of the way here.
            def draw():
                now = provisional_map(study, datum, fit)
                if now is not None:
                    return make(
                        now.positions[now.known], now.scores[now.known], now.concepts[now.known], now.shape
                    )
                grid = study.grid(datum)  # it was completed meanwhile
                return make(
                    grid["positions"],
                    study.prospect(datum, fit),
                    study.concepts_of(datum, fit),
                    grid["shape"],
                )

            return draw

        makers = {
            "map": lambda positions, scores, _, shape: render_map(positions, scores, shape, limit),
            "sprite": lambda positions, _, concepts, shape: render_sprite(
                positions, concepts, colours, excluded, shape
            ),
            "tokens": lambda positions, scores, concepts, _: encode_tokens(positions, scores, concepts),
        }
        version = ("provisional", now.version, limit, tuple(colours), tuple(sorted(excluded)))
        urls = {
            kind: tile_server.register_image(
                (str(study.path), datum.uid, "provisional"), drawn(make), version=version, kind=kind
            )
            for kind, make in makers.items()
        }
        shape = {"shape": [rows, columns], "tokens": urls["tokens"]}
        found.append({"id": f"map-{datum.uid}", "kind": "map", "url": urls["map"], **shape, **box})
        found.append({"id": f"sprite-{datum.uid}", "kind": "sprite", "url": urls["sprite"], **box})
    return found


def note(study, some):
    """Say of data that they are being embedded and how far.

    Draw the page anew when there is more to see of them.
    """
    seen = _seen(study)
    if study.queue.at_work():
        _watch(study, some, seen)
    else:
        _say(study, some)


def _seen(study):
    """What a page shows of what is being embedded: it is drawn anew when this changes."""
    return {d.uid: provisional_version(study, d) for d in data(study)}, len(study.store.uids())


@st.fragment(run_every=_EVERY)
def _watch(study, some, seen):
    if _seen(study) != seen or not study.queue.at_work():
        st.rerun()
    _say(study, some)


def _say(study, some):
    jobs = {job.uid: job for job in study.queue.jobs()}
    for datum in some:
        job, now = jobs.get(datum.uid), provisional_map(study, datum)
        if now is None:
            continue
        later = time_left(job.seconds_left) if job else ""
        how = {
            "running": "is being embedded",
            "waiting": "waits to be embedded",
            "paused": "is embedded in part (paused)",
        }
        state = how.get(job.state if job else "", "is embedded in part")
        progress = (
            f": {job.done:,} of {job.total:,} tiles{', ' + later if later else ''}"
            if job and job.total
            else ""
        )
        st.info(
            f"**{plain(datum.name)}** {state}{progress}.\n\nThe map is **provisional**:"
            f" {np.mean(now.final):.0%} of its tiles have their final score. Elsewhere one tile stands for a"
            " square of 4 × 4. Why a tile scores as it does, and hot spots, appear when it is done.",
            icon=":material/hourglass_top:",
        )
