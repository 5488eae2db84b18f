"""What is drawn over a slide: map, concepts, doubt and change, and the colours that all data share."""

import numpy as np
import streamlit as st

from pages.shared import study_key
from prospector_core.palette import class_palette
from prospector_core.study.views import naming
from viewers import tile_server
from viewers.limits import LIMIT_DATA, error_limit, resamples_of, score_limit
from viewers.overlays import map_limit, render_classes, render_error, render_map, render_sprite
from viewers.token_tiles import (
    TILED_ABOVE,
    ConceptTiles,
    NumberTiles,
    ScoreTiles,
    TokenBlocks,
    above_table,
    doubt_numbers,
    encode_summary,
    token_numbers,
)
from viewers.tokens import encode_doubt, encode_tokens

__all__ = ["error_limit_of", "limit_of", "doubt_of", "overlays_of", "in_both", "change_limit"]


@st.cache_data(show_spinner=False, max_entries=64)
def _limit(study_path, fit_id, _study):
    return score_limit(_study)


def limit_of(study):
    """Score of the strongest colour: the same for every datum of a fit, so that colours compare."""
    return _limit(study_key(study), study.view.key, study)


def doubt_of(study, datum, fit=None):
    """How sure a datum's map is: TokenUncertainty. Slow at the first call of a fit."""
    fit = fit or study.view
    return study.uncertainty(datum, resamples_of(fit), fit)


def error_limit_of(study, fit_id):
    """Standard error of the strongest colour, the same for every datum of a fit."""
    key = "error limit", fit_id, study.target, study.content()  # server threads ask for it, too
    return study.memory.make(key, lambda: error_limit(study, study.load_fit(fit_id)))


def overlays_of(study, data, fit=None, change=None):
    """Map, sprite and uncertainty of each datum for the slide viewer.

    List of {id, kind, url, x, y, width, height}.

    ``fit``: another than the current one, in the same colours; ``change``: what a layer of differences shows.

    Images, and the numbers of tokens, are made when the browser asks for them, on a server thread. A grid of
    more than TILED_ABOVE tokens a side is drawn and asked for tile by tile.
    """
    fit, limit = fit or study.view, limit_of(study)
    colours, excluded = study.colours(fit), frozenset(naming(study, fit).excluded)
    found = []
    for datum in data:
        grid = study.grid(datum)
        (x, y), (rows, columns), pitch = grid["origin"], grid["shape"], grid["pitch"]
        box = {"x": x, "y": y, "width": columns * pitch, "height": rows * pitch}
        if change is not None and in_both(change, datum):
            found.append({**_change_overlay(study, datum, grid, change), **box})
        if study.several:
            found.append({**_class_overlay(study, datum, grid, fit), **box})
        if max(rows, columns) > TILED_ABOVE:
            found += [{**each, **box} for each in _tiled_overlays(study, datum, grid, colours, excluded, fit)]
            continue

        def draw_map(datum=datum, grid=grid):
            return render_map(grid["positions"], study.prospect(datum, fit), grid["shape"], limit)

        def draw_sprite(datum=datum, grid=grid):
            return render_sprite(
                grid["positions"], study.concepts_of(datum, fit), colours, excluded, grid["shape"]
            )

        def list_tokens(datum=datum, grid=grid):
            return encode_tokens(grid["positions"], study.prospect(datum, fit), study.concepts_of(datum, fit))

        def list_doubt(datum=datum):
            found = doubt_of(study, datum, fit)
            return encode_doubt(
                found.error, found.unsure & ~np.isnan(found.error), error_limit_of(study, fit.id)
            )

        def draw_error(datum=datum, grid=grid):
            error = doubt_of(study, datum, fit).error
            return render_error(grid["positions"], error, grid["shape"], error_limit_of(study, fit.id))

        key = (study_key(study), datum.uid)
        numbers = {
            kind: tile_server.register_image(key, make, version=fit.key, kind=kind)
            for kind, make in (("tokens", list_tokens), ("doubt", list_doubt), ("error", draw_error))
        }
        error_url = numbers.pop("error")
        map_url = tile_server.register_image(key, draw_map, version=(fit.key, limit), kind="map")
        version = (fit.id, tuple(colours), tuple(sorted(excluded)))
        sprite_url = tile_server.register_image(key, draw_sprite, version=version, kind="sprite")
        found += [
            {
                "id": f"map-{datum.uid}",
                "kind": "map",
                "url": map_url,
                "shape": [rows, columns],
                **numbers,
                **box,
            },
            {"id": f"sprite-{datum.uid}", "kind": "sprite", "url": sprite_url, **box},
            {"id": f"error-{datum.uid}", "kind": "error", "url": error_url, **box},
        ]
    return found


def _class_overlay(study, datum, grid, fit):
    """The strongest class of each tile of a datum, drawn when it is first looked at."""
    key, version = (study_key(study), datum.uid), ("class", fit.id, len(study.embedded()))
    shown, colours = {"id": f"class-{datum.uid}", "kind": "class"}, class_palette(len(study.classes))

    def draw():
        strongest = study.strongest_class(datum, fit)
        return render_classes(grid["positions"], strongest.classes, strongest.margin, colours, grid["shape"])

    if max(grid["shape"]) <= TILED_ABOVE:
        return {**shown, "url": tile_server.register_image(key, draw, version=version, kind="class")}
    blocks = TokenBlocks(key, grid["positions"], grid["shape"])
    tiles = ConceptTiles(version, blocks, lambda: study.strongest_class(datum, fit).classes, colours)
    url = tile_server.register_tiles(key, tiles, version=version, kind="class")
    return {**shown, "tiles": url, "levels": blocks.top, "shape": list(grid["shape"])}


def _tiled_overlays(study, datum, grid, colours, excluded, fit):
    """Map, sprite and uncertainty of one datum as tiles: list of what the slide viewer is told of each."""
    limit = limit_of(study)
    key = (study_key(study), datum.uid)
    blocks = TokenBlocks(key, grid["positions"], grid["shape"])
    seen = (fit.key, limit)
    painted = (fit.id, tuple(colours), tuple(sorted(excluded)))

    def scores():
        return study.prospect(datum, fit)

    def concepts():
        return study.concepts_of(datum, fit)

    def error():
        return doubt_of(study, datum, fit).error

    def unsure():
        doubt = doubt_of(study, datum, fit)
        return doubt.unsure & ~np.isnan(doubt.error)

    def error_limit():
        return error_limit_of(study, fit.id)

    def tiles(kind, version, drawn):
        return tile_server.register_tiles(key, drawn, version=version, kind=kind)

    map_tiles = ScoreTiles(("map", *seen), blocks, scores, lambda: limit, unsure=unsure)
    error_tiles = ScoreTiles(("error", fit.key), blocks, error, error_limit, unsure=unsure, signed=False)
    numbers = NumberTiles("tokens", blocks, token_numbers(scores, concepts))
    doubts = NumberTiles("doubt", blocks, doubt_numbers(error, unsure, error_limit))
    of_map = {
        "numbers": tiles("tokens", fit.key, numbers),
        "doubts": tiles("doubt", fit.key, doubts),
        "above": _above(*key, fit.key, limit, study, fit),
        "summary": tile_server.register_image(
            key, lambda: encode_summary(unsure(), error_limit()), version=("summary", fit.key), kind="doubt"
        ),
    }
    pictures = {
        "map": tiles("map", seen, map_tiles),
        "sprite": tiles(
            "sprite", painted, ConceptTiles(("sprite", fit.id), blocks, concepts, colours, excluded)
        ),
        "error": tiles("error", fit.key, error_tiles),
    }
    drawn = {"levels": blocks.top, "shape": list(grid["shape"])}
    return [
        {
            "id": f"{kind}-{datum.uid}",
            "kind": kind,
            "tiles": url,
            **drawn,
            **(of_map if kind == "map" else {}),
        }
        for kind, url in pictures.items()
    ]


@st.cache_data(show_spinner=False, max_entries=64)
def _above(study_key, uid, fit_key, limit, _study, _fit):
    return above_table(_study.prospect(uid, _fit), limit)


def in_both(change, datum):
    """Whether a datum has a map before and after."""
    return all(datum.uid in fit.summary["predictions"] for fit in (change.before, change.after))


def change_limit(study, change):
    """Change of score of the strongest colour, the same for every datum."""
    key = "change limit", change.before.key, change.after.key, study.content()

    def compute():
        data = [datum for datum in study.embedded() if in_both(change, datum)][:LIMIT_DATA]
        return map_limit([change.of_map(datum) for datum in data])

    return study.memory.make(key, compute)


def _change_overlay(study, datum, grid, change):
    """The difference of two maps of a datum, drawn when it is first looked at."""
    key, version = (study_key(study), datum.uid), (change.before.key, change.after.key)
    shown = {"id": f"change-{datum.uid}", "kind": "change"}

    def draw():
        return render_map(grid["positions"], change.of_map(datum), grid["shape"], change_limit(study, change))

    if max(grid["shape"]) <= TILED_ABOVE:
        return {**shown, "url": tile_server.register_image(key, draw, version=version, kind="change")}
    blocks = TokenBlocks(key, grid["positions"], grid["shape"])
    tiles = ScoreTiles(
        ("change", *version), blocks, lambda: change.of_map(datum), lambda: change_limit(study, change)
    )
    url = tile_server.register_tiles(key, tiles, version=version, kind="change")
    return {**shown, "tiles": url, "levels": blocks.top, "shape": list(grid["shape"])}
