"""Encoders of features: what a study of cells or graphs makes of the numbers that its tokens come with.

``standardised`` and ``as-given``, or one installed under the entry point group
``prospector.feature_encoders``.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...errors import BadInputError, EmbeddingError
from ...plugins import load_one, make_encoder, names_of

__all__ = [
    "TRANSFORMS",
    "AsGiven",
    "FeatureEncoder",
    "Standardised",
    "check_feature_encoder_name",
    "get_feature_encoder",
    "list_feature_encoders",
    "transformed",
]

_GROUP = "prospector.feature_encoders"
COFACTOR = 5.0
# What is done to the numbers before anything else; counts and intensities are skewed.
TRANSFORMS = {"none": "as they are", "log1p": "ln(1 + x)", "arcsinh": f"arcsinh(x / {COFACTOR:g})"}


@runtime_checkable
class FeatureEncoder(Protocol):
    """Turns the features of tokens into vectors. Attributes: name, str; dim, length of a vector."""

    name: str
    dim: int

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 for (n, f) float32 features of n tokens."""
        ...

    def record(self) -> dict[str, Any]:
        """Return what a study must keep to know these vectors again: plain JSON values."""
        ...


def transformed(features: np.ndarray, transform: str) -> np.ndarray:
    """Features under one of ``TRANSFORMS``: (n, f) float64. Raises BadInputError."""
    features = np.asarray(features, np.float64)
    if transform == "log1p":
        if features.size and features.min() < 0:
            raise BadInputError("log1p is for counts, and there are negative values: take arcsinh, or none")
        return np.log1p(features)
    if transform == "arcsinh":
        return np.arcsinh(features / COFACTOR)
    if transform != "none":
        raise BadInputError(f"there is no transform {transform!r}: choose one of {', '.join(TRANSFORMS)}")
    return features


class AsGiven:
    """The features as they are, after the transform."""

    name = "as-given"

    def __init__(self, names: list[str] = (), transform: str = "none", **_: Any) -> None:
        self.names, self.transform, self.dim = list(names), transform, len(names)

    def encode(self, features: np.ndarray) -> np.ndarray:
        return transformed(features, self.transform).astype(np.float32)

    def record(self) -> dict[str, int | list[str] | str | None]:
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": None,
            "features": self.names,
            "transform": self.transform,
        }


class Standardised(AsGiven):
    """Each feature less its mean, over its standard deviation.

    Both over all tokens of the data that are not for testing.

    Parameters: names of the features; transform, of ``TRANSFORMS``, before; mean, scale: (f,), kept in the
    study.
    """

    name = "standardised"

    def __init__(
        self,
        names: list[str] = (),
        transform: str = "none",
        mean: list[float] = (),
        scale: list[float] = (),
        **_: Any,
    ) -> None:
        super().__init__(names, transform)
        self.mean, self.scale = np.asarray(mean, np.float64), np.asarray(scale, np.float64)

    def encode(self, features: np.ndarray) -> np.ndarray:
        return ((transformed(features, self.transform) - self.mean) / self.scale).astype(np.float32)

    def record(self) -> dict[str, int | list[float | str] | str | None]:
        return {**super().record(), "mean": self.mean.tolist(), "scale": self.scale.tolist()}


_BUILT_IN = {each.name: each for each in (Standardised, AsGiven)}


def list_feature_encoders() -> list[str]:
    """Names of the encoders that are here, sorted."""
    return sorted({*_BUILT_IN, *names_of(_GROUP)})


def check_feature_encoder_name(name: str) -> None:
    """Do nothing if ``get_feature_encoder`` may know this name; nothing is loaded. Raises EmbeddingError."""
    if name not in list_feature_encoders():
        raise EmbeddingError(
            f"there is no encoder of features named {name}; choose one of"
            f" {', '.join(list_feature_encoders())}"
        )
    if name not in _BUILT_IN:
        load_one(_GROUP, name)  # what cannot be loaded is said before a study is made


def get_feature_encoder(
    name: str,
    *,
    names: list[str] = (),
    transform: str = "none",
    mean: list[float] = (),
    scale: list[float] = (),
) -> AsGiven | Standardised:
    """An encoder of features by name.

    The built-in ones are told what the study keeps; others are made without arguments.

    Raises EmbeddingError.
    """
    check_feature_encoder_name(name)
    if name in _BUILT_IN:
        return _BUILT_IN[name](names=names, transform=transform, mean=mean, scale=scale)
    return make_encoder(_GROUP, name, {})
