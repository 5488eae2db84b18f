import imagecodecs
import numpy as np
import pytest

from prospector_core import palette
from prospector_core.palette import concept_palette
from viewers import token_pixels as overlays
from viewers.token_pixels import (
    diverging_colours,
    diverging_css,
    map_limit,
    render_error,
    render_map,
    render_sprite,
    sequential_colours,
    sequential_css,
)

POSITIONS = np.array([[0, 0], [0, 1], [1, 1], [2, 0]])


def cells(png, cell):
    """Pixels as (rows, columns, cell, cell, 4)."""
    image = imagecodecs.png_decode(png)
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    return image.reshape(rows, cell, columns, cell, 4).swapaxes(1, 2)


def test_map_is_signed_and_transparent_at_zero_and_off_the_tissue():
    got = cells(render_map(POSITIONS, np.array([2.0, -2.0, 0.0, 1.0]), (3, 2), 2.0, cell=8), 8)
    assert got.shape == (3, 2, 8, 8, 4)
    plain = got[:, :, 0, 0].astype(int)
    assert (got == got[:, :, :1, :1]).all()  # every token is one flat square
    red, _, blue, _ = plain[0, 0]
    assert red > blue + 50
    red, _, blue, _ = plain[0, 1]
    assert blue > red + 50
    assert plain[1, 1, 3] == 0 and plain[1, 0, 3] == 0
    assert 0 < plain[2, 0, 3] < plain[0, 0, 3]


def test_map_opacity_grows_with_strength_alike_on_both_sides():
    pixels = overlays.map_pixels(np.linspace(-1, 1, 21), 1.0)
    assert (np.diff(pixels[10:, 3].astype(int)) > 0).all()
    assert (pixels[:, 3] == pixels[::-1, 3]).all()
    assert (overlays.map_pixels(np.array([5.0, -5.0]), 1.0) == pixels[[20, 0]]).all()


def test_tokens_without_a_score_are_hatched():
    got = cells(render_map(POSITIONS, np.array([np.nan, 1.0, 1.0, 1.0]), (3, 2), 1.0, cell=8), 8)
    shades = np.unique(got[0, 0].reshape(-1, 4), axis=0)
    assert len(shades) == 2 and (shades[:, :3] == shades[0, 0]).all()  # two opacities of one grey


def test_sprite_shows_each_concept_in_its_colour_and_excluded_ones_hatched():
    colours = ["#ff0000", "#00ff00", "#0000ff"]
    got = cells(
        render_sprite(POSITIONS, np.array([0, 2, -1, 1]), colours, {1}, (3, 2), cell=8),
        8,
    )
    assert (got[0, 0] == (255, 0, 0, 255)).all() and (got[0, 1] == (0, 0, 255, 255)).all()
    for row, column in ((1, 1), (2, 0)):
        assert len(np.unique(got[row, column].reshape(-1, 4), axis=0)) == 2
    assert (got[1, 0] == 0).all() and (got[2, 1] == 0).all()


@pytest.mark.parametrize(
    ("shape", "side"),
    [((1, 1), 16), ((100, 30), 1200), ((700, 2), 700), ((5000, 1), 5000)],
)
def test_images_are_whole_multiples_of_the_grid(shape, side):
    image = imagecodecs.png_decode(
        render_sprite(np.zeros((1, 2), int), np.zeros(1, int), ["#123456"], (), shape)
    )
    assert image.shape[0] == side and image.shape[0] % shape[0] == 0
    assert image.shape[1] * shape[0] == image.shape[0] * shape[1]


def test_a_datum_without_tokens_is_an_empty_picture():
    none = np.empty((0, 2), int)
    assert not imagecodecs.png_decode(render_map(none, np.empty(0), (4, 4), 1.0)).any()
    assert not imagecodecs.png_decode(render_sprite(none, np.empty(0, int), [])).any()


def test_rendering_is_deterministic():
    scores = np.array([1.0, -1.0, np.nan, 0.2])
    assert render_map(POSITIONS, scores, (3, 2), 1.0) == render_map(POSITIONS, scores, (3, 2), 1.0)


def test_limit_is_symmetric_and_never_zero():
    assert map_limit(np.zeros(5)) == 1.0
    assert map_limit(np.array([np.nan])) == 1.0
    assert map_limit([np.array([-3.0, np.nan]), np.array([1.0])]) == pytest.approx(3, rel=0.02)
    assert map_limit([]) == 1.0
    assert map_limit(np.r_[np.zeros(10_000), 4.0]) == 4.0


def test_diverging_colours_are_neutral_at_zero_and_symmetric_in_lightness():
    middle = diverging_colours(np.array(0.0), 1.0)
    assert np.ptp(middle.astype(int)) == 0 and middle.min() > 235
    lightness = palette._lab(diverging_colours(np.linspace(-1, 1, 41), 1.0) / 255)[:, 0]
    assert (np.diff(lightness[:21]) > 0).all() and (np.diff(lightness[20:]) < 0).all()
    assert np.abs(lightness - lightness[::-1]).max() < 15
    assert diverging_css(9)[4] == "#f7f7f7"


def test_palette_keeps_its_beginning_as_it_grows():
    longest = concept_palette(100)
    for k in (0, 1, 2, 10, 31, 32, 33, 64, 65):
        assert concept_palette(k) == longest[:k]
    assert len(set(longest)) == 100
    # Stored studies and screenshots rely on these.
    assert longest[:4] == ["#0078b4", "#ff2d00", "#872d3c", "#96f0a5"]


@pytest.mark.parametrize(("k", "normal", "impaired"), [(10, 30, 14), (20, 20, 9), (30, 15, 6)])
def test_palette_colours_are_far_apart_for_all_eyes(k, normal, impaired):
    rgb = np.array([palette.rgb_of(c) for c in concept_palette(k)], np.uint8)
    for sight, lab in enumerate(palette._views(rgb)):
        gaps = np.sqrt(((lab[:, None] - lab[None]) ** 2).sum(-1))[np.triu_indices(k, 1)]
        assert gaps.min() > (impaired if sight else normal)


def test_palette_avoids_white_and_the_grey_of_exclusion():
    lab = palette._lab(np.array([palette.rgb_of(c) for c in concept_palette(40)]) / 255)
    grey = palette._lab(np.array([palette.rgb_of(overlays.EXCLUDED_COLOUR)]) / 255)
    assert (np.hypot(lab[:, 1], lab[:, 2]) > 25).all() and (lab[:, 0] < 90).all()
    assert np.sqrt(((lab - grey) ** 2).sum(1)).min() > 20


def test_errors_grow_darker_alike_for_all_eyes():
    colours = sequential_colours(np.linspace(0, 2, 41), 1.0)
    lightness = palette._views(colours)[..., 0]  # as normal, protan, deutan and tritan eyes see it
    assert (np.diff(lightness[:, :21]) < 0).all() and np.ptp(lightness[:, :21], axis=1).min() > 50
    assert (colours[20:] == colours[20]).all() and sequential_css(2) == ["#edf8e9", "#00441b"]


def test_errors_are_opaque_and_excluded_tokens_hatched():
    got = cells(render_error(POSITIONS, np.array([0.0, 1.0, np.nan, 9.0]), (3, 2), 1.0, cell=8), 8)
    assert (got[0, 0] == (237, 248, 233, 255)).all() and (got[0, 1] == got[2, 0]).all()
    assert len(np.unique(got[1, 1].reshape(-1, 4), axis=0)) == 2 and (got[1, 0] == 0).all()
