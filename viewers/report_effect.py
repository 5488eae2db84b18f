"""What a refit did, for the curation report: scores, maps that moved, weights and concepts, with pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from prospector_core.errors import ProspectorError
from prospector_core.palette import concept_palette
from prospector_core.study.editors import touched_concepts
from prospector_core.wording import datum_words

from .compared import Compared
from .pictures import data_uri, mosaic
from .report_numbers import class_order, decimal, held_out, percent, score_of, signed
from .token_pixels import diverging_css, hatch, map_limit, map_pixels

if TYPE_CHECKING:
    from prospector_core.study import CurationState, Datum, Entry, Event, Fit, Study

__all__ = ["effect_of"]

_TURNED = 20  # data named, a refit
_CARDS = 8  # concepts with tiles, a refit
_SIDE = 560  # pixels of a picture's longer side


def effect_of(
    study: Study,
    change: Compared,
    made: Sequence[Event],
    entries: Sequence[Entry],
    namer: Callable[[str], str],
) -> dict[str, Any]:
    """What a refit did, as the template of the report takes it.

    Parameters
    ----------
    study : Study
    change : Compared
        The fits before and after.
    made, entries : list of Event, of Entry
        Edits made between them, and the whole journal.
    namer : callable
        Uid of a datum -> what it is called.
    """
    after = change.after
    said = [f"{namer(d.uid)} ({study.classes[a]} → {study.classes[b]})" for d, a, b in change.flipped]
    found = {
        "scores": _scores(study, change),
        "how": (
            f"Each {datum_words(study)[0]} was predicted by a kernel that was fitted without it."
            if held_out(after)
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


def _scores(study: Study, change: Compared) -> list[tuple[str, str, str, str]]:
    """(measure, before, after, what that is) of each score."""
    before, after = change.before, change.after
    rows = []
    measures = [
        ("accuracy", "accuracy", percent),
        ("auroc", "mean AUROC" if study.several else "AUROC", decimal),
    ]
    measures += [
        ((label,), f"AUROC of {study.classes[label]}", decimal)
        for label in class_order(study)
        if study.several
    ]
    better = 0.0005
    for key, name, show in measures:
        old, new = score_of(before, key), score_of(after, key)
        said = "-"
        if old is not None and new is not None:
            gap = new - old
            said = (
                "the same"
                if abs(gap) < better
                else f"{'better' if gap > 0 else 'worse'} by {_gap(key, abs(gap))}"
            )
        rows.append((name, show(old), show(new), said))
    return rows


def _maps(study: Study, change: Compared, namer: Callable[[str], str]) -> dict[str, Any]:
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


def _ramp(limit: float, low: str, high: str) -> dict[str, str]:
    return {
        "low": f"{low} {signed(-limit)}",
        "high": f"{signed(limit)} {high}",
        "colours": ", ".join(diverging_css(9)),
    }


def _box(study: Study, datum: Datum) -> tuple[tuple[float, float, float, float], tuple[int, int]]:
    grid = study.grid(datum)
    (x, y), (rows, columns), pitch = grid["origin"], grid["shape"], grid["pitch"]
    scale = _SIDE / max(rows, columns)
    return (x, y, columns * pitch, rows * pitch), (
        max(1, round(columns * scale)),
        max(1, round(rows * scale)),
    )


def _tissue(study: Study, datum: Datum) -> np.ndarray:
    """The datum without its overlay, (h, w, 3) uint8; white where the slide is not available."""
    box, (width, height) = _box(study, datum)
    try:
        with study.open_source(datum) as slide:
            return slide.read_scaled(*box, width, height)
    except ProspectorError:
        return np.full((height, width, 3), 255, np.uint8)


def _laid(study: Study, datum: Datum, tissue: np.ndarray, values: np.ndarray, limit: float) -> str:
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


def _cards(
    study: Study, changes: Sequence[Compared], made: Sequence[Event], entries: Sequence[Entry]
) -> dict[str, Any]:
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


def _standing(study: Study, fit: Fit, k: int, state: CurationState) -> str:
    """What a concept is in a fit: its weight, or why it has none."""
    if k >= fit.n_concepts:
        return "not there"
    if k in fit.state.merged:
        return f"part of {study.concept_name(fit.state.home(k), state)}"
    return "excluded" if k in fit.state.excluded else signed(fit.weight(k))


def _tiles(study: Study, concept: int, fit: Fit, side: int = 72) -> str | None:
    pictures = []
    try:
        for datum, token in study.typical_tokens(concept, n=6, view=fit):
            with study.open_source(datum) as slide:
                pictures.append(slide.read_scaled(*study.token_rect(datum, token), side, side))
    except ProspectorError:  # the slide is not available
        return None
    return data_uri(_on_grey(mosaic(pictures, 3))) if pictures else None


def _on_grey(picture: np.ndarray) -> np.ndarray:
    alpha = picture[..., 3:].astype(float) / 255
    return (picture[..., :3] * alpha + 160 * (1 - alpha)).astype(np.uint8)


def _kernel(study: Study, change: Compared) -> dict[str, Any]:
    weights, others = change.weights()
    largest = max((abs(value) for _, *pair in weights for value in pair), default=1.0) or 1.0
    state = change.after.state
    rows = [
        {
            "name": " beside ".join(study.concept_name(k, state) for k in key),
            "pinned": _pinned(change.after, key),
            "before": signed(old),
            "after": signed(new),
            "bars": [_bar(old, largest, "pale"), _bar(new, largest, "")],
        }
        for key, old, new in weights
    ]
    return {"weights": rows, "others": others, "side": study.sides[1]}


def _pinned(fit: Fit, key: Sequence[int]) -> bool:
    pins = {
        tuple(sorted(fit.state.home(k) for k in np.ravel(pin).tolist()))
        for pin in fit.state.pins_of(fit.target)
    }
    return tuple(sorted(key)) in pins


def _bar(value: float, largest: float, kind: str) -> dict[str, str]:
    share = 50 * min(abs(value) / largest, 1)
    ramp = diverging_css(9)
    colour, left = (ramp[6], 50) if value > 0 else (ramp[2], 50 - share)
    return {"kind": kind, "left": f"{left:.1f}", "share": f"{share:.1f}", "colour": colour}


def _gap(key: str | tuple[int], value: float) -> str:
    return f"{100 * value:.1f} points" if key == "accuracy" else decimal(value)
