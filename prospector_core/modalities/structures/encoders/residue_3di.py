"""The 3Di structural alphabet of Foldseek as embedding.

Which of 20 states a residue's surroundings are in (mini3di).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ....encoders.base import library_versions
from ....errors import MissingExtraError

if TYPE_CHECKING:
    from ..chains import Chain

__all__ = ["STATES", "Residue3Di"]

STATES = "ACDEFGHIKLMNPQRSTVWY"  # letters of the states, as Foldseek calls them


class Residue3Di:
    """One-hot 3Di state. Where there is none (ends, breaks of the backbone) it is D, as in Foldseek.

    Raises
    ------
    MissingExtraError
        mini3di is not installed.
    """

    name = "3di"
    categorical = True
    dim = len(STATES)
    concepts = tuple(f"3Di {letter.lower()}" for letter in STATES)

    def __init__(self, threads: int | None = None) -> None:
        try:
            import mini3di
        except ImportError as error:
            raise MissingExtraError(
                "the encoder 3di needs mini3di, which is not installed: pip install"
                ' "prospector-heads[proteins]"'
            ) from error
        self._encoder = mini3di.Encoder()

    def states(self, chain: Chain) -> np.ndarray:
        """Return (n,) int: the state of each residue, an index into `STATES`."""
        if len(chain) < 3:  # no neighbours to look at
            return np.full(len(chain), STATES.index("D"))
        n, ca, c, cb = (np.ascontiguousarray(each, np.float32) for each in np.moveaxis(chain.backbone, 1, 0))
        with np.errstate(all="ignore"):  # missing atoms: masked by the library
            return np.asarray(self._encoder.encode_atoms(ca, cb, n, c).filled(), np.int64)

    def encode(self, chain: Chain) -> np.ndarray:
        """Return (n, 20) float32."""
        return self.centroids()[self.states(chain)]

    def centroids(self) -> np.ndarray:
        """Return (20, 20) float32: the states' own vectors."""
        return np.eye(self.dim, dtype=np.float32)

    def record(self) -> dict[str, dict[str, str] | int | str | None]:
        """Return name, version and order of the states."""
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": None,
            "preprocessing": {"order": STATES},
            "libraries": library_versions("mini3di", "numpy"),
        }
