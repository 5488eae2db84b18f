"""Two encoders of residues as one.

Concepts that are pairs of theirs, or their vectors, whitened, one after the other.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ....encoders.base import library_versions
from ....errors import EmbeddingError
from ....method.quantizers import RESIDUE_TYPES
from ....store.files import write_atomic
from .residue_3di import STATES, Residue3Di
from .residue_type import ResidueType

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from ..chains import Chain

__all__ = ["Product", "Whitened"]

_SAMPLE = 64  # chains that whitening is learned of
_MOST = 64  # dimensions a part keeps
_TYPE_COUNTS = 2.0  # a pair that is no concept goes to one of the same residue type


class Product:
    """Residue type and 3Di state together: a concept is a pair, such as "cysteine in 3Di v"."""

    name = "residue-type*3di"
    categorical = True
    dim = len(RESIDUE_TYPES) + 1 + len(STATES)

    def __init__(self) -> None:
        self._type, self._state = ResidueType(), Residue3Di()
        known = [
            f"{name} in {state}"
            for name, state in itertools.product(self._type.concepts[:-1], self._state.concepts)
        ]
        self.concepts = (*known, self._type.concepts[-1])

    def encode(self, chain: Chain) -> np.ndarray:
        """Return (n, 41) float32."""
        kind, state = self._type.encode(chain), self._state.encode(chain)
        state[kind[:, -1] > 0] = 0  # an unknown residue is one concept
        return np.concatenate([_TYPE_COUNTS * kind, state], axis=1)

    def centroids(self) -> np.ndarray:
        """Return (401, 41) float32: the concepts' own vectors."""
        kinds, states = _TYPE_COUNTS * self._type.centroids(), self._state.centroids()
        pairs = [np.concatenate(pair) for pair in itertools.product(kinds[:-1], states)]
        return np.stack([*pairs, np.concatenate([kinds[-1], 0 * states[0]])]).astype(np.float32)

    def record(self) -> dict[str, dict[str, list[dict[str, Any]] | str] | int | str | None]:
        """Return name, version and what its parts are."""
        parts = [self._type.record(), self._state.record()]
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": None,
            "preprocessing": {"parts": [part["preprocessing"] for part in parts]},
            "libraries": library_versions("mini3di", "numpy"),
        }


class Whitened:
    """Vectors of several encoders one after the other.

    Each part centred and whitened, and given the same total variance.

    Mean and directions of a part are learned once a study, of a sample of its chains, and kept in its folder.

    Parameters: parts, list of ResidueEncoder.
    """

    def __init__(self, parts: list[Residue3Di | ResidueType]) -> None:
        self.parts = list(parts)
        self.name = "+".join(part.name for part in parts)
        self._learned = None

    @property
    def dim(self) -> int:
        """Length of a vector; known once prepared."""
        return sum(self._need()[f"{index}.directions"].shape[1] for index in range(len(self.parts)))

    def prepare(self, chains: Callable[..., Any], folder: Path) -> None:
        """Learn the whitening of a sample of chains, or take up what was learned.

        Raises
        ------
        EmbeddingError
            What was learned cannot be read.
        """
        for part in self.parts:
            if hasattr(part, "prepare"):
                part.prepare(chains, folder)
        path = folder / f"whitening-{hashlib.sha256(self.name.encode()).hexdigest()[:10]}.safetensors"
        if not path.exists():
            sample = list(itertools.islice(chains(), _SAMPLE))
            if not sample:
                raise EmbeddingError("whitening is learned of chains, and none could be read")
            learned = {}
            for index, part in enumerate(self.parts):
                vectors = np.concatenate([part.encode(chain) for chain in sample])
                learned[f"{index}.mean"], learned[f"{index}.directions"] = _whitening(vectors)
            write_atomic(
                path, save_tensors({name: np.ascontiguousarray(each) for name, each in learned.items()})
            )
        try:
            content = path.read_bytes()
            self._learned = load_tensors(content)
            self._need()["0.mean"]
        except (OSError, SafetensorError, KeyError) as error:
            raise EmbeddingError(f"{path} cannot be read ({error}): remove it and embed all again") from error
        self._digest = hashlib.sha256(content).hexdigest()

    def _need(self) -> dict[str, np.ndarray]:
        if self._learned is None:
            raise EmbeddingError(f"the encoder {self.name} has not seen the data yet: call prepare first")
        return self._learned

    def encode(self, chain: Chain) -> np.ndarray:
        """Return (n, dim) float32."""
        learned = self._need()
        return np.concatenate(
            [
                ((part.encode(chain) - learned[f"{i}.mean"]) @ learned[f"{i}.directions"]).astype(np.float32)
                for i, part in enumerate(self.parts)
            ],
            axis=1,
        )

    def record(self) -> dict[str, Any]:
        """Return the records of the parts and what tells the whitening."""
        self._need()
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": self._digest,
            "parts": [{k: v for k, v in part.record().items() if k != "libraries"} for part in self.parts],
            "preprocessing": {"whitened": "each part to a total variance of 1"},
            "libraries": library_versions("numpy"),
        }


def _whitening(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and directions (d, k) of vectors (n, d).

    Centred vectors times these have variance 1/k in each of k.
    """
    vectors = np.asarray(vectors, np.float64)
    mean = vectors.mean(0)
    values, directions = np.linalg.eigh((vectors - mean).T @ (vectors - mean) / len(vectors))
    order = np.argsort(-values, kind="stable")[:_MOST]
    order = order[values[order] > 1e-6 * max(values.max(), 1e-12)]
    if not len(order):
        return mean.astype(np.float32), np.zeros((vectors.shape[1], 1), np.float32)
    chosen = directions[:, order]
    chosen = chosen * np.sign(
        chosen[np.abs(chosen).argmax(0), np.arange(len(order))]
    )  # the same sign everywhere
    return mean.astype(np.float32), (chosen / np.sqrt(values[order] * len(order))).astype(np.float32)
