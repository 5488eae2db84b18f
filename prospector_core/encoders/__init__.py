"""Encoders: tiles in, vectors out. Built in, or installed under the entry point group ``prospector.encoders``."""

from __future__ import annotations

from importlib.metadata import entry_points

from ..errors import EmbeddingError, ProspectorError
from .base import Encoder
from .colour_texture import ColourTexture
from .efficientnet_lite0 import EfficientNetLite0, EfficientNetLite0Pooled

__all__ = ["Encoder", "get_encoder", "list_encoders"]

_BUILT_IN = {one.name: one for one in (EfficientNetLite0, EfficientNetLite0Pooled, ColourTexture)}


def list_encoders() -> list[str]:
    """Return the names that `get_encoder` knows, sorted."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group="prospector.encoders"))})


def get_encoder(name: str, **options: object) -> Encoder:
    """Return an encoder by name; `options` go to its constructor (``threads=`` for the built-in one).

    Raises
    ------
    EmbeddingError
        No encoder of that name, or an installed one that cannot be loaded.
    MissingExtraError
        Something it needs is not installed.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name](**options)
    for point in entry_points(group="prospector.encoders", name=name):
        try:
            return point.load()(**options)
        except ProspectorError:
            raise
        except Exception as error:
            raise EmbeddingError(f"the installed encoder {name} cannot be loaded ({error})") from error
    raise EmbeddingError(f"there is no encoder named {name}; choose one of {', '.join(list_encoders())}")
