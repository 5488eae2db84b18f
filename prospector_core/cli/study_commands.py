"""Commands that embed a study and name its concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FitError
from .arguments import Cluster, Json, Memory, StudyPath, Workers
from .grow_commands import say_table_changed
from .output import complain, print_json, print_table, progress_bar, say

if TYPE_CHECKING:
    from pathlib import Path

    from ..study.data import Datum

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (embed, name):
        app.command()(command)


def embed(
    study: StudyPath,
    data: Annotated[
        list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to embed. Default: all.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the encoder. Default: 1.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Embed again what is embedded already.")] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Embed the tokens of every datum; run it again to go on where it stopped."""
    from ..scheduling import scheduler
    from ..study import Study

    opened = Study.open(study)
    say_table_changed(opened)
    chosen = [opened.datum(each) for each in data] if data else opened.data
    earlier = set() if anew else {datum.uid for datum in chosen if opened.is_embedded(datum)}
    seen = set(earlier)
    with scheduler(workers, cluster, memory) as on, progress_bar("embedding", json, "tokens") as bar:

        def tell(datum: Datum, done: int, total: int) -> None:
            seen.add(datum.uid)
            bar(done, total, f"{datum.name} ({len(seen)} of {len(chosen)})")

        failed = opened.embed(data=chosen, progress=tell, threads=threads, anew=anew, on=on)
    before, made = (
        len(earlier),
        [datum for datum in chosen if datum.uid not in earlier and opened.is_embedded(datum)],
    )
    there, tokens = before + len(made), sum(opened.store.shape(datum.uid)[0] for datum in made)
    jobs = {job.uid: job for job in opened.queue.jobs() if job.uid in {datum.uid for datum in chosen}}
    paused = [datum.name for datum in chosen if datum.uid in jobs and jobs[datum.uid].state == "paused"]
    notes = [job.message for job in jobs.values() if job.state == "done" and job.message]
    if json:
        names = {opened.datum(uid).name: reason for uid, reason in failed.items()}
        print_json(
            {
                "embedded": there,
                "new": there - before,
                "tokens": tokens,
                "data": len(chosen),
                "paused": paused,
                "failed": names,
                **({"notes": sorted(set(notes))} if notes else {}),
            }
        )
    else:
        say(f"{there} of {len(chosen)} data embedded, {there - before} of them now ({tokens:,} tokens)")
        if paused:
            say(f"{len(paused)} paused; to go on: prospector embed {study}")
        elif there and not failed:
            say(f"next: prospector fit {study}")
        for note in sorted(set(notes)):
            complain(f"note: {note}")
    if failed:
        for reason in failed.values():
            complain(reason)
        raise typer.Exit(2)


def name(
    study: StudyPath,
    phrases: Annotated[
        str | None,
        typer.Option(help="Words or phrases with commas between them. Default: a list of tissue kinds."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Rename concepts to their best phrase; names given by hand stay.")
    ] = False,
    earlier: Annotated[
        bool,
        typer.Option("--earlier", help="Suggest the names of before concepts were found anew, by tokens."),
    ] = False,
    json: Json = False,
) -> None:
    """Compare concepts with phrases, where the encoder is a model of open_clip."""
    if earlier:
        return _earlier_names(study, apply, json)
    from ..study import Study
    from ..study.prompts import PHRASES, parse_phrases, similarity, suggest_names

    opened = Study.open(study)
    asked = parse_phrases(", ".join(PHRASES) if phrases is None else phrases)
    if opened.view is None:
        raise FitError("the study has not been fitted yet: run `prospector fit` first")
    table = similarity(opened, asked)
    concepts = opened.concepts()
    suggested = suggest_names(opened, asked, table)
    if apply:
        for id, new_name in suggested.items():
            opened.curation.rename(id, new_name)
    if json:
        print_json(
            {
                "phrases": asked,
                "applied": apply,
                "concepts": [
                    {
                        "concept": c.id,
                        "name": c.name,
                        "suggested": suggested.get(c.id),
                        "similarity": table[c.id],
                    }
                    for c in concepts
                ],
            }
        )
        return
    rows = [(c.name, suggested.get(c.id, ""), *(f"{value:+.2f}" for value in table[c.id])) for c in concepts]
    print_table(
        "How well each phrase describes each concept",
        ("concept", "new name" if apply else "suggested", *asked),
        rows,
    )
    if apply:
        say(f"{len(suggested)} concepts renamed; Undo in the app takes names back one by one")
    elif suggested:
        say("add --apply to take the suggested names")


def _earlier_names(path: Path, apply: bool, json: bool) -> None:
    """Names that concepts had before they were found anew, for those nearest by tokens."""
    from dataclasses import asdict

    from ..study import Study
    from ..study.novelty import carried_names

    opened = Study.open(path)
    found = carried_names(opened)
    if apply:
        for each in found:
            opened.curation.rename(each.concept, each.name)
    if json:
        print_json({"applied": apply, "names": [asdict(each) for each in found]})
        return
    if not found:
        say(f"{opened.path}: no name of an earlier concept fits one of now")
        return
    print_table(
        "Names of earlier concepts",
        ("concept", "name", "earlier concept", "tokens in both"),
        [(each.concept, each.name, each.earlier, f"{each.overlap:.0%}") for each in found],
    )
    say(f"{len(found)} concepts renamed" if apply else "add --apply to take these names")
