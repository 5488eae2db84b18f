"""The filmstrip above the picture.

Every embedded datum of the study, sorted by what it is predicted to be.
"""

import streamlit as st

from viewers import tile_server
from viewers.filmstrip import filmstrip
from viewers.kinds import view_of
from viewers.pictures import png
from viewers.study_key import study_key
from viewers.words import class_of

__all__ = ["strip"]


SHOWN = 1000


@st.cache_data(show_spinner=False, max_entries=16)
def _evidence(key, fit_key, _study):
    return _study.evidence()


def strip(study, selected, on_pick):
    """Draw the filmstrip. ``selected``: uid of the datum on show; ``on_pick``: function(uid)."""
    fit = study.view
    data, key = [], study_key(study)
    evidence, predictions = _evidence(key, fit.key, study), fit.summary["predictions"]
    for datum in _shown(study.embedded(), evidence, selected):
        probability = predictions.get(datum.uid)
        data.append(
            {
                "id": datum.uid,
                "name": datum.name,
                "label": class_of(study, datum),
                "probability": probability,
                "evidence": evidence.get(datum.uid),
                "url": _picture(study, datum, key),
                "wrong": (
                    probability is not None
                    and datum.label is not None
                    and fit.predicted(datum.uid) != datum.label
                ),
                "predicted": (
                    study.classes[fit.predicted(datum.uid)]
                    if study.several and probability is not None
                    else None
                ),
            }
        )
    filmstrip(
        data,
        key="strip",
        class_name=study.classes[study.target],
        selected=selected,
        on_pick=lambda: st.session_state["strip"].pick and on_pick(st.session_state["strip"].pick["id"]),
    )


def _shown(data, evidence, selected):
    """Those of many data with the most and the least evidence, and the one on show.

    A strip of more is no strip.
    """
    if len(data) <= SHOWN:
        return data
    order = sorted(range(len(data)), key=lambda at: evidence.get(data[at].uid, 0.0))
    ends = {*order[: SHOWN // 2], *order[-SHOWN // 2 :]}
    return [datum for at, datum in enumerate(data) if at in ends or datum.uid == selected]


def _picture(study, datum, key):
    """Address of a small picture, which is made when it comes into sight."""
    where, view = (key, datum.uid, "thumb"), view_of(study)
    version = study.view.key if view.pictures_follow_fit else 1
    return tile_server.register_image(where, lambda: png(view.picture(study, datum, 120)), version=version)
