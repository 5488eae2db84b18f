"""Options of a study of structures."""

from dataclasses import dataclass

from ..options import option

__all__ = ["PART_COLUMNS", "StructureOptions"]

PART_COLUMNS = ("chain", "model", "assembly", "trajectory", "frames")


@dataclass(frozen=True)
class StructureOptions:
    """How residues are embedded and linked.

    Attributes
    ----------
    encoder : str
        Of residues.
    atom : str
        What stands for a residue in the contact graph: "side", "ca" or "cb".
    cutoff : float or None
        Angstrom up to which two are in contact (None: 6 for "side", 8 for the others).
    """

    encoder: str = "residue-type"
    atom: str = option(
        str,
        "Structures: what stands for a residue in the contact graph: side (middle of the side chain,"
        " default), ca or cb.",
        "side",
    )
    cutoff: float | None = option(
        float,
        "Structures: angstrom up to which two residues are in contact. Default: 6 with side, 8 with ca or"
        " cb.",
    )
