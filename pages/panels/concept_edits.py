"""What can be done to a concept, each edit in a small form of its own.

Used by the cards, the kernel and the slide's panel.
"""

import streamlit as st

from pages.panels.edits import Edit, offer, offer_in_form, offer_trial, popover, trial_here
from prospector_core.study.change import last_change
from prospector_core.study.journal import Split
from viewers.kinds import view_of
from viewers.words import plain, signed

__all__ = [
    "choosable",
    "exclude_or_include",
    "split",
    "pin",
    "merge",
    "rename",
    "largest",
    "meant",
    "waiting",
    "new_parts",
]

MOST_PARTS = 8


def choosable(study, found):
    """Concepts that tokens can be moved to: {id: name}."""
    state = study.curation.state
    return {k: each.name for k, each in found.items() if not each.excluded and state.home(k) == k}


def exclude_or_include(study, concept, where="", label="Exclude"):
    """Take a concept out with a reason, or back in.

    ``where``: makes keys of a second place on a page unique.
    """
    key = f"{where}exclude_{concept.id}"
    if concept.excluded:
        offer(
            study,
            lambda: Edit("include", (concept.id,)),
            "Include",
            f"{where}include_{concept.id}",
            icon=":material/add_circle:",
            help=f"Its {study.kind.words.tokens} count again",
        )
        return
    box = popover(
        label,
        f"{key}_box",
        help=f"Its {study.kind.words.tokens} leave the graph: no count, no score, a gap to their neighbours",
    )
    if not box.open:
        return
    with box, st.form(f"{key}_form", border=False):
        st.text_input(
            "Reason",
            key=f"{key}_reason",
            placeholder=view_of(study).unwanted.strip(" ()") + " …",
            max_chars=200,
        )

        def read():
            return Edit("exclude", (concept.id,), {"reason": st.session_state[f"{key}_reason"].strip()})

        offer_in_form(study, read, "Exclude", key, (f"{key}_box",), icon=":material/block:")
    with box:
        trial_here(study, [("exclude", concept.id)], f"{key}_")


def split(study, concept, where=""):
    """Cut a concept into parts."""
    key = f"{where}cut_{concept.id}"  # not "split": columns that wrap are called so, and styled
    box = popover(
        "Split",
        f"{key}_box",
        help=f"Sort its {study.kind.words.tokens} into two or more new concepts, by how they look",
        disabled=concept.excluded,
    )
    if not box.open:
        return
    with box, st.form(f"{key}_form", border=False):
        st.number_input("Parts", 2, MOST_PARTS, 2, key=f"{key}_parts")
        st.caption(
            "The largest part keeps the name. The others are new concepts; all other concepts stay as they"
            " are."
        )

        def read():
            return Edit("split", (concept.id,), {"into": int(st.session_state[f"{key}_parts"])})

        offer_in_form(study, read, "Split", key, (f"{key}_box",), icon=":material/call_split:")
    with box:
        trial_here(study, [("split", concept.id)], f"{key}_")


def pin(study, concepts, fitted, pinned, key, label="Pin", disabled=False):
    """Set the weight of a concept (an id), or of two near each other (a pair).

    ``pinned``: its present pin or None.
    """
    box = popover(
        label,
        f"{key}_box",
        disabled=disabled,
        help="Put your own weight in place of the fitted one; 0 says that it tells nothing",
    )
    if not box.open:
        return
    with box:
        with st.form(f"{key}_form", border=False):
            typed = f"{key}_weight" + (f"_{study.target}" if study.several else "")
            st.number_input(
                f"Weight ({study.view.unit})",
                value=float(fitted if pinned is None else pinned),
                step=0.1,
                format="%.2f",
                min_value=-1e5,
                max_value=1e5,
                key=typed,
            )
            low, high = (plain(side) for side in study.sides)
            st.caption(f"Fitted: {signed(fitted)}. Positive speaks {high}, negative {low}.")

            def read():
                return Edit("pin", (concepts,), {"weight": float(st.session_state[typed]), **meant(study)})

            offer_in_form(study, read, "Pin", key, (f"{key}_box",), icon=":material/keep:")
        if pinned is not None:
            offer(
                study,
                lambda: Edit("pin", (concepts,), {"weight": None, **meant(study)}),
                "Unpin",
                f"{key}_off",
                (f"{key}_box",),
                icon=":material/keep_off:",
                help="The fitted weight counts again",
            )
        trial_here(study, [("pin", concepts)], f"{key}_")


def pin_of(study, concept):
    """The expert's weight of a concept as it stands now, or None."""
    return study.curation.state.pins_of(study.target).get(concept)


def meant(study):
    """What says which class an edit is about, where there are more than two: the one that is looked at."""
    return {"target": study.target} if study.several else {}


def largest(concepts):
    """Of several concepts the one with most tokens: what a merge goes into unless told otherwise."""
    return max(concepts, key=lambda concept: concept.tokens)


def merge(study, concepts, key, closes=()):
    """Make several concepts one: which stays is asked. ``concepts``: list of Concept."""
    names = {concept.id: concept.name for concept in concepts}
    ids = list(names)
    st.selectbox(
        "Merge into",
        ids,
        index=ids.index(largest(concepts).id),
        key=f"{key}_into_{'_'.join(map(str, ids))}",
        format_func=names.get,
        help="The merged concept keeps its name and colour",
    )

    def read():
        return Edit("merge", (ids,), {"into": st.session_state[f"{key}_into_{'_'.join(map(str, ids))}"]})

    offer(study, read, "Merge", key, closes, icon=":material/merge:", type="primary")
    offer_trial(study, read, key, closes)


def rename(study, concept, key):
    """Name a concept, in a popover."""
    box = popover("Rename", f"{key}_box")
    if not box.open:
        return
    with box, st.form(f"{key}_form", border=False):
        st.text_input("Name", concept.name, key=f"{key}_name", max_chars=60)

        def read():
            return Edit("rename", (concept.id, st.session_state[f"{key}_name"]))

        offer_in_form(study, read, "Rename", key, (f"{key}_box",), icon=":material/edit:")


def waiting(study, concept):
    """What the next refit will do to a concept, in words: list of str."""
    fit, state = study.view, study.curation.state
    out, home = [], state.home(concept.id)
    if home != concept.id:
        out.append(f"goes into {study.concept_name(home)}")
    for step in state.steps:
        if isinstance(step, Split) and step.concept == concept.id and step not in fit.state.steps:
            out.append(f"is split into {len(step.ids)}")
    if concept.excluded != (fit.state.home(concept.id) in fit.state.excluded):
        out.append("is excluded" if concept.excluded else "is taken back in")
    now, then = (each.pins_of(study.target).get(concept.id) for each in (state, fit.state))
    if now != then:
        out.append("is unpinned" if now is None else f"is pinned at {signed(now)}")
    return out


def new_parts(study):
    """Concepts that the last refit made by splitting: {new id: id of the concept that was split}."""
    change = last_change(study)
    if change is None:
        return {}
    before, after = change.before.state.steps, change.after.state.steps
    splits = [step for step in after if isinstance(step, Split) and step not in before]
    return {part: step.concept for step in splits for part in step.ids[1:]}
