"""Regions that the expert marks on a slide.

What the drawing tools call, how regions are drawn, and their list.
"""

import numpy as np
import shapely
import streamlit as st

from pages import preview
from pages.concept_edits import meant
from pages.edits import Edit
from pages.people import locked
from pages.session import edit_quietly
from pages.words import plain

__all__ = ["tokens_drawn", "marking_words", "mark", "step_history", "drawn_regions", "region_list"]

MARKS = {
    "for": ":material/add_circle:",
    "against": ":material/do_not_disturb_on:",
    "ignore": ":material/block:",
}


def marking_words(study):
    """What the three kinds of evidence are called here: {evidence: {"label", "help"}}."""
    if study.several:
        name = study.classes[study.target]
        words = {
            "for": {"label": name, "help": f"One more example of {name} for the next refit"},
            "against": {
                "label": f"not {name}",
                "help": f"One more example of what is not {name} for the next refit",
            },
        }
    else:
        words = {
            evidence: {
                "label": study.classes[label],
                "help": f"One more example of {study.classes[label]} for the next refit",
            }
            for evidence, label in (("for", 1), ("against", 0))
        }
    return {
        **words,
        "ignore": {
            "label": "ignore",
            "help": f"Its {study.kind.words.tokens} are neither counted nor scored",
        },
    }


def region_words(study, region):
    """The same of a region that was marked, which may be about another class: {"label", "help"}."""
    if region.target not in (None, study.target):
        study = study.seen_from(region.target)
    return marking_words(study)[region.evidence]


def mark(study, data, drawn):
    """Keep a region that was drawn, of every datum in which some of its tokens lie."""
    polygon, evidence = drawn.get("polygon") or drawn["tokens"], drawn["evidence"]
    found = {datum: len(tokens_drawn(study, datum, drawn)) for datum in data}
    touched = [datum for datum in data if found[datum]]
    if not touched:
        st.toast(
            f"No {study.kind.words.token} has its centre in that region: nothing was marked.",
            icon=":material/error:",
        )
    elif st.session_state.get("try_drawn"):
        preview.begin(
            study,
            lambda: Edit("annotate", ([datum.uid for datum in touched], polygon, evidence), meant(study)),
        )
    elif edit_quietly(lambda: study.curation.annotate(touched, polygon, evidence, **meant(study))):
        what = marking_words(study)[evidence]["label"]
        where = touched[0].name if len(touched) == 1 else f"{len(touched)} fields"
        size = study.kind.words.count(sum(found[datum] for datum in touched))
        st.toast(f"Marked {size} of {plain(where)}: {plain(what)}. Refit to see the effect.")


def tokens_drawn(study, datum, drawn):
    """Tokens of a datum in what was drawn.

    In its outline, or as they were named (seen from aside in space).
    """
    return (
        study.tokens_inside(datum, drawn["polygon"])
        if drawn.get("polygon")
        else np.array(drawn["tokens"], np.int64)
    )


def step_history(study, step):
    """Undo or redo, asked for on the slide."""
    edits = study.curation
    entry = edits.can_undo() if step == "undo" else edits.can_redo()
    if entry is None:
        st.toast(f"Nothing to {step}.")
    elif edit_quietly(edits.undo if step == "undo" else edits.redo):
        st.toast(f"{'Undone' if step == 'undo' else 'Redone'}: {plain(edits.describe(entry))}")


def drawn_regions(study, data, lit=None):
    """Marked regions of the data for the slide viewer.

    ``lit``: the journal entry of the one to draw stronger.
    """
    known, drawn = {datum.uid: datum for datum in data}, []
    tried, kept = preview.current(study), study.curation.state.regions
    for region in tried.after.state.regions if tried else kept:
        if region.datum in known:
            label = region_words(study, region)["label"] + ("" if region in kept else " (preview)")
            drawn.append(
                {
                    "rings": _rings(study, region),
                    "evidence": region.evidence,
                    "label": label.replace("ignore", "ignored") if region.evidence == "ignore" else label,
                    "lit": region.entry == lit,
                }
            )
    return drawn


def _rings(study, region):
    """The outline as it was drawn, inside its field, or that of its tiles.

    Lists of [x, y] in level-0 pixels.
    """
    field = study.datum(region.datum).field
    if region.polygon and field is None:
        return [[list(point) for point in region.polygon]]
    if region.polygon:
        drawn = shapely.make_valid(shapely.Polygon(region.polygon))
        whole = drawn & shapely.box(field.x, field.y, field.x + field.width, field.y + field.height)
    if study.modality != "slides":
        return []  # named token by token
    if not region.polygon or whole.area == 0:
        rects = [study.token_rect(region.datum, token) for token in region.tokens]
        whole = shapely.union_all([shapely.box(x, y, x + width, y + height) for x, y, width, height in rects])
    parts = [part for part in getattr(whole, "geoms", [whole]) if part.geom_type == "Polygon"]
    return [
        [list(point) for point in ring.coords] for part in parts for ring in (part.exterior, *part.interiors)
    ]


def region_list(study, data, go_to):
    """The marked regions of the data; each is flown to or withdrawn. ``go_to``: function(datum uid, rect)."""
    known = {datum.uid: datum for datum in data}
    drawn = {}
    for region in study.curation.state.regions:
        if region.datum in known:
            drawn.setdefault(region.entry, []).append(region)
    if not drawn:
        return
    with st.expander(f"Marked regions ({len(drawn)})", icon=":material/draw:"):
        for parts in drawn.values():
            region, tiles = parts[0], sum(len(part.tokens) for part in parts)
            rect = _rect(study, parts)
            where = known[region.datum].name if len(parts) == 1 else f"{len(parts)} fields"
            words = region_words(study, region)
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(
                    f"{plain(words['label'])} · {study.kind.words.count(tiles)}",
                    key=f"region_{region.entry}",
                    type="tertiary",
                    icon=MARKS[region.evidence],
                    on_click=go_to,
                    args=(region.datum, rect),
                    help=f"Go there. {plain(where)}; {plain(words['help'].lower())}",
                )
                st.button(
                    "",
                    key=f"withdraw_{region.entry}",
                    type="tertiary",
                    icon=":material/delete:",
                    help="Take this region back",
                    on_click=_withdraw,
                    args=(study, region.entry),
                    disabled=locked(study),
                )


def _rect(study, parts):
    """(x, y, width, height) around the parts of a region."""
    points = [point for part in parts for ring in _rings(study, part) for point in ring]
    if not points:
        points = [
            study.kind.centres(study, study.datum(part.datum))[token]
            for part in parts
            for token in part.tokens
        ]
    low, high = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
    return (*low, high[0] - low[0], high[1] - low[1])


def _withdraw(study, entry):
    if edit_quietly(lambda: study.curation.withdraw(entry)):
        st.toast("Region taken back. Undo brings it again.")
