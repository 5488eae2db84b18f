"""From the tiles of a slide to embeddings on disk, resumable at every block."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...encoders.base import tokens_per_side
from ...errors import EmbeddingError
from ...store.blocks import Blocks
from ...store.embedding_writer import EmbeddingWriter
from ...store.embeddings import EmbeddingStore
from .encoders import Encoder
from .readers import Slide
from .tiling import TileGrid

__all__ = ["COARSE", "coarse_tokens", "embed_datum", "grid_attrs", "open_grid_writer"]

COARSE = 4
"""Tiles a side of the squares of which one tile each is embedded first."""

# Tiles handed to the encoder at once, unless it says otherwise (``batch_size``). A block is always cut at the
# same places, so that a resumed run gives the same bytes even with an encoder whose last digits depend on its
# batch.
_PIECE = 32
_AHEAD = 256  # tiles read before they are needed: 40 MB of tiles of 224 pixels
_COARSE_FROM = 1024  # tiles; the map of fewer is there soon enough


def coarse_tokens(positions: np.ndarray) -> np.ndarray:
    """Return one token of each square of 4 x 4 tiles that holds tissue, the nearest to its middle.

    Parameters
    ----------
    positions : (n, 2) int
        Row and column of each tile.

    Returns
    -------
    (m,) int64, ascending; about n / 16 of them.
    """
    positions = np.asarray(positions, np.int64)
    square, inside = np.divmod(positions, COARSE)
    away = (2 * inside - COARSE + 1) ** 2
    order = np.lexsort((np.arange(len(positions)), away.sum(1), square[:, 1], square[:, 0]))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(square[order], axis=0) != 0).any(1)
    return np.sort(order[first])


def grid_attrs(slide: Slide, grid: TileGrid, encoder: Encoder) -> dict[str, Any]:
    """Return what is kept beside the embeddings of a grid; other attributes mean that they are made again."""
    parts = tokens_per_side(encoder)
    grid = grid.subdivided(parts)
    stain = getattr(slide, "stain", None)  # of a slide whose colours are normalised
    return {
        "kind": "tiles",
        "origin": list(grid.origin),
        "pitch": grid.pitch,
        "shape": list(grid.shape),
        "tile": grid.tile,
        "mpp": grid.mpp,
        "slide": {"width": slide.width, "height": slide.height, "mpp": slide.mpp},
        "encoder": encoder.record(),
        **({"tokens_per_side": parts} if parts > 1 else {}),
        **({"stain": stain} if stain else {}),
    }


def open_grid_writer(
    store: EmbeddingStore,
    uid: str,
    slide: Slide,
    grid: TileGrid,
    encoder: Encoder,
    block: int = 256,
    dtype: str = "float32",
) -> EmbeddingWriter:
    """Return the writer of a grid's embeddings, with what was finished before; raises as `open_writer`.

    `block` counts tokens. Where a tile is several tokens, blocks hold whole tiles instead: 32.
    """
    attrs = grid_attrs(slide, grid, encoder)
    begun_on = _state_of(slide)
    if (parts := tokens_per_side(encoder)) > 1:
        grid, block = grid.subdivided(parts), _PIECE * parts**2
    return store.open_writer(
        uid, len(grid), encoder.dim, grid.positions, attrs, block, dtype, begun_on=begun_on
    )


def _state_of(slide: Slide) -> str:
    """Return what changes when the file of a slide is replaced by another."""
    try:
        state = os.stat(slide.path)
    except (AttributeError, OSError):  # a slide that is no file
        return ""
    return f"{state.st_size} {state.st_mtime_ns}"


def embed_datum(
    slide: Slide,
    grid: TileGrid,
    encoder: Encoder,
    writer: EmbeddingWriter,
    *,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | threading.Event | None = None,
    readers: int = 1,
) -> bool:
    """Embed the tiles of a grid that are not embedded yet, and complete the datum.

    Tiles are read ahead on threads of their own while the encoder works. Of a large grid, one tile of each
    square of 4 x 4 comes first, so that there is soon something of the whole to see; what is kept at the end
    is the same. Where a tile is several tokens, tiles come in order.

    Parameters
    ----------
    slide, grid, encoder
    writer : EmbeddingWriter
        From `open_grid_writer`; its block is what is written, and resumed, at a time.
    progress : function(tokens done, tokens in all), first called with those of an earlier run
    stop : callable or threading.Event
        When it says True the work ends soon, with the blocks finished so far kept.
    readers : int, threads that read tiles

    Returns
    -------
    bool : True when complete, False when stopped

    Raises
    ------
    EmbeddingError
        The encoder gave vectors of a wrong shape or that are not finite; the text names the tile.
    SlideError, StorageFullError
        A tile cannot be read; the disk is full. The finished blocks stay.
    """
    per_tile = tokens_per_side(encoder) ** 2
    _check_writer(writer, len(grid) * per_tile, encoder.dim)
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop or (lambda: False)
    progress = progress or (lambda done, total: None)
    if writer.complete:
        progress(writer.n, writer.n)
        return True
    work = _plan(writer, grid, encoder, per_tile)
    done = work.done
    progress(done, writer.n)
    read = _reader(slide, grid, int(encoder.input_size or grid.tile))
    vectors: list[np.ndarray] = []
    for piece, tiles in _ahead(work.pieces, read, readers):
        if stopped():
            return False
        if len(piece.tiles):
            vectors.append(_encode(encoder, tiles, writer, grid, piece.tiles))
        done += len(tiles) * per_tile
        if piece.last:
            if piece.early:
                work.early.write_block(piece.index, np.concatenate(vectors))
            else:
                _write_block(writer, piece.index, vectors, work)
            vectors = []
        progress(done, writer.n)
    writer.finish()
    return True


@dataclass(frozen=True)
class _Piece:
    """Tiles (numbers of them) that are encoded at once; the last piece of a block completes it."""

    early: bool
    index: int
    tiles: np.ndarray
    last: bool


@dataclass(frozen=True)
class _Work:
    """What is to be done of a datum: pieces, and how many tokens are done.

    ``first`` (m,) tokens that come early, ``early`` their blocks.
    """

    pieces: list[_Piece]
    done: int
    first: np.ndarray
    early: Blocks | None

    @cached_property
    def came_early(self) -> np.ndarray:
        """Embeddings of the tokens that came early, (m, d), once all did."""
        return self.early.read_all()


def _check_writer(writer: EmbeddingWriter, n: int, dim: int) -> None:
    if (n, dim) != (writer.n, writer.dim):
        raise EmbeddingError(
            f"{writer.uid}: the grid has {n} tokens of {dim} numbers and the store expects {writer.n} of"
            f" {writer.dim}; open the writer for this grid and encoder"
        )


def _plan(writer: EmbeddingWriter, grid: TileGrid, encoder: Encoder, per_tile: int) -> _Work:
    coarse = len(grid) >= _COARSE_FROM and per_tile == 1
    first = coarse_tokens(grid.positions) if coarse else np.empty(0, np.int64)
    todo = [index for index in range(writer.n_blocks) if index not in writer.finished]
    early = writer.early(first) if len(first) and todo else None
    batch = max(1, int(getattr(encoder, "batch_size", _PIECE)))
    return _Work(*_pieces(writer, early, first, todo, batch, per_tile), first, early)


def _reader(slide: Slide, grid: TileGrid, side: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that reads tiles, (b,) numbers, as (b, side, side, 3) uint8."""
    rects = grid.rects()

    def read(numbers: np.ndarray) -> np.ndarray:
        tiles = np.empty((len(numbers), side, side, 3), np.uint8)
        for tile, (x, y, width, height) in zip(tiles, rects[numbers], strict=True):
            tile[...] = slide.read_scaled(x, y, width, height, side, side)
        return tiles

    return read


def _write_block(writer: EmbeddingWriter, index: int, vectors: list[np.ndarray], work: _Work) -> None:
    """Write a block: ``vectors`` of those of its tokens that did not come early, the others from there."""
    rows = np.arange(writer.n)[writer.rows(index)]
    block = np.empty((len(rows), writer.dim), np.float32)
    came = np.isin(rows, work.first)
    if came.any():
        block[came] = work.came_early[np.searchsorted(work.first, rows[came])]
    if not came.all():
        block[~came] = np.concatenate(vectors)
    writer.write_block(index, block)


def _pieces(
    writer: EmbeddingWriter,
    early: Blocks | None,
    first: np.ndarray,
    todo: list[int],
    size: int,
    per_tile: int,
) -> tuple[list[_Piece], int]:
    """Return what is left to encode, in order, and how many tokens are done."""
    wanted: list[tuple[bool, int, np.ndarray]] = []
    if early is not None:
        left = [index for index in range(early.n_blocks) if index not in early.finished]
        wanted += [(True, index, first[early.rows(index)]) for index in left]
    for index in todo:
        tiles = np.arange(writer.n)[writer.rows(index)][::per_tile] // per_tile  # blocks hold whole tiles
        wanted.append((False, index, tiles[~np.isin(tiles, first)]))
    pieces = []
    for came, index, tiles in wanted:
        cuts = [tiles[start : start + size] for start in range(0, len(tiles), size)] or [tiles]
        pieces += [_Piece(came, index, each, each is cuts[-1]) for each in cuts]
    return pieces, writer.n - sum(len(piece.tiles) for piece in pieces) * per_tile


def _encode(
    encoder: Encoder, tiles: np.ndarray, writer: EmbeddingWriter, grid: TileGrid, numbers: np.ndarray
) -> np.ndarray:
    vectors = np.asarray(encoder.encode(tiles))
    per_tile = tokens_per_side(encoder) ** 2
    if vectors.shape != (len(tiles) * per_tile, encoder.dim):
        raise EmbeddingError(
            f"the encoder {encoder.name} gave {vectors.shape} for {len(tiles)} tiles, not "
            f"{(len(tiles) * per_tile, encoder.dim)}; it cannot be used"
        )
    wrong = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(wrong):
        row, col = grid.positions[numbers[wrong[0] // per_tile]]
        raise EmbeddingError(
            f"{writer.uid}: the encoder {encoder.name} gave numbers that are not finite for the tile in row"
            f" {row}, column {col}; check its weights, or leave the slide out"
        )
    return vectors


def _ahead(
    pieces: list[_Piece], read: Callable[[np.ndarray], np.ndarray], readers: int
) -> Iterator[tuple[_Piece, np.ndarray]]:
    """Yield each piece with its tiles, in order, while the next ones are being read."""
    most = max(2, _AHEAD // max((len(piece.tiles) for piece in pieces), default=1))
    with ThreadPoolExecutor(readers, thread_name_prefix="read-tiles") as pool:
        waiting: deque[tuple[_Piece, Future[np.ndarray]]] = deque()
        coming = iter(pieces)
        try:
            while True:
                while len(waiting) < most and (piece := next(coming, None)) is not None:
                    waiting.append((piece, pool.submit(read, piece.tiles)))
                if not waiting:
                    return
                piece, future = waiting.popleft()
                yield piece, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
