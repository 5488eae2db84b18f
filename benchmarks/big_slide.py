"""A slide of 100,000 x 100,000 pixels for measurements, made of real tissue, in seconds and a few megabytes.

Blocks of tissue cut from a real slide, and glass, are laid out irregularly. Blocks that look the same share
the same bytes in the file: a TIFF's table of tile offsets may name one place many times. Readers cannot tell.
"""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
from scipy import ndimage

from prospector_core.errors import SlideError
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.store.files import storage_errors

__all__ = ["write_big_slide"]

TILE = 256
_BLOCK = 1024  # level-0 pixels a block side
_STEPS = (1, 4, 16, 64, 256)  # downsamples of the levels
_PATTERNS = 48  # different blocks of tissue
_MPP = 0.25
_QUALITY = 80


def write_big_slide(path, source, side=100_000, tissue=0.45, seed=0):
    """Write a pyramidal, tiled JPEG BigTIFF of ``side`` x ``side`` pixels.

    Parameters
    ----------
    path : file to write; source : a real slide to cut tissue from
    side : pixels; tissue : share of blocks that hold tissue; seed

    Returns (path, blocks (rows, columns) int, 0 = glass). Raises SlideError if the source is too small.
    """
    rng = np.random.default_rng(seed)
    patterns = _cut_patterns(source, rng)
    n_blocks = -(-side // _BLOCK)
    blocks = _layout(n_blocks, tissue, rng)
    small = np.stack(
        [_shrink(pattern, 16) for pattern in patterns]
    )  # what the coarse levels are put together from
    with storage_errors(path), open(path, "wb") as file:
        writer = _Tiff(file)
        for step in _STEPS:
            size = -(-side // step)
            n_tiles = -(-size // TILE)
            if step <= 4:
                offsets = _fine_level(writer, patterns, blocks, step, n_tiles)
            else:
                offsets = _coarse_level(writer, small, blocks, step, n_tiles)
            writer.add_level(size, offsets, _MPP * step, first=step == 1)
    return Path(path), blocks


def _cut_patterns(source, rng):
    """Blocks of real tissue: pattern 0 is glass.

    The others are windows of the source, mirrored and turned.
    """
    with open_slide(source) as slide:
        if min(slide.width, slide.height) < _BLOCK:
            raise SlideError(
                f"{slide.path.name} is smaller than {_BLOCK} pixels: choose a larger slide to cut tissue from"
            )
        whole = slide.read_region(0, 0, slide.width, slide.height)
    glass = np.percentile(whole.reshape(-1, 3)[::97], 95, axis=0).astype(np.uint8)
    patterns = [np.broadcast_to(glass, (_BLOCK, _BLOCK, 3)).copy()]
    darkness = ndimage.uniform_filter((whole.min(axis=2) < 200).astype(np.float32), _BLOCK // 2)
    while len(patterns) <= _PATTERNS:
        x, y = rng.integers(0, slide.width - _BLOCK + 1), rng.integers(0, slide.height - _BLOCK + 1)
        if darkness[y + _BLOCK // 2, x + _BLOCK // 2] < 0.4:
            continue
        block = np.rot90(whole[y : y + _BLOCK, x : x + _BLOCK], int(rng.integers(4)))
        patterns.append(np.ascontiguousarray(block[:, ::-1] if rng.random() < 0.5 else block))
    return patterns


def _layout(n, tissue, rng):
    """Pattern of every block: a few irregular pieces of tissue with glass between."""
    field = ndimage.gaussian_filter(rng.normal(size=(n, n)), max(1.0, n / 14))
    field += 0.25 * ndimage.gaussian_filter(rng.normal(size=(n, n)), 1.0) * field.std()
    inside = field > np.quantile(field, 1 - tissue)
    return np.where(inside, rng.integers(1, _PATTERNS + 1, (n, n)), 0)


def _shrink(image, step):
    height, width = image.shape[0] // step, image.shape[1] // step
    return image.reshape(height, step, width, step, 3).mean(axis=(1, 3)).astype(np.uint8)


def _fine_level(writer, patterns, blocks, step, n_tiles):
    """Levels whose tiles are inside blocks.

    Each pattern's tiles are written once, and named wherever it is.
    """
    per_block = _BLOCK // step // TILE
    written = np.empty((len(patterns), per_block, per_block, 2), np.uint64)
    for index, pattern in enumerate(patterns):
        image = pattern if step == 1 else _shrink(pattern, step)
        for row in range(per_block):
            for column in range(per_block):
                tile = image[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
                written[index, row, column] = writer.add_tile(tile)
    rows = np.arange(n_tiles)
    block_row, inner = np.divmod(rows, per_block)
    return written[blocks[np.ix_(block_row, block_row)], inner[:, None], inner[None, :]]


def _coarse_level(writer, small, blocks, step, n_tiles):
    """Levels whose tiles hold many blocks: put together from the small patterns, each tile its own."""
    side = _BLOCK // step  # pixels a block
    per_tile = TILE // side
    shrunk = small if step == 16 else np.stack([_shrink(each, step // 16) for each in small])
    padded = np.zeros((n_tiles * per_tile,) * 2, blocks.dtype)
    padded[: blocks.shape[0], : blocks.shape[1]] = blocks
    offsets = np.empty((n_tiles, n_tiles, 2), np.uint64)
    for row in range(n_tiles):
        for column in range(n_tiles):
            some = padded[row * per_tile : (row + 1) * per_tile, column * per_tile : (column + 1) * per_tile]
            image = shrunk[some].transpose(0, 2, 1, 3, 4).reshape(TILE, TILE, 3)
            offsets[row, column] = writer.add_tile(image)
    return offsets


class _Tiff:
    """Just enough of a BigTIFF writer to name one tile many times, which writing libraries do not offer."""

    def __init__(self, file):
        self._file = file
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
        self._next = 8  # where the offset of the next directory goes

    def add_tile(self, pixels):
        """Write one tile as JPEG: (offset, bytes)."""
        data = imagecodecs.jpeg8_encode(
            np.ascontiguousarray(pixels), level=_QUALITY, colorspace="rgb", outcolorspace="ycbcr"
        )
        offset = self._file.tell()
        self._file.write(data)
        return offset, len(data)

    def add_level(self, size, offsets, mpp, first):
        """Write the directory of a level: offsets (rows, columns, 2) of its tiles."""
        table = offsets.reshape(-1, 2)
        resolution = (round(1e4 / mpp * 1000), 1000)  # pixels a centimetre
        tags = [
            (254, 4, [0 if first else 1]),
            (256, 4, [size]),
            (257, 4, [size]),
            (258, 3, [8, 8, 8]),
            (259, 3, [7]),
            (262, 3, [6]),
            (277, 3, [3]),
            (282, 5, resolution),
            (283, 5, resolution),
            (284, 3, [1]),
            (296, 3, [3]),
            (322, 4, [TILE]),
            (323, 4, [TILE]),
            (324, 16, table[:, 0]),
            (325, 4, table[:, 1]),
            (530, 3, [2, 2]),
        ]
        formats = {3: "<u2", 4: "<u4", 5: "<u4", 16: "<u8"}
        entries = []
        for tag, kind, values in tags:
            raw = np.asarray(values).astype(formats[kind]).tobytes()
            if len(raw) > 8:
                where = self._file.tell()
                self._file.write(raw)
                raw = struct.pack("<Q", where)
            entries.append(
                struct.pack("<HHQ", tag, kind, 1 if kind == 5 else len(values)) + raw.ljust(8, b"\0")
            )
        here = self._file.tell()
        self._file.write(struct.pack("<Q", len(entries)) + b"".join(entries) + struct.pack("<Q", 0))
        self._file.seek(self._next)
        self._file.write(struct.pack("<Q", here))
        self._file.seek(0, 2)
        self._next = self._file.tell() - 8
