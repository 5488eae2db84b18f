"""Exports: right places, right areas, no name that was not asked for."""

import csv
import io
import json

import numpy as np
import pyarrow.parquet
import pytest
import shapely
import tifffile
from PIL import Image

from prospector_core import Study
from prospector_core.errors import BadInputError, EmbeddingError
from prospector_core.exporters import _file_stems, export
from prospector_core.modalities import modality_of

SIDE, PITCH, MPP = 9, 16, 0.25


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four data with holes, three kinds of token; concept 1 renamed, concept 2 excluded."""
    home = tmp_path_factory.mktemp("exports")
    (home / "slides").mkdir()
    for i in range(4):
        Image.fromarray(np.full((SIDE * PITCH, SIDE * PITCH, 3), 200, np.uint8)).save(
            home / "slides" / f"Jane Doe {i}.png"
        )
    (home / "labels.csv").write_text(
        "slide,label\n" + "".join(f"Jane Doe {i}.png,{i % 2}\n" for i in range(4))
    )
    made = Study.create(
        home / "study",
        slides=home / "slides",
        labels=home / "labels.csv",
        encoder="colour-texture",
        tile=PITCH,
        mpp=MPP,
        slide_mpp=MPP,
    )
    rng = np.random.default_rng(0)
    for i, datum in enumerate(made.data):
        positions = np.argwhere(rng.random((SIDE, SIDE)) > 0.2)
        kind = rng.integers(0, 2 + i % 2, len(positions))
        vectors = (np.eye(3, 4)[kind] * 10 + rng.normal(size=(len(positions), 4))).astype(np.float32)
        attrs = {"origin": [3.0, 5.0], "pitch": float(PITCH), "shape": [SIDE, SIDE]}
        made.store.write(datum.uid, vectors, positions, attrs)
    made.fit(concepts=3)
    made.curation.rename(1, "stroma, pink")
    made.curation.exclude(2)
    made.refit()
    return made


def area(features, name=None):
    return sum(
        shapely.geometry.shape(each["geometry"]).area
        for each in features
        if name is None or each["properties"]["classification"]["name"] == name
    )


def test_geojson_keeps_places_and_areas(study, tmp_path):
    datum = study.data[1]
    (path,) = export(study, "geojson", tmp_path, [datum]).values()
    features = json.loads(path.read_text())["features"]
    tiles = [each for each in features if each["properties"]["objectType"] == "detection"]
    outlines = [each for each in features if each["properties"]["objectType"] == "annotation"]
    positions, scores = study.grid(datum)["positions"], study.prospect(datum)
    assert len(tiles) == len(positions)
    for tile, (row, column), score in zip(tiles, positions, scores):
        x0, y0, x1, y1 = shapely.geometry.shape(tile["geometry"]).bounds
        assert (x0, y0, x1, y1) == (
            3 + column * PITCH,
            5 + row * PITCH,
            3 + (column + 1) * PITCH,
            5 + (row + 1) * PITCH,
        )
        if np.isfinite(score):
            assert tile["properties"]["measurements"]["prospect score"] == pytest.approx(score, abs=1e-5)
        else:
            assert "measurements" not in tile["properties"]
    for concept in study.concepts():
        expected = (study.concepts_of(datum) == concept.id).sum() * PITCH**2
        assert area(outlines, concept.name) == pytest.approx(expected, rel=1e-9)
    assert all(shapely.geometry.shape(each["geometry"]).is_valid for each in features)


def test_a_region_above_a_threshold(study, tmp_path):
    datum = study.data[1]
    scores = study.prospect(datum)
    level = float(np.nanmedian(scores))
    (path,) = export(study, "geojson", tmp_path, [datum], what=["regions"], threshold=level).values()
    features = json.loads(path.read_text())["features"]
    assert area(features) == pytest.approx((np.nan_to_num(scores, nan=-np.inf) >= level).sum() * PITCH**2)
    (path,) = export(study, "geojson", tmp_path, [datum], what=["regions"], threshold=1e9).values()
    assert json.loads(path.read_text())["features"] == []


def test_marked_regions_are_annotations_with_their_evidence(tmp_path):
    from tests.support.study_files import PITCH as SIDE_OF_TILE
    from tests.support.study_files import make_study

    made = make_study(tmp_path, fit={})
    datum, other = made.data[:2]
    made.sources[datum.source].info["bounds"] = [3, 4, 0, 0]
    made.curation.annotate(datum, [(4, 4), (40, 4), (40, 30), (4, 30)], "for", weight=2)
    made.curation.annotate(datum, np.arange(5), "ignore")
    made.curation.annotate(datum, [(0, 0), (40, 40), (40, 0), (0, 40)], "against")  # crosses itself
    made.curation.annotate(other, [0, 1], "for")
    (path,) = export(made, "geojson", tmp_path / "out", [datum], what=["marks"]).values()
    drawn, tiles, crossed = json.loads(path.read_text())["features"]
    assert shapely.geometry.shape(drawn["geometry"]).equals(shapely.box(1, 0, 37, 26))
    properties = drawn["properties"]
    assert properties["objectType"] == "annotation" and properties["metadata"] == {"evidence": "for"}
    assert properties["classification"]["name"] == properties["name"] == "evidence for tumour"
    assert properties["measurements"]["weight"] == 2
    assert shapely.geometry.shape(tiles["geometry"]).area == pytest.approx(5 * SIDE_OF_TILE**2)
    assert tiles["properties"]["name"] == "ignored"
    twisted = shapely.geometry.shape(crossed["geometry"])
    assert twisted.is_valid and twisted.area == pytest.approx(800)
    assert crossed["properties"]["name"] == "evidence for normal"
    (path,) = export(made, "geojson", tmp_path / "all", [datum]).values()  # by default with the rest
    assert json.loads(path.read_text())["features"][-3:] == [drawn, tiles, crossed]


def test_areas_survive_odd_pitches_and_places(tmp_path):
    """Thousands of tiles of a pitch that is no whole number, back through shapely: areas to 0.1 %."""
    from types import SimpleNamespace

    from prospector_core.modalities.slides.geojson import geojson

    rng = np.random.default_rng(0)
    positions = np.argwhere(rng.random((110, 110)) > 0.14)
    concepts = (positions[:, 0] // 9 * 7 + positions[:, 1] // 11) % 12
    pitch = 224 * 0.5 / 0.2527
    datum = SimpleNamespace(uid="d", source="s")
    made = SimpleNamespace(
        datum=lambda each: datum,
        grid=lambda each: {"positions": positions, "origin": (1234.5, 77.25), "pitch": pitch},
        attrs=lambda _: {},
        prospect=lambda each: np.where(concepts < 11, concepts - 5.0, np.nan),
        concepts_of=lambda each: concepts,
        concepts=lambda: [SimpleNamespace(id=k, name=f"concept {k}") for k in range(12)],
        colours=lambda: ["#0072b2"] * 12,
        sources={"s": SimpleNamespace(info={})},
        classes=("no", "yes"),
        target=1,
        chosen=1,
        class_views=lambda: [made],
        curation=SimpleNamespace(state=SimpleNamespace(regions=[])),
    )
    content = geojson(made, datum, ("tiles", "concepts", "regions"), 2.0)
    features = json.loads(content)["features"]
    assert len(positions) > 10_000 and len(content) < 400 * len(positions)
    tiles = np.array([each["geometry"]["coordinates"][0] for each in features[: len(positions)]])
    np.testing.assert_allclose(shapely.area(shapely.polygons(tiles)), pitch**2, rtol=1e-3)
    *outlines, high = [shapely.geometry.shape(each["geometry"]) for each in features[len(positions) :]]
    np.testing.assert_allclose([each.area for each in outlines], np.bincount(concepts) * pitch**2, rtol=1e-3)
    assert high.area == pytest.approx(((concepts >= 7) & (concepts < 11)).sum() * pitch**2, rel=1e-3)
    assert high.is_valid and all(each.is_valid for each in outlines)


def test_ome_tiff_has_the_map_and_its_size(study, tmp_path):
    datum = study.data[0]
    (path,) = export(study, "ome-tiff", tmp_path, [datum]).values()
    with tifffile.TiffFile(path) as tiff:
        image = tiff.asarray()
        assert f'PhysicalSizeX="{PITCH * MPP:.1f}"' in tiff.ome_metadata
    positions = study.grid(datum)["positions"]
    np.testing.assert_allclose(
        image[tuple(positions.T)], study.prospect(datum).astype(np.float32), equal_nan=True
    )
    assert np.isfinite(image).sum() == np.isfinite(study.prospect(datum)).sum()


def test_large_maps_get_levels(study, tmp_path, monkeypatch):
    datum = study.data[0]
    grid = {**study.grid(datum), "shape": (700, 1100)}
    monkeypatch.setattr(study, "grid", lambda each: grid)
    (path,) = export(study, "ome-tiff", tmp_path, [datum]).values()
    with tifffile.TiffFile(path) as tiff:
        levels = tiff.series[0].levels
        assert [level.shape for level in levels] == [(700, 1100), (350, 550), (175, 275), (88, 138)]
        base, half = levels[0].asarray(), levels[1].asarray()
    np.testing.assert_allclose(half[0, 0], np.nanmean(base[:2, :2]), rtol=1e-6)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_tables_have_a_row_a_token(study, tmp_path, format):
    datum = study.data[1]
    (path,) = export(study, format, tmp_path, [datum]).values()
    if format == "csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        found = [float(row["score"]) if row["score"] else np.nan for row in rows]
        names = [row["name"] for row in rows]
    else:
        table = pyarrow.parquet.read_table(path).to_pydict()
        found, names = [np.nan if each is None else each for each in table["score"]], table["name"]
    np.testing.assert_allclose(found, study.prospect(datum), rtol=1e-12)
    assert "stroma, pink" in names


def test_tables_say_which_weights_are_pinned(study, tmp_path):
    datum = study.data[1]
    concept = int(study.concepts_of(datum)[0])
    edits = study.curation
    entry = edits.pin(concept, 1.25)
    study.refit()
    try:
        (path,) = export(study, "parquet", tmp_path, [datum]).values()
    finally:
        edits.undo()
        study.refit()
    table = pyarrow.parquet.read_table(path).to_pydict()
    assert entry and table["pinned"] == [k == concept for k in table["concept"]] and any(table["pinned"])


@pytest.mark.parametrize("format", list(modality_of("slides").exports))
def test_nothing_names_the_slide_and_the_same_map_gives_the_same_bytes(study, tmp_path, format):
    first, again = (export(study, format, tmp_path / part) for part in ("a", "b"))
    for uid, path in first.items():
        content = path.read_bytes()
        assert content == again[uid].read_bytes()
        assert b"Jane" not in content and "Jane" not in path.name
    named = export(study, format, tmp_path / "c", study.data[:1], names=True)
    assert "Jane Doe 0" in next(iter(named.values())).name


@pytest.mark.parametrize(
    "format, options, words",
    [
        ("bmp", {}, "export format 'bmp'"),
        ("geojson", {"what": "hexagons"}, "hexagons"),
        ("csv", {"threshold": 1.0}, "only geojson"),
    ],
)
def test_what_cannot_be_exported(study, tmp_path, format, options, words):
    with pytest.raises(BadInputError, match=words):
        export(study, format, tmp_path, **options)


def test_a_file_in_the_place_of_the_folder(study, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadInputError, match="is a file"):
        export(study, "csv", tmp_path / "taken")


def test_geojson_counts_from_the_corner_of_what_was_scanned(tmp_path, monkeypatch):
    """As QuPath does with slides that state bounds, and only there: tables keep the slide's own corner."""
    from types import SimpleNamespace

    from prospector_core.modalities.slides.readers import vendor
    from tests.support.study_files import make_study

    properties = {
        "openslide.vendor": "mirax",
        "openslide.bounds-x": "100",
        "openslide.bounds-y": "37",
        "openslide.bounds-width": "60",
        "openslide.bounds-height": "50",
    }
    opened = SimpleNamespace(
        properties=properties, level_dimensions=[(400, 300)], level_downsamples=[1.0], close=lambda: None
    )
    library = SimpleNamespace(
        OpenSlide=lambda path: opened,
        OpenSlideError=OSError,
        PROPERTY_NAME_VENDOR="openslide.vendor",
        PROPERTY_NAME_MPP_X="openslide.mpp-x",
        PROPERTY_NAME_MPP_Y="openslide.mpp-y",
        PROPERTY_NAME_OBJECTIVE_POWER="openslide.objective-power",
    )
    with monkeypatch.context() as patch:
        patch.setattr(vendor, "_openslide", lambda: library)
        slide = vendor.OpenSlideSlide(tmp_path / "scanned.mrxs")
    assert slide.bounds == (100, 37, 60, 50)

    made = make_study(tmp_path, fit={})
    datum = made.data[0]
    plain = json.loads(next(iter(export(made, "geojson", tmp_path / "a", [datum]).values())).read_bytes())
    table = next(iter(export(made, "csv", tmp_path / "a", [datum]).values())).read_bytes()
    made.sources[datum.source].info["bounds"] = list(slide.bounds)
    moved = json.loads(next(iter(export(made, "geojson", tmp_path / "b", [datum]).values())).read_bytes())
    for one, other in zip(plain["features"], moved["features"], strict=True):
        expected = shapely.transform(
            shapely.geometry.shape(one["geometry"]), lambda points: points - (100, 37)
        )
        assert expected.equals(shapely.geometry.shape(other["geometry"]))
    assert table == next(iter(export(made, "csv", tmp_path / "b", [datum]).values())).read_bytes()


def test_a_study_keeps_the_bounds_of_its_slides(tmp_path, monkeypatch):
    from prospector_core.modalities.slides.readers import ImageSlide
    from tests.support.study_files import write_labels, write_slides

    write_slides(tmp_path / "slides", ["a.png", "b.png"])
    table = write_labels(tmp_path / "labels.csv", [("a.png", "0"), ("b.png", "1")])
    monkeypatch.setattr(ImageSlide, "bounds", (5, 6, 7, 8))
    made = Study.create(
        tmp_path / "study", slides=tmp_path / "slides", labels=table, encoder="colour-texture"
    )
    assert [source.info["bounds"] for source in made.sources.values()] == [[5, 6, 7, 8]] * 2


def test_data_of_one_name_to_the_file_system_do_not_overwrite_each_other(tmp_path):
    from tests.support.study_files import embed_by_hand, write_labels, write_slides

    write_slides(tmp_path / "slides", ["a.png", "b.png", "c.png", "d.png"])
    names = zip(("a.png", "b.png", "c.png", "d.png"), ("x/1", "x:1", "X_1", "y"))
    rows = [(file, name, str(number % 2)) for number, (file, name) in enumerate(names)]
    table = write_labels(tmp_path / "labels.csv", rows, ("slide", "name", "label"))
    made = Study.create(
        tmp_path / "study", slides=tmp_path / "slides", labels=table, encoder="colour-texture", tile=8
    )
    with pytest.raises(EmbeddingError, match="prospector embed"):
        export(made, "csv", tmp_path / "out")
    embed_by_hand(made)
    made.fit(concepts=3)
    written = export(made, "csv", tmp_path / "out", names=True)
    assert (
        len({path.name.lower() for path in written.values()}) == 4 and (tmp_path / "out" / "y.csv").exists()
    )


def test_names_that_differ_by_case_alone_get_their_uid():
    """File systems may not tell upper case from lower.

    Each such name is a file of its own, and others stay as they are.
    """
    from types import SimpleNamespace

    names = {
        "u1": "Case",
        "u2": "case",
        "u3": "other",
        "u4": "x" * 120,
        "u5": "x" * 100 + "y",
        "u6": "a/b:c (1) ü-_.",
    }
    data = [SimpleNamespace(uid=uid, name=name) for uid, name in names.items()]
    assert _file_stems(data, True) == {
        "u1": "Case u1",
        "u2": "case u2",
        "u3": "other",
        "u4": "x" * 120,
        "u5": "x" * 100 + "y",
        "u6": "a_b_c _1_ ü-_",
    }
    assert _file_stems(data, False) == {uid: uid for uid in names}
