"""Encoders of texts: what a study of documents can take for its sentences.

The one whose weights are inside a package, ``minilm``; or any model of transformers, sentence-transformers
among them, as ``transformers:ORG/NAME`` or ``transformers:FOLDER``; or one installed under the entry point
group ``prospector.text_encoders``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ....errors import EmbeddingError
from ....plugins import make_encoder, names_of

if TYPE_CHECKING:
    from .minilm import MiniLM, TransformersEncoder

__all__ = ["TextEncoder", "check_text_encoder_name", "get_text_encoder", "list_text_encoders"]

FAMILY = "transformers:"
_GROUP = "prospector.text_encoders"


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into vectors. Attributes: name, str; dim, length of a vector."""

    name: str
    dim: int

    def encode(self, texts: list[str]) -> np.ndarray:
        """Return (n, dim) float32 for n texts."""
        ...

    def record(self) -> dict[str, Any]:
        """Return what a study must keep to know these vectors again: plain JSON values."""
        ...


def list_text_encoders() -> list[str]:
    """Names of the encoders that are here, sorted; models of transformers are beyond listing."""
    return sorted({"minilm", *names_of(_GROUP)})


def check_text_encoder_name(name: str) -> None:
    """Do nothing if ``get_text_encoder`` may know this name; nothing is loaded. Raises EmbeddingError."""
    if name.startswith(FAMILY):
        if not name.removeprefix(FAMILY).strip(" /"):
            raise EmbeddingError(f"{name} names no model: say {FAMILY}ORG/NAME or {FAMILY}FOLDER")
    elif name not in list_text_encoders():
        raise EmbeddingError(
            f"there is no encoder of texts named {name}; choose {' or '.join(list_text_encoders())}, or a"
            f" model of transformers: {FAMILY}ORG/NAME or {FAMILY}FOLDER"
        )


def get_text_encoder(name: str, **options: Any) -> MiniLM | TransformersEncoder:
    """An encoder of texts by name; options (threads, device, batch_words) go to its constructor.

    Raises EmbeddingError, MissingExtraError.
    """
    check_text_encoder_name(name)
    if name == "minilm" or name.startswith(FAMILY):
        from .minilm import MiniLM, TransformersEncoder

        return (
            MiniLM(**options)
            if name == "minilm"
            else TransformersEncoder(name.removeprefix(FAMILY), **options)
        )
    return make_encoder(_GROUP, name, options)
