"""The curation report: what was edited, by whom, when and why, and what it did to the map, as one HTML file.

Pictures are inside the file; there are no scripts and nothing is loaded from elsewhere. It names no slide
unless asked.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from prospector_core.errors import ProspectorError
from prospector_core.html_pages import write_html
from prospector_core.palette import concept_palette
from prospector_core.study.chronicle import chronicle
from prospector_core.study.editors import moment, touched_concepts
from prospector_core.wording import datum_words

from .compared import Compared
from .overlays import diverging_css, hatch, map_limit, map_pixels
from .pictures import data_uri, mosaic

__all__ = ["curation_report"]

_TURNED = 20  # data named, a refit
_CARDS = 8  # concepts with tiles, a refit
_SIDE = 560  # pixels of a picture's longer side


def curation_report(study, with_names=False, progress=None):
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
        part["scores"] = [_percent(_score(fit, "accuracy")), _decimal(_score(fit, "auroc")), turned]
        part["held_out"] = _held_out(fit)
        if change is None:
            part["words"] = _figures(fit)
        else:
            part |= {"words": "", "effect": _effect(study, change, made, entries, namer)}
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


def _order(study):
    """Classes as they are listed: of two, the one to find first."""
    return range(len(study.classes)) if study.several else (1, 0)


class _Namer:
    """What a datum is called here."""

    def __init__(self, study, numbers, with_names):
        self._numbers, self._names = (
            numbers,
            ({datum.uid: datum.name for datum in study.data} if with_names else {}),
        )

    def __call__(self, uid):
        return self._names.get(uid) or f"datum {self._numbers.get(uid, '?')}"


def _without_path(study, error):
    return str(error).replace(str(study.path), study.path.name)


# ---- the top of the page


def _facts(study, events, waiting):
    """The study and its journal in a few lines: list of str."""
    encoder = str(study.embedding.get("encoder", "")).rsplit("/", 1)[
        -1
    ]  # an encoder's folder is nobody's business
    counts = Counter(datum.label for datum in study.data)
    facts = [
        f"{len(study.data)} data: "
        + ", ".join(f"{counts[label]} “{study.classes[label]}”" for label in _order(study))
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


def _in_short(made):
    """What came before a fit in one line."""
    own = [event.text for event in made if event.status]
    kind = "new concepts" if made and made[-1].entry.action == "fit" else "refit"
    said = "; ".join(own[:3]) + (f"; {len(own) - 3} more" if len(own) > 3 else "")
    return f"{kind}: {said}" if said else kind


def _edits(events):
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


def _figures(fit):
    settings = fit.settings
    return (
        f"{fit.n_concepts} concepts, radius {fit.radius}, {settings.kernel} kernel, {len(fit.coef)} weights."
        f" {'Held out' if _held_out(fit) else 'Not held out (too few data)'}: accuracy"
        f" {_percent(_score(fit, 'accuracy'))}, AUROC {_decimal(_score(fit, 'auroc'))}. There is nothing to"
        " compare with: the concepts are new."
    )


# ---- what a refit did


def _effect(study, change, made, entries, namer):
    before, after = change.before, change.after
    rows = []
    measures = [
        ("accuracy", "accuracy", _percent),
        ("auroc", "mean AUROC" if study.several else "AUROC", _decimal),
    ]
    measures += [
        ((label,), f"AUROC of {study.classes[label]}", _decimal) for label in _order(study) if study.several
    ]
    better = 0.0005
    for key, name, show in measures:
        old, new = _score(before, key), _score(after, key)
        said = "-"
        if old is not None and new is not None:
            gap = new - old
            said = (
                "the same"
                if abs(gap) < better
                else f"{'better' if gap > 0 else 'worse'} by {_gap(key, abs(gap))}"
            )
        rows.append((name, show(old), show(new), said))
    said = [f"{namer(d.uid)} ({study.classes[a]} → {study.classes[b]})" for d, a, b in change.flipped]
    found = {
        "scores": rows,
        "how": (
            f"Each {datum_words(study)[0]} was predicted by a kernel that was fitted without it."
            if _held_out(after)
            else "Not held out: too few data."
        ),
        "turned": (
            "Predicted class changed: "
            + ", ".join(said[:_TURNED])
            + (f" and {len(said) - _TURNED} more" if len(said) > _TURNED else "")
            if said
            else "No predicted class changed."
        ),
    }
    views = study.class_views()
    if len(views) == 1:
        return {
            **found,
            "of_classes": [],
            "maps": _maps(study, change, namer),
            "kernel": _kernel(study, change),
            "concepts": _cards(study, [change], made, entries),
        }
    seen = [(view, change.seen_from(view)) for view in views]
    return {
        **found,
        "concepts": _cards(study, [each for _, each in seen], made, entries),
        "of_classes": [
            (view.classes[view.target], _maps(view, each, namer), _kernel(view, each)) for view, each in seen
        ],
    }


def _maps(study, change, namer):
    moved = change.moved_most()
    if not moved:
        return {"moved": []}
    scores = {
        datum.uid: [study.prospect(datum, fit) for fit in (change.before, change.after)] for datum, _ in moved
    }
    limit = map_limit([each for pair in scores.values() for each in pair])
    most = map_limit([change.difference(datum) for datum, _ in moved])
    found = []
    for datum, mean in moved:
        tissue = _tissue(study, datum)
        old, new = scores[datum.uid]
        gap = np.where(np.isnan(new), np.nan, change.difference(datum))
        label = "unlabelled" if datum.label is None else study.classes[datum.label]
        pictures = [
            (name, _laid(study, datum, tissue, values, top))
            for name, values, top in (("before", old, limit), ("after", new, limit), ("change", gap, most))
        ]
        found.append({"name": namer(datum.uid), "label": label, "mean": f"{mean:.2f}", "pictures": pictures})
    low, high = study.sides
    name = study.classes[study.target]
    towards = (
        (f"away from {name}", f"towards {name}")
        if study.several
        else (f"towards {study.others}", f"towards {name}")
    )
    ramps = [
        _ramp(limit, f"before and after: speaks {low}", high),
        _ramp(most, f"change: {towards[0]}", towards[1]),
    ]
    return {"moved": found, "ramps": ramps}


def _ramp(limit, low, high):
    return {
        "low": f"{low} {_signed(-limit)}",
        "high": f"{_signed(limit)} {high}",
        "colours": ", ".join(diverging_css(9)),
    }


def _box(study, datum):
    grid = study.grid(datum)
    (x, y), (rows, columns), pitch = grid["origin"], grid["shape"], grid["pitch"]
    scale = _SIDE / max(rows, columns)
    return (x, y, columns * pitch, rows * pitch), (
        max(1, round(columns * scale)),
        max(1, round(rows * scale)),
    )


def _tissue(study, datum):
    """The datum without its overlay, (h, w, 3) uint8; white where the slide is not available."""
    box, (width, height) = _box(study, datum)
    try:
        with study.open_source(datum) as slide:
            return slide.read_scaled(*box, width, height)
    except ProspectorError:
        return np.full((height, width, 3), 255, np.uint8)


def _laid(study, datum, tissue, values, limit):
    """Values of tokens over the tissue, as text that an <img> takes."""
    grid = study.grid(datum)
    rows, columns = grid["shape"]
    cells, marked = np.zeros((rows, columns, 4), np.uint8), np.zeros((rows, columns), bool)
    at = tuple(grid["positions"].T)
    cells[at], marked[at] = map_pixels(values, limit, 0.85), np.isnan(values)
    size = tissue.shape[1], tissue.shape[0]
    cell = max(1, round(size[0] / columns))
    overlay = Image.fromarray(hatch(cells, marked, cell), "RGBA")
    how = Image.Resampling.NEAREST if overlay.width <= 2 * size[0] else Image.Resampling.BOX
    picture = Image.fromarray(tissue).convert("RGBA")
    picture.alpha_composite(overlay.resize(size, how))
    return data_uri(np.asarray(picture.convert("RGB")))


def _cards(study, changes, made, entries):
    """Concepts that were edited, with their weights; ``changes``: of each class that is shown."""
    before, after = changes[0].before, changes[0].after
    concepts = sorted({k for event in made for k in touched_concepts(event.entry, entries)})
    found = []
    for k in concepts[:_CARDS]:
        fit = after if k < after.n_concepts and k not in after.state.merged else before
        if k >= fit.n_concepts:
            continue
        name = study.concept_name(k, after.state)
        colour = after.state.colours.get(k, concept_palette(fit.n_concepts)[k])
        lines = []
        for change in changes:
            what = [_standing(study, each, k, after.state) for each in (change.before, change.after)]
            about = f"weight for {study.classes[change.after.target]}" if len(changes) > 1 else "weight"
            lines.append(f"{about} {what[0]} → {what[1]}")
        found.append({"name": name, "colour": colour, "lines": lines, "tiles": _tiles(study, k, fit)})
    return {"cards": found, "more": max(0, len(concepts) - _CARDS)}


def _standing(study, fit, k, state):
    """What a concept is in a fit: its weight, or why it has none."""
    if k >= fit.n_concepts:
        return "not there"
    if k in fit.state.merged:
        return f"part of {study.concept_name(fit.state.home(k), state)}"
    return "excluded" if k in fit.state.excluded else _signed(fit.weight(k))


def _tiles(study, concept, fit, side=72):
    pictures = []
    try:
        for datum, token in study.typical_tokens(concept, n=6, view=fit):
            with study.open_source(datum) as slide:
                pictures.append(slide.read_scaled(*study.token_rect(datum, token), side, side))
    except ProspectorError:  # the slide is not available
        return None
    return data_uri(_on_grey(mosaic(pictures, 3))) if pictures else None


def _on_grey(picture):
    alpha = picture[..., 3:].astype(float) / 255
    return (picture[..., :3] * alpha + 160 * (1 - alpha)).astype(np.uint8)


def _kernel(study, change):
    weights, others = change.weights()
    largest = max((abs(value) for _, *pair in weights for value in pair), default=1.0) or 1.0
    state = change.after.state
    rows = [
        {
            "name": " beside ".join(study.concept_name(k, state) for k in key),
            "pinned": _pinned(change.after, key),
            "before": _signed(old),
            "after": _signed(new),
            "bars": [_bar(old, largest, "pale"), _bar(new, largest, "")],
        }
        for key, old, new in weights
    ]
    return {"weights": rows, "others": others, "side": study.sides[1]}


def _pinned(fit, key):
    pins = {
        tuple(sorted(fit.state.home(k) for k in np.ravel(pin).tolist()))
        for pin in fit.state.pins_of(fit.target)
    }
    return tuple(sorted(key)) in pins


def _bar(value, largest, kind):
    share = 50 * min(abs(value) / largest, 1)
    ramp = diverging_css(9)
    colour, left = (ramp[6], 50) if value > 0 else (ramp[2], 50 - share)
    return {"kind": kind, "left": f"{left:.1f}", "share": f"{share:.1f}", "colour": colour}


# ---- small things


def _held_out(fit):
    return bool(fit.summary.get("held_out_folds"))


def _score(fit, name):
    """The "accuracy" or "auroc" of a fit, or (class,): its AUROC against the rest; None if there is none."""
    kind = "held_out" if _held_out(fit) else "fitted"
    if isinstance(name, tuple):
        value = fit.summary[f"{kind}_auroc_by_class"][name[0]]
    else:
        value = fit.summary.get(f"{kind}_{name}")
    return None if value is None or not np.isfinite(value) else float(value)


def _percent(value):
    return "-" if value is None else f"{100 * value:.1f} %"


def _gap(key, value):
    return f"{100 * value:.1f} points" if key == "accuracy" else _decimal(value)


def _decimal(value):
    return "-" if value is None else f"{value:.3f}"


def _signed(value):
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _said(at, author):
    return moment(at) + (f", {author}" if author else "")
