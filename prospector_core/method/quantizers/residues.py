"""Amino-acid identity as concept: the quantizer without an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..estimator import Estimator

if TYPE_CHECKING:
    from typing import Self

__all__ = ["RESIDUE_TYPES", "ResidueQuantizer"]

RESIDUE_TYPES = "ARNDCQEGHILKMFPSTWYV"  # IUPAC order; anything else is the 21st concept


class ResidueQuantizer(Estimator):
    """Amino-acid identity as concept, no encoder: 20 residue types and 1 unknown.

    ``predict(residues)`` takes a string or sequence of one-letter codes, (n,), and gives (n,) int32.
    """

    name = "residue type"
    n_concepts = 21

    def fit(self, residues: np.ndarray | str | None = None) -> Self:
        """Nothing has to be found."""
        return self

    def predict(self, residues: list[str] | np.ndarray | str) -> np.ndarray:
        """Concept of every residue, by its one-letter code: (n,) int32."""
        known = {letter: index for index, letter in enumerate(RESIDUE_TYPES)}
        return np.array([known.get(str(letter).upper(), len(RESIDUE_TYPES)) for letter in residues], np.int32)
