"""What napari opens: studies, slides and exported maps, where they are and in which colours."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from prospector_core.exporters import export
from prospector_core.modalities.registry import modality_of
from prospector_core.modalities.slides.readers import SLIDE_SUFFIXES, open_slide
from viewers.colour_limits import score_limit
from viewers.napari_plugin.frame import Frame, Mosaic
from viewers.napari_plugin.layers import SlideLayers
from viewers.napari_plugin.reader import get_reader

ROOT = Path(__file__).parents[2]


def opened(path, model):
    """The path's layers in a viewer: {name: layer}."""
    for layer in get_reader(str(path))(str(path)):
        model._add_layer_from_data(*layer)
    return {layer.name: layer for layer in model.layers}


def test_a_study_folder_opens_as_slide_map_concepts_and_regions(study, model):
    datum = study.data[0]
    study.curation.annotate(datum, [(8, 8), (40, 8), (40, 40), (8, 40)], "against")
    layers = opened(study.path, model)
    assert list(layers) == ["s0.png", "prospect map", "concepts", "uncertainty", "marked regions"]
    scores, grid = study.prospect(datum), study.grid(datum)
    shown, limit = layers["prospect map"], score_limit(study)
    row, column = grid["positions"][5]
    assert shown.data[row, column] == np.float32(scores[5])
    assert np.isnan(shown.data).sum() == shown.data.size - len(scores)
    assert shown.contrast_limits == [-limit, limit]
    assert shown.colormap.map(0.5)[0, 3] == 0 and shown.colormap.map(0.99)[0, 3] > 0.9
    assert shown.colormap.map(np.nan)[0, 3] == 0
    labels = layers["concepts"]
    assert labels.data[row, column] == study.concepts_of(datum)[5] + 1
    wanted = tuple(int(study.colours()[0][i : i + 2], 16) for i in (1, 3, 5))
    assert np.allclose(labels.colormap.color_dict[1][:3] * 255, wanted, atol=1)
    assert labels.features["concept"].tolist() == ["", *(c.name for c in study.concepts())]
    assert len(layers["marked regions"].data) == 1
    assert not layers["uncertainty"].visible


def test_layers_meet_in_physical_units(fields, model):
    layers = opened(fields.path, model)
    assert all(str(unit) == "micrometer" for layer in layers.values() for unit in layer.units)
    datum = fields.datum("right")
    x, y, width, height = fields.token_rect(datum, 7)
    middle = Frame(0.5).world(x + width / 2, y + height / 2)
    assert layers["prospect map"].get_value(middle, world=True) == np.float32(fields.prospect(datum)[7])
    layers["concepts"].visible = True
    assert layers["concepts"].get_value(middle, world=True) == fields.concepts_of(datum)[7] + 1
    pixel = layers["slide.png"].world_to_data(middle)
    assert np.allclose(pixel, (y + height / 2 - 0.5, x + width / 2 - 0.5))
    assert sorted(layers["fields"].features["field"]) == ["left", "right", "top"]


def test_what_is_uncertain_and_what_a_refit_changed_are_there(study, model):
    study.curation.exclude(4)
    study.refit()
    layers = opened(study.path, model)
    assert {"uncertainty", "difference", "excluded"} <= set(layers)
    source = (
        study.datum(study.data[0]).source if layers["concepts"].metadata["prospector"]["source"] else None
    )
    datum = next(d for d in study.data if d.source == layers["concepts"].metadata["prospector"]["source"])
    assert source and layers["concepts"].colormap.color_dict[5][3] < 0.5  # excluded: pale
    row, column = study.grid(datum)["positions"][3]
    change = study.change(1).of_map(datum)
    assert np.isclose(layers["difference"].data[row, column], change[3], equal_nan=True)
    error = np.asarray(layers["uncertainty"].data)[row, column]
    assert np.isclose(error, study.uncertainty(datum).error[3], equal_nan=True)


def test_a_slide_opens_as_a_lazy_pyramid_of_its_own_pixels(tmp_path, model):
    pixels = np.random.default_rng(0).integers(0, 255, (1300, 2100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", dpi=(50800, 50800))
    (layer,) = opened(tmp_path / "a.png", model).values()
    assert (
        layer.multiscale
        and layer.rgb
        and [level.shape[:2] for level in layer.data] == [(1300, 2100), (650, 1050), (325, 525)]
    )
    assert np.allclose(layer.scale, 0.5)
    assert np.array_equal(np.asarray(layer.data[0][500:1300, 400:1100]), pixels[500:1300, 400:1100])
    assert np.array_equal(np.asarray(layer.data[0][3:1200:7, ::11, 1]), pixels[3:1200:7, ::11, 1])
    half = open_slide(tmp_path / "a.png").read_scaled(0, 0, 2100, 1300, 1050, 650)
    assert np.abs(np.asarray(layer.data[1]).astype(int) - half).max() <= 1


def test_a_slide_that_goes_bad_meanwhile_turns_grey(tmp_path, model):
    shutil.copy(ROOT / "sample_data" / "CMU-1-Small-Region.svs", tmp_path / "a.svs")
    levels = get_reader(tmp_path / "a.svs")(tmp_path / "a.svs")[0][0]
    with open(tmp_path / "a.svs", "r+b") as file:
        file.write(bytes(1_800_000))
    part = np.asarray(levels[0][:600, :600])
    assert part.shape == (600, 600, 3) and (part[0, 0] == 200).all()


def test_an_exported_map_opens_in_the_same_colours(fields, tmp_path, model):
    export(fields, "ome-tiff", tmp_path / "maps", data=["right"])
    (path,) = (tmp_path / "maps").iterdir()
    (layer,) = opened(path, model).values()
    assert (
        layer.name == "prospect map: b"
        and np.allclose(layer.scale, 4)
        and str(layer.units[0]) == "micrometer"
    )
    row, column = fields.grid("right")["positions"][7]
    assert layer.data[row, column] == np.float32(fields.prospect("right")[7])
    assert layer.contrast_limits[0] == -layer.contrast_limits[1]


def test_what_is_not_ours_is_left_to_others(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "notes.txt")) is None
    assert get_reader([str(tmp_path / "a.svs"), str(tmp_path / "b.svs")]) is None


@pytest.mark.parametrize("what", ["proteins", "not fitted", "no slide"])
def test_what_cannot_be_shown_says_why(what, study, tmp_path, monkeypatch):
    from napari.utils import notifications

    said, path = [], study.path
    monkeypatch.setattr(notifications, "show_warning", said.append)
    if what == "proteins":
        from prospector_core.study import Study

        monkeypatch.setattr(Study, "modality", "structures", raising=False)
        monkeypatch.setattr(Study, "__init__", _as_structures(Study.__init__))
    elif what == "not fitted":
        path = _unfitted(tmp_path / "new")
    else:
        path = tmp_path / "gone.svs"
        path.write_bytes(b"no slide")
    assert get_reader(str(path))(str(path)) == [(None,)]
    assert {"proteins": "prospector app", "not fitted": "no concepts yet", "no slide": "gone.svs"}[
        what
    ] in said[0]


def _as_structures(init):
    def made(self, *parts, **more):
        init(self, *parts, **{**more, "modality": "structures", "kind": modality_of("structures")})

    return made


def _unfitted(folder):
    from tests.support.study_files import make_study

    return make_study(folder).path


def test_the_slide_shows_nothing_but_maps_where_it_is_not_at_hand(study, tmp_path, model):
    for picture in (study.path.parent / "slides").iterdir():
        picture.unlink()
    assert "prospect map" in opened(study.path, model)


# ---- the raster of several fields


@given(st.integers(0, 2**32 - 1))
def test_every_token_has_its_own_cells_and_is_found_by_them(seed):
    random = np.random.default_rng(seed)
    pitch, grids = random.uniform(5, 80), {}
    for number in range(random.integers(1, 5)):
        positions = np.argwhere(random.random((4, 5)) > 0.3)
        origin = (
            number * 6 * pitch + random.uniform(0, pitch) * random.integers(0, 2),
            random.uniform(0, pitch),
        )
        grids[str(number)] = {"positions": positions, "origin": origin, "pitch": pitch, "shape": (4, 5)}
    mosaic = Mosaic(grids)
    values = [np.arange(len(grid["positions"])) + 100 * at for at, grid in enumerate(grids.values())]
    image = mosaic.fill(values, -1, np.int64)
    assert (image >= 0).sum() == mosaic.n * mosaic.cells**2
    for at, (uid, grid) in enumerate(grids.items()):
        for token in range(len(grid["positions"])):
            rows, columns = np.nonzero(image == 100 * at + token)
            assert {key: ids.tolist() for key, ids in mosaic.tokens_of((rows[:1], columns[:1])).items()} == {
                uid: [token]
            }
            true = np.array(grid["origin"])[::-1] + grid["positions"][token] * pitch
            drawn = np.array([mosaic.y, mosaic.x]) + np.array([rows.min(), columns.min()]) * mosaic.cell
            assert np.abs(drawn - true).max() <= mosaic.cell / 2 + 1e-9
            if mosaic.cells < 4:
                assert np.abs(drawn - true).max() <= 0.1 * mosaic.cell + 1e-9


# ---- the package


def test_the_manifest_is_sound_and_names_what_there_is():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(ROOT / "viewers" / "napari_plugin" / "napari.yaml")
    manifest.validate_imports()
    patterns = manifest.contributions.readers[0].filename_patterns
    assert {f"*{suffix}" for suffix in SLIDE_SUFFIXES} <= set(patterns)
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest.name == project["name"] and manifest.display_name == "Prospector"
    assert project["entry-points"]["napari.manifest"] == {
        project["name"]: "viewers.napari_plugin:napari.yaml"
    }
    assert "Framework :: napari" in project["classifiers"]


def test_the_modules_of_the_manifest_import_nothing_heavy():
    code = (
        "import sys, viewers.napari_plugin.reader, viewers.napari_plugin.sample\nprint([name for name in"
        " ('numpy', 'torch', 'streamlit', 'napari', 'prospector_core.study') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is asked of Linux")
def test_a_slide_of_ten_billion_pixels_is_seen_in_less_than_a_gigabyte_and_a_half(tmp_path):
    code = (
        "import sys, numpy as np\nfrom benchmarks.big_slide import write_big_slide\nfrom"
        " viewers.napari_plugin.reader import get_reader\nfrom napari.components import ViewerModel\npath, _"
        " = write_big_slide(sys.argv[1], sys.argv[2])\nmodel = ViewerModel(); layer ="
        " model._add_layer_from_data(*get_reader(path)(path)[0])[0]\nrandom = np.random.default_rng(0)\nfor"
        " step in range(18):\n    level = layer.data[step % len(layer.data)]\n    y, x ="
        " (int(random.integers(0, max(1, side - 1600))) for side in level.shape[:2])\n    assert"
        " np.asarray(level[y : y + 1600, x : x + 2400]).any()\nprint(next(int(line.split()[1]) for line in"
        " open('/proc/self/status') if line.startswith('VmHWM')) // 1024)\n"
    )
    slide = ROOT / "sample_data" / "CMU-1-Small-Region.svs"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "big.tif", slide], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 1500


def test_slide_layers_of_two_grids_out_of_step_are_drawn_in_finer_cells(fields):
    attrs = {"origin": [43.0, 41.0], "pitch": 8.0, "shape": [5, 5], "tile": 8, "mpp": 0.5}
    datum = fields.datum("right")
    grid = {**fields.grid(datum), "origin": tuple(attrs["origin"])}
    mosaic = Mosaic({"a": fields.grid("left"), "b": grid})
    assert mosaic.cells == 4
    assert SlideLayers(fields, datum.source).mosaic.cells == 1
