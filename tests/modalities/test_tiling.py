"""The grid is where it says, and holds tissue."""

from __future__ import annotations

import numpy as np
import pytest

from prospector_core.errors import BadInputError, TissueError
from prospector_core.modalities.slides.readers import open_slide
from prospector_core.modalities.slides.tiling import Rect, TileGrid, tile_grid
from prospector_core.modalities.slides.tissue import TissueMask, tissue_mask
from tests.support.slide_files import SAMPLE, glass, picture, tissue, write_image


@pytest.fixture
def slide(tmp_path):
    with open_slide(write_image(tmp_path / "a.tif", picture(1000, 600), 0.25)) as slide:
        yield slide


def test_pitch_follows_the_resolution(slide):
    grid = tile_grid(slide, 100, 0.5)
    assert grid.pitch == 200 and grid.shape == (3, 5) and grid.mpp == 0.5 and len(grid) == 15
    assert grid.positions.dtype == np.int32
    assert grid.positions[[0, 1, 5, -1]].tolist() == [[0, 0], [0, 1], [1, 0], [2, 4]]
    assert grid.rects()[6].tolist() == [200, 200, 200, 200]


def test_unknown_resolution_takes_pixels_as_they_are(tmp_path):
    with open_slide(write_image(tmp_path / "a.tif", picture(700, 460))) as slide:
        grid = tile_grid(slide, 224, 0.5)
    assert (grid.pitch, grid.shape, grid.mpp) == (224, (2, 3), None)


def test_a_field_is_a_grid_of_its_own(slide):
    grid = tile_grid(slide, 50, 0.5, field=Rect(310, 120, 401, 199))
    assert grid.origin == (310, 120) and grid.shape == (2, 4)  # 199 px is two rows of 100 but for a rounding
    rects = grid.rects()
    assert rects[0].tolist() == [310, 120, 100, 100]
    assert (rects[:, 0] + rects[:, 2]).max() <= 711


def test_a_field_smaller_than_a_tile_has_one(slide):
    assert tile_grid(slide, 224, 0.5, field=Rect(5, 5, 30, 30)).shape == (1, 1)


def test_only_tiles_with_tissue_are_kept(slide):
    mask = np.zeros((60, 100), bool)
    mask[0:20, 20:40] = True  # the whole tile (0, 1)
    mask[20:40, 0:5] = True  # a quarter of tile (1, 0)
    mask[40:60, 80:84] = True  # a fifth of tile (2, 4)
    grid = tile_grid(slide, 100, 0.5, mask=TissueMask(mask, 10.0))
    assert grid.positions.tolist() == [[0, 1], [1, 0]] and grid.shape == (3, 5)


def test_no_tissue_names_the_slide(tmp_path):
    path = write_image(tmp_path / "blank.tif", glass(900, 900), 0.5)
    with open_slide(path) as slide, pytest.raises(TissueError, match=r"blank\.tif"):
        tile_grid(slide, mask=tissue_mask(slide))


def test_bad_requests(slide):
    bad = [{"tile": 0}, {"mpp": 0}, {"mpp": -1}, {"mpp": float("nan")}, {"field": Rect(1000, 0, 10, 10)}]
    for options in bad:
        with pytest.raises(BadInputError):
            tile_grid(slide, **options)


def test_the_sample_slide():
    with open_slide(SAMPLE) as slide:
        grid = tile_grid(slide, 224, 0.5, mask=tissue_mask(slide))
        assert grid.pitch == pytest.approx(224 * 0.5 / 0.499)
        assert grid.shape == (13, 9) and 45 <= len(grid) <= 75
        rects = grid.rects()
        assert (rects[:, 0] + rects[:, 2]).max() <= slide.width + grid.pitch / 20


def test_a_field_of_tissue_keeps_every_tile(tmp_path):
    with open_slide(write_image(tmp_path / "a.tif", tissue(768, 768))) as slide:
        assert len(tile_grid(slide, 128, mask=tissue_mask(slide))) == 36


def test_a_tile_without_tissue_is_never_kept(slide):
    """Not even where no share of tissue is asked for."""
    mask = np.zeros((60, 100), bool)
    mask[0, 20] = mask[40:60, 80:100] = True
    grid = tile_grid(slide, 100, 0.5, mask=TissueMask(mask, 10.0), min_tissue=0)
    assert grid.positions.tolist() == [[0, 1], [2, 4]]
    with pytest.raises(TissueError, match="0%"):
        tile_grid(slide, 100, 0.5, mask=TissueMask(np.zeros((60, 100), bool), 10.0), min_tissue=0)


def test_the_share_of_tissue_that_is_asked_for_is_enough(slide):
    mask = np.zeros((60, 100), bool)
    mask[0:20, 0:10] = mask[0:20, 20:31] = True
    half, more = (
        tile_grid(slide, 100, 0.5, mask=TissueMask(mask, 10.0), min_tissue=share) for share in (0.5, 0.55)
    )
    assert half.positions.tolist() == [[0, 0], [0, 1]] and more.positions.tolist() == [[0, 1]]
    assert (more.tile, more.mpp, more.shape, more.pitch, more.origin) == (100, 0.5, (3, 5), 200.0, (0.0, 0.0))


def test_a_twentieth_of_a_tile_may_be_missing(slide):
    for width, columns in ((394, 3), (396, 4), (400, 4), (494, 4), (496, 5)):
        assert tile_grid(slide, 50, 0.5, field=Rect(0, 0, width, 100)).shape == (1, columns), width


def test_a_field_must_touch_the_slide(slide):
    outside = [(1000, 0, 9, 9), (0, 600, 9, 9), (-9, 0, 9, 9), (0, -9, 9, 9), (0, 0, 0, 9), (0, 0, 9, 0)]
    for x, y, width, height in outside:
        with pytest.raises(
            BadInputError, match=rf"a\.tif: the field at {x}, {y} of {width} x {height} .*1000 x 600"
        ):
            tile_grid(slide, field=Rect(x, y, width, height))
    for inside in [(999, 599, 9, 9), (-8, -8, 9, 9), (0, 0, 1, 1)]:
        assert len(tile_grid(slide, field=Rect(*inside))) == 1


def test_the_smallest_tile_has_one_pixel(slide):
    assert tile_grid(slide, 1, 0.25, field=Rect(0, 0, 3, 2)).shape == (2, 3)


def test_tiles_are_cut_into_squares_row_by_row():
    grid = TileGrid(np.array([[0, 1], [2, 0]], np.int32), (5.0, 7.0), 60.0, (3, 2), 224, 0.5)
    cut = grid.subdivided(2)
    assert cut.positions.tolist() == [[0, 2], [0, 3], [1, 2], [1, 3], [4, 0], [4, 1], [5, 0], [5, 1]]
    assert (cut.shape, cut.pitch, cut.origin, cut.tile, cut.mpp) == ((6, 4), 30.0, (5.0, 7.0), 224, 0.5)
    assert cut.positions.dtype == np.int32 and grid.subdivided(1) is grid
    assert cut.rects()[4].tolist() == [5, 7 + 4 * 30, 30, 30]


def test_a_twentieth_may_be_missing_below_too(slide):
    for height, rows in ((394, 3), (396, 4), (400, 4), (494, 4), (496, 5)):
        assert tile_grid(slide, 50, 0.5, field=Rect(0, 0, 100, height)).shape == (rows, 1), height


def test_tiles_have_224_pixels_at_half_a_micron_and_a_quarter_of_tissue_where_nothing_is_said(slide):
    grid = tile_grid(slide)
    assert (grid.tile, grid.mpp, grid.pitch, grid.shape) == (224, 0.5, 448.0, (1, 2))
    assert TileGrid(grid.positions, grid.origin, grid.pitch, grid.shape).tile == 224
    assert TileGrid(grid.positions, grid.origin, grid.pitch, grid.shape).mpp is None
    for rows, kept in ((11, False), (12, True)):  # of 44.8 pixels of the mask, over the whole width
        mask = np.zeros((60, 100), bool)
        mask[:rows] = True
        if kept:
            assert len(tile_grid(slide, mask=TissueMask(mask, 10.0))) == 2
        else:
            with pytest.raises(TissueError, match="a.tif: no tile holds 25% tissue"):
                tile_grid(slide, mask=TissueMask(mask, 10.0))
