"""Recall and precision of the tiles kept, on slides whose tissue is known.

``python -m benchmarks.tissue FOLDER``: each ``NAME.tif`` with ``NAME_truth.npy`` beside it, a mask of every
8th pixel.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.tiling import tile_grid
from prospector_core.modalities.slides.tissue import TissueMask, tissue_mask

__all__ = ["main", "tiles_kept"]

_EVERY = 8  # pixels of the slide per pixel of a truth


def tiles_kept(path: Path, tile: int = 224, mpp: float = 0.5, least: float = 0.25) -> tuple[int, int, int]:
    """Tiles with tissue, tiles kept, and tiles of both, of one slide.

    Parameters
    ----------
    path : Path
        Of the slide; its truth lies beside it.
    tile : int
        Pixels a tile side at `mpp`.
    mpp : float
        Microns a pixel.
    least : float
        Share of a tile that must be tissue.
    """
    truth = TissueMask(np.load(path.with_name(f"{path.stem}_truth.npy")), _EVERY)
    with open_slide(path) as slide:
        x, y, width, height = tile_grid(slide, tile, mpp).rects().T
        kept = tissue_mask(slide).fraction(x, y, width, height) >= least
    true = truth.fraction(x, y, width, height) >= least
    return int(true.sum()), int(kept.sum()), int((true & kept).sum())


def main() -> None:
    """Print the table of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tile", type=int, default=224, help="pixels a tile side at 0.5 um. Default: 224")
    given = parser.parse_args()
    print("| slide | tiles with tissue | kept | recall | precision |\n|---|---|---|---|---|")
    for path in sorted(given.folder.glob("*.tif")):
        true, kept, both = tiles_kept(path, given.tile)
        recall, precision = (f"{both / n:.2f}" if n else "-" for n in (true, kept))
        print(f"| {path.stem} | {true} | {kept} | {recall} | {precision} |")


if __name__ == "__main__":
    main()
