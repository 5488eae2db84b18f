"""Residue type as embedding: a 1 at one of 21 places. Its concepts are the 20 amino acids and "unknown"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ....encoders.base import library_versions
from ....method.quantizers import RESIDUE_TYPES, ResidueQuantizer

if TYPE_CHECKING:
    from ..chains import Chain

__all__ = ["AMINO_ACIDS", "ResidueType"]

AMINO_ACIDS = {
    "A": "alanine",
    "R": "arginine",
    "N": "asparagine",
    "D": "aspartate",
    "C": "cysteine",
    "Q": "glutamine",
    "E": "glutamate",
    "G": "glycine",
    "H": "histidine",
    "I": "isoleucine",
    "L": "leucine",
    "K": "lysine",
    "M": "methionine",
    "F": "phenylalanine",
    "P": "proline",
    "S": "serine",
    "T": "threonine",
    "W": "tryptophan",
    "Y": "tyrosine",
    "V": "valine",
}


class ResidueType:
    """One-hot residue type. Modified residues count as their parent (selenomethionine as methionine)."""

    name = "residue-type"
    categorical = True
    dim = len(RESIDUE_TYPES) + 1
    concepts = (*(AMINO_ACIDS[letter] for letter in RESIDUE_TYPES), "unknown residue")

    def __init__(self, threads: int | None = None) -> None:
        pass

    def encode(self, chain: Chain) -> np.ndarray:
        """Return (n, 21) float32."""
        return self.centroids()[ResidueQuantizer().predict(chain.letters)]

    def centroids(self) -> np.ndarray:
        """Return (21, 21) float32: the concepts' own vectors."""
        return np.eye(self.dim, dtype=np.float32)

    def record(self) -> dict[str, dict[str, str] | int | str | None]:
        """Return name, version and order of the types."""
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": None,
            "preprocessing": {"order": RESIDUE_TYPES + "X"},
            "libraries": library_versions("numpy"),
        }
