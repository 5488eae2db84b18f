"""Coarse first: one tile of each square before the others, and the same bytes at the end."""

import numpy as np
import pytest

from prospector_core.modalities.slides import embedding
from prospector_core.modalities.slides.embedding import coarse_tokens, embed_datum, open_grid_writer
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.tiling import tile_grid
from prospector_core.store.embeddings import EmbeddingStore
from tests.support.slide_files import tissue, write_image


class MeanColour:
    """Three numbers per tile; keeps how many tiles it was given each time."""

    name, dim, input_size = "mean-colour", 3, 8

    def __init__(self):
        self.seen = []

    def encode(self, tiles):
        self.seen.append(len(tiles))
        return tiles.mean((1, 2), dtype=np.float64).astype(np.float32)

    def record(self):
        return {"name": self.name, "version": 1}


@pytest.fixture
def slide(tmp_path):
    with open_slide(write_image(tmp_path / "slide.tif", tissue(640, 480))) as slide:
        yield slide


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_token_of_each_square():
    random = np.random.default_rng(0)
    positions = np.argwhere(random.random((50, 43)) < 0.4)
    tokens = coarse_tokens(positions)
    squares = {tuple(square) for square in positions // 4}
    assert len(tokens) == len(squares) and {tuple(square) for square in positions[tokens] // 4} == squares
    assert (np.diff(tokens) > 0).all()
    whole = np.argwhere(np.ones((64, 64)))
    assert len(coarse_tokens(whole)) == 64 * 64 // 16
    assert set(np.unique(whole[coarse_tokens(whole)] % 4)) == {1}  # next to the middle
    assert len(coarse_tokens(np.empty((0, 2), int))) == 0


def test_stopped_anywhere_the_bytes_are_those_of_plain_order(tmp_path, slide, monkeypatch):
    grid, encoder = tile_grid(slide, 16), MeanColour()
    assert len(grid) == 1200
    first = coarse_tokens(grid.positions)

    def embed(store, stop=None):
        writer = open_grid_writer(store, "s", slide, grid, encoder, block=64)
        return embed_datum(slide, grid, encoder, writer, stop=stop)

    store = EmbeddingStore(tmp_path / "coarse.zarr")
    for pieces in (2, 5, 9):  # stopped in the middle of the early tokens, and twice after
        asked = [False] * pieces + [True]
        assert not embed(store, lambda asked=asked: asked.pop(0))
        done, total = store.progress("s")
        part = store.part("s")
        finished = part.finished()
        there = np.unique(np.concatenate([part.tokens(early, index) for early, index, _ in finished]))
        assert len(there) == done < total == 1200
        if not all(early for early, _, _ in finished):
            assert set(first) <= set(there)  # the whole slide, coarsely, before any other block
        for early, index, _ in finished:
            tokens = part.tokens(early, index)
            x, y = grid.rects()[tokens[-1], :2].astype(int)
            tile = slide.read_scaled(x, y, 16, 16, 8, 8)
            assert part.read(early, index)[-1] == pytest.approx(tile.mean((0, 1)))
    assert embed(store) and store.part("s") is None
    assert sum(encoder.seen) <= 1200 + 3 * 64  # no finished block twice
    monkeypatch.setattr(embedding, "_COARSE_FROM", 10**9)
    plain = EmbeddingStore(tmp_path / "plain.zarr")
    assert embed(plain)
    assert contents(store.path) == contents(plain.path)


def test_early_tokens_of_another_choice_are_made_anew(tmp_path):
    store = EmbeddingStore(tmp_path / "embeddings.zarr")
    writer = store.open_writer("s", 10, 2, np.argwhere(np.ones((2, 5))), block=2)
    writer.early([1, 4, 7]).write_block(0, np.ones((2, 2)))
    assert store.progress("s") == (2, 10)
    assert writer.early([1, 4, 7]).finished == {0}
    assert writer.early([1, 4, 8]).finished == set() and store.progress("s") == (0, 10)
    store.write("t", np.ones((3, 2), np.float32))
    store.discard("s")
    store.discard("t")
    assert store.part("s") is None and store.progress("s") == (0, 0) and store.has("t")


def test_an_encoder_says_how_many_tiles_it_takes_at_once(tmp_path, slide):
    store, grid, encoder = EmbeddingStore(tmp_path / "embeddings.zarr"), tile_grid(slide, 32), MeanColour()
    embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder))
    assert encoder.seen == [32] * 8 + [32, 12]
    encoder.batch_size, encoder.seen = 128, []
    embed_datum(slide, grid, encoder, open_grid_writer(store, "t", slide, grid, encoder))
    assert encoder.seen == [128, 128, 44]
