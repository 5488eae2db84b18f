"""Vectors of one's own in place of an encoder: of cells, of chains, of slides; and files that do not fit."""

import json

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from prospector_core import Study
from prospector_core.errors import ProspectorError
from prospector_core.study import FitSettings
from sample_data.cells import make_sample
from tests.core.structure_files import study_of_chains


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
    vectors = {each["name"]: np.random.default_rng(0).normal(size=(len(each["ids"]), 5)).astype("f4") for each in cells}
    study = Study.create(
        tmp_path / "study", cells=cells, labels=["a", "b"] * 3, embeddings=write(tmp_path / "own", vectors)
    )
    assert not study.embed()
    other = Study.create(tmp_path / "other", cells=cells, labels=["a", "b"] * 3)
    assert not other.embed()
    for datum in study.data:
        ours, theirs = study.store.read(datum.uid), other.store.read(datum.uid)
        assert np.array_equal(ours.embeddings, vectors[datum.name]) and ours.attrs["encoder"]["name"] == "own-vectors"
        assert np.array_equal(ours.positions, theirs.positions) and np.array_equal(ours.edges, theirs.edges)
    study.fit(FitSettings(concepts=3, radius=1))
    assert study.prospect("s1").shape == (len(cells[1]["ids"]),)


def test_of_chains(tmp_path):
    made = study_of_chains(tmp_path / "chains", n=4)
    assert not made.embed()
    vectors = {
        made.sources[d.source].path.stem: np.random.default_rng(1).normal(size=(made.n_tokens(d), 4)) for d in made.data
    }
    study = Study.create(
        tmp_path / "study", structures=tmp_path / "chains" / "structures", labels=tmp_path / "chains" / "labels.csv",
        embeddings=write(tmp_path / "own", vectors),
    )  # fmt: skip
    assert not study.embed() and study.given_concepts is None
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
    study = Study.from_features(tmp_path / "study", features=folder, labels=tmp_path / "labels.csv")
    assert len(study.embedded()) == 4 and study.n_tokens("s1") == 42 and study.grid("s0")["pitch"] == 224
    (folder / "s1_coords.npy").unlink()
    with pytest.raises(ProspectorError, match="s1_coords.npy"):
        Study.from_features(tmp_path / "again", features=folder, labels=tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda own: (own / "s0.npy").unlink(), "no vectors of s0"),
        (lambda own: np.save(own / "s0.npy", np.ones((60, 4))), "vectors of one encoder"),
        (lambda own: np.save(own / "s0.npy", np.ones(60)), "a row of numbers a token"),
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
    texts = ["One is here. Two is there. Three.", "A first. And a second.", "It rains. It pours.", "Yes. No. Perhaps."]
    lines = [json.dumps({"id": f"d{n}", "text": text, "label": "ab"[n % 2]}) for n, text in enumerate(texts)]
    (tmp_path / "reports.jsonl").write_text("\n".join(lines))
    vectors = {f"d{n}": np.random.default_rng(n).normal(size=(text.count("."), 3)) for n, text in enumerate(texts)}
    study = Study.create(
        tmp_path / "study", documents=tmp_path / "reports.jsonl", embeddings=write(tmp_path / "own", vectors)
    )
    assert not study.embed()
    assert [study.n_tokens(datum) for datum in study.data] == [3, 2, 2, 3]
    assert np.allclose(study.store.vectors("d" + study.data[0].uid[1:])[:], vectors["d0"], atol=1e-6)
