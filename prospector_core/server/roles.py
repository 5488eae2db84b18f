"""Who may look at a study and who may edit it.

Rules of a settings file, matched against the study's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["EDITOR", "VIEWER", "StudyRule", "role_of"]

VIEWER, EDITOR = "viewer", "editor"
EVERYONE = "*"
GROUP = "group:"


@dataclass(frozen=True)
class StudyRule:
    """Who has which role in the studies whose folder matches.

    Attributes
    ----------
    folder : str
        Pattern of a study's folder: below a folder of studies ("lymph-*"), or absolute
        ("/srv/studies/lymph-*"). ``*`` and ``?`` match within one name of the path.
    viewers, editors : tuple of str
        Names as they log in; "group:NAME"; or "*" for everyone who is logged in. Who edits may look, too.
    """

    folder: str
    viewers: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()

    def matches(self, folder: Path, roots: Iterable[Path]) -> bool:
        """Whether a study's folder (absolute, without links) is one of this rule's."""
        if Path(self.folder).is_absolute():
            return _alike(folder.parts, Path(self.folder).parts)
        below = (folder.relative_to(root) for root in roots if folder.is_relative_to(root))
        return any(_alike(path.parts, Path(self.folder).parts) for path in below)


def role_of(
    rules: Iterable[StudyRule],
    roots: Iterable[Path],
    folder: str | Path,
    name: str,
    groups: Iterable[str] = (),
) -> str | None:
    """The role of a person in a study: EDITOR, VIEWER, or None where no rule names the person.

    Parameters
    ----------
    rules : rules of the settings file; the highest role counts
    roots : folders that studies are in, without links; a study elsewhere belongs to nobody
    folder : of the study; links are followed first, so that a link opens nothing that is elsewhere
    name, groups : the person as logged in; compared letter by letter
    """
    roots = tuple(roots)
    folder = Path(folder).resolve()
    if not name or not any(folder.is_relative_to(root) for root in roots):
        return None
    said = {EVERYONE, *([] if name.startswith(GROUP) else [name]), *(GROUP + group for group in groups)}
    rules = [rule for rule in rules if rule.matches(folder, roots)]
    for role, members in ((EDITOR, "editors"), (VIEWER, "viewers")):
        if any(said.intersection(getattr(rule, members)) for rule in rules):
            return role
    return None


def _alike(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
