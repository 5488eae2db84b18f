"""Encoders of residues: a chain in, one vector per residue out.

What they see is the chain's atoms, never its ligands.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ....errors import EmbeddingError
from ....plugins import make_encoder, names_of

__all__ = [
    "RESIDUE_FAMILIES",
    "ResidueEncoder",
    "check_residue_encoder_name",
    "get_residue_encoder",
    "list_residue_encoders",
    "residue_encoder_note",
]


@runtime_checkable
class ResidueEncoder(Protocol):
    """Turns a chain (`readers.structure.Chain`) into one vector per residue.

    The same chain gives the same vectors.

    Attributes
    ----------
    name : str
    dim : int
        Length of a vector.
    concepts : tuple of str, optional
        Names of concepts that its vectors stand for by themselves (``categorical`` is then True); then
        ``centroids`` () -> (K, dim) float32 gives their vectors, and no clusters need to be looked for.

    It may have ``prepare(chains, folder)``, called once before the first chain: chains, function() ->
    iterator of Chain over (a sample of) the study's data; folder, Path of the study, where what was learned
    of them is kept.
    """

    name: str
    dim: int

    def encode(self, chain: Any) -> np.ndarray:
        """Return (n, dim) float32, one row per residue of the chain."""
        ...

    def record(self) -> dict[str, Any]:
        """Return what a study must keep to know these vectors again: plain JSON values."""
        ...


_BUILT_IN = {
    "residue-type": (".residue_type", "ResidueType"),
    "3di": (".residue_3di", "Residue3Di"),
    "pocketnet": (".residue_pocketnet", "ResiduePocketnet"),
}
PRODUCTS = ("residue-type*3di",)
RESIDUE_FAMILIES = {
    "esm2:": "esm2:ORG/NAME of a hub or esm2:FOLDER (ESM-2, of a sequence)",
}
_NOTES = {
    "pocketnet": (
        "PocketNet was trained with supervision on ligand-binding pockets: its states know of pockets"
        " already, so a map of binding residues is not only learned from your labels."
    ),
}


def list_residue_encoders() -> list[str]:
    """Return the names of encoders of residues that are here, sorted.

    Any of them may also be joined by ``+``.
    """
    installed = names_of("prospector.residue_encoders")
    return sorted({*_BUILT_IN, *PRODUCTS, *installed})


def residue_encoder_note(name: str) -> str:
    """Return what a user must know of an encoder before believing its maps, else ""."""
    return " ".join(note for part, note in _NOTES.items() if part in name.split("+"))


def check_residue_encoder_name(name: str) -> None:
    """Do nothing if `get_residue_encoder` may know this name; nothing is loaded.

    Raises
    ------
    EmbeddingError
        No encoder can have this name; the text says which names there are.
    """
    for part in name.split("+") if name else [""]:
        family = _family(part)
        if family and not part.removeprefix(family).strip(" /"):
            raise EmbeddingError(f"{part} names no model: say {RESIDUE_FAMILIES[family]}")
        if not family and part not in list_residue_encoders():
            raise EmbeddingError(
                f"there is no encoder of residues named {part!r}; choose one of"
                f" {', '.join(list_residue_encoders())}, several joined by +, or"
                f" {'; '.join(RESIDUE_FAMILIES.values())}"
            )


def get_residue_encoder(name: str, **options: object) -> ResidueEncoder:
    """Return an encoder of residues by name; ``a+b``: both, each whitened, one after the other.

    Parameters
    ----------
    options : ``threads``, for those that compute with torch

    Raises
    ------
    EmbeddingError
        No encoder of that name, or an installed one that cannot be loaded.
    MissingExtraError
        Something it needs is not installed.
    """
    check_residue_encoder_name(name)
    if "+" in name:
        from .residue_joined import Whitened

        return Whitened([get_residue_encoder(part, **options) for part in name.split("+")])
    if name in PRODUCTS:
        from .residue_joined import Product

        return Product()
    if family := _family(name):
        from .residue_esm2 import ResidueEsm2

        return ResidueEsm2(name.removeprefix(family), **options)
    if name in _BUILT_IN:
        module, maker = _BUILT_IN[name]
        return getattr(import_module(module, __package__), maker)(**options)
    return make_encoder("prospector.residue_encoders", name, options)


def _family(name: str) -> str | None:
    return next((start for start in RESIDUE_FAMILIES if name.startswith(start)), None)
