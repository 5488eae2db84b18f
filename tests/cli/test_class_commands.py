"""More than two classes on the command line.

Made, fitted, mapped, exported class by class, reported, replayed.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from prospector_core import Study
from tests.cli.conftest import paint

CLASSES = ["healthy", "in situ", "invasive"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    (folder / "slides").mkdir()
    rows = ["slide,label"]
    for label, (name, purple) in enumerate(zip(CLASSES, (0.02, 0.25, 0.7))):
        for number in range(3):
            paint(folder / "slides" / f"c{label}{number}.png", 10 * label + number, purple)
            rows.append(f"c{label}{number}.png,{name}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_the_whole_way(home, prospector, monkeypatch):
    monkeypatch.chdir(home)
    made = prospector(
        "new",
        "study",
        "--slides",
        "slides",
        "--labels",
        "labels.csv",
        "--encoder",
        "colour-texture",
        "--tile",
        16,
        "--slide-mpp",
        0.5,
        "--json",
    )
    told = json.loads(made.stdout)
    assert told["classes"] == CLASSES and told["class_counts"] == [3, 3, 3]
    prospector("embed", "study")
    done = prospector("fit", "study", "--concepts", 4)
    assert "mean AUROC" in done.stdout and "AUROC against the rest" in done.stdout
    assert "Weight of each concept for each class" in done.stdout
    told = json.loads(prospector("fit", "study", "--concepts", 4, "--json").stdout)
    assert (
        told["classes"] == CLASSES
        and told["n_weights"] == 4 + 10
        and len(told["held_out_auroc_by_class"]) == 3
    )
    for name, shares in told["predictions"].items():
        assert sum(shares.values()) == pytest.approx(1)
        assert told["predicted"][name] == max(shares, key=shares.get)
    study = Study.open("study")

    told = json.loads(prospector("prospect", "study", "c20.png", "--json").stdout)
    assert told["classes"] == CLASSES and [each["class"] for each in told["maps"]] == CLASSES
    for name, each in zip(CLASSES, told["maps"]):
        assert np.array_equal(np.load(each["map"]), study.seen_from(name).prospect("c20.png"))
    told = json.loads(prospector("prospect", "study", "c20.png", "--class", "in situ", "--json").stdout)
    assert told["classes"] == ["in situ"] and len(told["maps"]) == 1

    def exported(format, *more):
        done = prospector("export", "study", "c20.png", "--format", format, "--out", "out", "--json", *more)
        return json.loads(done.stdout)["files"][0]["file"]

    rows = list(csv.DictReader(Path(exported("csv")).read_text().splitlines()))
    strongest = study.strongest_class("c20.png")
    for at, row in enumerate(rows):
        assert row["class"] == CLASSES[strongest.classes[at]] and float(row["margin"]) == strongest.margin[at]
        for name in CLASSES:
            assert float(row[f"score_{name}"]) == study.seen_from(name).prospect("c20.png")[at]
    rows = list(csv.DictReader(Path(exported("csv", "--class", "invasive")).read_text().splitlines()))
    assert "score" in rows[0] and "class" not in rows[0]
    assert float(rows[3]["score"]) == study.seen_from(2).prospect("c20.png")[3]
    features = json.loads(Path(exported("geojson", "--what", "tiles", "--what", "regions")).read_text())[
        "features"
    ]
    measured = features[0]["properties"]["measurements"]
    assert set(measured) == {f"prospect score: {name}" for name in CLASSES}
    assert features[0]["properties"]["metadata"]["strongest class"] in CLASSES
    assert any(each["properties"]["classification"]["name"].startswith("in situ: score") for each in features)
    with tifffile.TiffFile(exported("ome-tiff")) as tiff:
        assert (
            tiff.series[0].shape[0] == 3 and tiff.series[0].axes == "CYX" and "in situ" in tiff.ome_metadata
        )
    with tifffile.TiffFile(exported("ome-tiff", "--class", "in situ")) as tiff:
        assert tiff.series[0].axes == "YX" and "prospect map: in situ" in tiff.ome_metadata
    for layer in ("classes", "map"):
        assert (
            Image.open(exported("png", "--layer", layer, "--width", 800, "--class", "in situ")).width <= 800
        )

    study.seen_from("in situ").curation.annotate("c00.png", [0, 1, 2], "against", note="dust")
    study.curation.relabel("c10.png", 2)
    study.refit()
    assert "mark 3 tiles of c00.png as evidence against in situ" in prospector("history", "study").stdout
    assert "same bytes" in prospector("replay", "study").stdout
    prospector("report", "study", "--out", "all.html")
    page = (home / "all.html").read_text()
    assert (
        all(f"<h3>{name}</h3>" in page for name in CLASSES)
        and "mean AUROC" in page
        and "AUROC of in situ" in page
    )
    prospector("report", "study", "--out", "one.html", "--class", "in situ")
    assert (
        "speaks against in situ" in (home / "one.html").read_text()
        and "<h3>healthy</h3>" not in (home / "one.html").read_text()
    )


def test_classes_that_are_not_there(home, complaint, monkeypatch):
    monkeypatch.chdir(home)
    assert "no class 'benign': its classes are healthy, in situ, invasive" in complaint(
        "prospect", "study", "--class", "benign"
    )
    assert "no class 'x'" in complaint("export", "study", "--format", "csv", "--class", "x")
