"""Small slides written for the tests, each with the pixels that it must give back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SAMPLE = Path(__file__).parents[2] / "sample_data" / "CMU-1-Small-Region.svs"

GLASS = (243, 243, 244)


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return (height, width, 3) uint8 that is smooth, coloured, and different everywhere."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def halves(image: np.ndarray, n_levels: int) -> list[np.ndarray]:
    """Return the image and its n_levels - 1 halvings."""
    levels = [Image.fromarray(image)]
    for _ in range(n_levels - 1):
        levels.append(levels[-1].reduce(2))
    return [np.asarray(one) for one in levels]


def write_pyramid(path: Path, levels: list[np.ndarray], subifds: bool = False, **options: object) -> Path:
    """Write a tiled pyramid: levels as pages of their own, or as SubIFDs of the first."""
    options = {"tile": (64, 48), "photometric": "rgb", **options}
    with tifffile.TiffWriter(path) as tif:
        tif.write(levels[0], subifds=len(levels) - 1 if subifds else None, **options)
        for level in levels[1:]:
            tif.write(level, subfiletype=1, **{k: v for k, v in options.items() if k != "metadata"})
    return path


def write_svs(path: Path, image: np.ndarray, mpp: float | None = 0.5, n_levels: int = 2) -> Path:
    """Write what an Aperio scanner does: level 0, thumbnail, further levels, label, macro."""
    height, width = image.shape[:2]
    scale = f"|AppMag = 20|MPP = {mpp}" if mpp else ""
    head = "Aperio Image Library v11.2.1 \r\n"
    tiled = {"tile": (64, 64), "photometric": "rgb", "compression": "jpeg", "metadata": None}
    stripped = {"photometric": "rgb", "rowsperstrip": 16, "metadata": None, "compression": "jpeg"}
    levels = halves(image, n_levels)
    with tifffile.TiffWriter(path) as tif:
        tif.write(levels[0], description=f"{head}{width}x{height} [0,0 {width}x{height}]{scale}", **tiled)
        tif.write(levels[-1], description=f"{head}{width}x{height} -> thumbnail - ", **stripped)
        for level in levels[1:]:
            tif.write(
                level, description=f"{head}{width}x{height} -> {level.shape[1]}x{level.shape[0]} - ", **tiled
            )
        secret = np.zeros((height // 4, width // 4, 3), np.uint8)
        tif.write(secret, description=f"{head}label {width // 4}x{height // 4}", subfiletype=1, **stripped)
        tif.write(secret, description=f"{head}macro {width // 4}x{height // 4}", subfiletype=9, **stripped)
    return path


def write_image(path: Path, image: np.ndarray, mpp: float | None = None) -> Path:
    """Write a tiled TIFF of one level, with its resolution in the tags."""
    scale = {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"} if mpp else {}
    tifffile.imwrite(path, image, tile=(256, 256), photometric="rgb", compression="deflate", **scale)
    return path


def glass(width: int, height: int, colour: tuple[int, int, int] = GLASS, seed: int = 0) -> np.ndarray:
    """Return empty glass with a scanner's noise."""
    noise = np.random.default_rng(seed).normal(0, 1.5, (height, width, 1))
    return np.clip(np.asarray(colour) + noise, 0, 255).astype(np.uint8)


def tissue(
    width: int, height: int, colour: tuple[int, int, int] = (205, 140, 180), seed: int = 1
) -> np.ndarray:
    """Return stained texture: a colour, with darker nuclei."""
    rng = np.random.default_rng(seed)
    out = np.asarray(colour) + rng.normal(0, 12, (height, width, 1))
    yy, xx = np.mgrid[:height, :width]
    for _ in range(width * height // 400):
        cx, cy = rng.integers(0, width), rng.integers(0, height)
        x0, y0 = max(cx - 6, 0), max(cy - 6, 0)
        near = (slice(y0, cy + 7), slice(x0, cx + 7))
        out[near][(yy[near] - cy) ** 2 + (xx[near] - cx) ** 2 < 20] = (90, 60, 130)
    return np.clip(out, 0, 255).astype(np.uint8)
