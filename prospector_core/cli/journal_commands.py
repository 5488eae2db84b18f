"""Commands on what a study keeps: history, replay, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import Cluster, Json, Memory, StudyPath, Workers
from .output import complain, print_json, print_table, progress_bar, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (history, replay, check):
        app.command()(command)


def history(
    study: StudyPath,
    last: Annotated[int | None, typer.Option(min=1, help="Only this many of the last entries.")] = None,
    json: Json = False,
) -> None:
    """Print the journal: every edit, when and by whom it was made, why, and whether it was undone."""
    from ..study import Study
    from ..study.editors import moment

    opened = Study.open(study)
    events = opened.curation.chronicle()
    fits = [
        {"fit": id, "at": at, "journal": journal, "author": author}
        for id, at, journal, author in opened.database.read(
            "SELECT id, at, journal, author FROM fits ORDER BY id"
        )
    ]
    shown = events if last is None else events[-last:]
    if json:
        print_json({"study": str(opened.path), "entries": [event.record() for event in shown], "fits": fits})
        return
    if not shown:
        say(f"{opened.path}: nothing has been edited yet")
        return
    refits, by_entry = [], {}
    for fit in fits:
        by_entry.setdefault(fit["journal"], []).append(fit["fit"])
    words = {"stands": "", "undone": "undone", "ended": "ended by a new fit", "": ""}
    for event in shown:
        numbers = ", ".join(map(str, by_entry.get(event.entry.id, ())))
        refits.append(
            (
                event.entry.id,
                moment(event.entry.at),
                event.entry.author or "-",
                event.text,
                event.entry.note,
                words[event.status],
                numbers,
            )
        )
    print_table(
        f"Journal of {opened.name}",
        ("id", "time", "author", "edit", "note", "what became of it", "fitted here"),
        refits,
    )


def replay(
    study: StudyPath,
    into: Annotated[
        Path | None, typer.Option(help="Keep what is made again in this new folder, one folder per fit.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put fits that were made again in place of damaged ones.")
    ] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Make every fit again from the embeddings and the journal, and say whether its bytes are the same."""
    from ..scheduling import scheduler
    from ..study import Study
    from ..study.rebuild import rebuild_fits

    opened = Study.open(study)
    with scheduler(workers, cluster, memory) as on, progress_bar("rebuilding", json, "fits") as bar:
        found = rebuild_fits(opened, into, repair, bar, on)
    bad = [each for each in found if not each.good]
    words = {"same": "same bytes", "close": "same but for rounding", "differs": "differs", "failed": "failed"}
    if json:
        fields = ("fit", "kind", "journal", "result", "damaged", "repaired", "says")
        print_json(
            {
                "study": str(opened.path),
                "same": not bad,
                "fits": [{name: getattr(each, name) for name in fields} for each in found],
            }
        )
    elif found:
        print_table(
            f"Fits of {opened.name}, made again",
            ("fit", "kind", "journal to", "result", ""),
            [(each.fit, each.kind, each.journal, words[each.result], each.says) for each in found],
        )
        if not bad:
            say(f"{_fits(len(found))} made again from the journal: same bytes")
    else:
        say(f"{opened.path}: nothing has been fitted yet")
    if bad:
        names = ", ".join(str(each.fit) for each in bad)
        fix = (
            ": `prospector replay --repair` puts it right"
            if not repair and all(b.result in ("same", "close") and b.damaged for b in bad)
            else ""
        )
        complain(f"not as the journal says: fit {names}{fix}")
        raise typer.Exit(2)


def check(study: StudyPath, json: Json = False) -> None:
    """Compare all of a study with what was written: database, embeddings, fits, maps. Writes nothing.

    The exit code is 1 where something is damaged or missing; each such thing is named, with its remedy.
    """
    from ..study.check import check_study

    with progress_bar("checking", json) as bar:
        found = check_study(study, bar)
    if json:
        fields = ("what", "name", "says", "remedy")
        print_json(
            {
                "study": str(study),
                "sound": not found,
                "faults": [{name: getattr(each, name) for name in fields} for each in found],
            }
        )
    else:
        for each in found:
            say(f"{each.what} {each.name}: {each.says}: {each.remedy}")
        if not found:
            say(f"{study}: database, embeddings, fits and maps are what was written")
    if found:
        complain(f"{len(found)} thing{'s are' if len(found) > 1 else ' is'} damaged or missing in {study}")
        raise typer.Exit(1)


def _fits(number):
    return f"{number} fit{'s' if number > 1 else ''}"
