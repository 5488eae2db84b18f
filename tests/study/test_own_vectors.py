"""Vectors of one's own in place of an encoder: of cells, of chains, of slides; and files that do not fit."""

import json

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from prospector_core import Study
from prospector_core.errors import ProspectorError
from prospector_core.store.vectors import read_vector_file
from prospector_core.study import FitSettings
from sample_data.cells import make_sample
from tests.support.structure_files import study_of_chains


@pytest.fixture
def cells():
    return [{"name": f"s{n}", **make_sample(n % 2 == 1, n, cells=60)[0]} for n in range(6)]


def write(folder, vectors):
    """A file each, in turn NPY, HDF5 and Parquet."""
    folder.mkdir(exist_ok=True)
    for number, (name, rows) in enumerate(vectors.items()):
        if number % 3 == 0:
            np.save(folder / f"{name}.npy", rows)
        elif number % 3 == 1:
            with h5py.File(folder / f"{name}.h5", "w") as file:
                file["embeddings"] = rows
        else:
            pyarrow.parquet.write_table(
                pyarrow.table({f"v{i}": rows[:, i] for i in range(rows.shape[1])}), folder / f"{name}.parquet"
            )
    return folder


def test_of_cells(cells, tmp_path):
    vectors = {
        each["name"]: np.random.default_rng(0).normal(size=(len(each["ids"]), 5)).astype("f4")
        for each in cells
    }
    study = Study.create(
        tmp_path / "study", cells=cells, labels=["a", "b"] * 3, embeddings=write(tmp_path / "own", vectors)
    )
    assert not study.embed()
    other = Study.create(tmp_path / "other", cells=cells, labels=["a", "b"] * 3)
    assert not other.embed()
    for datum in study.data:
        ours, theirs = study.store.read(datum.uid), other.store.read(other.datum(datum.name).uid)
        assert (
            np.array_equal(ours.embeddings, vectors[datum.name])
            and ours.attrs["encoder"]["name"] == "own-vectors"
        )
        assert np.array_equal(ours.positions, theirs.positions) and np.array_equal(ours.edges, theirs.edges)
    study.fit(FitSettings(concepts=3, radius=1))
    assert study.prospect("s1").shape == (len(cells[1]["ids"]),)


def test_of_chains(tmp_path):
    made = study_of_chains(tmp_path / "chains", n=4)
    assert not made.embed()
    vectors = {
        made.sources[d.source].path.stem: np.random.default_rng(1).normal(size=(made.n_tokens(d), 4))
        for d in made.data
    }
    study = Study.create(
        tmp_path / "study",
        structures=tmp_path / "chains" / "structures",
        labels=tmp_path / "chains" / "labels.csv",
        embeddings=write(tmp_path / "own", vectors),
    )
    assert not study.embed() and study.given_concepts() is None
    for own, theirs in zip(study.data, made.data, strict=True):
        assert study.store.shape(own.uid) == (made.n_tokens(theirs), 4)
        assert np.array_equal(study.positions(own), made.positions(theirs))
    study.fit(FitSettings(concepts=3, radius=1))


def test_of_slides_with_their_coordinates(tmp_path):
    folder, rng = tmp_path / "own", np.random.default_rng(2)
    folder.mkdir()
    (tmp_path / "labels.csv").write_text("slide,label\n" + "".join(f"s{n},{'ab'[n % 2]}\n" for n in range(4)))
    places = np.argwhere(np.ones((6, 7)))[:, ::-1] * 224.0
    for n in range(4):
        vectors = rng.normal(size=(42, 3)).astype("f4")
        if n % 2:
            np.save(folder / f"s{n}.npy", vectors)
            np.save(folder / f"s{n}_coords.npy", places)
        else:
            columns = {"x": places[:, 0], "y": places[:, 1], **{f"v{i}": vectors[:, i] for i in range(3)}}
            pyarrow.parquet.write_table(pyarrow.table(columns), folder / f"s{n}.parquet")
    study = Study.create(tmp_path / "study", features=folder, labels=tmp_path / "labels.csv")
    assert len(study.embedded()) == 4 and study.n_tokens("s1") == 42 and study.grid("s0")["pitch"] == 224
    (folder / "s1_coords.npy").unlink()
    with pytest.raises(ProspectorError, match="s1_coords.npy"):
        Study.create(tmp_path / "again", features=folder, labels=tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda own: (own / "s0.npy").unlink(), "no vectors of s0"),
        (lambda own: np.save(own / "s0.npy", np.ones((60, 4))), "vectors of one encoder"),
        (lambda own: np.save(own / "s0.npy", np.ones(60)), "one row of numbers per token"),
        (lambda own: np.save(own / "s0.npy", np.full((60, 5), np.nan)), "not finite"),
        (lambda own: (own / "s0.npy").write_text("no array"), "cannot be read"),
        (lambda own: (own / "s1.h5").write_text("no array"), "cannot be read"),
    ],
)
def test_files_that_do_not_fit_are_named_and_nothing_is_left(change, says, cells, tmp_path):
    own = write(tmp_path / "own", {each["name"]: np.ones((len(each["ids"]), 5), "f4") for each in cells})
    change(own)
    with pytest.raises(ProspectorError, match=says):
        Study.create(tmp_path / "study", cells=cells, labels=["a", "b"] * 3, embeddings=own)
    assert not (tmp_path / "study").exists()


def test_another_number_of_vectors_than_tokens_fails_alone(cells, tmp_path):
    vectors = {each["name"]: np.ones((len(each["ids"]), 5), "f4") for each in cells}
    vectors["s2"] = vectors["s2"][:-1]
    study = Study.create(
        tmp_path / "study", cells=cells, labels=["a", "b"] * 3, embeddings=write(tmp_path / "own", vectors)
    )
    (reason,) = study.embed().values()
    n = len(cells[2]["ids"])
    assert f"s2 has {n} cells, its file {n - 1} vectors" in reason and len(study.embedded()) == 5


def test_of_documents(tmp_path):
    texts = [
        "One is here. Two is there. Three.",
        "A first. And a second.",
        "It rains. It pours.",
        "Yes. No. Perhaps.",
    ]
    lines = [json.dumps({"id": f"d{n}", "text": text, "label": "ab"[n % 2]}) for n, text in enumerate(texts)]
    (tmp_path / "reports.jsonl").write_text("\n".join(lines))
    vectors = {
        f"d{n}": np.random.default_rng(n).normal(size=(text.count("."), 3)) for n, text in enumerate(texts)
    }
    study = Study.create(
        tmp_path / "study", documents=tmp_path / "reports.jsonl", embeddings=write(tmp_path / "own", vectors)
    )
    assert not study.embed()
    assert [study.n_tokens(datum) for datum in study.data] == [3, 2, 2, 3]
    assert np.allclose(study.store.vectors("d" + study.data[0].uid[1:])[:], vectors["d0"], atol=1e-6)


# ---- every format with good and bad contents, in every kind of study

FORMATS = ("npy", "h5", "parquet")


def store(path, rows):
    """One array in the format of the path's name."""
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["embeddings"] = rows
    else:
        pyarrow.parquet.write_table(
            pyarrow.table({f"v{i}": list(column) for i, column in enumerate(rows.T)}), path
        )
    return path


def cut(path, share=0.4):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1", "?"])
def test_numbers_of_any_kind_are_read(format, dtype, tmp_path):
    rows = (np.arange(12).reshape(4, 3) % 2).astype(dtype)
    found = read_vector_file(store(tmp_path / f"a.{format}", rows))
    assert found.dtype == (np.float16 if dtype == "f2" else np.float32) and np.array_equal(found, rows)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "what",
    ["nan", "inf", "too large", "words", "complex", "cut short", "empty", "no column", "of another kind"],
)
def test_bad_contents_are_one_line_that_names_the_file(format, what, tmp_path):
    rows, path = np.ones((20, 3)), tmp_path / f"a.{format}"
    if what == "complex" and format == "parquet":
        pytest.skip("Parquet has no complex numbers")
    if what in ("nan", "inf", "too large"):
        rows[7, 1] = {"nan": np.nan, "inf": np.inf, "too large": 1e300}[what]
    elif what == "words":
        rows = np.array([["a", "b"]] * 20, dtype="S1" if format == "h5" else "U1")
    elif what == "complex":
        rows = rows * 1j
    elif what == "no column":
        rows = rows[:, :0]
    store(path, rows)
    if what == "cut short":
        cut(path)
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "of another kind":
        path.write_bytes(b"PK\x03\x04 something else entirely" * 40)
    with pytest.raises(ProspectorError) as caught:
        read_vector_file(path)
    said = str(caught.value)
    assert f"a.{format}" in said and "\n" not in said and len(said) < 300
    if what in ("nan", "inf", "too large"):
        assert "token 7" in said


def cells_study(folder, **options):
    samples = [{"name": f"s{n}", **make_sample(n % 2 == 1, n, cells=36)[0]} for n in range(2)]
    return Study.create(folder / "study", cells=samples, labels=["a", "b"], **options)


def chains_study(folder, **options):
    if not (folder / "chains").exists():
        study_of_chains(folder / "chains", n=2)
    chains = folder / "chains"
    return Study.create(
        folder / "study", structures=chains / "structures", labels=chains / "labels.csv", **options
    )


def documents_study(folder, **options):
    lines = [
        json.dumps({"id": f"s{n}", "text": "It is so. It is not. Who knows.", "label": "ab"[n]})
        for n in range(2)
    ]
    (folder / "reports.jsonl").write_text("\n".join(lines))
    return Study.create(folder / "study", documents=folder / "reports.jsonl", **options)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("make", [cells_study, chains_study, documents_study])
def test_every_kind_of_study_takes_every_format_and_says_what_does_not_fit(make, format, tmp_path):
    (tmp_path / "plain").mkdir()
    plain = make(tmp_path / "plain")
    assert not plain.embed()
    names = [datum.name for datum in plain.data]
    own, sizes = tmp_path / "own", [plain.n_tokens(datum) for datum in plain.data]
    own.mkdir()
    files = [
        store(own / f"{name}.{format}", np.ones((n, 4)) * [[1, 2, 3, 4]]) for name, n in zip(names, sizes)
    ]
    study = make(tmp_path, embeddings=own)
    files[0].rename(
        own / "away"
    )  # gone, cut short, of another size: each is said of its datum, and the others go on
    assert "no vectors of" in study.embed()[study.data[0].uid] and len(study.embedded()) == 1
    store(files[0], np.ones((sizes[0] + 1, 4)))
    assert f"{sizes[0]}" in study.embed()[study.data[0].uid]
    store(files[0], np.ones((sizes[0], 5)))
    assert "5 numbers, not 4" in study.embed()[study.data[0].uid]
    store(files[0], np.full((sizes[0], 4), 2.0))
    cut(files[0])
    assert files[0].name in study.embed()[study.data[0].uid]
    store(files[0], np.full((sizes[0], 4), 2.0))
    assert not study.embed() and (study.store.vectors(study.data[0].uid)[:] == 2).all()
    # and before a study is made
    cut(files[1])
    (tmp_path / "again").mkdir()
    with pytest.raises(ProspectorError, match=files[1].name):
        make(tmp_path / "again", embeddings=own)
    files[1].unlink()
    with pytest.raises(ProspectorError, match="no vectors of"):
        make(tmp_path / "again", embeddings=own)
    assert not (tmp_path / "again" / "study").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_vectors_of_slides_in_every_format(format, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (tmp_path / "labels.csv").write_text("slide,label\n" + "".join(f"s{n},{'ab'[n % 2]}\n" for n in range(2)))
    places = np.argwhere(np.ones((6, 7)))[:, ::-1] * 224.0

    def one(name, vectors, places=places):
        path = folder / f"{name}.{format}"
        if format == "npy":
            np.save(path, vectors)
            np.save(folder / f"{name}_coords.npy", places)
        elif format == "h5":
            with h5py.File(path, "w") as file:
                file["features"], file["coords"] = vectors, places.astype(int)
        else:
            n = min(len(vectors), len(places))
            columns = {
                "x": places[:n, 0],
                "y": places[:n, 1],
                **{f"v{i}": vectors[:n, i] for i in range(vectors.shape[1])},
            }
            pyarrow.parquet.write_table(pyarrow.table(columns), path)
        return path

    def make(name):
        return Study.create(tmp_path / name, features=folder, labels=tmp_path / "labels.csv")

    rng = np.random.default_rng(0)
    good = [rng.normal(size=(42, 3)).astype("f4") for _ in range(2)]
    paths = [one(f"s{n}", vectors) for n, vectors in enumerate(good)]
    study = make("study")
    assert [study.n_tokens(datum) for datum in study.data] == [42, 42] and np.allclose(
        np.sort(study.store.vectors(study.data[1].uid)[:], axis=0), np.sort(good[1], axis=0), atol=1e-3
    )
    bad = good[1].copy()
    bad[3, 1] = np.nan
    cases = [
        ("not finite", lambda: one("s1", bad)),
        (paths[1].name, lambda: (one("s1", good[1]), cut(paths[1]))),
    ]
    if format != "parquet":
        cases.append(("s1", lambda: one("s1", good[1][:-1])))
    for number, (says, change) in enumerate(cases):
        change()
        with pytest.raises(ProspectorError, match=says) as caught:
            make(f"bad-{number}")
        assert "\n" not in str(caught.value)
    paths[1].unlink()
    with pytest.raises(ProspectorError, match="s1"):
        make("missing")
