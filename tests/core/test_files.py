"""Files are there whole or not at all, and what keeps one from being written is said in one line."""

import errno
import io
import os

import numpy as np
import pytest

from prospector_core.errors import BadInputError, StorageFullError, StudyError
from prospector_core.files import folder_atomic, read_npy, storage_errors, write_atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.bin"
    for durable, content in ((True, b"one"), (False, b"two")):
        write_atomic(path, content, durable)
        assert path.read_bytes() == content and names(tmp_path) == ["a.bin"]


def test_what_could_not_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_bytes(b"")
    with pytest.raises(StudyError, match="taken cannot be written .*: check the folder and its permissions"):
        write_atomic(tmp_path / "taken", b"x")
    with pytest.raises(StudyError, match="cannot be written"):
        write_atomic(tmp_path / "nowhere" / "a", b"x")
    write_atomic(tmp_path / "a", b"before")

    def full(handle):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="the disk is full, .*a could not be written: free some space"):
        write_atomic(tmp_path / "a", b"after")
    assert (tmp_path / "a").read_bytes() == b"before" and names(tmp_path) == ["a", "taken"]


def test_a_folder_is_replaced_whole(tmp_path):
    path, names_of_ours = tmp_path / "made", ("one", "two", "three").__contains__
    for name in ("one", "two"):
        with folder_atomic(path, names_of_ours) as partial:
            assert partial != path and partial.parent == tmp_path
            (partial / name).write_bytes(b"")
        assert names(path) == [name] and names(tmp_path) == ["made"]
    with pytest.raises(RuntimeError, match="stopped"), folder_atomic(path, names_of_ours) as partial:
        (partial / "three").write_bytes(b"")
        raise RuntimeError("stopped")
    assert names(path) == ["two"] and names(tmp_path) == ["made"]


@pytest.mark.parametrize(
    ("raised", "becomes", "says"),
    [
        (OSError(errno.ENOSPC, "x"), StorageFullError, "^the disk is full, here"),
        (OSError(errno.EDQUOT, "x"), StorageFullError, "^the disk is full, here"),
        (OSError(errno.EACCES, "not yours"), StudyError, r"^here cannot be written \(not yours\)"),
        (
            StorageFullError("inner"),
            StorageFullError,
            "^the disk is full, here",
        ),  # the outermost name is the one that is known
        (BadInputError("own words"), BadInputError, "^own words$"),
        (ValueError("not of files"), ValueError, "^not of files$"),
    ],
)
def test_errors_of_storage_name_what_was_to_be_written(raised, becomes, says):
    with pytest.raises(becomes, match=says), storage_errors("here"):
        raise raised


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.zeros((0, 3), np.int16), np.array(4.5), np.arange(3, dtype=np.uint8)]
)
def test_arrays_are_read_as_they_were_saved(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    found = read_npy(buffer.getvalue())
    assert (
        found.dtype == array.dtype
        and np.array_equal(found, array)
        and found.shape == array.shape
        and found.flags.writeable
    )
    for broken in (buffer.getvalue()[1:], b"", b"\x93NUMPY\x01\x00\x00\x00" + buffer.getvalue()[10:]):
        with pytest.raises(ValueError, match="no .npy file"):
            read_npy(broken)
