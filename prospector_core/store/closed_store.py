"""A store elsewhere whose address was not allowed yet: it is asked nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import (
    StoreNotAllowedError,
)
from .embeddings import EmbeddingStore

__all__ = ["ClosedStore"]


class ClosedStore(EmbeddingStore):
    """Stands for a store whose address may not be used: nothing is asked of it.

    Which data are embedded is told by what the study itself has noted; whatever else is asked raises
    `StoreNotAllowedError`.

    Parameters
    ----------
    path : path
        Of the folder in the study.
    address, why : str
        Where the embeddings are, and one line that says what to do.
    noted : callable
        Returns {uid: stamp} of the data that the study says are embedded: what was derived of them is found
        by that.
    """

    def __init__(
        self, path: str | os.PathLike[str], address: str, why: str, noted: Callable[[], dict[str, str]]
    ) -> None:  # nothing is made
        self.path, self.url, self.why, self._noted = Path(path), address, why, noted

    def has(self, uid: str) -> bool:
        """Return whether the study says that a datum is embedded."""
        return uid in self._noted()

    def uids(self) -> list[str]:
        """Return the uids of the data that the study says are embedded, sorted."""
        return sorted(self._noted())

    def stamps(self) -> dict[str, str]:
        """Return the stamps that the study has noted, "" where it has none: {uid: stamp}."""
        return self._noted()

    def stamp(self, uid: str) -> str:
        """Return the stamp that the study has noted.

        Raises StoreNotAllowedError where it says nothing of the datum.
        """
        noted = self._noted()
        return noted[uid] if uid in noted else self._refused()

    def renewing(self, uid: str) -> bool:
        """Return False: nothing can be embedded there."""
        return False

    def part(self, uid: str) -> None:
        """Return None: what is half embedded is not looked at."""

    def _refused(self, *arguments: Any, **options: Any) -> Any:
        raise StoreNotAllowedError(self.why)

    open_writer = write = discard = remove = renew = progress = version = verify = _complete = _folder = (
        _refused
    )
