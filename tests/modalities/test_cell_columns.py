"""Tables of cells as instruments and programs write them: columns by name, features, what is left out."""

import h5py
import numpy as np
import pytest
from scipy import sparse

from prospector_core.errors import GraphError, LabelsError
from prospector_core.modalities.graphs.edges import build_graph
from prospector_core.modalities.graphs.files import open_tokens
from prospector_core.modalities.graphs.h5ad import write_h5ad
from prospector_core.modalities.token_file import TokenOptions, TokenTable
from prospector_core.study import Study

ROWS = 6  # cells of each of two samples


def table(path, columns, separator="\t", encoding="utf-8"):
    """A table of {name: 2 x ROWS values}."""
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in zip(*columns.values()))]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def cells(**more):
    """Columns of two samples of cells: x and y come first."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.uniform(0, 90, 2 * ROWS).round(2),
        "y": rng.uniform(0, 90, 2 * ROWS).round(2),
        "sample": ["s1"] * ROWS + ["s2"] * ROWS,
        "CD3": rng.gamma(2, 2, 2 * ROWS).round(3),
        "CD8": rng.gamma(2, 2, 2 * ROWS).round(3),
        **more,
    }


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("sample,label\ns1,normal\ns2,tumour\n")
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("unit", ["µm", "px"])
@pytest.mark.parametrize("ending", ["tsv", "txt"])
def test_measurements_of_qupath(tmp_path, encoding, unit, ending):
    given = cells()
    columns = {
        "Image": [f"{each}.ome.tif" for each in given["sample"]],
        "Object ID": [f"a-{i}" for i in range(2 * ROWS)],
        "Class": ["Tumor"] * 2 * ROWS,
        f"Centroid X {unit}": given["x"],
        f"Centroid Y {unit}": given["y"],
        "Nucleus: Area µm^2": np.arange(2 * ROWS) + 0.5,
        "Cell: CD3 mean": given["CD3"],
    }
    with open_tokens(table(tmp_path / f"cells.{ending}", columns, encoding=encoding)) as file:
        assert file.parts == ["s1.ome.tif", "s2.ome.tif"]
        one = file.read("s2.ome.tif")
    assert one.names == ["Nucleus: Area µm^2", "Cell: CD3 mean"] and one.unit == unit
    assert one.ids[0] == f"a-{ROWS}"
    np.testing.assert_allclose(one.positions[:, 0], given["x"][ROWS:])


@pytest.mark.parametrize(
    "names",
    [
        ("CenterX_global_px", "CenterY_global_px"),
        ("x_centroid", "y_centroid"),
        ("center_x", "center_y"),
        ("Cell X Position", "Cell Y Position"),
        ("Location_Center_X", "Location_Center_Y"),
        ("pxl_col_in_fullres", "pxl_row_in_fullres"),
        ("x:x", "y:y"),
        ("centroid-1", "centroid-0"),
        ("X (um)", "Y (um)"),
    ],
)
def test_coordinates_as_vendors_call_them(tmp_path, names):
    given = cells()
    x, y = given.pop("x"), given.pop("y")
    path = table(tmp_path / "c.csv", {**given, names[1]: y, names[0]: x}, ",")
    with open_tokens(path) as file:
        one = file.read("s1")
    assert one.names == ["CD3", "CD8"]
    np.testing.assert_allclose(one.positions, np.stack([x, y], axis=1)[:ROWS])


def test_bounds_become_their_middle(tmp_path):
    given = cells()
    x, y = given.pop("x"), given.pop("y")
    halo = {"XMin": x - 3, "XMax": x + 5, "YMin": y - 2, "YMax": y + 2}
    with open_tokens(table(tmp_path / "halo.csv", {**given, **halo}, ",")) as file:
        one = file.read("s1")
    np.testing.assert_allclose(one.positions, np.stack([x + 1, y], axis=1)[:ROWS], atol=1e-9)
    assert one.names == ["CD3", "CD8"]


def test_coordinates_by_option(tmp_path):
    given = cells(across=np.arange(2 * ROWS), down=np.arange(2 * ROWS) * 2)
    path = table(tmp_path / "c.csv", given, ",")
    with open_tokens(path, TokenOptions(x="across", y="down")) as file:
        np.testing.assert_array_equal(file.read("s1").positions[3], [3, 6])
    with pytest.raises(GraphError, match="no column 'over': its columns are x, y, sample.*--x"):
        open_tokens(path, TokenOptions(x="over", y="down"))
    with pytest.raises(GraphError, match="both --x and --y"):
        open_tokens(path, TokenOptions(x="across"))


def test_what_says_the_class_is_no_feature(tmp_path):
    path = table(
        tmp_path / "c.csv", cells(label=[0] * ROWS + [1] * ROWS, relapse=[3] * ROWS + [7] * ROWS), ","
    )
    with open_tokens(path) as file:
        assert file.read("s1").names == ["CD3", "CD8"]
        assert file.left["label"] == "class" and "all cells of a sample" in file.left["relapse"]
    with open_tokens(path, TokenOptions(label="relapse")) as file:
        assert file.left["relapse"] == "class"
    with pytest.raises(GraphError, match="'label'.*class"):
        open_tokens(path, TokenOptions(features="CD3,label", label="label"))


def test_features_are_chosen_by_name(tmp_path):
    path = table(tmp_path / "c.csv", cells(Area=np.arange(2 * ROWS)), ",")
    for options, names in (
        (TokenOptions(features="cd*"), ["CD3", "CD8"]),
        (TokenOptions(features="Area, CD8"), ["CD8", "Area"]),
        (TokenOptions(not_features="CD3,Ar*"), ["CD8"]),
    ):
        with open_tokens(path, options) as file:
            assert file.read("s1").names == names
    with pytest.raises(GraphError, match="no feature 'CD99'.*--features among CD3, CD8, Area"):
        open_tokens(path, TokenOptions(features="CD99"))


def test_decimal_commas_are_told_for_each_column(tmp_path):
    given = cells()
    given["CD3"] = [str(each).replace(".", ",") for each in given["CD3"]]
    given["CD8"] = [f"1.{i:03d},5" for i in range(2 * ROWS)]
    with open_tokens(table(tmp_path / "c.csv", given, ";")) as file:
        one = file.read("s1")
    assert one.names == ["CD3", "CD8"] and one.features[2, 1] == 1002.5


def test_a_bad_value_is_named_with_its_line(tmp_path):
    given = cells(n=[1] * 2 * ROWS, kind=["T", "B"] * ROWS)
    given["CD3"] = [*map(str, given["CD3"][:-1]), "high"]
    path = table(tmp_path / "c.csv", given, ",")
    with pytest.raises(
        GraphError, match=f"line {2 * ROWS + 1}: 'high' in column 'CD3'.*--not-features 'CD3'"
    ):
        open_tokens(path)
    with open_tokens(path, TokenOptions(not_features="CD3")) as file:
        assert "CD3" not in file.read("s1").names


def test_cells_that_lack_a_value_are_left_out_and_counted(tmp_path):
    given = cells(empty=[""] * (2 * ROWS - 1) + [1])
    given["CD8"] = ["", *given["CD8"][1:]]
    given["x"] = [*given["x"][:-1], "NaN"]
    with open_tokens(table(tmp_path / "c.csv", given, ",")) as file:
        assert [len(file.read(part)) for part in file.parts] == [ROWS - 1, ROWS - 1]
        assert "2 of 12 rows left out" in file.said[0] and "line 2" in file.said[0]
        assert file.left["empty"] == "empty for most cells"


def annotated(path, obs, obsm, links=None):
    """An AnnData of cells."""
    n = len(next(iter(obs.values())))
    matrix = np.random.default_rng(1).gamma(2, 2, (n, 3))
    path.write_bytes(write_h5ad(matrix, [f"c{i}" for i in range(n)], ["A", "B", "AB"], obs, obsm))
    if links is not None:
        with h5py.File(path, "a") as file:
            group = file["obsp"].create_group("spatial_connectivities")
            group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", np.array([n, n])
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(links, name)
    return path


@pytest.fixture
def obs():
    return {"batch": ["s1"] * ROWS + ["s2"] * ROWS, "region": ["cortex", "medulla"] * ROWS,
            "response": ["no"] * ROWS + ["yes"] * ROWS}  # fmt: skip


@pytest.fixture
def places():
    return np.random.default_rng(2).uniform(0, 90, (2 * ROWS, 2))


def test_samples_and_labels_of_obs(tmp_path, obs, places, labels):
    path = annotated(tmp_path / "t.h5ad", obs, {"spatial": places})
    with pytest.raises(LabelsError, match="column 'region' of obs.*batch, region, response.*--sample-column"):
        Study.create(tmp_path / "a", cells=path, labels=labels)
    with pytest.raises(LabelsError, match="--label-column.*batch, region, response"):
        Study.create(tmp_path / "a", cells=path)
    with pytest.raises(GraphError, match="'cortex' has 2 values in column 'response'"):
        Study.create(tmp_path / "a", cells=path, label_column="response")
    study = Study.create(tmp_path / "b", cells=path, sample_column="batch", label_column="response")
    assert {each.name: study.classes[each.label] for each in study.data} == {"s1": "no", "s2": "yes"}
    study.embed()
    assert study.positions("s2").shape == (ROWS, 2)


def test_features_of_an_anndata_are_chosen(tmp_path, obs, places):
    path = annotated(tmp_path / "t.h5ad", obs, {"spatial": places})
    options = {"sample_column": "batch", "label_column": "response"}
    study = Study.create(tmp_path / "a", cells=path, **options, not_features="A")
    assert study.embedding["features"] == ["B", "AB"]
    assert "no feature (--not-features): A" in study.kind.summary(study)
    study.embed()
    assert study.store.vectors(study.data[0].uid).shape == (ROWS, 2)
    assert Study.open(tmp_path / "a").embedding["table"]["not_features"] == "A"


def test_coordinates_of_an_anndata_are_found_or_named(tmp_path, obs, places):
    x = places[:, 0]
    with open_tokens(annotated(tmp_path / "a.h5ad", obs, {"X_spatial": places})) as file:
        assert file.said == ["a.h5ad: coordinates are obsm['X_spatial']"]
        np.testing.assert_array_equal(file.read("cortex").positions[:, 0], x[::2])
    more = {**obs, "x_centroid": x, "y_centroid": places[:, 1], "left": x + 1}
    with open_tokens(annotated(tmp_path / "b.h5ad", more, {})) as file:
        np.testing.assert_array_equal(file.read("cortex").positions[:, 0], x[::2])
    with open_tokens(tmp_path / "b.h5ad", TokenOptions(x="left", y="y_centroid")) as file:
        np.testing.assert_array_equal(file.read("cortex").positions[:, 0], x[::2] + 1)
    path = annotated(tmp_path / "c.h5ad", obs, {"X_pca": places})
    with pytest.raises(GraphError, match=r"--spatial with one of obsm \(X_pca\), or --x and --y.*batch"):
        open_tokens(path)


def test_the_graph_of_an_anndata_is_taken(tmp_path, obs, places):
    rows = np.arange(2 * ROWS - 1)  # a chain of all cells; one link is between samples
    links = sparse.csr_matrix((np.ones(len(rows)), (rows, rows + 1)), (2 * ROWS,) * 2)
    path = annotated(tmp_path / "t.h5ad", obs, {"spatial": places}, links)
    options = {"sample_column": "batch", "label_column": "response"}
    study = Study.create(tmp_path / "a", cells=path, **options, edges="given")
    study.embed()
    assert study.graph("s2").edges.shape[0] == ROWS - 1
    near = Study.create(tmp_path / "b", cells=path, **options, edges="neighbours:2")
    near.embed()
    assert near.graph("s2").edges.shape[0] != ROWS - 1


def test_a_hexagonal_grid_keeps_its_six_neighbours():
    row, column = np.mgrid[0:9, 0:9].reshape(2, -1)
    spots = np.round(np.stack([(column + 0.5 * (row % 2)) * 100, row * 86.6], axis=1))
    graph = build_graph(TokenTable(np.ones((81, 1)), ["a"], spots))
    inside = (row > 0) & (row < 8) & (column > 0) & (column < 8)
    degrees = np.diff(graph.indptr)
    assert (degrees[inside] == 6).all() and degrees.max() == 6
    scattered = np.random.default_rng(0).uniform(0, 900, (81, 2))
    near = build_graph(TokenTable(np.ones((81, 1)), ["a"], scattered))
    assert np.diff(near.indptr).min() == 6 and np.diff(near.indptr).max() > 6
