"""Errors that a user can act on: one line each, naming the file (or thing) and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wording import one_line

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ProspectorError",
    "BadInputError",
    "SlideError",
    "StructureError",
    "DocumentError",
    "LabelsError",
    "TissueError",
    "EmbeddingError",
    "GraphError",
    "FitError",
    "CurationError",
    "CurationConflictError",
    "StudyError",
    "StudyVersionError",
    "StudyDamagedError",
    "StudyReadOnlyError",
    "StoreNotAllowedError",
    "StorageFullError",
    "MissingExtraError",
    "SettingsError",
    "AccessError",
    "RecordError",
]


_LONGEST = 1500  # characters of a message


class ProspectorError(Exception):
    """Base of every error that Prospector raises on purpose; its text is one clear line."""

    def __str__(self) -> str:
        # A library's message may carry newlines; what reaches a terminal or a page is one line.
        # Names in it may carry what would move a terminal's cursor.
        text = one_line(super().__str__())
        # What a file holds may be quoted, and be of any length; the way out stands at the end.
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 305]} ... {text[-300:]}"


class BadInputError(ProspectorError, ValueError):
    """Something given by the user cannot be used as it is."""


class SlideError(BadInputError):
    """A slide that is not there, not an image, truncated, or of an unsupported kind."""


class StructureError(BadInputError):
    """A structure that is not there, damaged, of another kind, or without the chain that was asked for."""


class DocumentError(BadInputError):
    """A document that is not there, holds no text, or is of an unsupported kind."""


class LabelsError(BadInputError):
    """A labels table that is missing, lacks a column, or names data that are not there."""


class TissueError(BadInputError):
    """A slide or field in which no tissue was found."""


class EmbeddingError(BadInputError):
    """Embeddings that are absent, of the wrong shape, or not finite; or an unknown encoder."""


class GraphError(BadInputError):
    """A token graph, sprite or set of positions that contradicts itself."""


class FitError(BadInputError):
    """Data from which no kernel can be fitted (one class only, no tokens, wrong sizes)."""


class CurationError(BadInputError):
    """An edit that names a concept, token or datum that is not there."""


class CurationConflictError(CurationError):
    """An edit of what someone else has edited since.

    ``entries``: their edits, list of Entry, oldest first.
    """

    def __init__(self, text: str = "", entries: Any = ()) -> None:
        super().__init__(text)
        self.entries = list(entries)


class StudyError(ProspectorError):
    """A study folder that cannot be created or opened."""


class StudyVersionError(StudyError):
    """A study written by a newer Prospector."""


class StudyDamagedError(StudyError):
    """A study whose database or artefacts cannot be read."""


class StudyReadOnlyError(StudyError):
    """An edit of a study that can only be looked at: it is where nothing can be written."""


class StoreNotAllowedError(StudyError):
    """The address of a study's embeddings cannot be used.

    It is of a kind that is not used here, or it was not allowed on this machine yet.
    """


class StorageFullError(ProspectorError, OSError):
    """The disk is full (or a quota is reached); what was finished before is kept."""


class PluginError(ProspectorError):
    """Something that another package adds cannot be loaded; the text names package and entry point."""


class PluginWarning(UserWarning):
    """The same, where Prospector goes on without it."""


class MissingExtraError(ProspectorError, ImportError):
    """An optional dependency is not installed; the text names the command that installs it."""


class SettingsError(BadInputError):
    """A settings file of a server that cannot be read, or that names something which cannot be."""


class AccessError(ProspectorError):
    """Something that this person may not look at, or may not change."""


class RecordError(ProspectorError):
    """A record of who did what that cannot be read or written."""
