"""Tissue is kept however pale; glass, dust and coverslip edges are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.readers.blank import BlankSlide
from prospector_core.modalities.slides.tissue import (
    TissueMask,
    _clean,
    _connected,
    _distance,
    _glass_colour,
    _pen,
    tissue_mask,
)
from tests.support.slide_files import GLASS, SAMPLE, glass, tissue, write_image


def mask_of(tmp_path, image, mpp=2.0):
    with open_slide(
        write_image(tmp_path / "slide.tif", np.clip(image, 0, 255).astype(np.uint8), mpp)
    ) as slide:
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
    share = mask.fraction(
        x, np.array([0, 0, 0, -10, 0, 2.5]), np.array([10, 10, 20, 20, 5, 5]), [10, 10, 20, 20, 5, 5]
    )
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


# ---- the rules, one by one


def test_a_green_pen_is_no_tissue_and_a_purple_one_stays(tmp_path, empty):
    """No stain is green; a purple pen could be one."""
    empty[200:300, 100:1000] = (40, 150, 90)
    empty[600:700, 100:1000] = (90, 60, 170)
    found = mask_of(tmp_path, empty).mask
    assert not found[40:85].any() and found[151:174, 26:249].all()


def test_green_is_where_it_exceeds_red_by_25_and_blue_by_10():
    colours = {
        (100, 126, 115): True,
        (100, 125, 100): False,
        (100, 130, 120): False,
        (100, 131, 120): True,
        (0, 11, 0): False,
    }
    assert [bool(_pen(np.array(each))) for each in colours] == list(colours.values())


@pytest.mark.parametrize("grey", [225, 200])
def test_glass_is_found_beside_unscanned_white(tmp_path, grey):
    """What the scanner left out is pure white; the glass, darker than it, is not taken for tissue."""
    image = glass(1200, 900, (grey, grey, grey + 3)).astype(int)
    image[:, :1104] = 255
    image[300:600, 1120:1184] = tissue(64, 300)
    found = mask_of(tmp_path, image).mask
    assert found.mean() == pytest.approx(64 * 300 / 900 / 1200, rel=0.1)


def some_pixels(**shares):
    """10,000 pixels, so many hundredths of each grey, and flat surroundings."""
    greys = np.concatenate([np.full(round(100 * share), float(name[1:])) for name, share in shares.items()])
    return np.repeat(greys[:, None], 3, axis=1), np.zeros(len(greys))


@pytest.mark.parametrize(
    ("shares", "glass"),
    [
        ({"g255": 98, "g200": 2}, 200),  # unscanned white says nothing where a hundredth is glass
        ({"g255": 99, "g200": 1}, 200),
        ({"g255": 99.5, "g200": 0.5}, 255),  # less is not enough
        ({"g254": 98, "g200": 2}, 200),
        ({"g253": 98, "g200": 2}, 253),  # nearly white is scanned
        ({"g230": 30, "g180": 70}, 230),  # flat grey tissue is darker than glass: the brightest peak
        ({"g230": 5, "g180": 95}, 180),  # unless it has no weight
        ({"g100": 100}, 240),  # without any, tissue on white
        ({"g150": 100}, 240),
        ({"g151": 100}, 151),
        ({"g100": 99, "g250": 1}, 250),
        ({"g100": 99.85, "g245": 0.15}, 245),  # too little to be glass, and still the brightest there is
    ],
)
def test_the_colour_of_the_glass(shares, glass):
    assert _glass_colour(*some_pixels(**shares)).tolist() == [glass] * 3


def test_glass_is_flat_and_not_stained():
    colour, flat = some_pixels(g220=50, g180=50)
    assert _glass_colour(colour, flat)[0] == 220
    assert _glass_colour(colour, np.where(colour[:, 0] == 220, 4.0, 3.9))[0] == 180  # uneven: not glass
    for excess, found in (
        (14, (220, 206, 220)),
        (16, (180, 180, 180)),
    ):  # of a bright pixel (below 232) 7 is a stain
        pink = colour.copy()
        pink[colour[:, 0] == 220, 1] -= excess / 2 if excess == 14 else excess
        expected = (220, 213, 220) if excess == 14 else found
        assert _glass_colour(pink, flat).tolist() == list(expected)
    bright = np.concatenate([np.tile([250.0, 239, 250], (5000, 1)), np.tile([180.0, 180, 180], (5000, 1))])
    assert _glass_colour(bright, flat).tolist() == [250, 239, 250]  # the lamp's tint, up to 12
    bright[:5000, 1] = 237
    assert _glass_colour(bright, flat).tolist() == [180, 180, 180]
    tinted = np.concatenate([np.tile([245.0, 235, 216], (5000, 1)), np.tile([180.0, 180, 180], (5000, 1))])
    assert _glass_colour(tinted, flat).tolist() == [245, 235, 216]  # tinted as a whole, by less than 30
    tinted[:5000, 2] = 215
    assert _glass_colour(tinted, flat).tolist() == [180, 180, 180]


def test_unlike_glass_is_colouring_and_half_of_darkening():
    glass_colour = np.array([240.0, 240, 240])
    colours = np.array(
        [[240, 240, 240], [220, 220, 220], [240, 210, 240], [250, 250, 250], [200, 180, 220]], float
    )
    assert _distance(colours, glass_colour).tolist() == [0, 10, 35, 0, 40 + 20]


def blocks(side, *boxes):
    """A (side, side) mask of boxes (top, left, height, width)."""
    mask = np.zeros((side, side), bool)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = True
    return mask


def cleaned(mask, um=4.0, colour=(205.0, 140, 180)):
    return _clean(mask, np.broadcast_to(np.array(colour), (*mask.shape, 3)), np.array([240.0, 240, 240]), um)


def test_holes_up_to_12000_square_microns_are_filled():
    """750 pixels of 4 um; larger ones are lumens."""
    tissue_block = blocks(700, (50, 50, 500, 500))
    for height, width, filled in ((25, 30, True), (1, 1, True), (26, 29, False), (60, 60, False)):
        found = cleaned(tissue_block & ~blocks(700, (200, 200, height, width)))
        assert found[200 : 200 + height, 200 : 200 + width].all() == filled, (height, width)
        assert np.array_equal(found | blocks(700, (200, 200, height, width)), tissue_block)


def test_on_a_small_field_a_hole_is_at_most_two_thousandths_of_it():
    field = np.ones((100, 100), bool)
    assert cleaned(field & ~blocks(100, (40, 40, 4, 5))).all()
    assert np.array_equal(cleaned(field & ~blocks(100, (40, 40, 3, 7))), field & ~blocks(100, (40, 40, 3, 7)))


def test_dust_is_smaller_than_5000_square_microns_or_a_hundredth_of_a_small_field():
    """313 pixels of 4 um on a slide, 100 of a field of 10,000."""
    kept, dropped = blocks(700, (50, 50, 15, 21)), blocks(700, (300, 300, 12, 26))
    assert np.array_equal(cleaned(kept | dropped), kept)
    kept, dropped = blocks(100, (10, 10, 10, 10)), blocks(100, (50, 50, 9, 11))
    assert np.array_equal(cleaned(kept | dropped), kept)
    assert not cleaned(np.zeros((50, 50), bool)).any()


def test_long_thin_straight_lines_are_edges_and_thin_tissue_is_not():
    """Straight: ten times as long as wide (six at the border of the slide). Grey: hardly coloured."""
    line, thick = blocks(400, (100, 50, 10, 250)), blocks(400, (200, 50, 30, 250))
    assert np.array_equal(cleaned(line | thick), thick)
    short = blocks(400, (100, 50, 10, 90))
    assert np.array_equal(cleaned(short), short)
    at_border = blocks(400, (0, 50, 10, 90))
    assert not cleaned(at_border).any()
    assert not cleaned(short, colour=(200.0, 195, 200)).any()  # grey
    yy, xx = np.mgrid[:400, :400]
    ring = np.abs(np.hypot(yy - 200, xx - 200) - 100) < 5
    assert (cleaned(ring) >= ring).all()  # thin, but neither straight nor grey


def test_what_is_likely_counts_where_something_in_it_is_sure():
    likely = blocks(30, (2, 2, 4, 4), (6, 6, 4, 4), (20, 20, 4, 4))  # the first two touch at a corner
    sure = blocks(30, (3, 3, 1, 1), (28, 0, 1, 1))
    assert np.array_equal(_connected(likely, sure), blocks(30, (2, 2, 4, 4), (6, 6, 4, 4)))


@pytest.mark.parametrize(
    ("size", "mpp", "asked", "downsample"),
    [
        ((1200, 900), 2.0, 8.0, 4.0),
        ((1200, 900), 2.0, 16.0, 8.0),
        ((640, 100), 0.25, 8.0, 10.0),  # a small image still gets 64 pixels
        ((100, 50), 0.25, 8.0, 100 / 64),
        ((40, 30), 4.0, 8.0, 1.0),  # never finer than the slide
        ((25600, 100), 10.0, 8.0, 10.0),  # a huge one at most 2560
        ((4096, 100), None, 8.0, 8.0),  # of unknown scale: 96 pixels at least, 1024 at most
        ((192, 100), None, 8.0, 2.0),
        ((12288, 10), None, 8.0, 12.0),
    ],
)
def test_how_fine_the_mask_is(size, mpp, asked, downsample):
    found = tissue_mask(BlankSlide(*size, mpp), asked)
    assert found.downsample == downsample and not found.mask.any()
    assert found.mask.shape == tuple(-int(-side // downsample) for side in reversed(size))


def test_the_part_of_a_mask_pixel_beyond_the_slide_is_no_glass(tmp_path):
    """The last row and column may be mostly beyond the slide, in the white: they repeat their neighbours."""
    found = mask_of(tmp_path, tissue(1001, 901), 2.0)
    assert found.mask.shape == (226, 251) and found.mask[-1].mean() > 0.97 and found.mask[:, -1].mean() > 0.97


def disc(y, x, radius):
    yy, xx = np.mgrid[:900, :1200]
    return (yy - y) ** 2 + (xx - x) ** 2 < radius**2


def with_tissue(empty, where):
    empty[where] = tissue(1200, 900)[where]
    return empty


def agree(found, truth):
    """Recall and precision of a mask of every fourth pixel."""
    truth = truth.reshape(225, 4, 300, 4).mean((1, 3)) > 0.5
    both = (found & truth).sum()
    return both / truth.sum(), both / found.sum()


@pytest.mark.parametrize("grey", [0, 12, 90, 128, 200])
@pytest.mark.parametrize("noise", [0, 1])
def test_what_was_not_scanned_is_no_tissue(tmp_path, empty, grey, noise):
    where = disc(450, 700, 250)
    with_tissue(empty, where)
    unscanned = np.zeros((900, 1200), bool)
    unscanned[:120], unscanned[:, :300] = True, True
    empty[unscanned] = grey + np.random.default_rng(3).normal(0, noise, (unscanned.sum(), 1)).round()
    assert min(agree(mask_of(tmp_path, empty).mask, where)) > 0.95


PENS = {
    "blue": (40, 60, 170),
    "light blue": (80, 110, 200),
    "black": (30, 30, 35),
    "faded black": (58, 56, 60),
    "green": (40, 140, 80),
    "turquoise": (20, 140, 140),
    "red": (200, 30, 50),
    "dark red": (170, 20, 40),
}


@pytest.mark.parametrize("pen", PENS)
def test_ink_on_glass_is_no_tissue(tmp_path, empty, pen):
    where = disc(450, 600, 200)
    with_tissue(empty, where)
    empty[disc(450, 600, 400) & ~disc(450, 600, 350)] = PENS[pen]
    empty[830:880, 30:600] = PENS[pen]
    assert min(agree(mask_of(tmp_path, empty).mask, where)) > 0.95


@pytest.mark.parametrize("colour", [(30, 30, 35), (190, 50, 80), (70, 80, 160)])
def test_pigment_and_blood_in_tissue_stay(tmp_path, empty, colour):
    where = disc(450, 600, 350)
    with_tissue(empty, where)
    pigment = disc(450, 600, 120)
    empty[pigment] = np.array(colour) + np.random.default_rng(4).normal(0, 12, (pigment.sum(), 1))
    assert min(agree(mask_of(tmp_path, empty).mask, where)) > 0.95


def test_a_piece_of_90_microns_is_tissue(tmp_path, empty):
    where = disc(300, 300, 22.5) | disc(600, 900, 30)
    with_tissue(empty, where)
    assert agree(mask_of(tmp_path, empty).mask, where)[0] > 0.9


def test_the_table_of_tissue_counts_tiles(tmp_path, empty):
    from benchmarks.tissue import tiles_kept

    where = np.zeros((900, 1200), bool)
    where[224:448, 224:672] = True
    write_image(tmp_path / "one.tif", with_tissue(empty, where).astype(np.uint8), 0.5)
    np.save(tmp_path / "one_truth.npy", where[::8, ::8])
    assert tiles_kept(tmp_path / "one.tif") == (2, 2, 2)
