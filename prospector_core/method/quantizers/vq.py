"""Concepts as the codes of a vector-quantised autoencoder (torch, one thread)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ...errors import MissingExtraError
from .base import CentroidQuantizer
from .nearest import assign_nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from torch import Generator, Tensor

__all__ = ["VQAutoencoderQuantizer"]

_WIDTH, _LATENT = 64, 16  # of the hidden layer, and of a code
_BATCH = 512
_WARM = 0.2  # of the steps: without codes, so that these begin where encoded tokens are
_DECAY = 0.98  # of what codes remember, a step
_DEAD = 0.05  # of its fair share of the tokens: a code with less begins again
_COMMIT = 0.25  # weight of the pull of encoded tokens towards their code


class VQAutoencoderQuantizer(CentroidQuantizer):
    """Concepts as codes of a small autoencoder whose middle layer may say one of K codes only.

    A concept is what its code decodes to.

    Codes follow the encoded tokens by moving averages, gradients pass them straight through, and codes that
    have lost their tokens begin again at a token that is decoded badly. A token's concept is the decoded code
    nearest to its embedding, the one that loses least of it. Parameters as ``CentroidQuantizer``; steps, of
    training, 512 tokens each. Attributes after ``fit`` also: ``revived_``, how often a code began again. The
    same seed and data give the same codes; torch's own random state and threads are left as they were. Raises
    MissingExtraError without torch. Source: van den Oord et al. 2017 (1711.00937).
    """

    name = "vq autoencoder"
    about = (
        "kinds as a small network learns to tell them: where clusters are bent rather than round; takes"
        " longest"
    )

    def __init__(self, n_concepts: int = 20, sample: int = 50_000, steps: int = 1500, seed: int = 0) -> None:
        super().__init__(n_concepts, sample, seed)
        self.steps = steps

    def _find(self, sample: np.ndarray) -> np.ndarray:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(
                "the vq autoencoder needs torch, which is not installed: pip install torch"
            ) from error
        middle = sample.mean(axis=0, dtype=np.float64)
        around = (sample - middle).astype(np.float32)
        scale = float(np.sqrt(np.mean(around.astype(np.float64) ** 2))) or 1.0
        with _one_thread(torch), torch.enable_grad():
            decoded = self._trained(torch, torch.from_numpy(around / np.float32(scale)))
        centroids = (decoded.astype(np.float64) * scale + middle).astype(np.float32)
        return _without_empty(sample, centroids)

    def _trained(self, torch: ModuleType, tokens: Tensor) -> np.ndarray:
        """What each code decodes to, in the units of ``tokens`` (n, d): (K, d) float32."""
        random = torch.Generator().manual_seed(self.seed)
        d, k = tokens.shape[1], self.n_concepts
        encoder, decoder = (
            _layers(torch, (d, _WIDTH, _LATENT), random),
            _layers(torch, (_LATENT, _WIDTH, d), random),
        )
        parameters = [each for layers in (encoder, decoder) for pair in layers for each in pair]
        optimiser = torch.optim.Adam(parameters, lr=2e-3)
        codes, self.revived_ = None, 0
        for step in range(self.steps):
            some = tokens[torch.randint(len(tokens), (min(_BATCH, len(tokens)),), generator=random)]
            encoded = _through(torch, encoder, some)
            loss = 0.0
            if step >= int(_WARM * self.steps):
                if codes is None:
                    codes = _Codes(torch, self._begin(torch, encoder, tokens, random))
                said = codes.nearest(encoded.detach())
                chosen = codes.places[said]
                loss = _COMMIT * ((encoded - chosen) ** 2).mean()
                sent = encoded + (chosen - encoded).detach()  # the gradient passes straight through
            else:
                sent = encoded
            wrong = ((_through(torch, decoder, sent) - some) ** 2).mean(dim=1)
            optimiser.zero_grad()
            (wrong.mean() + loss).backward()
            optimiser.step()
            if codes is not None:
                self.revived_ += codes.follow(encoded.detach(), said, wrong.detach())
        if codes is None:  # so few steps that nothing but the beginning was reached
            codes = _Codes(torch, self._begin(torch, encoder, tokens, random))
        with torch.no_grad():
            return _through(torch, decoder, codes.places).numpy().reshape(k, d)

    def _begin(
        self, torch: ModuleType, encoder: list[tuple[Tensor, Tensor]], tokens: Tensor, random: Generator
    ) -> Tensor:
        """Codes to begin with, spread over the encoded tokens: (K, latent)."""
        from sklearn.cluster import kmeans_plusplus

        with torch.no_grad():
            rows = torch.randint(len(tokens), (max(8 * _BATCH, self.n_concepts),), generator=random)
            encoded = _through(torch, encoder, tokens[rows]).numpy()
        return torch.from_numpy(kmeans_plusplus(encoded, self.n_concepts, random_state=self.seed)[0].copy())


class _Codes:
    """The K codes: places (K, latent), and the moving averages that they follow.

    The averages are of how many tokens say each code, and of where these tokens are.
    """

    def __init__(self, torch: ModuleType, places: Tensor) -> None:
        self.places, self._torch = places, torch
        self._counts = torch.full((len(places),), _BATCH / len(places))
        self._sums = places * self._counts[:, None]

    def nearest(self, encoded: Tensor) -> Tensor:
        return self._torch.cdist(encoded, self.places).argmin(dim=1)

    def follow(self, encoded: Tensor, said: Tensor, wrong: Tensor) -> int:
        """Move codes to the tokens that say them; begin dead ones again. Returns how many."""
        torch, k = self._torch, len(self.places)
        chosen = torch.nn.functional.one_hot(said, k).to(encoded.dtype)
        self._counts.mul_(_DECAY).add_(chosen.sum(dim=0), alpha=1 - _DECAY)
        self._sums.mul_(_DECAY).add_(chosen.T @ encoded, alpha=1 - _DECAY)
        self.places = self._sums / self._counts.clamp(min=1e-5)[:, None]
        dead = torch.nonzero(self._counts < _DEAD * self._counts.sum() / k).flatten()[: len(encoded)]
        if len(dead):
            worst = torch.argsort(wrong, descending=True, stable=True)[: len(dead)]
            fair = self._counts.sum() / k
            self.places[dead], self._counts[dead] = encoded[worst], fair
            self._sums[dead] = encoded[worst] * fair
        return len(dead)


def _layers(torch: ModuleType, sizes: Sequence[int], random: Generator) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases of layers, He's way: list of (weight, bias)."""
    found = []
    for many, few in zip(sizes, sizes[1:]):
        weight = torch.randn((few, many), generator=random) * (2 / many) ** 0.5
        found.append((weight.requires_grad_(), torch.zeros(few, requires_grad=True)))
    return found


def _through(torch: ModuleType, layers: list[tuple[Tensor, Tensor]], values: Tensor) -> Tensor:
    for at, (weight, bias) in enumerate(layers):
        values = torch.nn.functional.linear(values, weight, bias)
        if at + 1 < len(layers):
            values = torch.nn.functional.gelu(values)
    return values


def _without_empty(sample: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Centroids, those without a token put where the token is that is farthest from its own.

    They are moved one after the other.
    """
    for _ in range(len(centroids)):
        nearest = assign_nearest(sample, centroids)
        empty = np.flatnonzero(np.bincount(nearest, minlength=len(centroids)) == 0)
        away = ((sample - centroids[nearest]).astype(np.float64) ** 2).sum(axis=1)
        if not len(empty) or not away.max() > 0:
            break
        centroids[empty[0]] = sample[away.argmax()]
    return centroids


@contextmanager
def _one_thread(torch: ModuleType) -> Iterator[None]:
    """Inside the block torch computes on one thread: the order of additions must not depend on scheduling."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
