"""Embedding the data of a study of structures: each file is read once, however many chains of it are data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbeddingError, ProspectorError, StructureError
from ...method.graphs import TokenGraph
from ..parts import Embedder
from .chains import left_out_words
from .contacts import contact_points
from .trajectory import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...encoders.base import Encoder
    from ...study import Datum, Study

__all__ = ["ResidueEmbedder"]

_MOST_FRAMES = 1000


class ResidueEmbedder(Embedder):
    """Keeps the structure of the present datum, while the next datum is in it too."""

    def __init__(self, study: Study, encoder: Encoder) -> None:
        self.encoder = encoder
        self._study, self._source, self._structure, self._notes = study, None, None, {}
        if hasattr(encoder, "prepare"):
            encoder.prepare(self._sample, study.path)

    def __exit__(self, *error: object) -> None:
        self._source = self._structure = None

    def _sample(self):
        """Chains that can be read, a datum each."""
        for datum in self._study.data:
            try:
                yield self._read(datum)[0][1]
            except ProspectorError:
                continue  # said when it is its turn

    def _read(self, datum):
        """Frames of a datum: list of (number, Chain)."""
        if self._source != datum.source:
            self._structure = self._study.open_source(datum)
            self._source = datum.source
        return read_frames(self._structure, datum.part or {}, self._study.source_path(datum).parent)

    def embed(self, datum: Datum, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        frames = self._read(datum)
        if len(frames) > _MOST_FRAMES:
            raise StructureError(
                f"{datum.name} has {len(frames):,} frames: at most {_MOST_FRAMES:,} are taken, thin it out"
            )
        wanted, first = self._study.embedding, frames[0][1]
        total, vectors, points = len(first) * len(frames), [], []
        progress(0, total)
        for done, (_, chain) in enumerate(frames, start=1):
            if stopped():
                return False
            found = np.asarray(self.encoder.encode(chain), np.float32)
            if found.shape != (len(chain), self.encoder.dim):
                raise EmbeddingError(
                    f"the encoder {self.encoder.name} gave {found.shape} for {len(chain)} residues, not"
                    f" {(len(chain), self.encoder.dim)}"
                )
            if not np.isfinite(found).all():
                where = first.label(int(np.argmin(np.isfinite(found).all(1))))
                raise EmbeddingError(
                    f"the encoder {self.encoder.name} gave numbers that are not finite for {where}"
                )
            vectors.append(found)
            points.append(contact_points(chain, wanted["atom"]))
            progress(done * len(first), total)
        attrs = {
            "kind": "residues",
            "letters": first.letters,
            "residues": first.residues,
            "chains": first.chains,
            "numbers": first.numbers,
            "atom": wanted["atom"],
            "cutoff": wanted["cutoff"],
            "encoder": self.encoder.record(),
            **(
                {"frames": len(frames), "frame_numbers": [number for number, _ in frames]}
                if len(frames) > 1
                else {}
            ),
        }
        positions = np.concatenate(points)
        self.graph_of(positions, len(frames), wanted["cutoff"], datum)
        self._study.store.write(datum.uid, np.concatenate(vectors), positions, attrs)
        said = [*self._structure.notes, *left_out_words(first)]
        if said:
            self._notes[datum.uid] = f"{datum.name}: {'; '.join(said)}"
        return True

    @staticmethod
    def graph_of(positions: np.ndarray, frames: int, cutoff: float, datum: Datum) -> None:
        """Raises StructureError where no graph can be made: better now than at the fit."""
        try:
            TokenGraph.from_contacts(positions[: len(positions) // frames], cutoff)
        except ProspectorError as error:
            raise StructureError(f"{datum.name}: {error}") from error

    def note(self, datum: Datum) -> str:
        """Residues that had to be left out, and what else the file was not as its format says."""
        return self._notes.get(datum.uid, "")
