"""What draws protein structures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from prospector_core.errors import ProspectorError
from prospector_core.study import Study
from viewers.kinds.base import KindView, require_embedded
from viewers.kinds.parts import MarkForm, NewStudy, Pane, SaveForm, Selection

__all__ = ["StructureView"]

_FROM_STUDY = ("csv", "parquet", "png", "defattr", "pml")  # formats that need no file of the structure


class StructureView(KindView):
    """Residues of a chain in space, its sequence and its contacts."""

    show = "Show in structure"
    unwanted = " (tags, linkers)"
    caption = "The residue is in the middle, those in contact around it, in the colours of their concepts."
    nothing_there = "There is no residue there."
    strip_label = "Gallery"
    strip_help = "All chains of the study"
    main_key = "structure"
    beside_width = 190
    draws_regions = False
    buttons_in_row = False
    making = "Protein structures"

    def heading(self, study: Study, name: str) -> str:
        """Name the class that residues speak for."""
        return f"Residues for *{name}*"

    def layers_beside(self, study: Study, datum) -> dict[str, str]:
        """Nothing: the viewer shows map and concepts together."""
        return {}

    def draw(self, study: Study, pane: Pane) -> bool:
        """Draw the chain in space with its sequence and maps."""
        import streamlit as st

        from viewers.colour_limits import change_limit, score_limit
        from viewers.kinds.legends import beyond_chance, concept_legend, ends_of
        from viewers.kinds.neighbours import coloured_neighbours
        from viewers.structure_viewer import structure_viewer
        from viewers.viewing import Focus, Room, Scale

        from . import chains

        datum, n = pane.datum, chains.n_residues(study, pane.datum)
        difference = pane.change if pane.layer == "change" else None
        with st.spinner("Drawing the chain…"):
            chain, pair_limit = chains.shown_chain(study, datum, pane.fit, difference)
        limit, unit = score_limit(study), f"{pane.fit.unit}{beyond_chance(pane.fit)}"
        if difference is not None:
            limit, unit = change_limit(study, difference), f"change, {pane.fit.unit}"
        frame, residue = (pane.frame, None) if pane.token is None else divmod(pane.token, n)

        def picked():
            if pick := st.session_state[pane.key].pick:
                pane.select(Selection(datum.uid, int(pick["token"]), frame=int(pick["token"]) // n))

        def went_to():
            if where := st.session_state[pane.key].frame:
                at = int(where["frame"])  # the residue stays, its score is that of the frame
                token = None if residue is None else at * n + residue
                pane.select(Selection(datum.uid, token, frame=at))

        structure_viewer(
            {**chain, "id": f"{chain['id']} {pane.key}"},
            key=pane.key,
            concepts=concept_legend(study, pane.fit),
            scale=Scale(limit=limit, classes=ends_of(study), unit=unit, pair_limit=pair_limit),
            focus=Focus(
                selected=residue,
                neighbours=[
                    {"token": at % n, "colour": colour}
                    for at, colour in sorted(coloured_neighbours(study, datum, pane.token, pane.fit))
                ],
                frame=frame,
                count=int(pane.focus),
                on_pick=picked,
            ),
            room=Room(above=pane.above),
            on_frame=went_to,
        )
        return True

    def about_datum(
        self, study: Study, datum, token: int | None, frame: int, go_to: Callable[[int], None]
    ) -> None:
        """List the residues of a trajectory whose score changes most."""
        from .chains import n_residues
        from .trajectory import over_time

        frame = frame if token is None else token // n_residues(study, datum)
        over_time(study, datum, token, frame, go_to)

    def mark_form(self, study: Study, datum, tokens: Sequence[int]) -> MarkForm | None:
        """Ask for residues by their numbers."""
        hint = "empty: the selected residue and its neighbours" if tokens else "such as 45-60, 72"
        return MarkForm(
            "Mark residues",
            "Say what residues speak for, or what they are",
            ("Residues", hint, "Numbers as in the file, ranges with -; B:12 in another chain"),
        )

    def tokens_meant(self, study: Study, datum, tokens: Sequence[int], text: str) -> list[int]:
        """The residues that were named, else the selected one and its neighbours, in every frame."""
        from . import chains
        from .residues import read_residues

        attrs, n = study.attrs(datum), chains.n_residues(study, datum)
        if not text.strip() and tokens:
            near = study.neighbours(datum, tokens[0]).tokens
            residues = sorted({int(each) % n for each in near})
        else:
            residues = read_residues(text, list(attrs["numbers"]), list(attrs["chains"]))
        frames = range(len(chains.frames_of(study, datum)))
        return [frame * n + residue for frame in frames for residue in residues]

    def mark_line(self, study: Study, datum, region) -> str:
        """Name the first residues of the mark."""
        from . import chains

        labels, n = chains.labels_of(study, datum), chains.n_residues(study, datum)
        residues = sorted({token % n for token in region.tokens})
        more = f" and {len(residues) - 3} more" if len(residues) > 3 else ""
        return ", ".join(labels[residue] for residue in residues[:3]) + more

    def picture(self, study: Study, datum, side: int) -> np.ndarray:
        """Draw the chain, its residues in the colours of the map."""
        from . import chains

        require_embedded(study, datum)
        return chains.picture_of_chain(study, datum, side)

    def token_picture(self, study: Study, datum, token: int, side: int, context: float = 3.0) -> np.ndarray:
        """Draw the residue with those in contact around it."""
        from . import chains

        return chains.picture_of_residue(study, datum, token, side)

    def typical_tokens(self, study: Study, concept: int) -> list[tuple[str, int]]:
        """Of a concept's residues those that score most either way, one of each chain."""
        found = []
        for order, datum in enumerate(study.embedded()):
            size = np.where(study.concepts_of(datum) == concept, np.abs(study.prospect(datum)), -1.0)
            there = np.flatnonzero(size != -1.0)
            if there.size:
                best = there[np.argmax(np.nan_to_num(size[there]))]
                found.append((-float(np.nan_to_num(size[best])), order, datum.uid, int(best)))
        return [(uid, token) for _, _, uid, token in sorted(found)[:8]]

    def typical_label(self, study: Study, concept) -> str:
        """Say that they are the most telling ones."""
        return f"The most telling residues of {concept.name}"

    def typical_name(self, study: Study, datum, token: int) -> str:
        """Name the residue and its chain."""
        from . import chains

        labels = chains.labels_of(study, datum)
        return f"{labels[token % len(labels)]} of {datum.name}: show it in its structure"

    def typical_sheet(self, study: Study, places: Sequence[tuple[str, int]]) -> np.ndarray:
        """Pictures of residues in rows of four."""
        from viewers.pictures import mosaic

        return mosaic([self.token_picture(study, study.datum(uid), at, 120) for uid, at in places], gap=0)

    def figure(self) -> Callable[..., bytes]:
        """Draw the sequence with its scores, or the contact map."""
        from viewers.structure_figure import structure_figure

        return structure_figure

    def save_form(self, study: Study, datum) -> SaveForm:
        """Offer files for programs that show structures, tables and figures."""
        from viewers.structure_figure import LAYERS

        return SaveForm(
            {
                "bfactor": "PDB, score as B-factor",
                "mmcif": "mmCIF, score as B-factor",
                "defattr": "ChimeraX attributes (.defattr)",
                "pml": "PyMOL script (.pml)",
                "molviewspec": "MolViewSpec scene (Mol*)",
                "csv": "Table (CSV)",
                "parquet": "Table (Parquet)",
                "png": "Figure (PNG)",
            },
            LAYERS,
            lambda layer, whole: "chain",
            "All chains at once: prospector export STUDY --format …",
            "The map of this chain for other programs, or as a figure",
            layer_label="Shows",
            save_key="save_chain",
        )

    def save_trouble(self, study: Study, datum, format: str) -> str:
        """Say where the file of the structure is needed and gone."""
        if format in _FROM_STUDY:
            return ""
        try:
            study.source_path(datum)
        except ProspectorError as error:
            return str(error)
        return ""

    def new_study(self) -> NewStudy | None:
        """Ask for structures and labels."""
        from .form import structures_form

        return structures_form()
