"""Every edit that was ever made, with who, when and why; and the curation report to send to a colleague."""

import streamlit as st

from prospector_core.study.editors import moment
from viewers.access.session import exported
from viewers.kinds import view_of

__all__ = ["history"]

STATUS = {"undone": "undone", "ended": "ended by a new fit", "stands": "stands"}


def history(study):
    """The journal as a table, newest first, and the report."""
    events = study.curation.chronicle()
    if view_of(study).in_report and study.view is not None:
        _report(study)
    if not events:
        st.info("Nothing has been edited yet.", icon=":material/history:")
        return
    rows = [
        {
            "no": event.entry.id,
            "when": moment(event.entry.at),
            "who": event.entry.author,
            "what": event.text,
            "why": event.entry.note or event.entry.payload.get("reason", ""),
            "now": STATUS.get(event.status, ""),
        }
        for event in reversed(events)
    ]
    config = {
        "no": st.column_config.NumberColumn("No.", width=50),
        "when": st.column_config.TextColumn("When", width=145),
        "who": st.column_config.TextColumn("Who", width=80),
        "what": st.column_config.TextColumn("Edit", width=330),
        "why": st.column_config.TextColumn("Why", width=180),
        "now": st.column_config.TextColumn("Now", width=90),
    }
    st.dataframe(
        rows,
        column_config=config,
        hide_index=True,
        width="stretch",
        height=min(38 + 35 * len(rows), 560),
        alt="History of edits, newest first",
    )
    st.caption("Nothing is ever removed: undo is one more line. Undo and redo are at the left.")


def _report(study):
    from viewers.report import curation_report

    with st.container(horizontal=True, vertical_alignment="center"):
        named = st.toggle(
            "Name the slides",
            key="report_names",
            help="Without names they have numbers, and you can send the report to others",
        )
        st.download_button(
            "Save report",
            exported(study, "curation report", lambda: curation_report(study, with_names=named)),
            file_name="curation-report.html",
            mime="text/html",
            key="report_save",
            icon=":material/description:",
            on_click="ignore",
            help=(
                "What was edited, why, and what each refit did to the map: one HTML file with its pictures"
                " inside"
            ),
        )
