"""Files are there whole or not at all, and what keeps one from being written is said in one line."""

import errno
import io
import os
import re
import stat

import numpy as np
import pytest

from prospector_core.errors import BadInputError, StorageFullError, StudyDamagedError, StudyError
from prospector_core.store.files import (
    folder_atomic,
    partial_name,
    read_npy,
    storage_errors,
    study_gone,
    write_atomic,
)


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
    path, known = tmp_path / "home" / "made", re.compile("one|two").fullmatch
    for name in ("one", "two"):
        with folder_atomic(path, known) as partial:
            assert (
                partial.parent == path.parent
                and partial.name.startswith(".made.")
                and path.name != partial.name
            )
            (partial / name).write_bytes(b"")
        assert names(path) == [name] and names(path.parent) == ["made"]
    with pytest.raises(RuntimeError, match="stopped"), folder_atomic(path, known) as partial:
        (partial / "three").write_bytes(b"")
        raise RuntimeError("stopped")
    assert names(path) == ["two"] and names(path.parent) == ["made"]
    (path / "own notes").write_bytes(b"")
    with pytest.raises(StudyDamagedError), folder_atomic(path, known) as partial:
        (partial / "one").write_bytes(b"")
    assert names(path) == ["own notes", "two"] and names(path.parent) == ["made"]


def test_what_is_durable_is_on_the_disk_with_its_name(tmp_path, monkeypatch):
    """The file first, then the folder that holds its name; what can be computed again waits for neither."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    write_atomic(tmp_path / "a", b"x")
    assert synced == [False, True]
    write_atomic(tmp_path / "b", b"x", durable=False)
    assert synced == [False, True]
    with folder_atomic(tmp_path / "c", bool):
        pass
    assert synced == [False, True, True]
    opened = os.open

    def no_folders(place, flags, *more):  # as on Windows
        if os.path.isdir(place):
            raise PermissionError(errno.EACCES, "a folder")
        return opened(place, flags, *more)

    monkeypatch.setattr(os, "open", no_folders)
    write_atomic(tmp_path / "d", b"y")
    assert (tmp_path / "d").read_bytes() == b"y" and synced == [False, True, True, False]


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_who_may_read_a_file_is_said_before_it_has_content(tmp_path):
    before = os.umask(0)
    try:
        write_atomic(tmp_path / "usual", b"x")
        write_atomic(tmp_path / "secret", b"x", mode=0o600)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "secret")]
    assert modes == [0o666, 0o600]


def test_names_of_files_that_are_written_are_another_each_time(tmp_path):
    one, other = partial_name(tmp_path / "a.bin"), partial_name(tmp_path / "a.bin")
    assert one != other and one.parent == tmp_path
    assert re.fullmatch(rf"\.a\.bin\.{os.getpid()}-[0-9a-f]{{16}}\.partial", one.name)


@pytest.fixture
def linked(tmp_path):
    """A study's folder with files, links and a pipe, beside a folder whose name begins like its own."""
    root, beside = tmp_path / "study", tmp_path / "study 2"
    (root / "fits").mkdir(parents=True)
    beside.mkdir()
    (root / "plain").write_bytes(b"own")
    (beside / "secret").write_bytes(b"another's")
    (root / "inward").symlink_to(root / "plain")
    return root, beside


def test_a_study_that_went_away_is_said_with_its_place():
    found = study_gone("/there")
    assert isinstance(found, StudyError) and str(found).startswith(
        "the study's folder is no longer at /there: open it"
    )


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
    "array",
    [np.arange(6.0).reshape(2, 3), np.zeros((0, 3), np.int16), np.array(4.5), np.arange(3, dtype=np.uint8)],
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
        with pytest.raises(ValueError, match="not a .npy file"):
            read_npy(broken)
