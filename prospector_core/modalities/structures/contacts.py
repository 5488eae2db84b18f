"""The contact graph of a chain: what stands for a residue in it, and how near is near."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInputError

if TYPE_CHECKING:
    from .chains import Chain

__all__ = ["CONTACTS", "check_contacts", "contact_points"]

CONTACTS = {"side": 6.0, "ca": 8.0, "cb": 8.0}
"""What stands for a residue in the contact graph, and up to which distance in angstrom two are in contact:
the middle of the side chain's heavy atoms, C-alpha, C-beta."""

_BACKBONE_NAMES = ("N", "CA", "C", "O", "OXT", "OT1", "OT2")


def contact_points(chain: Chain, atom: str) -> np.ndarray:
    """What stands for each residue in the contact graph: (n, 3) float64.

    Parameters: chain, Chain; atom, "side" (middle of the side chain's heavy atoms; of glycine, and where they
    are missing, where C-beta is or would be), "ca" or "cb". Raises BadInputError.
    """
    if atom not in CONTACTS:
        raise BadInputError(f"contacts are between {', '.join(CONTACTS)}, not {atom!r}")
    if atom == "ca":
        return chain.xyz
    points = chain.beta()
    if atom == "cb":
        return points
    for index, atoms in enumerate(chain.atoms):
        side = [
            place
            for name, element, place in atoms
            if name not in _BACKBONE_NAMES and element not in ("H", "D")
        ]
        if side:
            points[index] = np.mean(side, axis=0)
    return points


def check_contacts(atom: str, cutoff: float | None) -> float:
    """Cutoff to use (None: the usual one of the atom). Raises BadInputError."""
    if atom not in CONTACTS:
        raise BadInputError(f"there is no contact by {atom!r}: say {', '.join(CONTACTS)}")
    cutoff = CONTACTS[atom] if cutoff is None else float(cutoff)
    if not 1 <= cutoff <= 50:
        raise BadInputError(
            f"a contact distance of {cutoff:g} angstrom is not possible: give 1 to 50, such as 8"
        )
    return cutoff
