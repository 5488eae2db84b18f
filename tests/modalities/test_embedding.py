"""Embedding a slide: every tile once, whatever happens in between."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from prospector_core.errors import EmbeddingError, SlideError, StorageFullError
from prospector_core.modalities.slides.embedding import embed_datum, open_grid_writer
from prospector_core.modalities.slides.encoders import get_encoder
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.tiling import tile_grid
from prospector_core.store.embeddings import EmbeddingStore
from tests.support.slide_files import tissue, write_image


class MeanColour:
    """Three numbers per tile; counts the tiles that it saw."""

    name, dim, input_size = "mean-colour", 3, 16

    def __init__(self):
        self.seen = 0

    def encode(self, tiles):
        self.seen += len(tiles)
        return tiles.mean((1, 2), dtype=np.float64).astype(np.float32)

    def record(self):
        return {"name": self.name, "version": 1}


@pytest.fixture
def slide(tmp_path):
    with open_slide(write_image(tmp_path / "slide.tif", tissue(640, 480))) as slide:
        yield slide


@pytest.fixture
def grid(slide):
    return tile_grid(slide, 32)


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "embeddings.zarr")


def test_every_tile_in_its_row(slide, grid, store):
    encoder, calls = MeanColour(), []
    writer = open_grid_writer(store, "s", slide, grid, encoder, block=64)
    assert embed_datum(slide, grid, encoder, writer, progress=lambda *c: calls.append(c), readers=2)
    kept = store.read("s")
    assert kept.embeddings.shape == (300, 3) and np.array_equal(kept.positions, grid.positions)
    assert kept.attrs["pitch"] == 32 and kept.attrs["encoder"]["name"] == "mean-colour"
    x, y = grid.rects()[217, :2].astype(int)
    expected = slide.read_scaled(x, y, 32, 32, 16, 16).mean((0, 1))
    assert kept.embeddings[217] == pytest.approx(expected)
    assert calls[0] == (0, 300) and calls[-1] == (300, 300) and calls == sorted(calls)


def test_an_embedded_slide_is_not_embedded_again(slide, grid, store):
    for expected in (300, 0):
        encoder = MeanColour()
        embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder))
        assert encoder.seen == expected


def test_stop_and_go_on(slide, grid, store):
    encoder, stop = MeanColour(), threading.Event()

    def progress(done, total):
        if done >= 128:
            stop.set()

    writer = open_grid_writer(store, "s", slide, grid, encoder, block=64)
    assert not embed_datum(slide, grid, encoder, writer, progress=progress, stop=stop)
    assert store.progress("s") == (128, 300)
    encoder, calls = MeanColour(), []
    writer = open_grid_writer(store, "s", slide, grid, encoder, block=64)
    assert embed_datum(slide, grid, encoder, writer, progress=lambda *c: calls.append(c), stop=lambda: False)
    assert encoder.seen == 300 - 128 and calls[0] == (128, 300)


SCRIPT = """
import sys, time
import numpy as np
from prospector_core.modalities.slides.embedding import embed_datum, open_grid_writer
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.modalities.slides.tiling import tile_grid

class Counting:
    name, dim, input_size = "mean-colour", 3, 16
    def encode(self, tiles):
        with open(sys.argv[3], "a") as log:
            log.write(f"{len(tiles)}\\n")
        time.sleep(0.05)
        return tiles.mean((1, 2), dtype=np.float64).astype(np.float32)
    def record(self):
        return {"name": self.name, "version": 1}

slide, encoder = open_slide(sys.argv[1]), Counting()
grid = tile_grid(slide, 32)
store = EmbeddingStore(sys.argv[2])
embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder, block=32))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_at_any_moment(tmp_path, slide, grid, store):
    script, log = tmp_path / "run.py", tmp_path / "log"
    script.write_text(textwrap.dedent(SCRIPT))
    log.write_text("")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for least in (2, 5):  # killed twice, a few pieces in
        process = subprocess.Popen([sys.executable, script, slide.path, store.path, log], env=environment)
        deadline = time.monotonic() + 60
        while len(log.read_text().split()) < least and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        done, total = store.progress("s")
        assert 32 <= done < total == 300
    before = sum(map(int, log.read_text().split()))
    assert before <= done + 2 * 32  # at most the piece at hand was lost each time
    encoder = MeanColour()
    assert embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder, block=32))
    assert encoder.seen == total - done
    whole = EmbeddingStore(tmp_path / "other.zarr")
    embed_datum(slide, grid, encoder, open_grid_writer(whole, "s", slide, grid, encoder, block=32))
    assert np.array_equal(whole.read("s").embeddings, store.read("s").embeddings)


def test_a_full_disk(slide, grid, store, monkeypatch):
    encoder = MeanColour()
    writer = open_grid_writer(store, "s", slide, grid, encoder, block=64)
    write, count = type(writer._blocks._array).__setitem__, []

    def setitem(self, *args):
        count.append(1)
        if len(count) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(type(writer._blocks._array), "__setitem__", setitem)
        with pytest.raises(StorageFullError):
            embed_datum(slide, grid, encoder, writer)
    assert store.progress("s") == (128, 300)
    encoder = MeanColour()
    assert embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder, block=64))
    assert encoder.seen == 300 - 128


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_name_the_tile(slide, grid, store, bad):
    class Bad(MeanColour):
        def encode(self, tiles):
            first, out = self.seen, super().encode(tiles)
            if first <= 45 < self.seen:
                out[45 - first, 1] = bad
            return out

    encoder = Bad()
    with pytest.raises(EmbeddingError, match="row 2, column 5"):
        embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder))
    assert not store.has("s")


def test_an_encoder_of_another_size(slide, grid, store):
    encoder = MeanColour()
    writer = open_grid_writer(store, "s", slide, grid, encoder)
    encoder.encode = lambda tiles: np.zeros((len(tiles), 4), np.float32)
    with pytest.raises(EmbeddingError, match="mean-colour"):
        embed_datum(slide, grid, encoder, writer)
    with pytest.raises(EmbeddingError, match="300"):
        embed_datum(slide, tile_grid(slide, 64), encoder, writer)


def test_a_tile_that_cannot_be_read(slide, grid, store):
    encoder = MeanColour()
    writer = open_grid_writer(store, "s", slide, grid, encoder)
    slide.close()
    with pytest.raises(SlideError, match=r"slide\.tif"):
        embed_datum(slide, grid, encoder, writer)


def test_with_the_built_in_encoder(slide, store):
    encoder, grid = get_encoder("efficientnet-lite0"), tile_grid(slide, 160)
    writer = open_grid_writer(store, "s", slide, grid, encoder, dtype="float16")
    assert embed_datum(slide, grid, encoder, writer)
    kept = store.read("s")
    assert kept.embeddings.shape == (12, encoder.dim) and kept.embeddings.dtype == np.float16
    assert kept.attrs["encoder"] == encoder.record()


class QuarterColour(MeanColour):
    """Three numbers for each quarter of a tile."""

    name, input_size, tokens_per_side = "quarter-colour", 0, 2

    def encode(self, tiles):
        n, side = tiles.shape[:2]
        quarters = tiles.reshape(n, 2, side // 2, 2, side // 2, 3).mean((2, 4), dtype=np.float64)
        self.seen += n
        return quarters.reshape(-1, 3).astype(np.float32)


def test_several_tokens_a_tile_lie_where_their_parts_lie(slide, grid, store):
    encoder, calls = QuarterColour(), []
    writer = open_grid_writer(store, "s", slide, grid, encoder)
    assert writer.block == 32 * 4
    embed_datum(slide, grid, encoder, writer, progress=lambda *c: calls.append(c))
    assert encoder.seen == 300 and calls[-1] == (1200, 1200)
    kept = store.read("s")
    assert (
        kept.attrs["pitch"] == 16 and kept.attrs["shape"] == [30, 40] and kept.attrs["tokens_per_side"] == 2
    )

    fine = MeanColour()  # the same squares, as tiles of their own
    small = tile_grid(slide, 16)
    embed_datum(slide, small, fine, open_grid_writer(store, "fine", slide, small, fine))
    expected = store.read("fine")
    order, other = (np.lexsort(each.positions.T[::-1]) for each in (kept, expected))
    assert np.array_equal(kept.positions[order], expected.positions[other])
    assert kept.embeddings[order] == pytest.approx(expected.embeddings[other], abs=1e-4)


def test_several_tokens_a_tile_stop_and_go_on(slide, grid, store):
    encoder, stop = QuarterColour(), threading.Event()
    embed_datum(slide, grid, encoder, open_grid_writer(store, "whole", slide, grid, encoder))
    encoder = QuarterColour()
    writer = open_grid_writer(store, "s", slide, grid, encoder)
    assert not embed_datum(
        slide, grid, encoder, writer, stop=stop, progress=lambda done, total: done >= 400 and stop.set()
    )
    assert 0 < encoder.seen < 300
    again = QuarterColour()
    assert embed_datum(slide, grid, again, open_grid_writer(store, "s", slide, grid, again))
    assert again.seen < 300
    assert np.array_equal(store.read("s").embeddings, store.read("whole").embeddings)


def test_a_wrong_number_of_tokens_a_tile_is_refused(slide, grid, store):
    encoder = QuarterColour()
    encoder.encode = MeanColour().encode
    with pytest.raises(EmbeddingError, match=r"gave \(32, 3\) for 32 tiles, not \(128, 3\)"):
        embed_datum(slide, grid, encoder, open_grid_writer(store, "s", slide, grid, encoder))
