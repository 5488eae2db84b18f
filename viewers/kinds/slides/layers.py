"""What is drawn over a slide: map, concepts, uncertainty, change and strongest class."""

import numpy as np
import streamlit as st

from prospector_core.palette import class_palette
from prospector_core.study.views import naming
from viewers import tile_server
from viewers.colour_limits import change_limit, doubt_of, error_limit, in_both, score_limit
from viewers.study_key import study_key
from viewers.token_blocks import TokenBlocks
from viewers.token_pixels import render_classes, render_error, render_map, render_sprite
from viewers.token_tiles import (
    TILED_ABOVE,
    ConceptTiles,
    NumberTiles,
    ScoreTiles,
    above_table,
    doubt_numbers,
    encode_summary,
    token_numbers,
)
from viewers.tokens import encode_doubt, encode_tokens

__all__ = ["overlays_of"]


def overlays_of(study, data, fit=None, change=None):
    """Map, sprite and uncertainty of each datum for the slide viewer.

    List of {id, kind, url, x, y, width, height}.

    ``fit``: another than the current one, in the same colours; ``change``: what a layer of differences shows.

    Images, and the numbers of tokens, are made when the browser asks for them, on a server thread. A grid of
    more than TILED_ABOVE tokens per side is drawn and asked for tile by tile.
    """
    fit = fit or study.view
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
            drawn = _tiled_overlays(study, datum, grid, colours, excluded, fit)
        else:
            drawn = _whole_overlays(study, datum, grid, colours, excluded, fit)
        found += [{**each, **box} for each in drawn]
    return found


def _whole_overlays(study, datum, grid, colours, excluded, fit):
    """Map, sprite and uncertainty of one datum as images: list of what the slide viewer is told of each."""
    limit, places, shape = score_limit(study), grid["positions"], grid["shape"]

    def draw_map():
        return render_map(places, study.prospect(datum, fit), shape, limit)

    def draw_sprite():
        return render_sprite(places, study.concepts_of(datum, fit), colours, excluded, shape)

    def list_tokens():
        return encode_tokens(places, study.prospect(datum, fit), study.concepts_of(datum, fit))

    def list_doubt():
        found = doubt_of(study, datum, fit)
        return encode_doubt(found.error, found.unsure & ~np.isnan(found.error), error_limit(study, fit))

    def draw_error():
        return render_error(places, doubt_of(study, datum, fit).error, shape, error_limit(study, fit))

    key = (study_key(study), datum.uid)
    numbers = {
        kind: tile_server.register_image(key, make, version=fit.key, kind=kind)
        for kind, make in (("tokens", list_tokens), ("doubt", list_doubt), ("error", draw_error))
    }
    error_url = numbers.pop("error")
    map_url = tile_server.register_image(key, draw_map, version=(fit.key, limit), kind="map")
    version = (fit.id, tuple(colours), tuple(sorted(excluded)))
    sprite_url = tile_server.register_image(key, draw_sprite, version=version, kind="sprite")
    return [
        {"id": f"map-{datum.uid}", "kind": "map", "url": map_url, "shape": list(shape), **numbers},
        {"id": f"sprite-{datum.uid}", "kind": "sprite", "url": sprite_url},
        {"id": f"error-{datum.uid}", "kind": "error", "url": error_url},
    ]


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
    limit = score_limit(study)
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

    def top_error():
        return error_limit(study, fit)

    def tiles(kind, version, drawn):
        return tile_server.register_tiles(key, drawn, version=version, kind=kind)

    map_tiles = ScoreTiles(("map", *seen), blocks, scores, lambda: limit, unsure=unsure)
    error_tiles = ScoreTiles(("error", fit.key), blocks, error, top_error, unsure=unsure, signed=False)
    numbers = NumberTiles("tokens", blocks, token_numbers(scores, concepts))
    doubts = NumberTiles("doubt", blocks, doubt_numbers(error, unsure, top_error))
    of_map = {
        "numbers": tiles("tokens", fit.key, numbers),
        "doubts": tiles("doubt", fit.key, doubts),
        "above": _above(*key, fit.key, limit, study, fit),
        "summary": tile_server.register_image(
            key, lambda: encode_summary(unsure(), top_error()), version=("summary", fit.key), kind="doubt"
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
