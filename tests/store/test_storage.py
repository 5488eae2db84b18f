"""What is finished stays finished, and what is damaged is never taken for whole."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core.errors import EmbeddingError, StorageFullError, StudyDamagedError, StudyError
from prospector_core.store.array_records import codecs
from prospector_core.store.blocks import StoredArray
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.store.files import read_npy

RNG = np.random.default_rng(0)
N, DIM, BLOCK = 23, 5, 8
VALUES = RNG.normal(size=(N, DIM)).astype(np.float32)
POSITIONS = np.indices((N, 1)).reshape(2, -1).T
ATTRS = {"pitch": 224.5, "origin": [0, 3], "encoder": {"name": "x", "side": np.int64(7)}}


@pytest.fixture
def store(tmp_path):
    return EmbeddingStore(tmp_path / "embeddings.zarr")


def begin(store, **changes):
    options = {"n": N, "dim": DIM, "positions": POSITIONS, "attrs": ATTRS, "block": BLOCK} | changes
    return store.open_writer("d1", **options)


def chunk(store, uid, index):
    return store.path / uid / "embeddings" / "c" / str(index) / "0"


def test_blocks_one_by_one(store):
    writer = begin(store)
    assert writer.n_blocks == 3 and writer.finished == set() and store.progress("d1") == (0, N)
    for index in (2, 0):
        writer.write_block(index, VALUES[writer.rows(index)])
    assert store.progress("d1") == (15, N) and not store.has("d1") and store.uids() == []
    with pytest.raises(EmbeddingError, match="only 15 of 23"):
        store.read("d1")
    with pytest.raises(EmbeddingError, match="2 of 3"):
        writer.finish()
    again = begin(EmbeddingStore(store.path))
    assert again.finished == {0, 2} and not again.complete
    again.write_block(1, VALUES[8:16])
    again.finish()
    kept = store.read("d1")
    assert np.array_equal(kept.embeddings, VALUES) and kept.embeddings.dtype == np.float32
    assert np.array_equal(kept.positions, POSITIONS) and kept.positions.dtype == np.int32
    assert kept.attrs == {"pitch": 224.5, "origin": [0, 3], "encoder": {"name": "x", "side": 7}}
    assert store.has("d1") and store.uids() == ["d1"] and store.progress("d1") == (N, N)
    blocks = list(store.vectors("d1").blocks())
    assert [start for start, _ in blocks] == [0]
    assert np.array_equal(np.concatenate([rows for _, rows in blocks]), VALUES)
    assert begin(store).complete
    store.remove("d1")
    assert not store.has("d1") and store.progress("d1") == (0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"attrs": {**ATTRS, "pitch": 225}},
        {"positions": POSITIONS + 1},
        {"n": N - 1, "positions": POSITIONS[1:]},
        {"dim": DIM + 1},
        {"block": 4},
        {"dtype": "float16"},
    ],
)
def test_another_request_starts_anew(store, changes):
    begin(store).write_block(0, VALUES[:8])
    assert begin(store, **changes).finished == set()


def test_complete_embeddings_stay_until_new_ones_are(store):
    store.write("d1", VALUES, POSITIONS, ATTRS, block=BLOCK)
    assert begin(store).complete
    writer = begin(store, attrs={"other": 1})
    assert not writer.complete and np.array_equal(store.read("d1").embeddings, VALUES)
    for index in range(3):
        writer.write_block(index, VALUES[writer.rows(index)] + 1)
    writer.finish()
    assert np.array_equal(store.read("d1").embeddings, VALUES + 1)
    assert store.read("d1").attrs == {"other": 1}
    assert sorted(os.listdir(store.path)) == ["d1", "zarr.json"]


def test_two_runs_on_one_datum(store):
    first, second = begin(store), begin(store)
    for index in range(3):
        for writer in (first, second):
            writer.write_block(index, VALUES[writer.rows(index)])
    first.finish()
    with pytest.raises(StudyError, match="another run"):
        second.finish()
    assert np.array_equal(store.read("d1").embeddings, VALUES)


def test_write_in_one_go(store):
    edges = np.array([[0, 1], [1, 2]])
    store.write("protein-1", VALUES.astype(np.float64), RNG.normal(size=(N, 3)), {"kind": "residues"}, edges)
    kept = store.read("protein-1")
    assert kept.positions.shape == (N, 3) and np.array_equal(kept.edges, edges)
    assert np.array_equal(kept.embeddings, VALUES)
    store.write("half", VALUES.astype(np.float16))
    assert store.read("half").embeddings.dtype == np.float16 and store.read("half").positions is None


def test_zeros_are_kept_like_any_other_value(store):
    store.write("zeros", np.zeros((N, DIM)), block=BLOCK)
    assert (store.read("zeros").embeddings == 0).all()


@pytest.mark.parametrize(
    "arguments",
    [
        (np.full((3, 2), np.nan),),
        (np.full((3, 2), np.inf),),
        (np.zeros(3),),
        (np.zeros((0, 2)),),
        (np.zeros((3, 2), int),),
        (np.zeros((3, 2)), np.zeros((4, 2), int)),
        (np.zeros((3, 2)), np.full((3, 2), np.nan)),
        (np.zeros((3, 2)), None, {}, np.array([[0, 3]])),
        (np.zeros((3, 2)), None, {}, np.array([0, 1])),
        (np.zeros((3, 2)), None, {"f": object()}),
        (np.zeros((3, 2)), None, {"complete": True}),
    ],
)
def test_what_makes_no_sense_is_refused(store, arguments):
    with pytest.raises(EmbeddingError):
        store.write("d1", *arguments)
    assert not store.has("d1")


def test_too_large_for_half_precision(store):
    writer = begin(store, dtype="float16")
    with pytest.raises(EmbeddingError, match="token 9"):
        writer.write_block(1, np.where(np.arange(8)[:, None] == 1, 1e6, VALUES[8:16]))


@pytest.mark.parametrize("uid", ["../x", "a/b", "", "a.partial", "x y"])
def test_a_uid_is_no_path(store, uid):
    with pytest.raises(EmbeddingError):
        store.write(uid, VALUES)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_half_written_blocks_do_not_count(store, damage):
    writer = begin(store)
    for index in range(2):
        writer.write_block(index, VALUES[writer.rows(index)])
    path = chunk(store, "d1.partial", 1)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    path.write_bytes(bytes({"cut": data[:-9], "flipped": data, "empty": b""}[damage]))
    left = path.with_name("0.12ab.partial")
    left.write_bytes(b"half")
    again = begin(store)
    assert again.finished == {0} and not left.exists()


def test_damage_is_noticed_when_read(store):
    store.write("d1", VALUES, block=BLOCK)
    path = chunk(store, "d1", 1)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StudyDamagedError, match="d1"):
        store.read("d1")
    with pytest.raises(StudyDamagedError):
        list(store.vectors("d1").blocks())
    path.unlink()
    with pytest.raises(StudyDamagedError, match="missing"):
        store.read("d1")


def test_a_full_disk_keeps_what_is_finished(store, monkeypatch):
    writer = begin(store)
    writer.write_block(0, VALUES[:8])

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("prospector_core.store.blocks.sync", full)
        with pytest.raises(StorageFullError, match="full"):
            writer.write_block(1, VALUES[8:16])
    assert 0 in begin(store).finished


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if (
        sys.platform != "linux"
        or os.geteuid()
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk):
    store = EmbeddingStore(small_disk / "embeddings.zarr")
    values = RNG.normal(size=(4000, 256)).astype(np.float32)
    writer = store.open_writer("d1", 4000, 256)
    with pytest.raises(StorageFullError):
        for index in range(writer.n_blocks):
            writer.write_block(index, values[writer.rows(index)])
    kept = len(writer.finished)
    assert 3 < kept < writer.n_blocks
    again = store.open_writer("d1", 4000, 256)
    assert again.finished == set(range(kept))
    assert np.array_equal(again._blocks._array[: kept * 256], values[: kept * 256])
    with pytest.raises(StorageFullError):
        store.write("d2", values)


def test_many_blocks_become_few_files_and_say_the_same(store, monkeypatch):
    """Whatever way they are asked for; also where the process died before the new files had their name."""
    monkeypatch.setattr("prospector_core.store.embedding_writer._SHARD", 2)
    monkeypatch.setattr("prospector_core.store.stored_vectors._SPAN", 16)
    writer = begin(store)
    for index in range(3):
        writer.write_block(index, VALUES[writer.rows(index)])
    with monkeypatch.context() as dying:
        dying.setattr(
            "prospector_core.store.embeddings.os.rename",
            lambda *names: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            writer.finish()
    assert store.uids() == [] and store.progress("d1") == (N, N)
    again = begin(EmbeddingStore(store.path))
    assert again.finished == {0, 1, 2}
    again.finish()
    assert sorted(path.name for path in (store.path / "d1" / "embeddings" / "c").iterdir()) == ["0", "1"]
    assert sorted(path.name for path in store.path.iterdir()) == ["d1", "zarr.json"]
    assert store.progress("d1") == (N, N) and begin(store).complete and store.shape("d1") == (N, DIM)
    kept, vectors = store.read("d1"), store.vectors("d1")
    assert np.array_equal(kept.embeddings, VALUES) and np.array_equal(kept.positions, POSITIONS)
    assert kept.attrs == {"pitch": 224.5, "origin": [0, 3], "encoder": {"name": "x", "side": 7}}
    rows = np.array([22, 3, 3, 17, 0])
    assert np.array_equal(vectors[rows], VALUES[rows]) and np.array_equal(vectors[5:19], VALUES[5:19])
    assert np.array_equal(vectors[7], VALUES[7])
    assert np.array_equal(vectors[VALUES[:, 0] > 0], VALUES[VALUES[:, 0] > 0]) and vectors[
        rows[:0]
    ].shape == (0, DIM)
    assert [start for start, _ in vectors.blocks()] == [0, 16] and np.array_equal(np.asarray(vectors), VALUES)
    (store.path / "d1" / "embeddings" / "c" / "1" / "0").unlink()
    with pytest.raises(StudyDamagedError, match="missing"):
        store.vectors("d1")


@given(
    shape=st.lists(st.integers(0, 30), min_size=1, max_size=3),
    sides=st.lists(st.integers(1, 12), min_size=3, max_size=3),
    dtype=st.sampled_from(["float16", "float32", "int32", "int64"]),
    rows=st.slices(30).filter(lambda each: each.step in (None, 1)),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_arrays_are_read_as_zarr_reads_them(tmp_path_factory, shape, sides, dtype, rows, seed):
    folder = tmp_path_factory.mktemp("array") / "a"
    values = (
        np.random.default_rng(seed).integers(0, 2, shape).astype(dtype)
    )  # chunks of zeros are not written
    array = zarr.create_array(
        folder,
        data=values,
        chunks=tuple(sides[: len(shape)]),
        compressors=codecs(values.dtype),
        zarr_format=3,
    )
    found = StoredArray(folder)
    assert found.shape == array.shape and found.dtype == array.dtype and found.chunks == array.chunks
    assert np.array_equal(found[rows], array[rows]) and found[rows].shape == array[rows].shape
    assert np.array_equal(found[:], values)


@given(
    shape=st.lists(st.integers(0, 5), max_size=3),
    dtype=st.sampled_from(["<f8", "<i8", "<i2", "<f4", "|u1", "|b1"]),
)
def test_arrays_in_npy_files_are_read_as_numpy_reads_them(shape, dtype):
    values, buffer = np.random.default_rng(len(shape)).integers(0, 2, shape).astype(dtype), io.BytesIO()
    np.save(buffer, values)
    found = read_npy(buffer.getvalue())
    assert found.dtype == values.dtype and found.shape == values.shape and np.array_equal(found, values)
    assert found.flags.writeable
    for broken in (
        b"",
        b"\x93NUMPY",
        buffer.getvalue()[:64],
        b"x" + buffer.getvalue(),
        buffer.getvalue() + b"more?",
    ):
        with pytest.raises(ValueError):
            read_npy(broken)
