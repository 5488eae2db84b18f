"""Which datum and token the pages of a modality show.

What was chosen on any page, at first what speaks most for the class.
"""

import streamlit as st

__all__ = ["beside_words", "datum_on_show"]


def datum_on_show(study, data=None):
    """The Datum of ``at_datum`` in the session.

    ``at_token``, the selected token, is forgotten where it has no such token.

    ``data``: those that can be shown; default: the embedded ones.
    """
    state, embedded = st.session_state, study.embedded()
    if state.get("at_datum") not in {datum.uid for datum in data or embedded}:
        state.pop("at_token", None)
        predicted = study.view.summary["predictions"]
        state["at_datum"] = max(
            embedded, key=lambda d: (d.label == study.target, predicted.get(d.uid, 0))
        ).uid
    datum = study.datum(state["at_datum"])
    if not 0 <= state.get("at_token", -1) < (study.n_tokens(datum) if study.is_embedded(datum) else 0):
        state.pop("at_token", None)
    return datum


def beside_words(study, states, data):
    """What may stand beside what is on show: {choice: its name}.

    ``states``: other maps of it; ``data``: other data.
    """
    own = {
        choice: text.replace("this slide", f"this {study.kind.words.datum}")
        for choice, text in states.items()
    }
    return {"": "nothing", **own, **{datum.uid: datum.name for datum in data}}
