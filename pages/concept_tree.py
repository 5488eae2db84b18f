"""The tree of a study's concepts.

Rows that step in where branches part; merging goes up it, splitting goes down.
"""

import streamlit as st

from pages.panels.edits import Edit, offer, offer_trial
from prospector_core.html_pages import write_html
from prospector_core.study.branches import branches_of
from viewers.words import plain, signed

__all__ = ["concept_tree"]

_STEP = 1.1  # em that a row steps in
_WIDTH = 860  # pixels, at most: what can be done to a row should stand near what it is called
_DEEPEST = 14  # steps: rows below do not step in any further, so that names stay on the screen


def concept_tree(study):
    """Every branch a row, with what can be done there. Not for studies whose ``branches()`` are None."""
    state, fit, words = study.curation.state, study.view, study.kind.words
    root = branches_of(study, state=state)
    known, tokens = {concept.id: concept for concept in study.concepts()}, {}
    for concept in known.values():  # what waits for a refit is shown as it will be
        home = state.home(concept.id)
        tokens[home] = tokens.get(home, 0) + concept.tokens
    colours = study.colours(fit)
    st.caption(
        "How the concepts branch: the farther in, the more alike. Merging a branch makes one concept of all"
        " in it; splitting a concept goes down to its own two branches. The bar says how far apart the two"
        f" sides of a branch are. Refit to see the effect on {words.tokens}."
    )
    with st.container(key="concept_tree", gap="xxsmall", width=_WIDTH):
        for depth, branch in root.walk():
            with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
                if branch.children:
                    _fork(study, branch, depth, root, tokens)
                else:
                    _concept(study, branch.concept, depth, known, tokens, colours)


def _fork(study, branch, depth, root, tokens):
    share = branch.height / root.height if root.height else 0.0
    known = [tokens[id] for id in branch.concepts if id in tokens]
    said = f"{len(branch.concepts)} concepts, {study.kind.words.count(sum(known))}"
    _row(depth, said, share=share)
    inside = [id for id in branch.concepts if id not in study.curation.state.excluded]
    if branch is root or len(inside) < 2:
        return
    into = max(inside, key=lambda id: tokens.get(id, 0))

    def read():
        return Edit("merge", (inside,), {"into": into})

    key = f"tree_merge_{'_'.join(map(str, sorted(inside)))}"
    offer(
        study,
        read,
        f"Merge {len(inside)}",
        key,
        icon=":material/merge:",
        help=(
            f"{', '.join(plain(study.concept_name(id)) for id in inside)} become one:"
            f" {plain(study.concept_name(into))}"
        ),
    )
    offer_trial(study, read, key)


def _concept(study, id, depth, known, tokens, colours):
    excluded = id in study.curation.state.excluded
    colour = study.curation.state.colours.get(id) or (colours[id] if id < len(colours) else "#888888")
    count = study.kind.words.count(tokens[id]) if id in tokens else "new at the next refit"
    weight = f"weight {signed(known[id].weight)}" if id in known else ""
    said = ", ".join(each for each in (count, "excluded" if excluded else weight) if each)
    _row(depth, said, name=study.concept_name(id), colour=colour, excluded=excluded)
    if excluded or id not in known:
        return

    def read():
        return Edit("split", (id,), {"into": 2})

    offer(
        study,
        read,
        "Split",
        f"tree_split_{id}",
        icon=":material/call_split:",
        help=f"Into its two branches; the larger keeps the name {plain(study.concept_name(id))}",
    )
    offer_trial(study, read, f"tree_split_{id}")


def _row(depth, said, **about):
    """A row that steps in, with a line for every branch that it is below."""
    look = {"name": None, "colour": None, "excluded": False, "share": None, **about}
    steps = min(depth, _DEEPEST)
    st.html(
        write_html("pages", "tree_row.html", depth=depth, steps=steps, step=_STEP, said=said, **look),
        width="stretch",
    )
