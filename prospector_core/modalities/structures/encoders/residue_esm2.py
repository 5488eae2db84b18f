"""ESM-2, a language model of protein sequences, by the name of a hub or a local folder (transformers)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....encoders.base import library_versions
from ....encoders.hub import load_weights, missing_package
from ....errors import EmbeddingError
from ....store.readable import require_readable

if TYPE_CHECKING:
    from transformers import EsmModel, EsmTokenizer

    from ..chains import Chain

__all__ = ["ResidueEsm2", "windows"]

_WINDOW = 1022  # residues that the model was trained on at once
_OVERLAP = 256


class ResidueEsm2:
    """The last layer of an ESM-2 model, one vector per residue.

    Chains longer than 1,022 residues go through it in windows.

    Parameters
    ----------
    model : str
        ``facebook/esm2_t12_35M_UR50D``, or a folder that holds such a model.
    threads : int, optional

    Raises
    ------
    EmbeddingError
        The weights are not on this machine and cannot be fetched, or are of another kind of model.
    MissingExtraError
        transformers is not installed.
    """

    def __init__(
        self, model: str, threads: int | None = None, window: int = _WINDOW, overlap: int = _OVERLAP
    ) -> None:
        self.name = f"esm2:{model}"
        try:
            import torch
            from transformers import AutoTokenizer, EsmModel
        except ImportError as error:
            raise missing_package(self.name, "transformers") from error
        self._torch, self._threads = torch, threads or 1
        if Path(model).exists():
            require_readable(model, EmbeddingError)

        def load() -> tuple[EsmTokenizer, EsmModel]:
            return (
                AutoTokenizer.from_pretrained(model),
                EsmModel.from_pretrained(model, add_pooling_layer=False).eval(),
            )

        self._tokenizer, self._model = load_weights(self.name, load)
        self._window, self._overlap = window, overlap
        self.dim = int(self._model.config.hidden_size)

    def encode(self, chain: Chain) -> np.ndarray:
        """Return (n, dim) float32; each of several chains by itself."""
        parts, start = [], 0
        owners = np.array(chain.chains)
        for end in (*(np.flatnonzero(owners[1:] != owners[:-1]) + 1), len(chain)):
            parts.append(self._sequence(chain.letters[start:end]))
            start = end
        return np.concatenate(parts)

    def _sequence(self, letters: str) -> np.ndarray:
        out = np.empty((len(letters), self.dim), np.float32)
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            for start, stop, first, last in windows(len(letters), self._window, self._overlap):
                tokens = self._tokenizer(letters[start:stop], return_tensors="pt")
                with self._torch.inference_mode():
                    states = self._model(**tokens).last_hidden_state[0].numpy()
                if len(states) != stop - start + 2:  # one at each end
                    raise EmbeddingError(
                        f"{self.name} does not give one state per residue: it is not an ESM-2 model"
                    )
                out[first:last] = states[1 + first - start : 1 + last - start]
        finally:
            self._torch.set_num_threads(before)
        return out

    def record(self) -> dict[str, dict[str, int | str] | int | str]:
        """Return name, version and the digest of the weights."""
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": self._weights_digest(),
            "preprocessing": {"layer": "last", "window": self._window, "overlap": self._overlap},
            "libraries": library_versions("transformers", "torch", "numpy"),
        }

    def _weights_digest(self) -> str:
        import hashlib

        if not hasattr(self, "_digest"):
            found = hashlib.sha256()
            for name, tensor in sorted(self._model.state_dict().items()):
                found.update(name.encode() + np.ascontiguousarray(tensor.float().numpy()).tobytes())
            self._digest = found.hexdigest()
        return self._digest


def windows(n: int, window: int = _WINDOW, overlap: int = _OVERLAP) -> list[tuple[int, int, int, int]]:
    """Return how a sequence of n goes through a model in windows: (start, stop, first, last) each.

    The model sees start..stop, and first..last is taken from it: where windows overlap, each gives the half
    that it sees more around. All first..last together are 0..n once.
    """
    if n <= window:
        return [(0, n, 0, n)] if n else []
    count = -(-(n - overlap) // (window - overlap))
    starts = [round(each) for each in np.linspace(0, n - window, count)]
    cuts = [0, *((one + window + other) // 2 for one, other in zip(starts, starts[1:])), n]
    return [(start, start + window, cuts[at], cuts[at + 1]) for at, start in enumerate(starts)]
