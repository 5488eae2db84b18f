"""What is under points: channels, labels and outlines where the cells are, read by pieces.

Stores of the real spatialdata library.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from prospector_core import Study
from prospector_core.errors import GraphError
from prospector_core.modalities.graphs.background import ChannelImage, Stored
from prospector_core.modalities.graphs.files import open_tokens
from prospector_core.modalities.graphs.spatial import _matrix
from prospector_core.modalities.token_file import TokenOptions
from tests.support.cell_files import CHANNELS, write_cell_images, write_sample_image

STORES = Path(__file__).parent / "spatialdata_stores"
TURN = np.array([[0.433, -0.25, 50.0], [0.25, 0.433, -20.0]])
MATRICES = {
    "s1": np.array([[0.5, 0, 100], [0, 0.5, 7]]),
    "s2": TURN,
    "s3": np.array([[2.0, 0, 0], [0, 2.0, 0]]),
}


def pixels_at(image, places):
    """Pixels (row, column) of level 0 that places are in."""
    full = np.vstack([image.matrix, [0, 0, 1]])
    xy = np.linalg.solve(full, np.vstack([places.T, np.ones(len(places))]))[:2].T
    return np.floor(xy[:, ::-1]).astype(int)


def test_cells_lie_in_their_image_and_in_their_label(tmp_path):
    write_sample_image(tmp_path, "one", True, 3, pixel=1.4)  # large enough for a stored pyramid
    with open_tokens(tmp_path / "one.ome.tif") as file:
        table, under = file.read("one"), file.under("one")
    (image,) = under.images
    assert (
        image.channels == list(CHANNELS)
        and len(image.stored) > 1
        and image.n_levels > 1
        and under.outlines is None
    )
    at = pixels_at(image, table.positions)
    for token in (0, 7, len(table) - 1):
        row, column = at[token]
        assert under.labels.tokens(under.labels.read(0, 0, row, row + 1, column, column + 1)) == [[token]]
        value = image.read(3, 0, row, row + 1, column, column + 1)[0, 0]
        assert abs(value - table.features[token, 3]) < 60  # the mean of a disc, and noise
    low, high = image.limits(3)
    assert low < 70 < high and image.limits(3, 0, 100)[1] >= high
    assert (under.labels.tokens(np.array([[0, 10_000_000]])) == -1).all()


class Counted:
    """An array that knows how much of it was read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        part = self.array[key]
        self.read += np.size(part)
        return part


@given(st.integers(0, 2**32 - 1))
def test_levels_are_means_of_what_is_stored_and_no_more_is_read_than_asked_for(seed):
    rng = np.random.default_rng(seed)
    rows, columns, level = *rng.integers(520, 1100, 2), int(rng.integers(1, 3))
    pixels = rng.integers(0, 60_000, (2, rows, columns)).astype(np.uint16)
    if rng.random() < 0.5:
        whole, axes = Counted(pixels), "CYX"
    else:
        whole, axes = Counted(np.moveaxis(pixels, 0, 2)), "YXS"
    image = ChannelImage([Stored(whole, axes, "made")], [[1, 0, 0], [0, 1, 0]], "made")
    level = min(level, image.n_levels - 1)
    step = 1 << level
    (height, width), channel = image.shape(level), int(rng.integers(2))
    top, left = int(rng.integers(0, height - 1)), int(rng.integers(0, width - 1))
    bottom, right = min(top + 9, height), min(left + 7, width)
    found = image.read(channel, level, top, bottom, left, right)
    assert found.shape == (bottom - top, right - left) and whole.read <= 9 * 7 * step**2
    inner = pixels[channel, top * step : (bottom - 1) * step, left * step : (right - 1) * step].astype(float)
    wanted = inner.reshape(bottom - top - 1, step, right - left - 1, step).mean(axis=(1, 3))
    assert np.allclose(found[:-1, :-1], wanted, rtol=1e-5)


def test_a_plain_tiff_without_a_pyramid_and_what_is_no_image(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (700, 900, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    labels = np.zeros((700, 900), np.uint16)
    labels[10:20, 10:30], labels[600:650, 800:820] = 4, 9
    tifffile.imwrite(tmp_path / "a_mask.tif", labels)
    with open_tokens(tmp_path / "a.tif") as file:
        (image,), table = file.under("a").images, file.read("a")
        assert image.is_rgb and image.limits(0) == (0.0, 255.0) and np.allclose(table.positions[0], (20, 15))
        assert np.array_equal(image.read(2, 0, 5, 9, 7, 12), pixels[5:9, 7:12, 2])
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:90_000])
    with pytest.raises(GraphError, match="a.tif"):
        open_tokens(tmp_path / "a.tif").under("a").images[0].read(0, 0, 600, 700, 0, 900)


# ---- SpatialData


@pytest.fixture(params=sorted(path.stem for path in STORES.glob("*.zip")))
def store(request, tmp_path):
    """A store that spatialdata 0.7.3 wrote."""
    shutil.unpack_archive(STORES / f"{request.param}.zip", tmp_path / "cells.zarr")
    return tmp_path / "cells.zarr"


def test_elements_of_a_real_store_lie_where_their_transformations_say(store):
    with open_tokens(store) as file:
        assert file.parts == ["s1", "s2", "s3"]
        for part in file.parts:
            table, under, matrix = file.read(part), file.under(part), MATRICES[part]
            numbers = np.array([int(each) for each in file._annotated(file._of[part])[1]])
            row, column = np.divmod(numbers - 1, 7)
            own = np.stack([column * 8 + 5.5, row * 8 + 5.5], axis=1)
            assert np.allclose(table.positions, own @ matrix[:, :2].T + matrix[:, 2], atol=1e-6)
            (image,) = under.images
            assert (
                np.allclose(image.matrix, matrix) and image.name == f"{part}_image" and len(image.stored) == 2
            )
            assert image.is_rgb == (part == "s3") and image.channels == (
                ["r", "g", "b"] if part == "s3" else ["DNA", "CD8", "PanCK"]
            )
            at = pixels_at(image, table.positions)
            labelled = under.labels.tokens(under.labels.read(0, 0, 0, 64, 0, 64))
            assert np.array_equal(labelled[tuple(at.T)], np.arange(49))
            bright = np.array([image.read(k, 0, 0, 64, 0, 64)[tuple(at.T)] for k in range(3)])
            assert np.array_equal(bright.argmax(axis=0), numbers % 3)
            if part == "s3":
                assert under.outlines is None
                continue
            for token in (0, 20):
                ring = under.outlines.ring(token)
                assert np.allclose(
                    np.unique(ring.round(9), axis=0).mean(axis=0), table.positions[token], atol=1e-6
                )
                reach = np.abs(ring - table.positions[token]).max()
                assert 1.2 < reach < 1.9


def test_a_store_becomes_a_study_and_bad_ones_are_one_line(store, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("sample,label\ns1,a\ns2,b\ns3,a\n")
    study = Study.create(tmp_path / "study", cells=store, labels=labels, edges="neighbours:4")
    assert not study.embed() and study.n_tokens("s2") == 49 and study.under("s1").outlines is not None
    with pytest.raises(GraphError, match="obsm"):  # another key is looked for in obsm alone
        open_tokens(store, TokenOptions(spatial="elsewhere")).read("s1")
    shapes = store / "shapes" / "s1_cells"
    file = shapes / "zarr.json" if (shapes / "zarr.json").exists() else shapes / ".zattrs"
    told = file.read_text()
    for consolidated in (store / "zarr.json", store / ".zmetadata"):
        if consolidated.exists():  # what is written there is asked first
            kept = json.loads(consolidated.read_text())
            kept.pop("consolidated_metadata", None)
            (
                consolidated.write_text(json.dumps(kept))
                if consolidated.name == "zarr.json"
                else consolidated.unlink()
            )
    changed = told.replace('"sequence"', '"bent"')
    assert changed != told
    file.write_text(changed)
    with pytest.raises(GraphError, match="'bent'"):
        open_tokens(store).read("s1")
    shutil.rmtree(shapes)
    with pytest.raises(GraphError, match="obsm"):
        open_tokens(store).read("s1")


@given(st.integers(0, 2**32 - 1))
def test_a_sequence_of_transformations_is_their_product_whatever_the_order_of_axes(seed):
    rng = np.random.default_rng(seed)
    axes = ["c", "y", "x"]
    steps, wanted = [], np.eye(3)  # of x, y
    for _ in range(rng.integers(1, 4)):
        named = {
            "input": {"axes": [{"name": name} for name in axes]},
            "output": {"axes": [{"name": name} for name in axes]},
        }
        kind, values = rng.choice(["scale", "translation", "affine"]), rng.normal(size=6)
        own = np.eye(3)
        if kind == "scale":
            steps.append({"type": kind, "scale": [1, values[0], values[1]], **named})
            own[0, 0], own[1, 1] = values[1], values[0]
        elif kind == "translation":
            steps.append({"type": kind, "translation": [0, values[0], values[1]], **named})
            own[0, 2], own[1, 2] = values[1], values[0]
        else:
            named = {end: {"axes": [{"name": "x"}, {"name": "y"}]} for end in ("input", "output")}
            own[:2] = values.reshape(2, 3)
            steps.append({"type": kind, "affine": own[:2].tolist(), **named})
        wanted = own @ wanted
    full = _matrix({"type": "sequence", "transformations": steps}, axes, "made")
    assert np.allclose(full[np.ix_([2, 1], [2, 1, 3])], wanted[:2]) and np.allclose(full[0], [1, 0, 0, 0])


def test_a_folder_of_images_is_a_study_whose_image_is_at_hand(tmp_path):
    write_cell_images(tmp_path / "images", 2, cells=60, pixel=5.0)
    study = Study.create(tmp_path / "study", cells=tmp_path / "images", labels=tmp_path / "labels.csv")
    assert not study.embed()
    under = study.under("s1")
    assert under.images[0].channels == list(CHANNELS) and study.under("s1") is under
    (tmp_path / "images" / "s1.ome.tif").unlink()
    assert not study.under("s1")
