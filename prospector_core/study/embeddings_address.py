"""Where a study's embeddings lie.

They lie in its folder, or at an address that the person who opened it has allowed.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ..errors import StudyDamagedError, StudyError
from ..store.allowed_addresses import check_address, is_allowed
from ..store.checked import read_json
from ..store.closed_store import ClosedStore
from ..store.database import Database
from ..store.embeddings import EmbeddingStore
from ..store.remote import open_store
from ..store.removal import is_link

__all__ = ["NOT_KEYED", "StudyAddress"]

NOT_KEYED = (
    "not keyed: whoever has a list of names can tell which number stands for which (it was made by an earlier"
    " version; a new study of the same data is keyed)"
)


class StudyAddress:
    """Where the embeddings of a study lie, and what the study is known by.

    Parameters
    ----------
    path : Path
        Of the study.
    database : Database

    Attributes
    ----------
    vouched : str or None
        An address that another process has found to be allowed (of workers).
    """

    def __init__(self, path: Path, database: Database) -> None:
        self.path, self.database = path, database
        self.vouched: str | None = None
        self._store: EmbeddingStore | None = None

    @property
    def store(self) -> EmbeddingStore:
        """EmbeddingStore of the study: in its folder, or where ``Study.create(store=...)`` said.

        Where that is an address that was not allowed on this machine (see ``trust``): a ClosedStore, which
        asks nothing of it.
        """
        if self._store is None or isinstance(self._store, ClosedStore):
            self._store = self._open_store()
        return self._store

    @cached_property
    def identity(self) -> str:
        """The study's own number, which copies of it keep; "" of one made before there were any."""
        found = self.database.read_meta("id", "")
        if not isinstance(found, str):
            raise StudyDamagedError(
                f"{self.database.path} is damaged (its id is not text): restore it from a backup"
            )
        return found

    @property
    def keyed(self) -> bool:
        """Whether the opaque numbers of data are keyed by a secret of the study.

        Those of earlier studies are not.
        """
        return self.database.read_meta("secret") is not None

    @cached_property
    def url(self) -> str | None:
        """Where the embeddings lie if not in the study's folder, as the study says: str; else None."""
        folder, url = self.path / "embeddings.zarr", self.database.read_meta("store")
        if url is None:
            return folder.resolve().as_uri() if is_link(folder) else None
        if not isinstance(url, str):
            raise StudyDamagedError(
                f"{self.database.path} is damaged (its store is not text): restore it from a backup"
            )
        return url.rstrip("/")

    @property
    def linked(self) -> bool:
        """Whether the folder of the embeddings is a link to one elsewhere.

        ``url`` is then where that leads.
        """
        return self.database.read_meta("store") is None and is_link(self.path / "embeddings.zarr")

    def refusal(self) -> str | None:
        """Why the address of the embeddings is not used, in one line that says what to do.

        None where it is, or there is none.
        """
        url = self.url
        if url in (None, self.vouched):
            return None
        try:
            if not self.linked:
                check_address(url)
        except StudyError as error:
            return f"the embeddings of {self.path} are not read: {error}"
        if is_allowed(self.path, self.identity, url):
            return None
        return (
            f"the embeddings of {self.path} are at {url}, as the study says, and nothing was asked of"
            f" that place: if you know it, allow it once with `prospector trust {self.path}`"
        )

    def _open_store(self) -> EmbeddingStore:
        folder, why = self.path / "embeddings.zarr", self.refusal()
        if why is not None:
            return ClosedStore(folder, self.url, why, self._noted)
        if self.url is None or self.linked:
            return open_store(folder.resolve() if self.linked else folder)
        return open_store(folder, self.url, self.identity)

    def _noted(self) -> dict[str, str]:
        """The data whose embeddings are complete, as the study has noted: {uid: stamp}.

        The stamp is what their content is known by.
        """
        fitted = self.database.read(
            "SELECT uid FROM fits, data WHERE fits.id = (SELECT MAX(id) FROM fits) AND instr(summary, uid)"
        )
        done = self.database.read("SELECT uid FROM jobs WHERE kind = 'embed' AND state = 'done'")
        stamps = {}
        if "embeddings" in self.database.columns("fits"):
            rows = self.database.read("SELECT embeddings FROM fits ORDER BY id DESC LIMIT 1")
            stamps = (
                read_json(rows[0][0] or "{}", "what a fit says of its embeddings", StudyDamagedError)
                if rows
                else {}
            )
        return {uid: str(stamps.get(uid, "")) for (uid,) in (*done, *fitted)}
