"""Overlays of very large grids as tiles: the same pixels as one picture, and what halving makes of them."""

import imagecodecs
import numpy as np
import pytest

from prospector_core.palette import concept_palette
from prospector_core.store.cache import Cache
from tests.viewers.test_tile_server import ask
from viewers import token_tiles
from viewers.tile_server import TileServer
from viewers.token_blocks import BLOCK, TokenBlocks, n_halvings
from viewers.token_pixels import map_pixels, render_error, render_map, render_sprite, sprite_pixels
from viewers.token_tiles import ConceptTiles, NumberTiles, ScoreTiles, View, above_table, token_numbers
from viewers.tokens import encode_tokens

SHAPE = (600, 1100)
LIMIT = 2.0
RANDOM = np.random.default_rng(3)
POSITIONS = RANDOM.permutation(np.argwhere(RANDOM.random(SHAPE) < 0.3)).astype(np.int32)  # in no order
SCORES = RANDOM.normal(0, 1, len(POSITIONS))
SCORES[RANDOM.random(len(POSITIONS)) < 0.1] = np.nan
UNSURE = RANDOM.random(len(POSITIONS)) < 0.4
CONCEPTS = RANDOM.integers(0, 5, len(POSITIONS))
COLOURS = concept_palette(5)
PLAIN = View()


@pytest.fixture
def blocks():
    return TokenBlocks("grid", POSITIONS, SHAPE, Cache(1 << 24))


@pytest.fixture
def map_tiles(blocks):
    return ScoreTiles("map", blocks, lambda: SCORES, lambda: LIMIT, unsure=lambda: UNSURE)


@pytest.fixture
def sprite_tiles(blocks):
    return ConceptTiles("sprite", blocks, lambda: CONCEPTS, COLOURS, {3})


def mosaic(tiles, level, view=PLAIN):
    """All tiles of a level side by side."""
    rows = []
    while tiles.blocks.has(level, len(rows), 0):
        parts = []
        while (part := tiles.tile(level, len(rows), len(parts), view)) is not None:
            parts.append(imagecodecs.png_decode(part))
        rows.append(np.concatenate(parts, axis=1))
    return np.concatenate(rows)


def grid_of(values, empty=np.nan):
    grid = np.full(SHAPE, empty)
    grid[tuple(POSITIONS.T)] = values
    return grid


def squares(grid, side, empty=np.nan):
    """(rows, columns, side * side): the tokens of each halved cell."""
    padded = np.pad(grid, [(0, -n % side) for n in grid.shape], constant_values=empty)
    rows, columns = (n // side for n in padded.shape)
    return padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, -1)


@pytest.mark.parametrize(
    ("shape", "times"), [((1, 1), 0), ((256, 256), 0), ((257, 3), 1), ((5000, 5000), 5), ((3, 4097), 5)]
)
def test_halvings_end_at_one_tile(shape, times):
    assert n_halvings(shape) == times
    assert max(shape) <= BLOCK * 2**times


def test_at_full_resolution_tiles_are_the_picture_of_the_whole(blocks, map_tiles, sprite_tiles):
    whole = lambda png: imagecodecs.png_decode(png)
    top = blocks.top
    assert top == 3
    assert np.array_equal(mosaic(map_tiles, top), whole(render_map(POSITIONS, SCORES, SHAPE, LIMIT, cell=1)))
    sprite = render_sprite(POSITIONS, CONCEPTS, COLOURS, {3}, SHAPE, cell=1)
    assert np.array_equal(mosaic(sprite_tiles, top), whole(sprite))
    error = np.abs(SCORES)
    tiles = ScoreTiles("error", blocks, lambda: error, lambda: LIMIT, signed=False)
    assert np.array_equal(mosaic(tiles, top), whole(render_error(POSITIONS, error, SHAPE, LIMIT, cell=1)))


def test_a_threshold_hides_weak_scores_and_keeps_excluded_tokens(map_tiles):
    shown = ~(np.abs(SCORES.astype(np.float32)) < 0.35 * LIMIT)
    want = imagecodecs.png_decode(render_map(POSITIONS[shown], SCORES[shown], SHAPE, LIMIT, cell=1))
    assert np.array_equal(mosaic(map_tiles, 3, View(least=35)), want)
    assert 0.2 < shown.mean() < 0.8


@pytest.mark.parametrize("least", [0, 40])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_halved_scores_are_means_over_their_tokens(map_tiles, level, least):
    side = 2 ** (3 - level)
    scores = squares(grid_of(SCORES), side)
    there = squares(grid_of(1.0, 0.0), side, 0.0) > 0
    excluded = (there & np.isnan(scores)).sum(axis=-1)
    scores[np.abs(scores) < least / 100 * LIMIT] = np.nan
    n = (~np.isnan(scores)).sum(axis=-1)
    mean = np.nansum(scores, axis=-1) / np.maximum(n, 1)
    want = map_pixels(np.where(n > 0, mean, np.nan), LIMIT)
    want[..., 3] = np.round(want[..., 3] * (n / side**2))
    got = mosaic(map_tiles, level, View(least=least))
    assert got.shape == want.shape
    plain = excluded <= n
    assert plain.mean() > 0.2 and np.abs(got[plain].astype(int) - want[plain]).max() <= 1
    grey = got[~plain & (got[..., 3] > 0)][:, :3].astype(int)
    assert np.ptp(grey, axis=0).max() == 0  # hatched: one grey


def test_stripes_lie_where_the_sign_is_not_certain(map_tiles):
    plain, striped = mosaic(map_tiles, 3), mosaic(map_tiles, 3, View(hatched=True))
    changed = (plain != striped).any(axis=-1)
    where = grid_of(UNSURE & ~np.isnan(SCORES), 0).astype(bool)
    assert changed.any() and not changed[~where].any()
    assert 0.4 < changed[where].mean() < 0.6  # two of four diagonals
    assert set(map(tuple, striped[changed])) == {(255, 255, 255, 255), (34, 34, 34, 255)}
    assert (mosaic(map_tiles, 0) != mosaic(map_tiles, 0, View(hatched=True))).any()


def test_halved_concepts_are_the_most_frequent_of_four(sprite_tiles):
    four = squares(grid_of(CONCEPTS, -2), 2, -2).astype(int)
    n = (four >= 0).sum(axis=-1)
    votes = np.stack([(four == concept).sum(axis=-1) for concept in range(5)], axis=-1)
    got = mosaic(sprite_tiles, 2)
    assert np.array_equal(got[..., 3] > 0, n > 0)
    clear = (votes == votes.max(axis=-1, keepdims=True)).sum(axis=-1) == 1
    winner = votes.argmax(axis=-1)
    sure = clear & (n > 0) & (winner != 3)  # concept 3 is excluded: hatched
    assert sure.mean() > 0.2
    want = sprite_pixels(winner, COLOURS)
    assert np.array_equal(got[sure][:, :3], want[sure][:, :3])
    assert np.array_equal(got[sure][:, 3], np.round(255 * n[sure] / 4))
    tied = (n == 2) & ~clear  # the first of the two, read row by row
    first = np.take_along_axis(four, (four >= 0).argmax(axis=-1)[..., None], -1)[..., 0]
    tied &= first != 3
    assert tied.any() and np.array_equal(got[tied][:, :3], sprite_pixels(first[tied], COLOURS)[:, :3])


def test_a_highlighted_concept_stays_and_the_others_fade(sprite_tiles):
    plain, lit = mosaic(sprite_tiles, 3), mosaic(sprite_tiles, 3, View(concept=2))
    own = grid_of(CONCEPTS, -2) == 2
    assert np.array_equal(lit[own], plain[own])
    others = (plain[..., 3] == 255) & ~own
    assert (lit[others][:, 3] == round(0.12 * 255)).all()
    # seen from afar, cells are as opaque as they hold tokens of it
    far = mosaic(sprite_tiles, 0, View(concept=2))
    of_it, all_ = (squares(grid.astype(float), 8, 0).mean(-1) for grid in (own, grid_of(1.0, 0.0)))
    assert np.corrcoef(far[..., 3].ravel(), (of_it + 0.12 * (all_ - of_it)).ravel())[0, 1] > 0.95


def test_numbers_come_a_block_at_a_time(blocks):
    tiles = NumberTiles("tokens", blocks, token_numbers(lambda: SCORES, lambda: CONCEPTS))
    inside = np.flatnonzero((POSITIONS[:, 0] // BLOCK == 1) & (POSITIONS[:, 1] // BLOCK == 4))
    assert inside.size
    assert tiles.tile(3, 1, 4, View()) == encode_tokens(POSITIONS[inside], SCORES[inside], CONCEPTS[inside])
    assert tiles.tile(2, 0, 0, View()) is None and tiles.tile(3, 1, 5, View()) is None


def test_the_table_of_thresholds_counts_as_the_viewer_does():
    table = above_table(SCORES, LIMIT)
    scores = SCORES.astype(np.float32).astype(float)
    assert table["n"] == len(SCORES) and len(table["high"]) == len(table["low"]) == 101
    for k in (0, 1, 33, 100):
        least = k / 100 * LIMIT
        assert table["high"][k] == np.sum(scores >= least)
        assert table["low"][k] == np.sum((scores <= -least) & (scores < 0))


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("", View()),
        ("t35", View(35)),
        ("u", View(hatched=True)),
        ("t1u", View(1, True)),
        ("c7", View(concept=7)),
        ("t101", None),
        ("t", None),
        ("c", None),
        ("c7u", None),
        ("ut5", None),
        ("t-5", None),
        ("t٣", None),
    ],
)
def test_views_are_read_strictly(text, view):
    assert View.parse(text) == view


def test_arrays_are_kept_within_a_bound():
    cache, made = Cache(1000), []

    def make(name, size):
        made.append(name)
        return {"a": np.zeros(size, np.uint8), "b": [np.zeros(10, np.uint8)]}

    for name in "ababc":
        cache.make(name, lambda name=name: make(name, 390))
    assert made == ["a", "b", "c"] and cache.nbytes == 800 and len(cache) == 2
    cache.make("a", lambda: make("a", 390))
    assert made[-1] == "a" and len(cache) == 2
    cache.make("large", lambda: make("large", 5000))  # what is being looked at is kept all the same
    assert len(cache) == 1


def test_the_server_answers_tiles_and_nothing_else(blocks, map_tiles, sprite_tiles):
    server = TileServer()
    numbers = NumberTiles("tokens", blocks, token_numbers(lambda: SCORES, lambda: CONCEPTS))
    base = server.register_tiles(("s", "datum-name"), map_tiles, version=1, kind="map")
    sprite = server.register_tiles(("s", "datum-name"), sprite_tiles, version=1, kind="sprite")
    tokens = server.register_tiles(("s", "datum-name"), numbers, version=1, kind="tokens")
    answer = ask(server, f"{base}/3/4_2.png")
    assert answer.status == 200 and answer.headers["content-type"] == "image/png"
    assert (
        "immutable" in answer.headers["cache-control"]
        and answer.headers["x-content-type-options"] == "nosniff"
    )
    assert answer.body == map_tiles.tile(3, 2, 4, View()) and "datum-name" not in base
    assert imagecodecs.png_decode(answer.body).shape == (600 - 512, 1100 - 1024, 4)
    assert ask(server, f"{base}/0/0_0-t35u.png").body == map_tiles.tile(0, 0, 0, View(35, True))
    assert ask(server, f"{sprite}/0/0_0-c2.png").body == sprite_tiles.tile(0, 0, 0, View(concept=2))
    assert ask(server, f"{tokens}/3/0_0.bin").headers["content-type"] == "application/octet-stream"
    for wrong in (
        f"{base}/3/5_0.png",
        f"{base}/3/0_3.png",
        f"{base}/4/0_0.png",
        f"{base}/0/1_0.png",
        f"{base}/3/0_0.bin",
        f"{base}/3/-1_0.png",
        f"{base}/3/0_0-t101.png",
        f"{base}/3/0_0-x.png",
        f"{base}/99/99999_99999.png",
        f"{base}/3/0_0-.png",
        f"{base}.png",
        f"{base}/3/0_0.png/x",
        f"{tokens}/2/0_0.bin",
        f"{tokens}/3/0_0-u.bin",
        f"{tokens}/3/0_0.png",
        f"{base}/3/0_0.png".replace(server.token, "0" * 32),
        f"{base}/3/0_0.png".replace("/map/", "/sprit/"),
        f"{base}/3/0_0.png".replace(base.split("/")[-2], "0" * 20),
    ):
        assert ask(server, wrong).status == 404, wrong
    with pytest.raises(ValueError, match="kind"):
        server.register_tiles("s", map_tiles, version=1, kind="tokens")


def test_tiles_are_drawn_once_and_kept_within_a_bound(blocks):
    asked = []

    def scores():
        asked.append(1)
        return SCORES

    server = TileServer(tile_bytes=60_000)
    base = server.register_tiles("s", ScoreTiles("map", blocks, scores, lambda: LIMIT), version=1, kind="map")
    again = server.register_tiles(
        "s", ScoreTiles("map", blocks, scores, lambda: LIMIT), version=1, kind="map"
    )
    assert (
        again == base != server.register_tiles("s", NumberTiles("n", blocks, None), version=2, kind="tokens")
    )
    for _ in range(3):
        assert ask(server, f"{base}/3/4_2.png").status == 200
    assert len(asked) == 1
    for column in range(5):
        ask(server, f"{base}/3/{column}_0.png")
    assert 0 < server.tiles.nbytes <= 60_000
    ask(server, f"{base}/2/0_0.png")
    made = len(asked)
    ask(server, f"{base}/1/0_0.png")
    assert len(asked) == made  # halved once for all levels


def test_a_grid_without_tokens_is_empty():
    blocks = TokenBlocks("none", np.empty((0, 2), np.int32), (5000, 300), Cache(1 << 20))
    tiles = ScoreTiles("map", blocks, lambda: np.empty(0), lambda: 1.0)
    for level in (0, blocks.top):
        assert not imagecodecs.png_decode(tiles.tile(level, 0, 0, View()))[..., 3].any()
    sprite = ConceptTiles("sprite", blocks, lambda: np.empty(0, np.int64), COLOURS)
    assert not imagecodecs.png_decode(sprite.tile(0, 0, 0, View()))[..., 3].any()
    assert above_table(np.empty(0), 1.0)["high"] == [0] * 101
    assert token_tiles.TILED_ABOVE == 4096
