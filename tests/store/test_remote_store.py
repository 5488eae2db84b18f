"""A study whose embeddings are at an address.

A folder by its URL, and an S3-compatible object store on this machine.
"""

import json
import sys

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import EmbeddingError, MissingExtraError, StudyDamagedError, StudyError
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.store.remote import RemoteStore
from tests.support.study_files import write_labels, write_slides

N, DIM, BLOCK = 23, 3, 4
VALUES = np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)
PLACES = np.stack([np.arange(N), np.zeros(N, int)], axis=1)


@pytest.fixture(autouse=True)
def folders(monkeypatch):
    """Whoever runs this machine allows folders, too."""
    monkeypatch.setenv("PROSPECTOR_STORES", "file")


@pytest.fixture(params=["file", "s3"])
def url(request, tmp_path):
    return (
        (tmp_path / "elsewhere").as_uri()
        if request.param == "file"
        else request.getfixturevalue("s3") + tmp_path.name
    )


def write(store, uid="d1", **options):
    store.write(uid, VALUES, PLACES, {"pitch": 2.5}, block=BLOCK, **options)


def test_what_is_written_there_is_read_from_there(tmp_path, url, monkeypatch):
    monkeypatch.setattr("prospector_core.store.remote._FRESH", 0.0)
    monkeypatch.setattr("prospector_core.store.embedding_writer._SHARD", 4)
    store = RemoteStore(tmp_path / "local", url)
    assert store.uids() == [] and not store.has("d1") and store.progress("d1") == (0, 0)
    write(store, edges=np.array([[0, 1], [1, 2]]))
    again = RemoteStore(tmp_path / "other", url)
    assert (
        again.uids() == ["d1"]
        and again.has("d1")
        and again.progress("d1") == (N, N)
        and again.shape("d1") == (N, DIM)
    )
    kept = again.read("d1")
    assert np.array_equal(kept.embeddings, VALUES) and np.array_equal(kept.positions, PLACES)
    assert kept.attrs == {"pitch": 2.5} and kept.edges.tolist() == [[0, 1], [1, 2]]
    assert np.array_equal(again.vectors("d1")[[22, 0, 7]], VALUES[[22, 0, 7]]) and again.layout("d1")[1] == {
        "pitch": 2.5
    }
    assert [path.name for path in (tmp_path / "local").iterdir()] == ["zarr.json"]
    assert again.open_writer(
        "d1", N, DIM, PLACES, {"pitch": 2.5}, BLOCK, edges=np.array([[0, 1], [1, 2]])
    ).complete
    assert not again.open_writer("d1", N, DIM, PLACES, {"pitch": 3.0}, BLOCK).complete
    again.remove("d1")
    assert store.uids() == [] and not store.has("d1")
    with pytest.raises(EmbeddingError, match="not embedded"):
        store.read("d1")


def test_a_lost_part_is_noticed(tmp_path, monkeypatch):
    store = RemoteStore(tmp_path / "local", (tmp_path / "there").as_uri())
    write(store)
    next((tmp_path / "there" / "d1" / "embeddings" / "c").iterdir()).joinpath("0").unlink()
    with pytest.raises(StudyDamagedError, match="missing"):
        store.vectors("d1")


def test_what_did_not_arrive_is_sent_again(tmp_path, monkeypatch):
    """The datum is complete there with its last file, and not before."""
    store = RemoteStore(tmp_path / "local", (tmp_path / "there").as_uri())
    with monkeypatch.context() as cut:
        real, sent = store._files.put_file, []

        def put(source, target):
            if target.endswith("d1/zarr.json"):
                raise OSError("the line is dead")
            sent.append(target)
            return real(source, target)

        cut.setattr(store._files, "put_file", put, raising=False)
        with pytest.raises(StudyError, match="cannot be reached .the line is dead"):
            write(store)
    assert sent and not store.has("d1") and RemoteStore(tmp_path / "local", store.url).uids() == []
    with pytest.raises(EmbeddingError, match="have not reached"):
        store.read("d1")
    assert store.open_writer("d1", N, DIM, PLACES, {"pitch": 2.5}, BLOCK).complete
    assert store.has("d1") and np.array_equal(store.vectors("d1")[:], VALUES)


def test_a_study_is_the_same_there(tmp_path, s3):
    names = [f"s{index}.png" for index in range(4)]
    write_slides(tmp_path / "slides", names, 128)
    table = write_labels(
        tmp_path / "labels.csv", [(name, "ab"[i % 2]) for i, name in enumerate(names)], ("slide", "label")
    )
    options = {"slides": tmp_path / "slides", "labels": table, "encoder": "colour-texture", "tile": 16}
    options["secret"] = b"the same numbers"
    here = Study.create(tmp_path / "here", **options)
    there = Study.create(tmp_path / "there", **options, store=f"{s3}/whole/")
    assert isinstance(here.store, EmbeddingStore) and there.store.url == f"{s3}/whole"
    for study in (here, there):
        assert study.embed() == {}
    assert here.fit(concepts=3).after.digest() == there.fit(concepts=3).after.digest()
    opened = Study.open(there.path)
    assert len(opened.embedded()) == 4 and np.array_equal(
        opened.prospect(opened.data[0]), here.prospect(here.data[0])
    )
    assert [path.name for path in (there.path / "embeddings.zarr").iterdir()] == ["zarr.json"]


def test_addresses_that_cannot_be(tmp_path, monkeypatch):
    for url, words in (
        ("bucket/x", "not an address"),
        ("s3://", "not an address"),
        ("nonsense://x/y", "not used here"),
    ):
        with pytest.raises(StudyError, match=words):
            Study.create(tmp_path / "study", slides=tmp_path, labels=tmp_path / "x", store=url)
    assert not (tmp_path / "study").exists()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "s3fs", None)
        without.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
        with pytest.raises(MissingExtraError, match="prospector-heads.s3"):
            RemoteStore(tmp_path / "local", "s3://bucket/x")


def test_a_bucket_that_is_not_there_is_not_made(tmp_path, s3):
    with pytest.raises(StudyError, match="cannot be reached"):
        RemoteStore(tmp_path / "local", "s3://slide/a study")


def test_a_store_without_marks_is_read_and_gets_them(tmp_path, url):
    """Which data are complete is one list, whatever their number; stores of before that are taken over."""
    store = RemoteStore(tmp_path / "local", url)
    write(store), write(store, "d2")
    store._files.rm(f"{store._root}/.complete", recursive=True)
    again = RemoteStore(tmp_path / "other", url)
    assert again.uids() == ["d1", "d2"] and again.has("d2")
    write(again, "d3")
    looked = []
    last = RemoteStore(tmp_path / "third", url)
    last._files = _Looking(last._files, looked)
    assert (
        last.uids() == ["d1", "d2", "d3"]
        and last.has("d1")
        and not any(name.endswith("zarr.json") for name in looked)
    )
    last.remove("d1")
    assert RemoteStore(tmp_path / "fourth", url).uids() == ["d2", "d3"] and not last.has("d1")


class _Looking:
    """A file system that says what was asked for."""

    def __init__(self, files, looked):
        self._files, self._looked = files, looked

    def exists(self, path, **options):
        self._looked.append(path)
        return self._files.exists(path, **options)

    def __getattr__(self, name):
        return getattr(self._files, name)


def test_records_and_blocks_at_an_address_that_say_too_much(tmp_path, monkeypatch):
    """Whoever can write there is not believed: what is read is bounded as it is on the disk."""
    store = RemoteStore(tmp_path / "local", (tmp_path / "there").as_uri())
    write(store)
    assert len(store.read("d1").embeddings)
    record = tmp_path / "there" / "d1" / "embeddings" / "zarr.json"
    before = record.read_text()
    for words, update in (
        (
            "chunks are of",
            lambda r: r["chunk_grid"]["configuration"].update(chunk_shape=[10**9, r["shape"][1]]),
        ),
        (
            "contradict|more than",
            lambda r: (
                r.update(shape=[r["shape"][0], 10**12]),
                r["chunk_grid"]["configuration"].update(
                    chunk_shape=[r["chunk_grid"]["configuration"]["chunk_shape"][0], 10**6]
                ),
            ),
        ),
        ("no array of numbers|cannot be read", lambda r: r.update(data_type="string")),
    ):
        said = json.loads(before)
        update(said)
        record.write_text(json.dumps(said))
        with pytest.raises(StudyError, match=words) as caught:
            RemoteStore(tmp_path / "local", store.url).read("d1")
        assert "\n" not in str(caught.value)
    record.write_text(before)
    monkeypatch.setattr("prospector_core.store.remote._LONGEST_RECORD", 100)
    with pytest.raises(StudyError, match="too long"):
        RemoteStore(tmp_path / "local", store.url).read("d1")
