"""Cells and graphs: the same tokens from every kind of file, through to a fitted study, exports.

And one line for bad input.
"""

import io
import json
import types

import h5py
import networkx
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
import tifffile
import zarr
from scipy import sparse

from prospector_core import Study
from prospector_core.errors import GraphError, LabelsError, ProspectorError
from prospector_core.exporters import export
from prospector_core.modalities.graphs.edges import build_graph, laid_out
from prospector_core.modalities.graphs.files import list_token_files, open_tokens
from prospector_core.modalities.graphs.h5ad import write_h5ad
from prospector_core.modalities.token_file import TokenOptions, TokenTable
from prospector_core.study import FitSettings
from sample_data.cells import CHANNELS, make_sample

NAMES = [f"s{number}" for number in range(6)]


@pytest.fixture(scope="module")
def samples():
    """Six made samples: {name: dict of arrays}."""
    return {name: make_sample(number % 2 == 1, number, cells=150)[0] for number, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def together(samples):
    """Their cells in one shuffled table: (samples, ids, features, positions)."""
    order = np.random.default_rng(0).permutation(sum(len(each["positions"]) for each in samples.values()))
    columns = (
        np.repeat(NAMES, [len(each["positions"]) for each in samples.values()]),
        np.array([f"{name}-{own}" for name, each in samples.items() for own in each["ids"]]),
        np.concatenate([each["features"] for each in samples.values()]),
        np.concatenate([each["positions"] for each in samples.values()]),
    )
    return [column[order] for column in columns]


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    table = tmp_path_factory.mktemp("labels") / "labels.csv"
    table.write_text(
        "sample,label\n" + "".join(f"{name},{('out', 'in')[i % 2]}\n" for i, name in enumerate(NAMES))
    )
    return table


@pytest.fixture(scope="module")
def study(samples, tmp_path_factory):
    """Made of dicts, embedded and fitted."""
    sources = [{"name": name, **sample} for name, sample in samples.items()]
    made = Study.create(
        tmp_path_factory.mktemp("cells") / "study",
        cells=sources,
        labels=["out", "in"] * 3,
        positive="in",
        edges="delaunay:80",
    )
    assert not made.embed()
    made.fit(FitSettings(concepts=6, radius=1))
    return made


def anndata_file(path, together, matrix=None, obs=None):
    names, ids, features, positions = together
    matrix = features if matrix is None else matrix
    path.write_bytes(
        write_h5ad(matrix, ids, CHANNELS, {"sample": names} if obs is None else obs, {"spatial": positions})
    )
    return path


def as_categorical(path, legacy):
    """Rewrite obs/sample as anndata does today, or did before 0.8."""
    with h5py.File(path, "r+") as file:
        obs = file["obs"]
        categories, codes = np.unique(obs["sample"][...].astype(str), return_inverse=True)
        del obs["sample"]
        words = categories.astype(object)
        if legacy:
            obs["sample"] = codes.astype(np.int8)
            obs.create_group("__categories").create_dataset("sample", data=words, dtype=h5py.string_dtype())
        else:
            group = obs.create_group("sample")
            group["codes"] = codes.astype(np.int8)
            group.create_dataset("categories", data=words, dtype=h5py.string_dtype())


def as_sparse(path, kind, key="X"):
    with h5py.File(path, "r+") as file:
        matrix = getattr(sparse, f"{kind}_matrix")(file["X"][...])
        if key == "X":
            del file["X"]
        group = file.create_group(key)
        group.attrs["encoding-type"], group.attrs["shape"] = f"{kind}_matrix", np.array(matrix.shape)
        group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr


def as_zarr(path, folder, spatialdata=False):
    """The same as an AnnData in zarr, or as the table of a SpatialData."""
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    root = root.create_group("tables").create_group("cells") if spatialdata else root

    def copy(source, target):
        target.attrs.update({k: v.tolist() if hasattr(v, "tolist") else v for k, v in source.attrs.items()})
        for key, value in source.items():
            if isinstance(value, h5py.Group):
                copy(value, target.create_group(key))
            else:
                data = value[...]
                data = data.astype(str) if data.dtype.kind == "O" else data
                target.create_array(key, data=data)

    with h5py.File(path) as file:
        copy(file, root)
    return folder


def write_tables(folder, together, kind):
    names, ids, features, positions = together
    columns = {
        "Sample": names,
        "cell_id": ids,
        "x": positions[:, 0],
        "y": positions[:, 1],
        "note": ["text"] * len(ids),
    }
    table = pyarrow.table(columns | dict(zip(CHANNELS, features.T, strict=True)))
    folder.mkdir()
    if kind == "parquet":
        pyarrow.parquet.write_table(table, folder / "cells.parquet")
    else:
        pyarrow.csv.write_csv(table, folder / "cells.csv")
    return folder


@pytest.mark.parametrize(
    "kind", ["dense", "csr", "csc", "legacy", "layer", "zarr", "spatialdata", "parquet", "csv", "npz"]
)
def test_the_same_cells_from_every_kind_of_file(kind, together, samples, labels, study, tmp_path):
    options = {}
    if kind in ("parquet", "csv"):
        place = write_tables(tmp_path / "tables", together, kind)
    elif kind == "npz":
        place = tmp_path / "arrays"
        place.mkdir()
        for name, each in samples.items():
            np.savez(place / f"{name}.npz", **{key: np.array(value) for key, value in each.items()})
    else:
        place = anndata_file(tmp_path / "cells.h5ad", together)
        as_categorical(place, kind == "legacy")
        if kind in ("csr", "csc"):
            as_sparse(place, kind)
        if kind == "layer":
            as_sparse(place, "csr", "layers/raw")
            options = {"values": "layers/raw"}
        if kind in ("zarr", "spatialdata"):
            place = as_zarr(place, tmp_path / "cells.zarr", kind == "spatialdata")
    made = Study.create(
        tmp_path / "study",
        cells=place,
        labels=labels,
        positive="in",
        edges="delaunay:80",
        unit="µm",
        **options,
    )
    assert [datum.name for datum in made.data] == NAMES and [datum.label for datum in made.data] == [0, 1] * 3
    assert made.embedding["features"] == list(CHANNELS)
    if kind in ("dense", "npz"):  # the others differ only in how they are read
        assert not made.embed()
        for datum in made.data:
            ours, theirs = made.store.read(datum.uid), study.store.read(study.datum(datum.name).uid)
            ids = [each.removeprefix(f"{datum.name}-") for each in ours.attrs["ids"]]
            order = [theirs.attrs["ids"].index(each) for each in ids]
            assert np.allclose(ours.embeddings, theirs.embeddings[order], atol=1e-5)
            assert np.array_equal(ours.positions, theirs.positions[order])
            assert len(ours.edges) == len(theirs.edges) and ours.attrs["unit"] == "µm"
    file, *_ = list_token_files(place)
    with open_tokens(file, TokenOptions(**options)) as opened:
        table = opened.read("s0")
        order = [samples["s0"]["ids"].index(each.removeprefix("s0-")) for each in table.ids]
        assert np.allclose(table.features, samples["s0"]["features"][order])
        assert np.allclose(table.positions, samples["s0"]["positions"][order])


def test_features_are_standardised_over_data_that_are_not_for_testing(together, labels, tmp_path):
    table = tmp_path / "split.csv"
    lines = labels.read_text().splitlines()
    table.write_text(
        "\n".join(
            [lines[0] + ",split", *(f"{line},{'test' if i < 2 else ''}" for i, line in enumerate(lines[1:]))]
        )
    )
    made = Study.create(
        tmp_path / "study",
        cells=write_tables(tmp_path / "t", together, "csv"),
        labels=table,
        transform="arcsinh",
    )
    made.embed()
    vectors = np.concatenate(
        [made.store.vectors(datum.uid)[:] for datum in made.data if datum.split != "test"]
    )
    assert np.allclose(vectors.mean(axis=0), 0, atol=1e-4) and np.allclose(vectors.std(axis=0), 1, atol=1e-4)
    record = made.store.layout(made.data[0].uid)[1]["encoder"]
    assert (
        record["name"] == "standardised"
        and record["transform"] == "arcsinh"
        and len(record["mean"]) == len(CHANNELS)
    )


def test_cells_of_a_multiplexed_image(tmp_path):
    rng = np.random.default_rng(1)
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "labels.csv").write_text(
        "image,label\n" + "".join(f"roi{i},{'ab'[i % 2]}\n" for i in range(4))
    )
    expected = {}
    for i in range(4):
        cells = np.kron(np.arange(1, 31).reshape(5, 6), np.ones((8, 9), int)).astype(np.uint16)
        cells[::8], cells[cells == 7] = 0, 0  # a gap between rows; a number that is not there
        image = rng.integers(0, 1000, (3, *cells.shape)).astype(np.uint16)
        metadata = {
            "axes": "CYX",
            "Channel": {"Name": ["DNA", "CD3", "CD3"]},
            "PhysicalSizeX": 0.5,
            "PhysicalSizeXUnit": "µm",
        }
        tifffile.imwrite(folder / f"roi{i}.ome.tif", image, metadata=metadata, photometric="minisblack")
        tifffile.imwrite(folder / f"roi{i}_mask.tif", cells)
        expected[f"roi{i}"] = cells, image
    made = Study.create(
        tmp_path / "study",
        cells=folder,
        labels=tmp_path / "labels.csv",
        encoder="as-given",
        edges="neighbours:4",
    )
    assert made.embedding["features"] == ["DNA", "CD3", "CD3 (2)"] and made.embedding["unit"] == "µm"
    assert not made.embed()
    for datum in made.data:
        cells, image = expected[datum.name]
        vectors, positions, ids = (
            made.store.vectors(datum.uid)[:],
            made.positions(datum),
            made.attrs(datum)["ids"],
        )
        assert ids == [str(n) for n in range(1, 31) if n != 7]
        for own in (1, 30):
            at, (y, x) = ids.index(str(own)), np.nonzero(cells == own)
            assert np.allclose(vectors[at], image[:, cells == own].mean(axis=1))
            assert np.allclose(positions[at], ((x.mean() + 0.5) / 2, (y.mean() + 0.5) / 2))


def test_graphs_of_networkx_and_pytorch_geometric(tmp_path):
    rng = np.random.default_rng(2)
    graphs = []
    for i in range(8):
        graph = networkx.connected_watts_strogatz_graph(20, 4, 0.3, seed=i)
        graph.graph.update(name=f"g{i}", label="ring" if i % 2 else "net")
        for node in graph.nodes:
            graph.nodes[node].update(
                charge=float(rng.normal(i % 2 * (node < 5) * 4)), size=int(rng.integers(9)), kind="atom"
            )
        graphs.append(graph)
    made = Study.create(tmp_path / "study", graphs=graphs, positive="ring")
    assert made.embedding["features"] == ["charge", "size"] and made.classes == ("net", "ring")
    assert not made.embed()
    made.fit(FitSettings(concepts=3, radius=1))
    first = made.datum("g3")
    assert {tuple(edge) for edge in made.graph(first).edges.tolist()} == {
        tuple(sorted(edge)) for edge in graphs[3].edges
    }
    assert made.attrs(first)["laid_out"] and np.isfinite(made.positions(first)).all()
    assert Study.open(made.path).prospect(first).shape == (20,)

    def tensor(array):  # as torch has it
        return types.SimpleNamespace(
            detach=lambda: types.SimpleNamespace(cpu=lambda: types.SimpleNamespace(numpy=lambda: array))
        )

    data = [
        types.SimpleNamespace(
            x=tensor(rng.normal(size=(9, 2))),
            pos=tensor(rng.normal(size=(9, 3))),
            y=tensor(np.array([i % 2])),
            edge_index=tensor(np.array([np.arange(8), np.arange(1, 9)])),
        )
        for i in range(4)
    ]
    other = Study.create(tmp_path / "other", graphs=data)
    assert not other.embed() and [datum.label for datum in other.data] == [0, 1, 0, 1]
    assert other.positions(other.data[0]).shape == (9, 3) and len(other.graph(other.data[0]).edges) == 8


def test_places_of_graphs_without_coordinates():
    path = networkx.path_graph(30)
    table = TokenTable(np.ones((30, 1)), ["one"], None, np.array(path.edges)).checked("path")
    places = laid_out(build_graph(table))
    order = np.argsort(places[:, 0])
    assert (np.diff(order) == 1).all() or (np.diff(order) == -1).all()
    apart = laid_out(
        build_graph(TokenTable(np.ones((6, 1)), ["one"], None, np.array([[0, 1], [2, 3]])).checked("two"))
    )
    assert apart.shape == (6, 2) and np.isfinite(apart).all()
    assert len(np.unique(apart.round(6), axis=0)) == 6  # parts are not on each other
    grid = networkx.convert_node_labels_to_integers(networkx.grid_2d_graph(6, 6))
    places = laid_out(
        build_graph(TokenTable(np.ones((36, 1)), ["one"], None, np.array(grid.edges)).checked("grid"))
    )
    hops = dict(networkx.all_pairs_shortest_path_length(grid))
    far = np.array([[hops[a][b] for b in range(36)] for a in range(36)])
    drawn = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
    assert np.corrcoef(far.ravel(), drawn.ravel())[0, 1] > 0.95


def test_edges_beside_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("cell,x,y,f\nk,0,0,1\nl,1,0,2\nm,9,9,3\n")
    (tmp_path / "a_edges.csv").write_text("source,target\nk,m\nm,l\n")
    assert [file.name for file in list_token_files(tmp_path)] == ["a.csv"]
    with open_tokens(tmp_path / "a.csv") as opened:
        assert build_graph(opened.read("a")).edges.tolist() == [[0, 2], [1, 2]]
    (tmp_path / "a_edges.csv").write_text("source,target\nk,z\n")
    with open_tokens(tmp_path / "a.csv") as opened, pytest.raises(GraphError, match="not in the table"):
        opened.read("a")


def test_exports(study, tmp_path):
    datum = study.data[1]
    study.curation.annotate(datum, [[0, 0], [300, 0], [300, 300]], "for")
    for format in ("csv", "parquet", "geojson", "h5ad"):
        (written,) = export(study, format, tmp_path / format, [datum]).values()
        assert written.stat().st_size
    study.curation.undo()
    found = pyarrow.csv.read_csv(next((tmp_path / "csv").iterdir())).to_pydict()
    assert list(found)[:4] == ["token", "id", "x", "y"] and np.allclose(found["score"], study.prospect(datum))
    features = json.loads(next((tmp_path / "geojson").iterdir()).read_text())["features"]
    assert [each["geometry"]["type"] for each in features].count("Point") == study.n_tokens(datum)
    assert features[-1]["properties"]["metadata"] == {"evidence": "for"}
    with h5py.File(next((tmp_path / "h5ad").iterdir())) as file:
        assert np.allclose(file["obs/score"], study.prospect(datum)) and np.allclose(
            file["X"], study.store.vectors(datum.uid)
        )
        assert file["obsp/connectivities"].attrs["encoding-type"] == "csr_matrix"
    with pytest.raises(ProspectorError, match="ome-tiff is not a format for samples"):
        export(study, "ome-tiff", tmp_path / "no")


CSV = "x,y,f\n0,0,1\n1,1,2\n"


@pytest.mark.parametrize(
    ("files", "options", "says"),
    [
        ({}, {}, "holds no table of tokens"),
        ({"s0.csv": "x,y\n0,0\n"}, {}, "no column of numbers other than the coordinates"),
        ({"s0.csv": "f\n1\n", "s1.csv": "f\n1\n"}, {}, "neither coordinates .* nor edges"),
        ({"s0.csv": "x,y,f\n0,0,inf\n1,1,2\n", "s1.csv": CSV}, {}, "'f' of token 0 is not a finite number"),
        ({"s0.csv": CSV, "s1.csv": "x,y,g\n0,0,1\n"}, {}, "other features"),
        ({"s0.csv": CSV}, {}, "names s1, not found"),
        ({"s0.csv": CSV, "s1.csv": CSV}, {"edges": "star"}, "says no edges"),
        ({"s0.csv": CSV, "s1.csv": CSV}, {"edges": "radius"}, "how far"),
        ({"s0.csv": CSV, "s1.csv": CSV}, {"edges": "given"}, "there are no edges"),
        ({"s0.csv": CSV, "s1.csv": CSV}, {"transform": "sqrt"}, "no transform 'sqrt'"),
        ({"s0.csv": CSV, "s1.csv": CSV}, {"encoder": "resnet"}, "no encoder of features named resnet"),
        ({"s0.csv": CSV, "s1.csv": CSV}, {"sample_column": "core"}, "no column 'core'"),
        ({"s0.csv": "x,y,f\n"}, {}, "no rows"),
        ({"s0.npz": "no zip"}, {}, "NPZ"),
        ({"s0.h5ad": "no hdf5"}, {}, "not an HDF5 file"),
        ({"s0.tif": "no tiff"}, {}, "needs its label image"),
        ({"s0.tif": "no tiff", "s0_mask.tif": "no tiff", "s1.csv": CSV}, {}, "not a TIFF"),
        ({"s0.parquet": "no parquet"}, {}, "not a Parquet table that can be read"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(files, options, says, tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text)
    table = tmp_path / "labels.csv"
    table.write_text("sample,label\ns0,a\ns1,b\n")
    with pytest.raises(ProspectorError, match=says) as caught:
        Study.create(tmp_path / "study", graphs=place, labels=table, **options)
    assert "\n" not in str(caught.value) and not (tmp_path / "study").exists()


def test_what_anndata_lacks_is_named(together, labels, tmp_path):
    names, ids, features, positions = together
    file = tmp_path / "cells.h5ad"
    for obsm, options, says in (
        ({}, {}, "no coordinates in obsm"),
        ({"spatial": positions}, {"values": "layers/raw"}, "choose one of X"),
        (
            {"spatial": positions},
            {"sample_column": "core"},
            "no column 'core': its columns are sample; choose",
        ),
        ({"spatial": positions}, {"spatial": "umap"}, "no coordinates"),
    ):
        file.write_bytes(write_h5ad(features, ids, CHANNELS, {"sample": names}, obsm))
        with pytest.raises(GraphError, match=says):
            Study.create(tmp_path / "study", cells=file, labels=labels, **options)
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(GraphError, match="cells.h5ad"):
        Study.create(tmp_path / "study", cells=file, labels=labels)


def test_a_file_that_is_gone_or_changed_fails_alone(together, samples, tmp_path):
    place = tmp_path / "arrays"
    place.mkdir()
    for name, each in samples.items():
        np.savez(place / f"{name}.npz", **{key: np.array(value) for key, value in each.items()})
    with pytest.raises(LabelsError, match="one each"):
        Study.create(tmp_path / "no", cells=place, labels=["a", "b"])
    made = Study.create(
        tmp_path / "study", cells=place, labels=dict.fromkeys(NAMES[:3], "a") | dict.fromkeys(NAMES[3:], "b")
    )
    (place / "s0.npz").unlink()
    buffer = io.BytesIO()
    np.savez(buffer, features=np.ones((4, 2)), positions=np.ones((4, 2)))
    (place / "s1.npz").write_bytes(buffer.getvalue())
    failed = made.embed()
    assert sorted(made.datum(uid).name for uid in failed) == ["s0", "s1"] and len(made.embedded()) == 4
    assert "no longer at" in failed[made.datum("s0").uid] and "features" in failed[made.datum("s1").uid]
