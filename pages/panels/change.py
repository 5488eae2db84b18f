"""What a refit changed or an edit on trial would change: in words, as places to go to, as maps to compare."""

import streamlit as st

from pages.shared import show_token
from viewers.access import session as access
from viewers.study_key import study_key
from viewers.words import plain, signed

__all__ = ["note_change", "say_change", "states_beside"]


def note_change(study, change):
    """Remember for this session that a refit was made here: the sidebar then says what it changed."""
    access.note("fitted", study, f"fit {change.after.id}")
    st.session_state["change"] = (
        str(study.path),
        change.after.id,
        change.before.id if change.before else None,
    )


def say_change(study, change, key):
    """A change in words, and what moved most, to fly to.

    The words say how well data are predicted before and after, and what changed in weights and classes.
    """
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in change.sentences()))
    if change.before is None or not change.same_concepts:
        return
    rows = [(f"{datum.name}: now {study.classes[new]}", datum, None) for datum, _, new in change.flipped[:3]]
    for uid, token, old, new in _moved(study_key(study), change.before.key, change.after.key, study, change):
        datum = study.datum(uid)
        rows.append((f"{datum.name}: {signed(old)} to {signed(new)}", datum, token))
    if rows:
        st.caption("What moved most:")
        with st.container(gap=None):
            for number, (words, datum, token) in enumerate(rows):
                icon = ":material/swap_horiz:" if token is None else ":material/my_location:"
                if st.button(
                    plain(words), key=f"{key}_{number}", type="tertiary", icon=icon, help="Go there"
                ):
                    show_token(datum, token)


_MOVED_DATA = 12  # data that are searched for tokens that moved: maps of all would take long in a large study


@st.cache_data(show_spinner=False, max_entries=32)
def _moved(key, before, after, _study, _change):
    old, new = (fit.summary["predictions"] for fit in (_change.before, _change.after))
    both = [datum for datum in _study.embedded() if datum.uid in old and datum.uid in new]
    data = sorted(both, key=lambda datum: -abs(new[datum.uid] - old[datum.uid]))[:_MOVED_DATA]
    found, seen = [], set()
    for datum, token, *scores in _change.tokens(50, data):
        if datum.uid not in seen and len(found) < 3:  # one place a datum: neighbours move together
            seen.add(datum.uid)
            found.append((datum.uid, token, *scores))
    return found


def states_beside(study, tried, changed):
    """Other states of a map that may stand beside it: {choice: its name}.

    ``tried``: Change of the edit on trial; ``changed``: that, or the last refit's.
    """
    this = f"this {study.kind.words.datum}"
    if tried is not None:
        return {
            "@after": f"{this} after the edit on trial",
            "@change": f"{this}, what the edit would change",
        }
    if changed is not None:
        return {
            "@before": f"{this} before the last refit",
            "@change": f"{this}, what the last refit changed",
        }
    return {}
