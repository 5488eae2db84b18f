"""Cells from the command line, from a table to files for other programs; and what is refused."""

import json

import pytest

from sample_data.cells import CHANNELS, make_sample


@pytest.fixture
def tables(tmp_path):
    """Six samples in one CSV, and their labels."""
    lines = ["sample,cell,x,y," + ",".join(CHANNELS)]
    for number in range(6):
        sample = make_sample(number % 2 == 1, number, cells=100)[0]
        for own, place, values in zip(sample["ids"], sample["positions"], sample["features"], strict=True):
            lines.append(",".join(map(str, (f"s{number}", own, *place, *values))))
    (tmp_path / "cells.csv").write_text("\n".join(lines))
    (tmp_path / "labels.csv").write_text(
        "sample,label\n" + "".join(f"s{i},{('out', 'in')[i % 2]}\n" for i in range(6))
    )


def test_from_a_table_of_cells_to_maps(tables, prospector, tmp_path):
    made = prospector(
        "new",
        "study",
        "--cells",
        "cells.csv",
        "--labels",
        "labels.csv",
        "--edges",
        "delaunay:90",
        "--transform",
        "arcsinh",
        "--unit",
        "µm",
        "--positive",
        "in",
        "--json",
    )
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert found["data"] == 6 and found["features"] == list(CHANNELS) and found["class_counts"] == [3, 3]
    assert prospector("embed", "study").returncode == 0
    assert prospector("fit", "study", "--concepts", "6", "--radius", "1").returncode == 0
    first, *_ = json.loads(prospector("prospect", "study", "s1", "--json").stdout)["maps"]
    assert first["tokens"] == 100 and first["top_cell"].startswith("cell-") and first["top_x"] > 0
    for format, ending in (("csv", ".csv"), ("h5ad", ".h5ad"), ("geojson", ".geojson")):
        done = prospector("export", "study", "s1", "--format", format, "--out", "out", "--names")
        assert done.returncode == 0 and (tmp_path / "out" / f"s1{ending}").stat().st_size


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mpp", "0.5"], "--mpp is not for a study of cells"),
        (["--slides", "."], "a study is of one thing"),
        (["--edges", "radius:0"], "says no edges"),
        (["--sample-column", "core"], "no column 'core'"),
        (["--encoder", "efficientnet-lite0"], "no encoder of features"),
    ],
)
def test_what_is_refused(options, says, tables, complaint):
    assert says in complaint("new", "study", "--cells", "cells.csv", "--labels", "labels.csv", *options)
