"""`prospector prospect`: maps, kept in the study; and what commands that write maps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..errors import BadInputError
from ..study.views import newer_embeddings
from .arguments import Cluster, Json, Memory, OfClass, StudyPath, Workers
from .output import complain, number, print_json, print_table, progress_bar, say, share

if TYPE_CHECKING:
    from ..study import Study

__all__ = ["masked", "register", "say_newer", "seen"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(prospect)


def prospect(
    study: StudyPath,
    data: Annotated[
        list[str] | None, typer.Argument(metavar="[DATUM]...", help="Data to map. Default: all.")
    ] = None,
    of_class: OfClass = None,
    workers: Workers = None,
    cluster: Cluster = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Compute prospect maps and keep them in the study (one .npy a datum, one score per token)."""
    from ..scheduling import scheduler
    from ..study import Study

    opened = Study.open(study)
    views = [opened.seen_from(of_class)] if of_class is not None else opened.class_views()
    chosen = [opened.datum(each) for each in data] if data else opened.embedded()
    say_newer(opened)
    found = []
    with scheduler(workers, cluster, memory) as on, progress_bar("prospecting", json, "data") as bar:
        for done, view in enumerate(views):
            written = view.save_maps(
                chosen, progress=lambda n, total, done=done: bar(done * total + n, total * len(views)), on=on
            )
            found.append(_maps(view, chosen, written))
    if json:
        if opened.several:
            names = [view.classes[view.target] for view in views]
            maps = [{"class": name, **row} for name, rows in zip(names, found) for row in rows]
            print_json({"classes": names, "maps": maps})
        else:
            print_json({"class": opened.classes[1], "maps": found[0]})
        return
    for view, rows in zip(views, found):
        name = view.classes[view.target]
        print_table(
            f"Prospect maps for “{name}” ({opened.view.unit}, summed over neighbours)",
            ("datum", opened.kind.words.tokens, "mean", "max", "at", f"P({name})"),
            [
                (
                    r["datum"],
                    r["tokens"],
                    number(r["mean"]),
                    number(r["max"]),
                    ", ".join(
                        f"{name} {r[f'top_{name}']}"
                        for name in opened.kind.place_names
                        if r.get(f"top_{name}", "") != ""
                    ),
                    share(r["probability"]),
                )
                for r in rows
            ],
        )
    say(f"kept in {opened.path / 'fits' / str(opened.view.id) / 'maps'}")


def _maps(view, data, written):
    """What is said of the maps of one class: list of dict."""
    predictions, rows = view.predictions(), []
    for datum in data:
        scores = view.prospect(datum)
        known = scores[np.isfinite(scores)]
        top = int(np.nanargmax(scores)) if known.size else None
        place = view.kind.place(view, datum, top) if known.size else {}
        rows.append(
            {
                "datum": datum.name,
                "tokens": len(scores),
                "mean": float(known.mean()) if known.size else None,
                "max": float(known.max()) if known.size else None,
                "top_token": top,
                **{f"top_{name}": value for name, value in place.items()},
                "probability": predictions.get(datum.uid),
                "map": str(written[datum.uid]),
            }
        )
    return rows


def say_newer(study: Study) -> None:
    """Say that data were embedded again since the fit, where some were."""
    newer = newer_embeddings(study)
    if newer:
        words = study.kind.words
        complain(
            f"note: the embeddings of {len(newer)} {words.datum if len(newer) == 1 else words.data} are newer"
            f" than this fit, whose concepts and weights the maps still have: `prospector fit {study.path}`"
            " finds them again, Refit in the app fits the weights"
        )


def masked(study: Study, of_class: str | None, fdr: float | None, json: bool) -> Study:
    """The study seen through the mask that was asked for, if one was; what it leaves is said."""
    if fdr is None:
        return study
    from ..study.chance import masked_study

    if not 0 < fdr < 1:
        raise BadInputError(
            f"{fdr:g} is not a false discovery rate: give a share between 0 and 1, such as 0.05"
        )
    if study.several and of_class is None:
        raise BadInputError("each class has a kernel of its own: name the one to write with --class")
    with progress_bar("shuffling labels", json, "times") as bar:
        seen, null = masked_study(study, fdr, bar)
    say(null.sentence, quiet=json)
    return seen


def seen(study: Study, of_class: str | None) -> Study:
    """The study as seen from the class that was asked for, if one was."""
    return study if of_class is None else study.seen_from(of_class)
