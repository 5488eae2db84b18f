"""Colours: as the formulas of colour science have them, and far apart for every kind of eye."""

import hashlib

import numpy as np
import pytest

from prospector_core.palette import (
    EXCLUDED_COLOUR,
    _gap,
    _lab,
    _linear,
    _views,
    class_palette,
    concept_palette,
    diverging_hex,
    hex_of,
    rgb_of,
)


def test_colours_are_read_and_written():
    assert (
        rgb_of("#0a7Fff") == (10, 127, 255)
        and hex_of([10, 127, 255]) == "#0a7fff"
        and hex_of((1, 2, 3, 9)) == "#010203"
    )


@pytest.mark.parametrize(
    ("value", "colour"),
    [
        (-1, "#08306b"),
        (-2, "#08306b"),
        (-0.75, "#2171b5"),
        (-0.5, "#6baed6"),
        (-0.25, "#c6dbef"),
        (0, "#f7f7f7"),
        (0.125, "#fae4cc"),
        (0.25, "#fdd0a2"),
        (0.5, "#f18822"),
        (0.75, "#cc4c02"),
        (1, "#7f2704"),
        (3, "#7f2704"),
    ],
)
def test_scores_go_from_blue_over_white_to_brown(value, colour):
    assert diverging_hex(value) == colour


def test_srgb_and_cielab_of_known_colours():
    assert _linear(np.array([0.0, 0.04, 0.5, 1.0])) == pytest.approx([0, 0.04 / 12.92, 0.21404, 1], abs=1e-5)
    colours = (
        np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 128, 0], [0, 0, 255], [10, 10, 10]]) / 255
    )
    expected = [
        [100, 0, 0],
        [0, 0, 0],
        [53.24, 80.09, 67.2],
        [46.23, -51.7, 49.9],
        [32.3, 79.19, -107.86],
        [2.74, 0, 0],
    ]
    np.testing.assert_allclose(_lab(colours), expected, atol=0.05)


def test_a_colour_blind_eye_takes_red_for_green():
    red, green, grey = (
        np.array([[190, 60, 40]], np.uint8),
        np.array([[110, 95, 35]], np.uint8),
        np.array([[90, 90, 90]], np.uint8),
    )
    red, green, grey = (_views(each)[:, 0] for each in (red, green, grey))
    apart = np.linalg.norm(red - green, axis=1)
    assert apart[0] > 50 and apart[1] < 0.6 * apart[0] and apart[3] > apart[1]
    np.testing.assert_allclose(grey - grey[0], 0, atol=1.5)  # greys stay greys
    # the gap is what normal eyes see, or 1.7 times the worst other sight
    assert _gap(red[:, None], green)[0] == pytest.approx(min(apart[0], 1.7 * apart[1:].min()))


def test_concepts_have_colours_far_apart_and_the_first_ones_stay():
    colours = concept_palette(40)
    assert (
        len(set(colours)) == 40 and concept_palette(7) == colours[:7] and concept_palette(33) == colours[:33]
    )
    assert concept_palette(0) == concept_palette(-1) == [] and len(concept_palette(1)) == 1
    assert np.abs(np.array(rgb_of(colours[0])) - (0, 114, 178)).max() <= 8  # a clear blue first
    rgb = np.array([rgb_of(colour) for colour in colours], np.uint8)
    lab = _lab(rgb / 255)
    assert ((lab[:, 0] > 30) & (lab[:, 0] < 88) & (np.hypot(lab[:, 1], lab[:, 2]) > 28)).all()
    views = _views(rgb)
    gaps = [_gap(views[:, :at], views[:, at]).min() for at in range(1, 40)]
    assert gaps[0] > 60 and gaps[10] > 20 and min(gaps) > 10
    avoid = _views(np.array([[255, 255, 255], [0, 0, 0], rgb_of(EXCLUDED_COLOUR), [232, 190, 214]], np.uint8))
    assert min(_gap(views[:, :20], other).min() for other in avoid.swapaxes(0, 1)) > 14


def test_each_next_colour_is_the_farthest():
    """The first ten, chosen again from all candidates by the rule."""
    steps = np.linspace(0, 255, 18).round().astype(np.uint8)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lab = _lab(rgb / 255)
    rgb = rgb[(lab[:, 0] > 30) & (lab[:, 0] < 88) & (np.hypot(lab[:, 1], lab[:, 2]) > 28)]
    views = _views(rgb)
    near = np.full(len(rgb), np.inf)
    for other in _views(np.array([[255] * 3, [0] * 3, [140] * 3, [232, 190, 214]], np.uint8)).swapaxes(0, 1):
        near = np.minimum(near, 1.6 * _gap(views, other))
    chosen = [rgb_of(colour) for colour in concept_palette(10)]
    for at, colour in enumerate(chosen):
        pick = int(np.flatnonzero((rgb == colour).all(axis=1))[0])
        if at:
            assert near[pick] >= near.max() - 1e-4
        near = np.minimum(near, _gap(views, views[:, pick]))


def test_classes_have_okabe_and_itos_colours_and_then_those_of_concepts():
    assert class_palette(2) == ["#0072b2", "#d55e00"]
    assert class_palette(7)[-1] == "#cc79a7" and class_palette(9) == class_palette(7) + concept_palette(2)


def test_the_colours_of_studies_that_exist_stay():
    """Pictures and exports that were made before must not change their colours."""
    first = [
        "#0078b4",
        "#ff2d00",
        "#872d3c",
        "#96f0a5",
        "#7800d2",
        "#ff78ff",
        "#a5875a",
        "#b4d200",
        "#00c3b4",
        "#a5000f",
    ]
    assert concept_palette(10) == first
    assert hashlib.sha256("".join(concept_palette(64)).encode()).hexdigest()[:16] == "4901ac5622b1a6b7"
    # so many that candidates on every border are among them
    assert hashlib.sha256("".join(concept_palette(256)).encode()).hexdigest()[:16] == "6b4f8711cc55278a"
