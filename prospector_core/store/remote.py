"""Embeddings in an object store, or on any other file system that fsspec knows.

A study's largest part, elsewhere.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import zarr

from ..errors import (
    EmbeddingError,
    MissingExtraError,
    ProspectorError,
    StudyDamagedError,
    StudyError,
)
from .allowed_addresses import check_address
from .array_records import check_array
from .blocks import chunks, open_group, reading
from .checked import read_json
from .embedding_writer import EmbeddingWriter
from .embeddings import EmbeddingStore
from .memory import check_memory
from .removal import GROUP_FILE, check_group
from .stamps import earlier_stamp
from .stored_vectors import PartEmbedded

__all__ = ["RemoteStore", "check_free", "open_store"]

_MARK = ".prospector"  # says that a prefix holds embeddings of ours, and of which study
_OLDEST = 2026  # fsspec; earlier ones run code that stands in an address
_COMPLETE = ".complete"  # beside the data: an object a complete datum, so that one list says which there are
_LONGEST_RECORD = 2**28  # bytes; the text of a document is in it
_TIMES = 4  # an array may be as many times as large as its files
_FRESH = 2.0  # seconds that a list of what is there is believed: pages ask at every rerun


def open_store(path: str | os.PathLike[str], url: str | None = None, study: str = "") -> EmbeddingStore:
    """Return the store of a study: in the folder ``path``, or at ``url`` with ``path`` for what is in work.

    ``study``: the study's own number, "" of one that was made before there were any.

    Raises
    ------
    MissingExtraError
        A package for that kind of address is not installed.
    StudyError
        The folder cannot be made, or the address not be reached.
    """
    return EmbeddingStore(path) if url is None else RemoteStore(path, url, study)


class RemoteStore(EmbeddingStore):
    """A store whose complete data are at an address such as ``s3://bucket/prefix``.

    A datum is made in the local folder, block by block, and goes to the address when it is whole: last an
    object ``.complete/<uid>``, which is what makes it complete there, and says its stamp. Credentials and
    endpoint are those of the system (as of any S3 program). Before the first datum a file ``.prospector``
    says of which study they are. Nothing is removed there but files of data whose names are those that we
    give, below that mark.

    Raises as `open_store`.
    """

    def __init__(self, path: str | os.PathLike[str], url: str, study: str = "") -> None:
        self.url, self._study = check_address(url), study
        super().__init__(path)
        self._files, self._root = _file_system(self.url)
        self._there: tuple[float, dict[str, str]] = (-_FRESH, {})  # {uid: version}
        self._marked = self._claimed = False
        with self._reach():
            if "file" not in np.atleast_1d(self._files.protocol):
                self._files.ls(
                    self._root.split("/")[0]
                )  # a bucket is made by its owner, not by a slip of the pen

    def claim(self) -> None:
        """Say at the address that the embeddings of this study are there.

        Raises
        ------
        StudyError
            Those of another study do, or it cannot be reached.
        """
        if self._claimed:
            return
        mark = f"{self._root}/{_MARK}"
        with self._reach():
            owner = _owner(self._files.cat_file(mark)) if self._files.exists(mark) else None
            if owner and owner != self._study:
                raise StudyError(
                    f"{self.url} holds the embeddings of another study: give this one a prefix of its own"
                )
            if not owner:
                self._files.makedirs(self._root, exist_ok=True)
                said = {"what": "embeddings of a Prospector study", "study": self._study}
                self._files.pipe_file(mark, json.dumps(said).encode())
        self._claimed = True

    def has(self, uid: str) -> bool:
        """Return whether the embeddings of a datum are complete, at the address."""
        self.folder(uid)
        with self._reach():
            return self._files.exists(
                self._mark(uid) if self._has_marks() else f"{self._root}/{uid}/zarr.json"
            )

    def uids(self) -> list[str]:
        """Return the uids of the complete data, sorted; as of two seconds ago at most."""
        return sorted(self._versions())

    def version(self, uid: str) -> Any:
        """As `EmbeddingStore.version`; as of two seconds ago at most."""
        self.folder(uid)
        if uid not in self._versions():
            self._there = (-_FRESH, {})
        if uid not in self._versions():
            raise self._absent(uid)
        return self._versions()[uid]

    def stamps(self) -> dict[str, str]:
        """As `EmbeddingStore.stamps`; as of two seconds ago at most. Marks are read all at once."""
        there = self._versions()
        new = [uid for uid, version in there.items() if self._stamps.get(uid, ("",))[0] != version]
        if new and self._has_marks():
            with self._reach():
                marks = self._files.cat([self._mark(uid) for uid in new], on_error="omit")
            said = {name.rsplit("/", 1)[-1]: content for name, content in marks.items()}
            for uid in new:
                self._stamps[uid] = there[uid], _stamp_in(said.get(uid, b""), there[uid])
        return {uid: self.stamp(uid) for uid in there}

    def _read_stamp(self, uid: str, version: Any) -> str:
        with self._reach():
            return _stamp_in(self._files.cat_file(self._mark(uid)) if self._has_marks() else b"", version)

    def _records(self, uid: str) -> dict[str, Any]:
        there, records = f"{self._root}/{uid}", {}
        for name in ("", "embeddings", "positions", "edges"):
            file = f"{there}/{name}/zarr.json" if name else f"{there}/zarr.json"
            if not name or self._files.exists(file):
                if (self._files.size(file) or 0) > _LONGEST_RECORD:
                    raise StudyDamagedError(
                        f"{self.url}: what it says of {uid} is too long; embed it again with --anew"
                    )
                records[name] = read_json(self._files.cat_file(file), f"{uid}/{name}/zarr.json")
        return records

    def _versions(self) -> dict[str, str]:
        at, there = self._there
        if time.monotonic() - at > _FRESH:
            with self._reach():
                there = self._listed_there(_COMPLETE) if self._has_marks() else self._without_marks()
            self._there = time.monotonic(), there
        return there

    def _mark(self, uid: str) -> str:
        return f"{self._root}/{_COMPLETE}/{uid}"

    def _has_marks(self) -> bool:
        self._marked = self._marked or self._files.exists(f"{self._root}/{_COMPLETE}")
        return self._marked

    def _listed_there(self, folder: str = "") -> dict[str, str]:
        """Return what is in a folder at the address.

        Returns {name: what is said of it, which changes when it is written again}.
        """
        place = f"{self._root}/{folder}".rstrip("/")
        there = self._files.ls(place, detail=True) if self._files.exists(place) else []
        found = {
            each["name"].rstrip("/").rsplit("/", 1)[-1]: _said_of(each)
            for each in there
            if each["name"].rstrip("/") != place
        }
        return {name: said for name, said in found.items() if not name.startswith(".")}

    def _without_marks(self) -> dict[str, str]:
        """Return the versions of a store that was begun before there were marks: a look at every datum."""
        files = {name: f"{self._root}/{name}/zarr.json" for name in self._listed_there()}
        return {
            name: _said_of(self._files.info(file)) for name, file in files.items() if self._files.exists(file)
        }

    def progress(self, uid: str) -> tuple[int, int]:
        """Return how many tokens are finished, and of how many."""
        if self.has(uid):
            n = self.shape(uid)[0]
            return n, n
        return super().progress(uid)

    def open_writer(self, uid: str, *arguments: Any, **options: Any) -> EmbeddingWriter:
        """As `EmbeddingStore.open_writer`; what was finished here but has not arrived is sent first."""
        writer = super().open_writer(uid, *arguments, **options)
        if writer.complete and (self.folder(uid) / "zarr.json").exists():
            self.completed(uid)
        return writer

    def part(self, uid: str) -> PartEmbedded | None:
        """Return what there is of a datum that is being embedded; None where it is complete."""
        return None if self.has(uid) else super().part(uid)

    def remove(self, uid: str) -> None:
        """Remove what there is of a datum, here and at the address."""
        super().remove(uid)
        self.claim()
        self._remove_there(uid)

    def _where(self, uid: str) -> Any:
        if (self.folder(uid) / "zarr.json").exists():  # finished, and on its way
            return self.folder(uid)
        return zarr.storage.FsspecStore.from_url(
            f"{self.url}/{uid}", storage_options={"use_listings_cache": False}, read_only=True
        )

    def _complete(self, uid: str) -> zarr.Group:
        if not self.has(uid):
            if (self.folder(uid) / "zarr.json").exists():
                raise EmbeddingError(
                    f"the embeddings of {uid} are finished but have not reached {self.url}: run prospector"
                    " embed"
                )
            return super()._complete(uid)  # which says how much there is
        with self._reach():
            found = self._files.find(f"{self._root}/{uid}", detail=True)
            sizes = {name: each["size"] or 0 for name, each in found.items()}
            if any(size > _LONGEST_RECORD for name, size in sizes.items() if name.endswith("zarr.json")):
                raise StudyDamagedError(
                    f"{self.url}: what it says of {uid} is too long; embed it again with --anew"
                )
            there = [
                size for name, size in sizes.items() if "/embeddings/c/" in name.removeprefix(self._root)
            ]
            group = open_group(self._where(uid))
        with reading(self.path, uid):
            array, block = group["embeddings"], group.attrs["block"]
            n, shard = array.shape[0], group.attrs.get("shard", block)
            for name in ("embeddings", "positions", "edges"):
                if name in group:
                    check_array(group[name], name)
            sides = array.chunks[0], (array.shards or array.chunks)[0]
            if array.ndim != 2 or array.dtype.kind != "f" or (block, shard) != sides:
                raise ValueError("their blocks are not of the length that is said")
            if array.nbytes > _TIMES * sum(there):
                check_memory(array.nbytes, uid, "an array that its files cannot hold", ValueError, 0)
        if len(there) != -(-n // shard):
            raise StudyDamagedError(f"{self.url}: blocks of {uid} are missing; embed it again with --anew")
        return group

    def completed(self, uid: str) -> None:
        """Send what is whole here to the address, and remove it here."""
        folder, there = self.folder(uid), f"{self._root}/{uid}"
        if len(chunks(folder)) == 0:
            raise StudyDamagedError(f"{self.path.name}: the embeddings of {uid} are damaged; embed it again")
        self.claim()
        with self._reach():
            unmarked = [] if self._has_marks() else sorted(self._without_marks())
            stamp = str(dict(open_group(folder).attrs).get("stamp", ""))
        self._remove_there(uid)
        with self._reach():
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            for file in sorted(
                files, key=lambda path: path == folder / "zarr.json"
            ):  # what makes it readable last
                target = f"{there}/{file.relative_to(folder).as_posix()}"
                self._files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                self._files.put_file(str(file), target)
            self._files.makedirs(f"{self._root}/{_COMPLETE}", exist_ok=True)
            for each in (*unmarked, uid):
                self._files.pipe_file(self._mark(each), stamp.encode() if each == uid else b"")
        self._there = (-_FRESH, {})
        super().remove(uid)

    def _remove_there(self, uid: str) -> None:
        """Remove the files of a datum at the address, one by one, after all of them were seen to be ours."""
        there = f"{self._root}/{uid}"
        with self._reach():
            if self._files.isfile(there):
                raise StudyError(f"{self.url}/{uid} was not written by Prospector: move it away, and repeat")
            files = self._files.find(there) if self._files.exists(there) else []
            for file in files:
                inside = file[len(there) + 1 :]
                if not GROUP_FILE.fullmatch(inside) or (inside == "zarr.json" and not self._ours(file)):
                    raise StudyError(
                        f"{self.url}/{uid}/{inside} was not written by Prospector, so nothing was removed:"
                        " move it away, and repeat"
                    )
            first = (
                [self._mark(uid)] if self._files.isfile(self._mark(uid)) else []
            )  # then it is no longer complete
            for file in first + sorted(files, key=lambda file: file != f"{there}/zarr.json"):
                self._files.rm_file(file)
        self._there = (-_FRESH, {})

    def _ours(self, file: str) -> bool:
        """Return whether a group at the address says that it is of our making."""
        try:
            return check_group(json.loads(self._files.cat_file(file)).get("attributes", {}))
        except (ValueError, AttributeError, RecursionError):
            return False

    @contextmanager
    def _reach(self) -> Iterator[None]:
        """Say in one line that the address cannot be reached."""
        try:
            yield
        except ProspectorError:
            raise
        except Exception as error:  # every kind of file system has its own
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise StudyError(
                f"the embeddings at {self.url} cannot be reached ({said}): check the address, the network and"
                " the credentials"
            ) from error


def _said_of(info: dict[str, Any]) -> str:
    """Return what a file system says of an object: its time, size, tag."""
    return repr(sorted((key, str(value)) for key, value in info.items()))


def _stamp_in(mark: bytes, version: str) -> str:
    """Return the stamp that a mark says; marks of earlier versions are empty."""
    return mark.decode("ascii", "replace") or earlier_stamp({}, version)


def _owner(said: bytes) -> str | None:
    """Return the number of the study in a mark, "" of one without.

    Raises StudyError for what is no mark of ours.
    """
    try:
        found = json.loads(said)["study"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(
            f"the file {_MARK} there is not of Prospector's making ({error}): move it away"
        ) from error
    return str(found or "")


def check_free(url: str) -> str:
    """Return the address for a new study's store without its last slash.

    After it was seen that nobody's is there.

    Raises as `open_store`, and `StudyError` where embeddings are there.
    """
    with tempfile.TemporaryDirectory() as scratch:
        store = RemoteStore(scratch, url)
        mark = f"{store._root}/{_MARK}"
        with store._reach():
            if store._files.exists(mark) or store._has_marks():
                raise StudyError(
                    f"{url} holds the embeddings of another study: give this one a prefix of its own"
                )
    return store.url


def _file_system(url: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path of it there."""
    extra = {"gs": "gs", "gcs": "gs", "az": "azure", "abfs": "azure"}.get(url.partition("://")[0], "s3")
    try:
        import fsspec

        if int(fsspec.__version__.partition(".")[0]) < _OLDEST:
            raise MissingExtraError(
                f"addresses of stores need fsspec {_OLDEST} or later, and {fsspec.__version__} is installed:"
                " pip install -U fsspec"
            )
        return fsspec.url_to_fs(url, use_listings_cache=False)
    except MissingExtraError:
        raise
    except ImportError as error:
        raise MissingExtraError(
            f"the address {url} needs a package ({error}): pip install 'prospector-heads[{extra}]'"
        ) from error
    except Exception as error:  # every kind of file system has its own
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"{url} is not an address of a store ({said}): say s3://bucket/prefix") from error
