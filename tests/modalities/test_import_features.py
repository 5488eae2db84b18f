"""Feature files of TRIDENT and CLAM, written to their documented layouts.

Right places, and a study that can be used.
"""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study
from prospector_core.errors import EmbeddingError, LabelsError, MissingExtraError, SlideError, StudyError
from prospector_core.exporters import export
from prospector_core.modalities.slides.feature_grid import grid_of_coordinates
from tests.support.study_files import write_labels

h5py = pytest.importorskip("h5py")

PATCH, MAG, TARGET = 256, 40, 20
LEVEL0 = PATCH * MAG // TARGET
ORIGIN = (1500, 700)


def places(index, side=9):
    return np.argwhere(np.random.default_rng(index).random((side, side)) > 0.2)


def vectors_of(index, label, n, dim=6):
    """Three clusters; the third is commoner where the label is 1."""
    random = np.random.default_rng((7, index))
    kind = random.choice(3, n, p=[0.5, 0.4, 0.1] if not label else [0.4, 0.2, 0.4])
    return (10 * np.eye(3, dim)[kind] + random.normal(0, 0.3, (n, dim))).astype(np.float32)


def corners(positions, stride, origin=ORIGIN):
    """Level-0 x, y, whole numbers."""
    return np.rint(np.array(origin) + positions[:, ::-1] * stride).astype(np.int64)


def write_trident(folder, name, coords, features, overlap=0, batch=False, **changes):
    """As TRIDENT writes patch features: folders `features_ENCODER`."""
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / f"{name}.h5", "w") as file:
        made = file.create_dataset("features", data=features[None] if batch else features)
        made.attrs.update({"name": name, "savetodir": "/data/secret/run"})
        made = file.create_dataset("coords", data=coords)
        made.attrs.update(
            {
                "patch_size": PATCH,
                "patch_size_level0": LEVEL0,
                "level0_magnification": MAG,
                "target_magnification": TARGET,
                "overlap": overlap,
                "name": name,
                "savetodir": "/data/secret/run",
                "level0_width": 9000,
                "level0_height": 8000,
                **changes,
            }
        )


def write_clam(home, name, coords, features, level=1, downsample=(4.0, 4.0), size=PATCH):
    """As CLAM does: coordinates and attributes in `patches`.

    Features and bare coordinates in `features/h5_files`.
    """
    for part in ("patches", "features/h5_files"):
        (home / part).mkdir(parents=True, exist_ok=True)
    with h5py.File(home / "patches" / f"{name}.h5", "w") as file:
        made = file.create_dataset("coords", data=coords)
        made.attrs.update(
            {
                "patch_size": size,
                "patch_level": level,
                "downsample": downsample,
                "downsampled_level_dim": (2250, 2000),
                "level_dim": (2250, 2000),
                "name": name,
                "save_path": "/data/secret/run",
            }
        )
    with h5py.File(home / "features" / "h5_files" / f"{name}.h5", "w") as file:
        file.create_dataset("features", data=features)
        file.create_dataset("coords", data=coords)


def labels_of(folder, n=6, ending=".svs"):
    return write_labels(
        folder / "labels.csv", [(f"case {i}{ending}", ("normal", "tumour")[i % 2]) for i in range(n)]
    )


@pytest.fixture
def trident(tmp_path):
    """Six slides; the last is empty."""
    folder = tmp_path / "features_uni_v1"
    for i in range(5):
        positions = places(i)
        write_trident(
            folder,
            f"case {i}",
            corners(positions, LEVEL0),
            vectors_of(i, i % 2, len(positions)),
            batch=i == 2,
        )
    write_trident(folder, "case 5", np.empty((0, 2), np.int64), np.empty((0, 6), np.float32))
    return SimpleNamespace(features=folder, labels=labels_of(tmp_path), home=tmp_path)


def made(files, **options):
    return Study.create(files.home / "study", features=files.features, labels=files.labels, **options)


def test_a_trident_run_without_slides(trident):
    study = made(trident)
    for i, datum in enumerate(study.data[:5]):
        grid = study.grid(datum)
        first = places(i).min(axis=0)
        np.testing.assert_array_equal(grid["positions"], places(i) - first)
        assert grid["pitch"] == LEVEL0
        assert grid["origin"] == tuple((np.array(ORIGIN) + first[::-1] * LEVEL0).tolist())
        np.testing.assert_array_equal(
            study.store.read(datum.uid).embeddings, vectors_of(i, i % 2, len(places(i)))
        )
        assert study.token_at(datum, *(corners(places(i), LEVEL0)[3] + 5)) == 3
    info = study.sources[study.data[0].source].info
    assert (info["width"], info["height"], info["mpp"]) == (9000, 8000, 0.25)
    assert (
        study.embedding["encoder"] == "uni_v1"
        and study.embedding["mpp"] == 0.5
        and study.embedding["tile"] == PATCH
    )
    record = study.store.layout(study.data[0].uid)[1]["encoder"]
    assert record["name"] == "uni_v1" and record["imported"]["target_magnification"] == TARGET
    assert "secret" not in json.dumps(record)


def test_an_empty_slide_is_listed_and_left_out(trident):
    study = made(trident)
    assert len(study.data) == 6 and len(study.embedded()) == 5
    assert study.embed() == {} and not study.is_embedded("case 5.svs")
    assert "no patch" in study.jobs()[study.data[5].uid]["message"]
    study.fit(concepts=3)
    assert study.data[5].uid not in study.view.summary["predictions"]
    with pytest.raises(EmbeddingError, match="imported"):
        study.embed(anew=True)


def test_the_study_can_be_used(trident):
    study = made(trident)
    study.fit(concepts=3, radius=1)
    study.curation.exclude(0)
    study.refit()
    again = Study.open(study.path)
    datum = again.data[1]
    scores = again.prospect(datum)
    assert scores.shape == (len(places(1)),) and np.isfinite(scores).any()
    written = export(again, "geojson", trident.home / "out")
    assert len(written) == 5
    assert export(again, "ome-tiff", trident.home / "out", [datum])


def test_a_slide_that_is_not_there_is_said(trident):
    study = made(trident)
    with pytest.raises(SlideError, match="case 0 is not there.*--slides"):
        study.open_source(study.data[0])


def test_slides_at_hand_are_used(trident):
    (trident.home / "slides").mkdir()
    for i in range(3):
        Image.new("RGB", (60, 40), (200, 90, 160)).save(trident.home / "slides" / f"case {i}.png")
    study = made(trident, slides=trident.home / "slides", slide_mpp=0.3)
    with study.open_source(study.data[0]) as slide:
        assert (slide.width, slide.mpp) == (60, 0.3)
    with pytest.raises(SlideError, match="not there"):
        study.open_source(study.data[4])


@pytest.mark.parametrize("overlap, stride", [(0, 512), (128, 256), (64, 384), (1, 510)])
def test_overlaps(tmp_path, overlap, stride):
    """Squares are as wide as the stride, around the patches' centres."""
    positions = places(3)
    write_trident(
        tmp_path / "f", "case 0", corners(positions, stride), vectors_of(0, 0, len(positions)), overlap
    )
    write_trident(
        tmp_path / "f", "case 1", corners(positions, stride), vectors_of(1, 1, len(positions)), overlap
    )
    study = Study.create(tmp_path / "study", features=tmp_path / "f", labels=labels_of(tmp_path, 2))
    grid = study.grid(study.data[0])
    first = positions.min(axis=0)
    np.testing.assert_array_equal(grid["positions"], positions - first)
    assert grid["pitch"] == stride
    centre = np.array(grid["origin"]) + (grid["positions"][0][::-1] + 0.5) * stride
    np.testing.assert_array_equal(centre, corners(positions, stride)[0] + LEVEL0 / 2)


@pytest.mark.parametrize("stride", [455.11, 224, 97.5, 1820.4, 33])
@pytest.mark.parametrize("density", [0.9, 0.4])
def test_odd_strides_rounded_to_whole_pixels(stride, density):
    """Over hundreds of rows the rounding must not add up."""
    positions = np.argwhere(np.random.default_rng(1).random((300, 200)) < density)
    grid = grid_of_coordinates(corners(positions, stride), stride, None, "x.h5")
    np.testing.assert_array_equal(grid.positions, positions - positions.min(axis=0))
    assert grid.pitch == pytest.approx(stride, rel=1e-4) and grid.shift < 1.5


def test_patches_of_which_none_are_neighbours():
    positions = np.array([[0, 0], [0, 4], [4, 2], [6, 0], [6, 4]])
    grid = grid_of_coordinates(corners(positions, 100), 100, 100.0, "x.h5")
    np.testing.assert_array_equal(grid.positions, positions)
    grid = grid_of_coordinates(np.array([[40, 50]]), 100, None, "x.h5")
    assert grid.positions.tolist() == [[0, 0]] and grid.origin == (40, 50) and grid.pitch == 100


@pytest.mark.parametrize(
    "level, downsample, size, side",
    [
        (1, (4.0, 4.0), 256, 1024),
        (0, (1.0, 1.0), 512, 512),
        (1, (4.0, 4.0002), 256, 1024),
        (2, (1.0, 4.0, 16.0), 64, 1024),
        (1, (1.0, 4.0), 256, 1024),
        (1, 4.0, 256, 1024),
    ],
)
def test_a_clam_run(tmp_path, level, downsample, size, side):
    """Patch size from the patches step: its pixels times the downsample of its level."""
    for i in range(4):
        positions = places(i)
        write_clam(
            tmp_path / "run",
            f"case {i}",
            corners(positions, side),
            vectors_of(i, i % 2, len(positions)),
            level,
            downsample,
            size,
        )
    study = Study.create(
        tmp_path / "study", features=tmp_path / "run" / "features", labels=labels_of(tmp_path, 4)
    )
    for i, datum in enumerate(study.data):
        grid = study.grid(datum)
        np.testing.assert_array_equal(grid["positions"], places(i) - places(i).min(axis=0))
        assert grid["pitch"] == side
        assert study.store.layout(datum.uid)[1]["patch"] == pytest.approx(side, rel=1e-4)
    assert study.embedding["encoder"] == "features"
    study.fit(concepts=3)
    assert np.isfinite(study.prospect(study.data[0])).all()


def test_regions_on_grids_of_their_own(tmp_path):
    """CLAM starts each contour's grid at its own corner.

    No patch is lost, none moves by more than a place.
    """
    block = np.argwhere(np.ones((6, 7)))
    coords = np.concatenate(
        [corners(block, 512, (0, 0)), corners(block, 512, (3700, 200)), corners(block, 512, (130, 3330))]
    )
    grid = grid_of_coordinates(coords, 512, None, "x.h5")
    assert len(np.unique(grid.positions, axis=0)) == len(coords) and grid.pitch == 512
    drawn = np.array(grid.origin) + grid.positions[:, ::-1] * grid.pitch
    assert np.abs(drawn - coords).max() <= 512 and grid.shift <= 512 * 1.5
    touching = np.concatenate([corners(block, 512, (0, 0)), corners(block, 512, (6 * 512 + 600, 90))])
    assert len(np.unique(grid_of_coordinates(touching, 512, None, "x.h5").positions, axis=0)) == len(touching)


def test_fields_take_the_patches_inside(trident):
    rows = [("case 0.svs", "left", 0, 0, 3500, 8000, "a"), ("case 0.svs", "right", 3500, 0, 5500, 8000, "b")]
    trident.labels = write_labels(
        trident.home / "l.csv", rows, ("slide", "name", "x", "y", "width", "height", "label")
    )
    study = made(trident)
    left, right = study.data
    assert study.n_tokens(left) + study.n_tokens(right) == len(places(0))
    x, y, width, height = study.token_rect(left, 0)
    assert x + width / 2 < 3500
    assert study.token_rect(right, 0)[0] + width / 2 >= 3500


def damaged(folder, what):
    path = folder / "case 0.h5"
    content = path.read_bytes()
    if what == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif what == "text":
        path.write_text("features")
    else:
        with h5py.File(path, "a") as file:
            features, coords = file["features"][()], file["coords"][()]
            attrs = dict(file["coords"].attrs)
            for name in ("features", "coords"):
                del file[name]
            if what == "not finite":
                features[3, 1] = np.nan
            if what == "twice":
                coords[5] = coords[4]
            if what == "too few":
                coords = coords[1:]
            if what == "other encoder":
                features = features[:, :4]
            if what == "one vector per slide":
                features = features[0]
            if what != "no features":
                file["features"] = features
            if what != "no coords":
                file["coords"] = coords
                file["coords"].attrs.update(attrs)


@pytest.mark.parametrize(
    "what, words",
    [
        ("cut", "cut short"),
        ("text", "not an HDF5"),
        ("not finite", "not finite"),
        ("twice", "more than once"),
        ("too few", "two runs"),
        ("other encoder", "one encoder"),
        ("one vector per slide", "patch features"),
        ("no features", "no 'features'"),
        ("no coords", "no 'coords'"),
    ],
)
def test_what_cannot_be_imported(trident, what, words):
    damaged(trident.features, what)
    with pytest.raises(EmbeddingError, match=words) as caught:
        made(trident)
    assert "case 0.h5" in str(caught.value) and "\n" not in str(caught.value)
    assert not (trident.home / "study").exists() and not list(trident.home.glob(".*"))


def test_folders_and_tables_that_do_not_fit(trident, tmp_path):
    (tmp_path / "pt").mkdir()
    (tmp_path / "pt" / "case 0.pt").write_bytes(b"")
    for folder, words in (("nowhere", "no folder"), ("pt", "hold no coordinates")):
        with pytest.raises(EmbeddingError, match=words):
            Study.create(tmp_path / "s", features=tmp_path / folder, labels=trident.labels)
    with pytest.raises(LabelsError, match="case 6"):
        Study.create(tmp_path / "s", features=trident.features, labels=labels_of(tmp_path, 7))
    labels_of(tmp_path)
    made(trident)
    with pytest.raises(StudyError, match="exists already"):
        made(trident)


def test_without_h5py(trident, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match="pip install h5py"):
        made(trident)


def test_a_run_without_any_patch(tmp_path):
    for i in range(2):
        write_trident(tmp_path / "f", f"case {i}", np.empty((0, 2)), np.empty((0,), np.float32))
    with pytest.raises(EmbeddingError, match="none of the 2"):
        Study.create(tmp_path / "s", features=tmp_path / "f", labels=labels_of(tmp_path, 2))


# ---- folders as they lie, and places to the pixel


def write_table(home, names=("A", "B", "C", "D")):
    return write_labels(
        home / "labels.csv", [(name, "no" if index % 2 else "yes") for index, name in enumerate(names)]
    )


def write_four(folder, **changes):
    """Feature files A to D: their coordinates by name."""
    found = {}
    for index, name in enumerate("ABCD"):
        positions = places(index)
        overlap = changes.get("overlap", 0)
        found[name] = corners(positions, LEVEL0 * (PATCH - overlap) // PATCH)
        write_trident(folder, name, found[name], vectors_of(index, index % 2, len(positions)), **changes)
    return found


def test_a_job_folder_of_trident_is_read_as_it_lies(tmp_path):
    import os

    job = tmp_path / "job"
    for number, encoder in enumerate(("uni_v1", "conch_v15")):
        place = job / "20x_256px_0px_overlap" / f"features_{encoder}"
        write_four(place, encoder=encoder)
        for file in place.iterdir():
            os.utime(file, (1e9 + number, 1e9 + number))
    write_trident(job / "20x_256px_0px_overlap" / "slide_features_titan", "A", np.zeros((1, 2)), np.zeros(8))
    study = Study.create(tmp_path / "study", features=job, labels=write_table(tmp_path))
    assert study.embedding["encoder"] == "conch_v15"  # the newest


def test_tensors_without_coordinates_say_which_file_is_wanted(tmp_path):
    (tmp_path / "pt_files").mkdir()
    (tmp_path / "pt_files" / "A.pt").write_bytes(b"PK")
    with pytest.raises(EmbeddingError, match=r"hold no coordinates \(as A\.pt\).*A\.h5"):
        Study.create(tmp_path / "study", features=tmp_path / "pt_files", labels=write_table(tmp_path))


@pytest.mark.parametrize("overlap", [0, 64])
def test_exported_places_are_those_of_the_patches(tmp_path, overlap):
    import csv
    import io

    import tifffile

    stated = write_four(tmp_path / "features_x", overlap=overlap)
    study = Study.create(tmp_path / "study", features=tmp_path / "features_x", labels=write_table(tmp_path))
    study.fit(concepts=3)
    for datum in study.data:
        place = study.kind.places(study, datum)
        assert np.array_equal(np.stack([place["x"], place["y"]], 1), stated[datum.name])
        assert set(place["size"]) == {LEVEL0}
    out = tmp_path / "out"
    (table,) = (file.read_text() for file in export(study, "csv", out, data=study.data[:1]).values())
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(float(row["x"]), float(row["y"])) for row in rows] == [
        tuple(each) for each in stated["A"].tolist()
    ]
    (image,) = export(study, "ome-tiff", out, data=study.data[:1]).values()
    with tifffile.TiffFile(image) as tif:
        plane = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]["Plane"]
    origin, mpp = study.grid(study.data[0])["origin"], 10 / MAG
    assert (plane["PositionX"], plane["PositionY"]) == pytest.approx((origin[0] * mpp, origin[1] * mpp))
    assert plane["PositionXUnit"] == "µm"


def test_slides_that_match_no_features_are_refused_and_ome_tif_is_one_ending(tmp_path):
    import tifffile

    write_four(tmp_path / "features_x")
    labels, slides = write_table(tmp_path), tmp_path / "slides"
    slides.mkdir()
    image = np.full((800, 900, 3), 200, np.uint8)
    tifffile.imwrite(slides / "other.ome.tif", image, photometric="rgb")
    with pytest.raises(SlideError, match=r"like a feature file \(A\.h5\); it holds other\.ome\.tif"):
        Study.create(tmp_path / "study", features=tmp_path / "features_x", labels=labels, slides=slides)
    tifffile.imwrite(slides / "A.ome.tif", image, photometric="rgb")
    study = Study.create(tmp_path / "study", features=tmp_path / "features_x", labels=labels, slides=slides)
    assert study.source_path("A").name == "A.ome.tif"
