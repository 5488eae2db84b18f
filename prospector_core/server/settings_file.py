"""Reading the settings of a server: every field checked, and a wrong one named with its line."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import SettingsError
from .roles import EVERYONE, GROUP, StudyRule
from .settings import Network, OpenId, Proxy, ServerSettings, is_loopback

__all__ = ["read_settings"]

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")

_BASE = re.compile(r"(?:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)?")


def read_settings(file: str | Path) -> ServerSettings:
    """Read a settings file. Raises SettingsError."""
    file = Path(file).expanduser()
    try:
        text = file.read_bytes().decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}: name the settings file with --settings") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text: save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    return _Reader(file.resolve(), text).settings(found)


class _Reader:
    """Turns tables of TOML into settings, and knows where each key stands."""

    def __init__(self, file: Path, text: str) -> None:
        self._file, self._lines = file, text.splitlines()

    def settings(self, found: dict) -> ServerSettings:
        known = {
            "address": self._address,
            "host": self._host,
            "port": self._port,
            "studies": self._folders,
            "data": self._folders,
            "record": self._path,
            "openid": self._openid,
            "proxy": self._proxy,
            "study": self._rules,
        }
        read = self._table(found, known, "")
        if "address" not in read:
            self._wrong(
                "address",
                "",
                "say what people type into their browsers, such as address ="
                ' "https://prospector.example.org"',
            )
        if not read.get("studies"):
            self._wrong(
                "studies",
                "",
                'name the folders that hold the studies, such as studies = ["/srv/prospector/studies"]',
            )
        by_proxy = "proxy" in read and read["proxy"].user_header
        if "openid" not in read and not by_proxy:
            why = (
                "say how people log in: a table [openid], or a table [proxy] with its user_header"
                " (docs/deployment.md)"
            )
            self._wrong("openid", "", why)
        if "openid" in read and by_proxy:
            self._wrong(
                "user_header", "proxy", "choose one way to log in: a table [openid] or this header, not both"
            )
        read["rules"] = read.pop("study", ())
        return ServerSettings(file=self._file, **{"record": read["studies"][0] / "record.sqlite", **read})

    # -- tables
    # -----------------------------------------------------------------------------------------------------

    def _table(self, found: Any, known: dict[str, Callable], table: str, nth: int = 0) -> dict:
        if not isinstance(found, dict):
            self._wrong(table, "", f"must be a table: write [{table}] above its keys")
        for key in found:
            if key not in known:
                self._wrong(key, table, f"is not a key that is known here: {', '.join(known)}", nth)
        return {key: known[key](value, key, table, nth) for key, value in found.items()}

    def _openid(self, value: Any, key: str, table: str, nth: int) -> OpenId:
        known = {"secrets": self._path, "name": self._text, "groups": self._text, "hours": self._hours}
        read = self._table(value, known, key)
        if "secrets" not in read:
            self._wrong("secrets", key, "name Streamlit's secrets.toml, which holds the section [auth]")
        return OpenId(**read)

    def _proxy(self, value: Any, key: str, table: str, nth: int) -> Proxy:
        known = {
            "addresses": self._networks,
            "user_header": self._header,
            "groups_header": self._header,
            "secret": self._path,
            "secret_header": self._header,
        }
        read = self._table(value, known, key)
        if not read.get("addresses"):
            self._wrong("addresses", key, 'is needed: who is the proxy, such as addresses = ["127.0.0.1"]')
        if (
            "user_header" in read
            and any(network.is_loopback for network in read["addresses"])
            and "secret" not in read
        ):
            why = (
                "name a file with a secret that the proxy sends: every account of this machine could else"
                " pretend to be it"
            )
            self._wrong("secret", key, why)
        return Proxy(**read)

    def _rules(self, value: Any, key: str, table: str, nth: int) -> tuple[StudyRule, ...]:
        if not isinstance(value, list):
            self._wrong(key, "", "must be a list of tables: write [[study]] with two brackets")
        known = {"folder": self._pattern, "viewers": self._people, "editors": self._people}
        read = [self._table(each, known, key, number) for number, each in enumerate(value)]
        for number, each in enumerate(read):
            if "folder" not in each:
                self._wrong(
                    "folder",
                    key,
                    'is needed: which studies this is about, such as folder = "lymph-*"',
                    number,
                )
        return tuple(StudyRule(**each) for each in read)

    # -- values
    # -----------------------------------------------------------------------------------------------------

    def _text(self, value: Any, key: str, table: str, nth: int) -> str:
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self._wrong(key, table, "must be text in quotes, and not empty", nth)
        return value.strip()

    def _texts(self, value: Any, key: str, table: str, nth: int) -> tuple[str, ...]:
        if not isinstance(value, list):
            self._wrong(key, table, f'must be a list, such as {key} = ["..."]', nth)
        return tuple(self._text(each, key, table, nth) for each in value)

    def _people(self, value: Any, key: str, table: str, nth: int) -> tuple[str, ...]:
        people = self._texts(value, key, table, nth)
        for name in people:
            if name == GROUP or (EVERYONE in name and name != EVERYONE):
                self._wrong(
                    key, table, f'{name!r} names nobody: give a name, "group:NAME", or "*" for everyone', nth
                )
        return people

    def _pattern(self, value: Any, key: str, table: str, nth: int) -> str:
        pattern = self._text(value, key, table, nth)
        if {"..", "**"} & set(Path(pattern).parts):
            self._wrong(key, table, 'may hold neither ".." nor "**": name each part of the path', nth)
        return pattern

    def _path(self, value: Any, key: str, table: str, nth: int) -> Path:
        path = Path(self._text(value, key, table, nth)).expanduser()
        return (path if path.is_absolute() else self._file.parent / path).resolve()

    def _folders(self, value: Any, key: str, table: str, nth: int) -> tuple[Path, ...]:
        paths = tuple(self._path(each, key, table, nth) for each in self._texts(value, key, table, nth))
        for path in paths:
            if not path.is_dir():
                self._wrong(key, table, f"{path} is not a folder on this machine", nth)
        return paths

    def _host(self, value: Any, key: str, table: str, nth: int) -> str:
        host = self._text(value, key, table, nth)
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            if host != "localhost":
                self._wrong(
                    key, table, f'{host!r} is not an address of this machine, such as "127.0.0.1"', nth
                )
        return host

    def _port(self, value: Any, key: str, table: str, nth: int) -> int:
        if type(value) is not int or not 1 <= value <= 65535:
            self._wrong(key, table, "must be a whole number from 1 to 65535", nth)
        return value

    def _hours(self, value: Any, key: str, table: str, nth: int) -> float:
        if type(value) not in (int, float) or not 0 < value <= 720:
            self._wrong(key, table, "must be a number of hours, above 0 and at most 720", nth)
        return float(value)

    def _address(self, value: Any, key: str, table: str, nth: int) -> str:
        address = self._text(value, key, table, nth).rstrip("/")
        try:
            parts = urlsplit(address)
            sound = (
                parts.scheme in ("http", "https")
                and parts.hostname
                and _BASE.fullmatch(parts.path.strip("/"))
            )
            sound = (
                sound
                and address == f"{parts.scheme}://{parts.netloc}{parts.path}"
                and "@" not in parts.netloc
            )
            sound = sound and (parts.port or True)
        except ValueError:
            sound = False
        if not sound:
            self._wrong(
                key,
                table,
                f'{address!r} is not an address such as "https://prospector.example.org/study-room"',
                nth,
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            self._wrong(
                key, table, "must begin with https:// (else logins and slides travel unencrypted)", nth
            )
        return address

    def _header(self, value: Any, key: str, table: str, nth: int) -> str:
        header = self._text(value, key, table, nth)
        if not _HEADER.fullmatch(header):
            self._wrong(key, table, f"{header!r} is not the name of a header, such as X-Remote-User", nth)
        return header

    def _networks(self, value: Any, key: str, table: str, nth: int) -> tuple[Network, ...]:
        read = []
        for text in self._texts(value, key, table, nth):
            try:
                network = ipaddress.ip_network(text)
            except ValueError:
                self._wrong(
                    key, table, f'{text!r} is neither an address nor a network, such as "10.1.0.0/24"', nth
                )
            if network.prefixlen == 0:
                self._wrong(key, table, f"{text!r} is every address: anyone could then say who they are", nth)
            read.append(network)
        return tuple(read)

    # -- what is wrong
    # ----------------------------------------------------------------------------------------------

    def _wrong(self, key: str, table: str, why: str, nth: int = 0) -> None:
        line = self._line_of(key, table, nth)
        where = f"{self._file}, line {line}" if line else f"{self._file}"
        raise SettingsError(f"{where}: {f'{table}.' if table else ''}{key}: {why}")

    def _line_of(self, key: str, table: str, nth: int) -> int | None:
        """Line of a key, else of its table, from 1; None if neither stands in the file."""
        now, seen, head = "", -1, None
        for number, line in enumerate(self._lines, 1):
            if header := re.match(r"\s*\[\[?\s*([\w.\"'-]+)\s*\]", line):
                now = header[1].strip("\"'")
                seen += now == table
                if (now == table and seen == nth) or (not table and now == key):
                    head = number
            elif (
                now == table
                and (not table or seen == nth)
                and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line)
            ):
                return number
        return head
