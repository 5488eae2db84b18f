"""A slide in memory, with the interface of a real one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Level:
    width: int
    height: int
    downsample: float


class FakeSlide:
    """Pixels (h, w, 3) with stored levels at the given downsamples (powers of two)."""

    def __init__(self, pixels, downsamples=(1, 4), mpp=0.5, objective_power=20.0, path="fake.tif"):
        self.path, self.format = Path(path), "fake"
        self.height, self.width = pixels.shape[:2]
        self.mpp, self.objective_power = mpp, objective_power
        self._pixels = [shrink(pixels, d) for d in downsamples]
        self.levels = tuple(
            Level(p.shape[1], p.shape[0], float(d)) for p, d in zip(self._pixels, downsamples, strict=True)
        )
        self.closed = False

    def read_region(self, x, y, width, height, level=0):
        assert not self.closed, "read after close"
        source, d = self._pixels[level], self.levels[level].downsample
        left, top = round(x / d), round(y / d)
        out = np.full((height, width, 3), 255, np.uint8)
        x0, y0 = max(0, left), max(0, top)
        part = source[y0 : top + height, x0 : left + width]
        out[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1]] = part
        return out

    def read_scaled(self, x, y, width, height, out_width, out_height):
        assert not self.closed, "read after close"
        part = self._pixels[0][int(y) : int(y + height), int(x) : int(x + width)]
        rows = np.linspace(0, part.shape[0], out_height + 1).astype(int)
        columns = np.linspace(0, part.shape[1], out_width + 1).astype(int)
        total = np.add.reduceat(np.add.reduceat(part.astype(float), rows[:-1], 0), columns[:-1], 1)
        count = np.diff(rows)[:, None, None] * np.diff(columns)[None, :, None]
        return np.round(total / count).astype(np.uint8)

    def thumbnail(self, max_side=512):
        scale = max(1, -(-max(self.width, self.height) // max_side))
        return shrink(self._pixels[0], scale)

    def close(self):
        self.closed = True


def shrink(pixels, factor):
    """Block means; the last, partial blocks are means of what there is."""
    if factor == 1:
        return pixels
    rows = np.arange(0, pixels.shape[0], factor)
    columns = np.arange(0, pixels.shape[1], factor)
    total = np.add.reduceat(np.add.reduceat(pixels.astype(np.float32), rows, 0), columns, 1)
    high = np.diff(np.append(rows, pixels.shape[0]))
    wide = np.diff(np.append(columns, pixels.shape[1]))
    return np.round(total / (high[:, None, None] * wide[None, :, None])).astype(np.uint8)


def smooth_pixels(width=1500, height=1100):
    """A picture without hard edges, so that JPEG changes it little; every place has its own colour."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack(
        [x / width * 200 + 30, y / height * 200 + 30, 128 + 60 * np.sin((x + y) / 180)],
        -1,
    ).astype(np.uint8)
