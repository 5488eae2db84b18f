"""Tissue is kept however pale; glass, dust and coverslip edges are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from slide_files import GLASS, SAMPLE, glass, tissue, write_image

from prospector_core.readers import open_slide
from prospector_core.tissue import TissueMask, tissue_mask


def mask_of(tmp_path, image, mpp=2.0):
    with open_slide(write_image(tmp_path / "slide.tif", np.clip(image, 0, 255).astype(np.uint8), mpp)) as slide:
        return tissue_mask(slide)


@pytest.fixture
def empty():
    return glass(1200, 900).astype(int)


@pytest.mark.parametrize(
    "colour", [GLASS, (200, 200, 200), (235, 230, 215), (225, 232, 240), (240, 234, 239), (255, 255, 255)]
)
@pytest.mark.parametrize("mpp", [2.0, None])
def test_glass_alone_is_empty(tmp_path, colour, mpp):
    assert not mask_of(tmp_path, glass(900, 700, colour), mpp).mask.any()


def test_uneven_light_is_not_tissue(tmp_path, empty):
    assert not mask_of(tmp_path, empty - np.linspace(0, 14, 1200).astype(int)[None, :, None]).mask.any()


@pytest.mark.parametrize("colour", [(205, 140, 180), (234, 222, 232), (238, 229, 236), (170, 130, 90)])
def test_tissue_on_glass_however_pale(tmp_path, empty, colour):
    yy, xx = np.mgrid[:900, :1200]
    blob = ((xx - 500) / 300) ** 2 + ((yy - 450) / 200) ** 2 < 1
    noise = np.random.default_rng(0).normal(0, 3, (blob.sum(), 1))
    empty[blob] = np.asarray(colour) + noise
    found = mask_of(tmp_path, empty)
    assert found.downsample == 4
    truth = blob.reshape(225, 4, 300, 4).mean((1, 3)) > 0.5
    overlap = (found.mask & truth).sum() / (found.mask | truth).sum()
    assert overlap > 0.95


@pytest.mark.parametrize("mpp", [0.25, 0.5, None])
@pytest.mark.parametrize("side", [224, 256, 512, 768])
def test_a_field_full_of_tissue_is_kept_whole(tmp_path, side, mpp):
    assert mask_of(tmp_path, tissue(side, side), mpp).mask.mean() > 0.97


def test_a_field_full_of_flat_pale_tissue_is_kept_whole(tmp_path):
    assert mask_of(tmp_path, glass(512, 512, (228, 205, 222)), None).mask.all()


def test_dust_and_coverslip_edges_are_dropped(tmp_path, empty):
    truth = np.zeros((900, 1200), bool)
    truth[200:500, 700:1100] = True
    empty[200:500, 700:1100] = tissue(400, 300)
    rng = np.random.default_rng(1)
    for _ in range(40):
        x, y = rng.integers(0, 650), rng.integers(0, 600)
        empty[y : y + 8, x : x + 8] = rng.integers(40, 150)
    empty[700:706] = 150  # an edge across the slide
    empty[:, 1150:1154] = (120, 124, 118)  # crossing it
    empty[:, :10] = 185  # along the border
    found = mask_of(tmp_path, empty).mask
    truth = truth.reshape(225, 4, 300, 4).mean((1, 3)) > 0.5
    assert (found & truth).sum() > 0.97 * truth.sum()
    assert (found & ~truth).sum() < 0.02 * truth.sum()


def test_unscanned_white_beside_glass(tmp_path, empty):
    empty[:, :600] = 255
    empty[300:600, 200:400] = tissue(200, 300)
    empty[300:600, 800:1000] = tissue(200, 300)
    found = mask_of(tmp_path, empty).mask
    assert found.mean() == pytest.approx(2 * 200 * 300 / 900 / 1200, rel=0.05)


def test_the_sample_slide():
    with open_slide(SAMPLE) as slide:
        found = tissue_mask(slide)
    assert found.mask.shape == (186, 139)
    share = found.fraction([900, 0, 1500, 0], [1800, 1000, 900, 0], 300, 300)
    assert share[0] > 0.95 and share[1] < 0.2 and share[2] < 0.9 and share[3] == 0
    assert 0.3 < found.mask.mean() < 0.5


def test_fraction_is_exact():
    mask = TissueMask(np.array([[True, False], [False, False]]), 10.0)
    x = np.array([0, 5, 0, -10, 10, 2.5])
    share = mask.fraction(x, np.array([0, 0, 0, -10, 0, 2.5]), np.array([10, 10, 20, 20, 5, 5]), [10, 10, 20, 20, 5, 5])
    assert share == pytest.approx([1, 0.5, 0.25, 0.25, 0, 1])
    assert mask.fraction(0, 0, 10, 20) == pytest.approx(0.5)


def test_mosaics_of_tissue_are_kept():
    folder = Path(os.environ.get("PROSPECTOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
    images = sorted((folder / "camelyon16_mosaics" / "images").glob("*"))
    if not images:
        pytest.skip("no camelyon16_mosaics: set PROSPECTOR_DATA to the folder that holds it")
    kept = []
    for path in images[::4]:
        with open_slide(path) as slide:
            kept.append(tissue_mask(slide).mask.mean())
    assert min(kept) > 0.9  # some of their cells do hold glass
