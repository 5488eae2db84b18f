"""Embeddings in an object store, or on any other file system that fsspec knows: a study's largest part, elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import zarr

from .blocks import chunks, open_group
from .errors import EmbeddingError, MissingExtraError, ProspectorError, StudyDamagedError, StudyError
from .stamps import earlier_stamp
from .storage import EmbeddingStore, EmbeddingWriter, PartEmbedded

__all__ = ["RemoteStore", "check_url", "open_store"]

_COMPLETE = ".complete"  # beside the data: an object a complete datum, so that one list says which there are
_FRESH = 2.0  # seconds that a list of what is there is believed: pages ask at every rerun


def open_store(path: str | os.PathLike[str], url: str | None = None) -> EmbeddingStore:
    """Return the store of a study: in the folder ``path``, or at ``url`` with ``path`` for what is in work.

    Raises
    ------
    MissingExtraError
        A package for that kind of address is not installed.
    StudyError
        The folder cannot be made, or the address not be reached.
    """
    return EmbeddingStore(path) if url is None else RemoteStore(path, url)


class RemoteStore(EmbeddingStore):
    """A store whose complete data lie at an address such as ``s3://bucket/prefix``.

    A datum is made in the local folder, block by block, and goes to the address when it is whole: last an object
    ``.complete/<uid>``, which is what makes it complete there, and says its stamp. Credentials and endpoint are those of the system (as of any S3 program).

    Raises as `open_store`.
    """

    def __init__(self, path: str | os.PathLike[str], url: str) -> None:
        super().__init__(path)
        self.url = url.rstrip("/")
        self._files, self._root = _file_system(self.url)
        self._there: tuple[float, dict[str, str]] = (-_FRESH, {})  # {uid: version}
        self._marked = False
        with self._reach():
            if "file" in np.atleast_1d(self._files.protocol):  # a bucket is made by its owner, not by a slip of the pen
                self._files.makedirs(self._root, exist_ok=True)
            else:
                self._files.ls(self._root.split("/")[0])

    def has(self, uid: str) -> bool:
        """Return whether the embeddings of a datum are complete, at the address."""
        self._folder(uid)
        with self._reach():
            return self._files.exists(self._mark(uid) if self._has_marks() else f"{self._root}/{uid}/zarr.json")

    def uids(self) -> list[str]:
        """Return the uids of the complete data, sorted; as of two seconds ago at most."""
        return sorted(self._versions())

    def version(self, uid: str) -> Any:
        """As `EmbeddingStore.version`; as of two seconds ago at most."""
        self._folder(uid)
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
                records[name] = json.loads(self._files.cat_file(file))
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
        """Return what is in a folder at the address: {name: what is said of it, which changes when it is written anew}."""
        place = f"{self._root}/{folder}".rstrip("/")
        there = self._files.ls(place, detail=True) if self._files.exists(place) else []
        found = {each["name"].rstrip("/").rsplit("/", 1)[-1]: _said_of(each) for each in there
                 if each["name"].rstrip("/") != place}  # fmt: skip
        return {name: said for name, said in found.items() if not name.startswith(".")}

    def _without_marks(self) -> dict[str, str]:
        """Return the versions of a store that was begun before there were marks: a look at every datum."""
        files = {name: f"{self._root}/{name}/zarr.json" for name in self._listed_there()}
        return {name: _said_of(self._files.info(file)) for name, file in files.items() if self._files.exists(file)}

    def progress(self, uid: str) -> tuple[int, int]:
        """Return how many tokens are finished, and of how many."""
        if self.has(uid):
            n = self.shape(uid)[0]
            return n, n
        return super().progress(uid)

    def open_writer(self, uid: str, *arguments: Any, **options: Any) -> EmbeddingWriter:
        """As `EmbeddingStore.open_writer`; what was finished here but has not arrived is sent first."""
        writer = super().open_writer(uid, *arguments, **options)
        if writer.complete and (self._folder(uid) / "zarr.json").exists():
            self._completed(uid)
        return writer

    def part(self, uid: str) -> PartEmbedded | None:
        """Return what there is of a datum that is being embedded; None where it is complete."""
        return None if self.has(uid) else super().part(uid)

    def remove(self, uid: str) -> None:
        """Remove what there is of a datum, here and at the address."""
        super().remove(uid)
        self._remove_there(uid)

    def _where(self, uid: str) -> Any:
        if (self._folder(uid) / "zarr.json").exists():  # finished, and on its way
            return self._folder(uid)
        return zarr.storage.FsspecStore.from_url(
            f"{self.url}/{uid}", storage_options={"use_listings_cache": False}, read_only=True
        )

    def _complete(self, uid: str) -> zarr.Group:
        if not self.has(uid):
            if (self._folder(uid) / "zarr.json").exists():
                raise EmbeddingError(
                    f"the embeddings of {uid} are finished but have not reached {self.url}: run prospector embed"
                )
            return super()._complete(uid)  # which says how much there is
        with self._reach():
            group = open_group(self._where(uid))
            n, block = group["embeddings"].shape[0], int(group.attrs.get("shard", group.attrs["block"]))
            there = self._files.find(f"{self._root}/{uid}/embeddings/c")
        if len(there) != -(-n // block):
            raise StudyDamagedError(f"{self.url}: blocks of {uid} are missing; embed it again with --anew")
        return group

    def _completed(self, uid: str) -> None:
        """Send what is whole here to the address, and remove it here."""
        folder, there = self._folder(uid), f"{self._root}/{uid}"
        if len(chunks(folder)) == 0:
            raise StudyDamagedError(f"{self.path.name}: the embeddings of {uid} are damaged; embed it again")
        with self._reach():
            unmarked = [] if self._has_marks() else sorted(self._without_marks())
            stamp = str(dict(open_group(folder).attrs).get("stamp", ""))
        self._remove_there(uid)
        with self._reach():
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            for file in sorted(files, key=lambda path: path == folder / "zarr.json"):  # what makes it readable last
                target = f"{there}/{file.relative_to(folder).as_posix()}"
                self._files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                self._files.put_file(str(file), target)
            self._files.makedirs(f"{self._root}/{_COMPLETE}", exist_ok=True)
            for each in (*unmarked, uid):
                self._files.pipe_file(self._mark(each), stamp.encode() if each == uid else b"")
        self._there = (-_FRESH, {})
        shutil.rmtree(folder)

    def _remove_there(self, uid: str) -> None:
        there = f"{self._root}/{uid}"
        with self._reach():
            for file in (self._mark(uid), f"{there}/zarr.json"):
                if self._files.exists(file):
                    self._files.rm_file(file)  # first: no longer complete
            if self._files.exists(there):
                self._files.rm(there, recursive=True)
        self._there = (-_FRESH, {})

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
                f"the embeddings at {self.url} cannot be reached ({said}): check the address, the network and the credentials"
            ) from error


def _said_of(info: dict[str, Any]) -> str:
    """Return what a file system says of an object: its time, size, tag."""
    return repr(sorted((key, str(value)) for key, value in info.items()))


def _stamp_in(mark: bytes, version: str) -> str:
    """Return the stamp that a mark says; marks of earlier versions are empty."""
    return mark.decode("ascii", "replace") or earlier_stamp({}, version)


def check_url(url: str) -> str:
    """Return the address of a store without its last slash, after it was reached; raises as `open_store`."""
    url = url.rstrip("/")
    with tempfile.TemporaryDirectory() as scratch:
        RemoteStore(scratch, url)
    return url


def _file_system(url: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path of it there."""
    if "://" not in url or not url.split("://", 1)[1].strip("/"):
        raise StudyError(f"{url} is no address of a store: say s3://bucket/prefix, or leave it out")
    try:
        import fsspec

        return fsspec.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise MissingExtraError(
            f"the address {url} needs a package ({error}): for s3:// say pip install 'prospector-heads[s3]'"
        ) from error
    except Exception as error:  # every kind of file system has its own
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise StudyError(f"{url} is no address of a store ({said}): say s3://bucket/prefix") from error
