"""Commands that keep a study safe: backup, restore, trust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import Json, StudyPath
from .output import print_json, progress_bar, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (backup, restore, trust):
        app.command()(command)


def backup(
    study: StudyPath,
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="New folder, or that of an earlier backup of it.")
    ],
    json: Json = False,
) -> None:
    """Copy a study into a folder, whole, verified, and while it may be edited.

    Repeat it to bring the copy up to date.
    """
    from ..study import Study
    from ..study.backup import back_up

    opened = Study.open(study)
    with progress_bar("backing up", json, "parts") as bar:
        made = back_up(opened, target, bar)
    if json:
        print_json({"study": str(opened.path), **_about(made), "new": made.new})
        return
    say(
        f"{opened.path} is backed up to {made.path}: {_sizes(made)}, {made.new} of them copied now; every"
        " file verified"
    )
    if made.elsewhere:
        say(f"its embeddings are at {made.elsewhere} and are not in the backup")


def restore(
    backup: Annotated[Path, typer.Argument(metavar="TARGET", help="Folder that `prospector backup` wrote.")],
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="New folder of the study; nothing is overwritten.")
    ],
    json: Json = False,
) -> None:
    """Make a study of a backup again, after every file of it was verified."""
    from ..study.backup import restore as put_back

    with progress_bar("restoring", json, "files") as bar:
        made = put_back(backup, study, bar)
    if json:
        print_json({"backup": str(backup), **_about(made)})
        return
    say(f"{made.path} is restored as it was at {_moment(made.at)}: {_sizes(made)}")
    if made.elsewhere:
        say(f"its embeddings are at {made.elsewhere}: to use them, prospector trust {made.path}")
    say(f"next: prospector app {made.path}")


def trust(
    study: StudyPath,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take it back: the address is used no longer.")
    ] = False,
    json: Json = False,
) -> None:
    """Allow, for you on this machine, the address at which a study says its embeddings are."""
    from ..store.allowed_addresses import allow, check_address
    from ..store.allowed_addresses import withdraw as take_back
    from ..study import Study

    opened = Study.open(study)
    address = opened.address.url
    if address is not None:
        if not opened.address.linked:
            check_address(address)
        (take_back if withdraw else allow)(opened.path, opened.address.identity, address)
    if json:
        print_json(
            {"study": str(opened.path), "store": address, "allowed": address is not None and not withdraw}
        )
    elif address is None:
        say(f"the embeddings of {opened.path} are in its own folder: there is nothing to allow")
    elif withdraw:
        say(f"{address} is no longer used for {opened.path}")
    else:
        say(f"{address} is used for {opened.path} from now on; prospector trust --withdraw takes it back")


def _about(made):
    return {
        "target": str(made.path),
        "at": made.at,
        "entries": made.entries,
        "files": made.files,
        "bytes": made.size,
        "elsewhere": made.elsewhere,
    }


def _sizes(made):
    return f"{made.entries:,} entries of the history, {made.files:,} files ({made.size / 1e6:,.1f} MB)"


def _moment(at):
    from ..study.editors import moment

    return moment(at)
