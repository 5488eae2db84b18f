"""Tiles of what is under points.

The contrast that is asked for, borders where labels change, outlines by squares.
"""

import io

import numpy as np
import pytest
import shapely
from PIL import Image

from prospector_core.modalities.graphs.background import ChannelImage, LabelImage, Outlines, Stored
from viewers.token_tiles import View
from viewers.under_tiles import SIDE, BorderTiles, ChannelTiles, OutlineTiles

IDENTITY = [[1, 0, 0], [0, 1, 0]]


def picture(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_channel_is_grey_between_its_percentiles_and_tiles_meet():
    pixels = np.arange(600 * 700).reshape(1, 600, 700).astype(np.float32)
    image = ChannelImage([Stored(pixels, "CYX", "made")], IDENTITY, "made")
    whole, usual = ChannelTiles(image, "whole"), ChannelTiles(image, "strong")
    top, view = image.n_levels - 1, View.parse("c0")
    rows = [np.hstack([picture(whole.tile(top, row, column, view)) for column in (0, 1)]) for row in (0, 1)]
    grey = np.vstack(rows)
    assert (
        grey.shape == (600, 700)
        and (np.diff(grey[:, 0].astype(int)) >= 0).all()
        and grey[0, 0] == 0
        and grey[-1, -1] >= 254
    )
    assert (np.vstack([picture(usual.tile(top, row, 0, view)) for row in (0, 1)]) == 255).sum() > (
        grey[:, :SIDE] == 255
    ).sum()
    assert picture(whole.tile(0, 0, 0, view)).shape == (300, 350)
    for level, row, column, asked in (
        (top + 1, 0, 0, view),
        (top, 2, 0, view),
        (top, 0, 0, View()),
        (top, 0, 0, View.parse("c1")),
    ):
        assert whole.tile(level, row, column, asked) is None


def test_borders_are_where_labels_change_also_across_tiles():
    labels = np.zeros((600, 600), np.int32)
    labels[100:200, 500:512], labels[300:310, 300:320] = 1, 2
    tiles = BorderTiles(
        LabelImage([Stored(labels, "YX", "made")], IDENTITY, "made", lambda: np.array([1, 2]))
    )
    left, right = picture(tiles.tile(1, 0, 0, View())), picture(tiles.tile(1, 0, 1, View()))
    assert (
        left.shape == (SIDE, SIDE, 4)
        and left[150, 500, 3] == 255
        and left[150, 505, 3] == 0
        and left[300, 310, 3] == 255
    )
    assert (right[100:200, 0, 3] == 255).all() and not right[:, 1:, 3].any()


@pytest.mark.parametrize("kind", ["polygons", "circles", "parts"])
def test_every_outline_is_in_the_square_of_its_cell(kind):
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1000, (800, 2))
    points = shapely.points(places)
    boxes = shapely.box(*(places - 2).T, *(places + 2).T)
    if kind == "parts":  # of several parts the largest counts
        boxes = np.array([shapely.MultiPolygon([shapely.box(-9, -9, -8, -8), box]) for box in boxes])
    radii = np.full(800, 3.0) if kind == "circles" else None
    outlines = Outlines(lambda: (points if kind == "circles" else boxes, radii), IDENTITY)
    tiles, middle = OutlineTiles(outlines, places, (10.0, 20.0)), np.array([10.0, 20.0])
    seen = []
    for row in range(3):
        for column in range(3):
            data = tiles.tile(0, row, column, View())
            n = int(np.frombuffer(data, "<u4", 1)[0])
            tokens, starts = np.frombuffer(data, "<u4", n, 4), np.frombuffer(data, "<u4", n + 1, 4 + 4 * n)
            xy = np.frombuffer(data, "<f4", -1, 8 + 8 * n).reshape(-1, 2)
            assert starts[-1] == len(xy)
            for at, token in enumerate(tokens):
                ring = xy[starts[at] : starts[at + 1]] + middle
                reach = np.abs(ring - places[token]).max()
                assert reach == pytest.approx(3 if kind == "circles" else 2, abs=1e-3)
                square = (places[token] - tiles.origin) // tiles.side
                assert square.tolist() == [column, row]
            seen += tokens.tolist()
    assert sorted(seen) == list(range(800)) and tiles.tile(1, 0, 0, View()) is None
