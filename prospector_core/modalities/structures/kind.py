"""Structures: a token is a residue of a protein chain.

Its neighbours are the residues in contact with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import StructureError
from ..base import Modality
from ..parts import Export, Words
from .options import PART_COLUMNS, StructureOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from ...method.graphs import TokenGraph
    from ...study import Study
    from ...study.data import Datum
    from ...study.sources import Source
    from ..labels import LabelTable
    from ..layouts import Layout
    from ..parts import Embedder, NewStudy
    from .chains import Structure

__all__ = ["Structures"]


class Structures(Modality):
    """Studies of protein chains."""

    name = "structures"
    words = Words("chain", "chains", "residue", "residues", "structure")
    place_names = ("chain", "residue", "number")
    options = StructureOptions
    source_help = (
        "Folder of structures: PDB or mmCIF, plain or gzip. The labels table may have a chain column."
    )
    encoder_help = (
        "residue-type (default), 3di, residue-type*3di, pocketnet, esm2:NAME, or several joined by +"
    )
    looking = "looking at structures"
    on_workers = True
    part_columns = PART_COLUMNS
    source_error = StructureError

    def look(
        self,
        path: Path,
        sources: Any,
        labels: LabelTable,
        options: StructureOptions,
        progress: Callable[[int, int], None] | None = None,
        on: Any = None,
    ) -> NewStudy:
        from .create import look_at_structures

        return look_at_structures(path, sources, labels, options, progress, on)

    def facts(self, study: Study) -> dict[str, Any]:
        return {key: study.embedding[key] for key in ("encoder", "atom", "cutoff")}

    def open_source(self, source: Source) -> Structure:
        """The structure file, read: ``chains.Structure``."""
        from .files import open_structure

        return open_structure(source.path)

    def list_encoders(self) -> list[str]:
        from .encoders import list_residue_encoders

        return list_residue_encoders()

    def check_encoder(self, name: str) -> None:
        from .encoders import check_residue_encoder_name

        check_residue_encoder_name(name)

    def make_encoder(self, name: str, **options: Any) -> Any:
        from .encoders import get_residue_encoder

        return get_residue_encoder(name, **options)

    def note(self, study: Study) -> str:
        """What a user must know of the study's encoder before believing its maps, else ""."""
        from .encoders import residue_encoder_note

        return residue_encoder_note(study.embedding["encoder"])

    def embedder(self, study: Study, encoder: Any) -> Embedder:
        from .embedder import ResidueEmbedder

        return ResidueEmbedder(study, encoder)

    def layout(self) -> type[Layout]:
        from ..layouts import OfChains

        return OfChains

    def graph(self, n: int, positions: Any, edges: Any, attrs: dict[str, Any]) -> TokenGraph:
        """Contacts; of a trajectory, those of each frame, side by side."""
        from ...method.graphs import TokenGraph

        frames = int(attrs.get("frames", 1))
        if frames == 1:
            return TokenGraph.from_contacts(positions, attrs["cutoff"])
        each = n // frames
        parts = [
            TokenGraph.from_contacts(positions[at * each : (at + 1) * each], attrs["cutoff"]).edges
            + at * each
            for at in range(frames)
        ]
        return TokenGraph(n, "contacts", edges=np.concatenate(parts), xyz=positions)

    def places(self, study: Study, datum: Datum) -> dict[str, Any]:
        """Chain, residue, number and one-letter code; x, y, z of what stands for it in the contact graph."""
        attrs, xyz = study.attrs(datum), study.positions(datum)
        frames = int(attrs.get("frames", 1))
        found = {
            "chain": attrs["chains"] * frames,
            "residue": attrs["residues"] * frames,
            "number": attrs["numbers"] * frames,
            "letter": list(attrs["letters"]) * frames,
            "x": xyz[:, 0],
            "y": xyz[:, 1],
            "z": xyz[:, 2],
        }
        if frames > 1:
            found = {"frame": np.repeat(np.arange(1, frames + 1), len(attrs["numbers"])), **found}
        return found

    def place(self, study: Study, datum: Datum, token: int) -> dict[str, Any]:
        """Chain, residue and number; the frame of a trajectory."""
        attrs = study.attrs(datum)
        frame, residue = divmod(int(token), len(attrs["numbers"]))
        found = {name: attrs[f"{name}s"][residue] for name in self.place_names}
        return found if int(attrs.get("frames", 1)) == 1 else {**found, "frame": frame + 1}

    def atlas_vectors(self, study: Study, uid: str) -> np.ndarray:
        """Vectors that the atlas is laid out by: (n, d).

        Of types, which many residues share, with those of the neighbours.
        """
        vectors = np.asarray(study.store.vectors(uid), np.float32)
        if study.given_concepts() is None:
            return vectors
        graph = study.graph(uid)
        start = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
        around = np.zeros_like(vectors)
        np.add.at(around, start, vectors[graph.indices])
        around /= np.maximum(np.diff(graph.indptr), 1)[:, None]
        return np.concatenate([vectors, 1.5 * around], axis=1)

    def given_concepts(self, study: Study) -> tuple[list[str], np.ndarray] | None:
        """Concepts that the study's encoder brings.

        (names, (K, dim) float32 centroids), or None where clusters are looked for.
        """
        encoder = self.make_encoder(study.embedding["encoder"])
        names = getattr(encoder, "concepts", None)
        return (list(names), encoder.centroids()) if names else None

    @property
    def exports(self) -> dict[str, Export]:
        from .exports import bfactor_mmcif, bfactor_pdb, defattr, molviewspec, pymol_script

        return {
            **self.tables(),
            "bfactor": Export(".pdb", bfactor_pdb),
            "mmcif": Export(".cif", bfactor_mmcif),
            "defattr": Export(".defattr", defattr),
            "pml": Export(".pml", pymol_script),
            "molviewspec": Export(".mvsj", molviewspec),
        }
