"""The curation report: what was edited, by whom, when and why, and what it did to the map, as one HTML file.

Pictures are inside the file; there are no scripts and nothing is loaded from elsewhere. It names no slide
unless asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prospector_core.errors import ProspectorError
from prospector_core.html_pages import write_html
from prospector_core.study.chronicle import chronicle
from prospector_core.study.editors import moment

from .compared import Compared
from .report_effect import effect_of
from .report_numbers import class_order, decimal, held_out, percent, score_of

if TYPE_CHECKING:
    from prospector_core.study import Event, Fit, Study

__all__ = ["curation_report"]


def curation_report(
    study: Study, with_names: bool = False, progress: Callable[[int, int, str], None] | None = None
) -> str:
    """A study's curation as an HTML page: str.

    Parameters: study, Study; with_names, name data and slides (else they have numbers); progress,
    function(done, total, text). Fits that cannot be read are said to be so. Of several classes it shows the
    maps and kernels of each, or, if the study is seen from one (``Study.of_class``), of that one.
    """
    entries = study.curation.history()
    numbers = {datum.uid: number for number, datum in enumerate(study.data, start=1)}
    namer = _Namer(study, numbers, with_names)
    events = chronicle(study, entries, namer)
    fits = study.database.read("SELECT id, at, journal, author FROM fits ORDER BY id")
    parts, before, last = [], None, 0
    for done, (id, at, journal, author) in enumerate(fits):
        if progress:
            progress(done, len(fits), f"fit {id}")
        made = [event for event in events if last < event.entry.id <= journal]
        anew = bool(made) and made[-1].entry.action == "fit"
        title = f"Fit {id}: new concepts" if anew or done == 0 else f"Fit {id}: refit"
        part = {
            "id": id,
            "title": title,
            "said": _said(at, author),
            "edits": _edits(made),
            "summary": _in_short(made),
        }
        parts.append(part)
        try:
            fit = study.load_fit(id)
        except ProspectorError as error:
            part |= {"words": _without_path(study, error), "scores": ["-"] * 3, "held_out": None}
            before, last = None, journal
            continue
        change = None if anew or before is None else Compared(study, before, fit)
        turned = "-" if change is None else str(len(change.flipped))
        part["scores"] = [percent(score_of(fit, "accuracy")), decimal(score_of(fit, "auroc")), turned]
        part["held_out"] = held_out(fit)
        if change is None:
            part["words"] = _figures(fit)
        else:
            part |= {"words": "", "effect": effect_of(study, change, made, entries, namer)}
        before, last = fit, journal
    waiting = [event for event in events if event.entry.id > last]
    if progress:
        progress(len(fits), len(fits), "the report")
    return write_html(
        "viewers",
        "report.html",
        name=study.name,
        facts=_facts(study, events, waiting),
        fits=parts,
        waiting={"edits": _edits(waiting)} if waiting else None,
        written=moment(datetime.now(UTC).isoformat()),
        held_out={part["held_out"] for part in parts} - {None} == {True},
    )


class _Namer:
    """What a datum is called here."""

    def __init__(self, study: Study, numbers: dict[str, int], with_names: bool) -> None:
        self._numbers, self._names = (
            numbers,
            ({datum.uid: datum.name for datum in study.data} if with_names else {}),
        )

    def __call__(self, uid: str) -> str:
        return self._names.get(uid) or f"datum {self._numbers.get(uid, '?')}"


def _without_path(study: Study, error: ProspectorError) -> str:
    return str(error).replace(str(study.path), study.path.name)


# ---- the top of the page


def _facts(study: Study, events: Sequence[Event], waiting: Sequence[Event]) -> list[str]:
    """The study and its journal in a few lines: list of str."""
    encoder = str(study.embedding.get("encoder", "")).rsplit("/", 1)[
        -1
    ]  # an encoder's folder is nobody's business
    counts = Counter(datum.label for datum in study.data)
    facts = [
        f"{len(study.data)} data: "
        + ", ".join(f"{counts[label]} “{study.classes[label]}”" for label in class_order(study))
        + (f", {counts[None]} unlabelled" if counts[None] else ""),
        f"encoder {encoder}",
    ]
    edits = [event for event in events if event.status]
    states = Counter(event.status for event in edits)
    authors = Counter(event.entry.author or "not known" for event in edits)
    facts.append(
        f"{len(edits)} edits: {states['stands']} stand, {states['undone']} undone, {states['ended']} ended by"
        " a new fit"
    )
    if authors:
        facts.append("by " + ", ".join(f"{author} ({n})" for author, n in authors.most_common()))
    if waiting:
        facts.append(
            f"{len(waiting)} {'entry' if len(waiting) == 1 else 'entries'} of the journal came after the"
            " last fit"
        )
    return facts


def _in_short(made: Sequence[Event]) -> str:
    """What came before a fit in one line."""
    own = [event.text for event in made if event.status]
    kind = "new concepts" if made and made[-1].entry.action == "fit" else "refit"
    said = "; ".join(own[:3]) + (f"; {len(own) - 3} more" if len(own) > 3 else "")
    return f"{kind}: {said}" if said else kind


def _edits(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What was edited, a row an edit: list of dict."""
    words = {"stands": "", "undone": "undone later", "ended": "ended by a later fit", "": ""}
    return [
        {
            "number": event.entry.id,
            "status": event.status,
            "text": event.text,
            "note": event.entry.note,
            "said": _said(event.entry.at, event.entry.author),
            "fate": words[event.status],
        }
        for event in events
        if event.entry.action != "fit"
    ]


def _smoothing_words(steps):
    return f"maps smoothed over {steps} step{'s' * (steps > 1)}" if steps else "maps not smoothed"


def _figures(fit: Fit) -> str:
    settings = fit.settings
    return (
        f"{fit.n_concepts} concepts, radius {fit.radius}, {settings.kernel} kernel, {len(fit.coef)} weights,"
        f" {_smoothing_words(fit.smoothing)}."
        f" {'Held out' if held_out(fit) else 'Not held out (too few data)'}: accuracy"
        f" {percent(score_of(fit, 'accuracy'))}, AUROC {decimal(score_of(fit, 'auroc'))}. There is nothing to"
        " compare with: the concepts are new."
    )


def _said(at: str, author: str | None) -> str:
    return moment(at) + (f", {author}" if author else "")
