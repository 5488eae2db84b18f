"""What the expert marks on a datum as evidence: drawn regions, chosen tokens, and their list."""

import streamlit as st

from pages.editing import edit_quietly
from pages.panels import preview
from pages.panels.concept_edits import choosable, meant
from pages.panels.edits import Edit, offer_in_form, popover, trial_here
from pages.people import locked
from viewers.kinds import view_of
from viewers.words import plain

__all__ = ["MARKS", "drawn_regions", "mark", "mark_form", "mark_list", "marking_words", "tokens_drawn"]

MARKS = {
    "for": ":material/add_circle:",
    "against": ":material/do_not_disturb_on:",
    "ignore": ":material/block:",
}
_SHORT = {"for": "for", "against": "against", "ignore": "ignored"}


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
            "help": f"Its {study.kind.words.tokens} are not counted and have no score",
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
    """Tokens of a datum in what was drawn: list of int.

    They are the tokens in its outline, or those that it names (where space is seen from aside).
    """
    if drawn.get("polygon"):
        return study.tokens_inside(datum, drawn["polygon"]).tolist()
    return [int(token) for token in drawn["tokens"]]


def drawn_regions(study, data):
    """Marked regions of the data for a viewer on which they are drawn."""
    view, known, drawn = view_of(study), {datum.uid for datum in data}, []
    tried, kept = preview.current(study), study.curation.state.regions
    for region in tried.after.state.regions if tried else kept:
        if region.datum in known:
            label = region_words(study, region)["label"] + ("" if region in kept else " (preview)")
            drawn.append(
                {
                    "rings": view.rings(study, region),
                    "evidence": region.evidence,
                    "label": label.replace("ignore", "ignored") if region.evidence == "ignore" else label,
                }
            )
    return drawn


def mark_form(study, datum, tokens):
    """A popover that marks the selected tokens as evidence, or moves them to another concept.

    Nothing where this kind of data is drawn on, or nothing is selected that could be marked.
    """
    view = view_of(study)
    form = view.mark_form(study, datum, tokens)
    if form is None:
        return
    box = popover(form.label, "mark_box_box", icon=":material/draw:", help=form.help)
    if not box.open:
        return
    what = {
        "for": f"speak for {plain(study.classes[study.target])}",
        "against": "speak against it",
        "ignore": "are to be ignored",
        "move": "belong to …",
    }
    names = choosable(study, {each.id: each for each in study.concepts()})
    with box:
        with st.form("mark_form", border=False):
            if form.field:
                label, placeholder, help = form.field
                st.text_input(label, key="mark_text", placeholder=placeholder, help=help)
            st.radio("They", list(what), format_func=what.get, key="mark_what")
            st.selectbox(
                "Concept, if they belong to another", list(names), format_func=names.get, key="mark_to"
            )

            def read():
                meant_tokens = view.tokens_meant(study, datum, tokens, st.session_state.get("mark_text", ""))
                if st.session_state["mark_what"] == "move":
                    return Edit("reassign", (datum.uid, meant_tokens, st.session_state["mark_to"]))
                return Edit(
                    "annotate", (datum.uid, meant_tokens, st.session_state["mark_what"]), meant(study)
                )

            offer_in_form(study, read, "Mark", "mark", ("mark_box_box",), icon=":material/draw:")
        trial_here(study, [("annotate", datum.uid), ("reassign", datum.uid)], "mark_")
        if form.caption:
            st.caption(form.caption)


def mark_list(study, data, go_to):
    """The marks of the data; each is gone to or withdrawn. ``go_to``: function(datum uid, Goal)."""
    view, known = view_of(study), {datum.uid: datum for datum in data}
    marks = {}
    for region in study.curation.state.regions:
        if region.datum in known:
            marks.setdefault(region.entry, []).append(region)
    if not marks:
        return
    what = "regions" if view.draws_regions else study.kind.words.tokens
    with st.expander(f"Marked {what} ({len(marks)})", icon=":material/draw:"):
        for parts in marks.values():
            (_region if view.draws_regions else _tokens)(study, view, known[parts[0].datum], parts, go_to)


def _region(study, view, datum, parts, go_to):
    """The line of a region that was drawn; ``parts``: of it, one a datum."""
    words = region_words(study, parts[0])
    size = study.kind.words.count(sum(len(part.tokens) for part in parts))
    where = datum.name if len(parts) == 1 else f"{len(parts)} fields"
    goal = view.goal_of_region(study, datum, parts)
    help = f"Go there. {plain(where)}; {plain(words['help'].lower())}"
    _line(study, parts[0], f"{plain(words['label'])} · {size}", help, go_to, goal, "region")


def _tokens(study, view, datum, parts, go_to):
    """The line of tokens that were marked in a form."""
    label = f"{_SHORT[parts[0].evidence]}: {plain(view.mark_line(study, datum, parts[0]))}"
    _line(study, parts[0], label, None, go_to, view.goal_of_mark(parts[0]), "mark")


def _line(study, region, label, help, go_to, goal, noun):
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            label,
            key=f"region_{region.entry}",
            type="tertiary",
            icon=MARKS[region.evidence],
            on_click=go_to,
            args=(region.datum, goal),
            help=help,
        )
        st.button(
            "",
            key=f"withdraw_{region.entry}",
            type="tertiary",
            icon=":material/delete:",
            help=f"Take this {noun} back",
            on_click=_withdraw,
            args=(study, region.entry, noun),
            disabled=locked(study),
        )


def _withdraw(study, entry, noun):
    if edit_quietly(lambda: study.curation.withdraw(entry)):
        st.toast(f"{noun.capitalize()} taken back. Undo brings it again.")
