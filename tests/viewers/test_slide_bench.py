"""The benchmark of slide viewing runs, and its slide is a real one to every reader."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from benchmarks.big_slide import TILE, write_big_slide
from prospector_core.modalities.slides.readers import open_slide
from sample_data.fields import SLIDE

ROOT = Path(__file__).parents[2]


def test_the_big_slide_reads_alike_everywhere(tmp_path):
    path, blocks = write_big_slide(tmp_path / "big.tif", SLIDE, side=9_000, seed=3)
    assert path.stat().st_size < 40e6 and 0.3 < (blocks > 0).mean() < 0.6
    with open_slide(path) as slide, tifffile.TiffFile(path) as tiff:
        assert (slide.width, slide.height, slide.mpp) == (9_000, 9_000, 0.25)
        assert [level.downsample for level in slide.levels] == pytest.approx(
            [1, 4, 16, 64, 256], rel=0.05
        )  # the last level is 36 pixels wide
        for level, page in enumerate(tiff.pages):
            side = min(2 * TILE, page.imagewidth)
            ours = slide.read_region(0, 0, side, side, level)
            assert np.abs(ours.astype(int) - page.asarray()[:side, :side]).max() <= 2
        glass = np.argwhere(blocks == 0)[0]
        assert slide.read_region(*(glass[::-1] * 1024), 512, 512).std() < 3


@pytest.mark.slow
def test_the_benchmark_prints_its_figures():
    command = [sys.executable, "-m", "benchmarks.viewers", "--quick", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert set(figures["targets"]) <= set(figures)
    assert figures["tokens"] > 0 and figures["warm_tile_ms"] > 0
