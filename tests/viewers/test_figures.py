from html import unescape

import numpy as np
import pytest

from prospector_core.palette import EXCLUDED_COLOUR, concept_palette
from viewers.figures import Kernel, diverging_scale, kernel_matrix, picked_cell
from viewers.token_pixels import diverging_css

K = 4
MATRIX = np.array([[0, 2, 0, 0], [2, -1, 0, 0], [0, 0, 0.5, 0], [0, 0, 0, 0.0]])
MONO = np.array([0.5, -3.0, 0.0, 1.0])
NAMES = ["epidermis", "a <b>stroma</b> with a very long name", "ink", "epidermis"]


def figure(**options):
    weights = {name: options.pop(name) for name in ("excluded", "pinned", "change") if name in options}
    options = {"classes": ("normal", "tumour"), **options}
    return kernel_matrix(Kernel(MATRIX, MONO, NAMES, concept_palette(K), **weights), **options)


def trace(fig, kind, **wanted):
    return next(t for t in fig.data if t.type == kind and all(getattr(t, k) == v for k, v in wanted.items()))


def squares(fig):
    return next(t for t in fig.data if t.type == "scatter" and t.marker.symbol == "square")


def test_colours_are_symmetric_about_zero_and_those_of_the_map():
    heat = trace(figure(), "heatmap")
    assert (heat.zmin, heat.zmax) == (-3.0, 3.0)
    assert [colour for _, colour in heat.colorscale] == diverging_css(17) == [c for _, c in diverging_scale()]
    assert trace(figure(limit=10), "heatmap").zmax == 10


def test_every_cell_can_be_clicked_and_says_what_it_is():
    clickable = squares(figure())
    assert clickable.customdata.shape == (K * K, 2)
    assert clickable.hoverinfo != "skip" and 0 < clickable.marker.opacity < 0.05
    cell = {tuple(c): text for c, text in zip(clickable.customdata, clickable.text, strict=True)}
    # The place of a marker is its cell: rows run down, columns across.
    assert all(
        (y, x) == tuple(c) for c, x, y in zip(clickable.customdata, clickable.x, clickable.y, strict=True)
    )
    assert "supports tumour (+2)" in cell[0, 1] and "supports normal (-1)" in cell[1, 1]
    assert "near itself" in cell[1, 1] and "says nothing" in cell[3, 3]


def test_the_clickable_layer_is_on_top_of_the_square():
    fig = figure(excluded={2}, pinned=[(0, 1)])
    in_square = [t for t in fig.data if t.xaxis in (None, "x")]
    assert in_square[-1].marker.symbol == "square"


def test_names_are_told_apart_and_never_markup():
    fig = figure()
    labels = fig.layout.xaxis.ticktext
    assert len(set(labels)) == K and all(len(unescape(label)) < 30 for label in labels)
    assert "<b>stroma" not in " ".join(squares(fig).text)


def test_excluded_concepts_are_grey_and_have_no_weight():
    fig = figure(excluded={1})
    heat = trace(fig, "heatmap")
    assert np.isnan(np.array(heat.z, float)[1]).all() and np.isnan(np.array(heat.z, float)[:, 1]).all()
    bars = trace(fig, "bar")
    assert bars.marker.color[1] == EXCLUDED_COLOUR and bars.x[1] == 0
    assert "has no weight in this kernel" in bars.text[1] and "has no weight" in squares(fig).text[1]
    assert heat.zmax == 1.0  # excluded weights do not stretch the colours


def test_inputs_are_left_alone():
    before = MATRIX.copy(), MONO.copy()
    figure(excluded={0, 1})
    assert (MATRIX == before[0]).all() and (MONO == before[1]).all()


def test_pins_and_selection_are_marked():
    fig = figure(pinned=[(1, 0), (3,)], selected=(2, 1))
    dots, alone = [t for t in fig.data if t.type == "scatter" and t.marker.symbol == "circle"]
    assert set(zip(dots.y, dots.x, strict=True)) == {(0, 1), (1, 0)}
    assert (alone.y, alone.x) == ((3,), (MONO[3],)) and alone.xaxis == trace(fig, "bar").xaxis
    assert "fixed by hand" in squares(fig).text[1] and "fixed by hand" in trace(fig, "bar").text[3]
    box = fig.layout.shapes[0]
    assert (box.x0, box.y0) == (0.5, 1.5)


def test_a_change_of_weights_says_so():
    fig = figure(change=True)
    assert "weight changed by" in squares(fig).text[1] and "supports" not in "".join(squares(fig).text)
    assert "weight changed by" in trace(fig, "bar").text[0]


def test_an_empty_kernel_can_be_drawn():
    fig = kernel_matrix(
        Kernel(np.zeros((2, 2)), np.zeros(2), ["a", "b"], concept_palette(2), excluded={0, 1})
    )
    assert trace(fig, "heatmap").zmax == 1.0


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="4 x 4"):
        kernel_matrix(Kernel(np.zeros((2, 2)), np.zeros(4), NAMES, concept_palette(4)))


def test_no_background_of_its_own():
    fig = figure()
    assert fig.layout.paper_bgcolor == fig.layout.plot_bgcolor == "rgba(0,0,0,0)"


@pytest.mark.parametrize(
    ("selection", "cell"),
    [
        ({"selection": {"points": [{"customdata": [2, 3]}]}}, (2, 3)),
        ({"selection": {"points": [{"customdata": {"0": 2, "1": 3}}]}}, (2, 3)),
        ({"selection": {"points": [{"customdata": [2, -1]}]}}, (2, None)),
        ({"selection": {"points": [{"x": 1}]}}, None),
        ({"selection": {"points": []}}, None),
        (None, None),
    ],
)
def test_picked_cell(selection, cell):
    assert picked_cell(selection) == cell
