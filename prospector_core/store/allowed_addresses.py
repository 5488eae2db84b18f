"""Which addresses of embeddings are used.

Kinds that are allowed here, and of a study's own those that its reader allowed.

A study may come from a stranger, and names the place of its embeddings itself. Nothing is asked of that
place, no credential looked up and no name resolved, before the person who opened the study has allowed it
once on this machine. What was allowed is kept outside the study, in the folder of settings of that person.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from ..errors import StoreNotAllowedError, StudyError
from .files import storage_errors, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = list[dict[str, str]]

__all__ = ["SCHEMES", "allow", "check_address", "is_allowed", "settings_folder", "withdraw"]

SCHEMES = ("s3", "gs", "gcs", "az", "abfs")
"""Kinds of addresses that are used without more ado: object stores."""

_ADDRESS = re.compile(r"(.+?)://(.*\S)")
_FILE = "trusted-stores.json"


def settings_folder() -> Path:
    """Return the folder of this person's settings.

    It is at the system's usual place, or the one that PROSPECTOR_CONFIG names.
    """
    named = os.environ.get("PROSPECTOR_CONFIG")
    return Path(named) if named else platformdirs.user_config_path("prospector", appauthor=False)


def check_address(url: object) -> str:
    """Return the address of a store without its last slash, if its kind is used here.

    Besides `SCHEMES`, whoever runs the machine may allow kinds ("sftp") and addresses with all below them
    ("file:///srv/embeddings"): in PROSPECTOR_STORES with commas between them, or a line each in
    ``stores.txt`` in the folder of settings of all users (``/etc/xdg/prospector``). Chains of file systems
    ("simplecache::s3://...") are never used.

    Raises
    ------
    StudyError
        It is no address.
    StoreNotAllowedError
        Its kind is not used here.
    """
    found = _ADDRESS.fullmatch(url) if isinstance(url, str) and url.isprintable() else None
    if not isinstance(url, str) or found is None or not found[2].strip("/"):
        raise StudyError(
            f"{_short(url)} is not an address of a store: say s3://bucket/prefix, or leave it out"
        )
    address, scheme = url.rstrip("/"), found[1]
    plain = "::" not in url and ".." not in found[2].split("/") and "\\" not in url
    if not plain or not (scheme in SCHEMES or any(_within(address, each) for each in _more())):
        raise StoreNotAllowedError(
            f"{_short(url)} is an address of a kind that is not used here: say s3://, gs://, az:// or"
            " abfs://, or have whoever runs this machine allow it with PROSPECTOR_STORES"
        )
    return address


def _more() -> list[str]:
    """Return what whoever runs the machine allows besides."""
    said = os.environ.get("PROSPECTOR_STORES", "").split(",")
    try:
        file = platformdirs.site_config_path("prospector", appauthor=False) / "stores.txt"
        said += [line.partition("#")[0] for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        pass
    return [each.strip() for each in said if each.strip()]


def _within(address: str, allowed: str) -> bool:
    """Return whether an address is of an allowed kind, or an allowed address or below it."""
    if "://" not in allowed.rstrip("/") or allowed.endswith("://"):
        return address.startswith(f"{allowed.removesuffix('://')}://")
    return f"{address}/".startswith(f"{allowed.rstrip('/')}/")


def _short(url: object) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(url))
    return text if len(text) <= 200 else f"{text[:200]}..."


def is_allowed(study: Path, identity: str, address: str) -> bool:
    """Return whether the person who runs this has allowed an address for the study that is here.

    It must have been allowed on this machine.
    """
    return _row(study, identity, address) in [_of(each) for each in _read()]


def allow(study: Path, identity: str, address: str) -> None:
    """Note that the address may be used for this study.

    Raises
    ------
    StorageFullError, StudyError
        The settings cannot be written.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    fields = dict(zip(("study", "id", "store"), _row(study, identity, address)))
    _change(lambda rows: [*rows, {**fields, "at": at}], study, identity, address)


def withdraw(study: Path, identity: str, address: str) -> None:
    """Take back what `allow` noted; raises as it."""
    _change(lambda rows: rows, study, identity, address)


def _change(then: Callable[[Rows], Rows], study: Path, identity: str, address: str) -> None:
    folder = settings_folder()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(folder / f"{_FILE}.lock", mode=0o600):
            rows = [each for each in _read() if _of(each) != _row(study, identity, address)]
            write_atomic(folder / _FILE, json.dumps(then(rows), indent=1).encode(), mode=0o600)


def _row(study: Path, identity: str, address: str) -> tuple[str, str, str]:
    return str(Path(study).resolve()), identity, address


def _of(row: dict[str, str]) -> tuple[str | None, str | None, str | None]:
    return row.get("study"), row.get("id"), row.get("store")


def _read() -> list[dict[str, str]]:
    """Rows of what was allowed; none where that cannot be read."""
    try:
        rows = json.loads((settings_folder() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []
