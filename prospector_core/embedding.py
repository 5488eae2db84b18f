"""From the tiles of a slide to embeddings on disk, resumable at every block."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .encoders import Encoder
from .encoders.base import tokens_per_side
from .errors import EmbeddingError
from .readers import Slide
from .storage import EmbeddingStore, EmbeddingWriter
from .tiling import TileGrid

__all__ = ["embed_datum", "grid_attrs", "open_grid_writer"]

# Tiles handed to the encoder at once. A block is always cut at the same places, so that a resumed run gives the
# same bytes even with an encoder whose last digits depend on the size of its batch.
_PIECE = 32
_AHEAD = 8  # pieces read before they are needed: 40 MB of tiles of 224 pixels


def grid_attrs(slide: Slide, grid: TileGrid, encoder: Encoder) -> dict[str, Any]:
    """Return what is kept beside the embeddings of a grid; other attributes mean that they are made anew."""
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
    if (parts := tokens_per_side(encoder)) > 1:
        grid, block = grid.subdivided(parts), _PIECE * parts**2
    return store.open_writer(uid, len(grid), encoder.dim, grid.positions, attrs, block, dtype)


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

    Tiles are read ahead on threads of their own while the encoder works.

    Parameters
    ----------
    slide, grid, encoder
    writer : EmbeddingWriter
        From `open_grid_writer`; its block is what is written, and resumed, at a time.
    progress : callable, optional
        Called with tokens done and tokens in all, first with those of an earlier run.
    stop : callable or threading.Event, optional
        When it says True the work ends soon, with the blocks finished so far kept.
    readers : int
        Threads that read tiles.

    Returns
    -------
    bool
        True when complete, False when stopped.

    Raises
    ------
    EmbeddingError
        The encoder gave vectors of a wrong shape or that are not finite; the text names the tile.
    SlideError
        A tile cannot be read.
    StorageFullError
        The disk is full; the finished blocks stay.
    """
    per_tile = tokens_per_side(encoder) ** 2
    if len(grid) * per_tile != writer.n or encoder.dim != writer.dim:
        raise EmbeddingError(
            f"{writer.uid}: the grid has {len(grid) * per_tile} tokens of {encoder.dim} numbers and the store expects "
            f"{writer.n} of {writer.dim}; open the writer for this grid and encoder"
        )
    stopped = stop.is_set if isinstance(stop, threading.Event) else stop or (lambda: False)
    if progress is None:
        progress = lambda done, total: None
    rects, side = grid.rects(), int(encoder.input_size or grid.tile)
    todo = [index for index in range(writer.n_blocks) if index not in writer.finished]
    done = writer.n - sum(len(range(*writer.rows(index).indices(writer.n))) for index in todo)
    progress(done, writer.n)
    pieces = [
        (index, slice(start, min(start + _PIECE, rows.stop)))
        for index in todo
        for rows in [_tiles(writer.rows(index), per_tile)]
        for start in range(rows.start, rows.stop, _PIECE)
    ]

    def read(rows: slice) -> np.ndarray:
        tiles = np.empty((rows.stop - rows.start, side, side, 3), np.uint8)
        for tile, (x, y, width, height) in zip(tiles, rects[rows], strict=True):
            tile[...] = slide.read_scaled(x, y, width, height, side, side)
        return tiles

    vectors: list[np.ndarray] = []
    for (index, rows), tiles in _ahead(pieces, read, readers):
        if stopped():
            return False
        vectors.append(_encode(encoder, tiles, writer, grid, rows))
        done += len(vectors[-1])
        if rows.stop == _tiles(writer.rows(index), per_tile).stop:
            writer.write_block(index, np.concatenate(vectors))
            vectors = []
        progress(done, writer.n)
    writer.finish()
    return True


def _tiles(tokens: slice, per_tile: int) -> slice:
    """Return the tiles that tokens of a block are parts of; blocks hold whole tiles."""
    return slice(tokens.start // per_tile, tokens.stop // per_tile)


def _encode(encoder: Encoder, tiles: np.ndarray, writer: EmbeddingWriter, grid: TileGrid, rows: slice) -> np.ndarray:
    vectors = np.asarray(encoder.encode(tiles))
    per_tile = tokens_per_side(encoder) ** 2
    if vectors.shape != (len(tiles) * per_tile, encoder.dim):
        raise EmbeddingError(
            f"the encoder {encoder.name} gave {vectors.shape} for {len(tiles)} tiles, not "
            f"{(len(tiles) * per_tile, encoder.dim)}; it cannot be used"
        )
    wrong = np.flatnonzero(~np.isfinite(vectors).all(1))
    if len(wrong):
        row, col = grid.positions[rows.start + wrong[0] // per_tile]
        raise EmbeddingError(
            f"{writer.uid}: the encoder {encoder.name} gave numbers that are not finite for the tile in row {row}, "
            f"column {col}; check its weights, or leave the slide out"
        )
    return vectors


def _ahead(
    pieces: list[tuple[int, slice]], read: Callable[[slice], np.ndarray], readers: int
) -> Iterator[tuple[tuple[int, slice], np.ndarray]]:
    """Yield each piece with its tiles, in order, while the next ones are being read."""
    with ThreadPoolExecutor(readers, thread_name_prefix="read-tiles") as pool:
        waiting: deque[tuple[tuple[int, slice], Future[np.ndarray]]] = deque()
        coming = iter(pieces)
        try:
            while True:
                while len(waiting) < _AHEAD and (piece := next(coming, None)) is not None:
                    waiting.append((piece, pool.submit(read, piece[1])))
                if not waiting:
                    return
                piece, future = waiting.popleft()
                yield piece, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
