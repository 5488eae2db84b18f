"""The networks among the baselines: attention-MIL, a mean-pooling classifier, a graph attention network.

They are as small as the literature's own for such data. Several data are looked at together, their tokens one
after the other with the number of their datum beside them (``Batch``); training ends where its loss has
settled (``Plateau``). Torch on one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from ..errors import MissingExtraError

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from torch import Tensor

    from .problem import Problem

__all__ = [
    "Batch",
    "Inputs",
    "Plateau",
    "attention_network",
    "graph_network",
    "mean_network",
    "torch_here",
    "train",
]

_HIDDEN, _RATE, _DECAY, _BATCH = 64, 1e-3, 1e-3, 8
LEAST_STEPS, MOST_STEPS = 300, 6000  # of the optimiser, eight data each
LEAST_EPOCHS, MOST_EPOCHS = 30, 200
_WINDOW, _LESS = 8, 0.02  # the loss has settled where it falls by less than 2 % in 8 epochs


def torch_here() -> ModuleType:
    """The library, on one thread. Raises MissingExtraError."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            "baselines are networks: pip install 'prospector-heads[evaluate]', which brings torch and captum"
        ) from error
    torch.set_num_threads(1)
    return torch


@dataclass(frozen=True)
class Batch:
    """Some data of a problem: tokens (n, d), their owner (n,), and the edges of their graphs.

    ``owner`` is the datum of each token, 0..size-1. ``start`` and ``end`` (m,) are edges in both directions
    and from each token to itself, or None.
    """

    tokens: object
    owner: object
    size: int
    start: object = None
    end: object = None

    def mean(self, values: Tensor) -> Tensor:
        """Means (size, d) over the tokens of each datum of values (n, d)."""
        torch = torch_here()
        count = torch.bincount(self.owner, minlength=self.size)[:, None]
        return torch.zeros(self.size, values.shape[1]).index_add(0, self.owner, values) / count

    def softmax(self, scores: Tensor) -> Tensor:
        """Scores (n,) as shares that sum to one over each datum's tokens: (n,)."""
        torch = torch_here()
        most = torch.full((self.size,), -torch.inf).scatter_reduce(0, self.owner, scores, "amax")
        raised = torch.exp(scores - most.detach()[self.owner])
        return raised / torch.zeros(self.size).index_add(0, self.owner, raised)[self.owner]


class Inputs:
    """Embeddings standardised by the training data, and the edges of graphs, as tensors, made once."""

    def __init__(self, problem: Problem, train: np.ndarray) -> None:
        sample = np.concatenate([problem.embeddings[i] for i in train])
        self._mean, self._spread = sample.mean(axis=0), sample.std(axis=0) + 1e-6
        self.dim, self._problem, self._tokens, self._edges = sample.shape[1], problem, {}, {}

    def tokens(self, index: int) -> Tensor:
        """Of one datum: (n, d) float32."""
        if index not in self._tokens:
            standard = (self._problem.embeddings[index] - self._mean) / self._spread
            self._tokens[index] = torch_here().from_numpy(standard.astype(np.float32))
        return self._tokens[index]

    def edges(self, index: int) -> tuple[Tensor, Tensor]:
        """Of one datum: two tensors (m,)."""
        if index not in self._edges:
            graph, torch = self._problem.graphs[index], torch_here()
            own = np.arange(graph.n)
            start = np.concatenate([np.repeat(own, np.diff(graph.indptr)), own])
            self._edges[index] = (
                torch.from_numpy(start),
                torch.from_numpy(np.concatenate([graph.indices, own]).astype(np.int64)),
            )
        return self._edges[index]

    def batch(self, indices: list[int] | np.ndarray, edges: bool = False) -> Batch:
        """Some data together: Batch."""
        torch = torch_here()
        parts = [self.tokens(int(i)) for i in indices]
        sizes = torch.tensor([len(part) for part in parts])
        owner, start, end = torch.repeat_interleave(torch.arange(len(parts)), sizes), None, None
        if edges:
            first = (torch.cumsum(sizes, 0) - sizes).tolist()
            pairs = [self.edges(int(i)) for i in indices]
            start, end = (torch.cat([pair[side] + at for pair, at in zip(pairs, first)]) for side in (0, 1))
        return Batch(torch.cat(parts), owner, len(parts), start, end)


class Plateau:
    """Whether a falling loss has settled.

    Its mean over the last epochs is hardly below that of as many before.
    """

    def __init__(self) -> None:
        self._losses = []

    def __call__(self, loss: float) -> bool:
        """Told the loss of one more epoch: bool."""
        self._losses.append(loss)
        if len(self._losses) < 2 * _WINDOW:
            return False
        before, last = np.mean(self._losses[-2 * _WINDOW : -_WINDOW]), np.mean(self._losses[-_WINDOW:])
        return last > (1 - _LESS) * before


def train(
    model: Any, problem: Problem, indices: np.ndarray, inputs: Inputs, seed: int, edges: bool = False
) -> tuple[int, int]:
    """Fit a network by the labels of data, classes weighted alike.

    (how many numbers were fitted, how many epochs it took).
    """
    torch = torch_here()
    labels = torch.tensor(problem.labels[indices], dtype=torch.float32)
    ones = float(labels.mean())
    weights = torch.where(labels == 1, 0.5 / max(ones, 1e-6), 0.5 / max(1 - ones, 1e-6))
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    rng, settled, steps, epoch = np.random.default_rng(seed), Plateau(), 0, 0
    model.train()
    while epoch < MOST_EPOCHS and steps < MOST_STEPS:
        order, total = rng.permutation(len(indices)), 0.0
        for first in range(0, len(order), _BATCH):
            some = torch.from_numpy(order[first : first + _BATCH])
            logits = model(inputs.batch(indices[some.numpy()], edges))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, labels[some], weight=weights[some]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total, steps = total + float(loss.detach()) * len(some), steps + 1
        epoch += 1
        if settled(total / len(order)) and epoch >= LEAST_EPOCHS and steps >= LEAST_STEPS:
            break
    model.eval()
    for each in model.parameters():
        each.requires_grad_(False)
    return sum(each.numel() for each in model.parameters()), epoch


def probabilities(
    model: Any, inputs: Inputs, indices: np.ndarray, edges: bool = False, together: int = 32
) -> dict[int, float]:
    """P(class 1) of data: {index: float}."""
    torch, found = torch_here(), {}
    with torch.no_grad():
        for first in range(0, len(indices), together):
            some = indices[first : first + together]
            logits = model(inputs.batch(some, edges)).double().numpy()
            found.update(zip((int(i) for i in some), expit(logits).tolist()))
    return found


def attention_network(dim: int) -> Any:
    """Gated attention over tokens: a module, (Batch, tokens in place of its own) -> logits (size,).

    ``attention(batch)`` gives the scores before softmax; ``held``: shares of attention are constants.
    """
    torch = torch_here()

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Sequential(
                torch.nn.Linear(dim, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.25)
            )
            self.tanh, self.gate = torch.nn.Linear(_HIDDEN, 32), torch.nn.Linear(_HIDDEN, 32)
            self.attend, self.classify = torch.nn.Linear(32, 1), torch.nn.Linear(_HIDDEN, 1)

        def weigh(self, hidden: Tensor) -> Tensor:
            return self.attend(torch.tanh(self.tanh(hidden)) * torch.sigmoid(self.gate(hidden)))[:, 0]

        def attention(self, batch: Batch) -> Tensor:
            return self.weigh(self.embed(batch.tokens))

        def forward(self, batch: Batch, tokens: Tensor | None = None, held: bool = False) -> Tensor:
            hidden = self.embed(batch.tokens if tokens is None else tokens)
            shares = batch.softmax(self.weigh(hidden))
            shares = shares.detach() if held else shares
            pooled = torch.zeros(batch.size, _HIDDEN).index_add(0, batch.owner, shares[:, None] * hidden)
            return self.classify(pooled)[:, 0]

    return Network()


def mean_network(dim: int) -> Any:
    """Classifier of the mean of encoded tokens.

    A module, Batch -> logits (size,); ``one(tokens (b, n, d))`` -> (b,) for captum.
    """
    torch = torch_here()

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Sequential(
                torch.nn.Linear(dim, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.25)
            )
            self.classify = torch.nn.Sequential(
                torch.nn.Linear(_HIDDEN, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
            )

        def one(self, tokens: Tensor) -> Tensor:
            return self.classify(self.embed(tokens).mean(-2))[..., 0]

        def forward(self, batch: Batch) -> Tensor:
            return self.classify(batch.mean(self.embed(batch.tokens)))[:, 0]

    return Network()


def graph_network(dim: int) -> Any:
    """Two layers of graph attention, then the mean.

    A module, (Batch, tokens in place of its own) -> logits (size,).
    """
    torch = torch_here()

    class Layer(torch.nn.Module):
        def __init__(self, dim: int, out: int, heads: int) -> None:
            super().__init__()
            self.heads, self.lin = heads, torch.nn.Linear(dim, out * heads, bias=False)
            self.own, self.other = (torch.nn.Parameter(torch.randn(heads, out) * 0.1) for _ in range(2))

        def forward(self, x: Tensor, start: Tensor, end: Tensor) -> Tensor:
            h = self.lin(x).view(len(x), self.heads, -1)
            score = torch.nn.functional.leaky_relu(
                (h * self.own).sum(-1)[start] + (h * self.other).sum(-1)[end], 0.2
            )
            weight = torch.exp(score - score.max())
            total = torch.zeros(len(x), self.heads).index_add(0, start, weight)
            mixed = torch.zeros_like(h).index_add(0, start, weight[..., None] * h[end])
            return torch.nn.functional.elu((mixed / total[..., None].clamp(min=1e-9)).flatten(1))

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = Layer(dim, 16, 2), Layer(32, 16, 2)
            self.classify = torch.nn.Linear(32, 1)

        def forward(self, batch: Batch, tokens: Tensor | None = None) -> Tensor:
            x = batch.tokens if tokens is None else tokens
            x = self.two(self.one(x, batch.start, batch.end), batch.start, batch.end)
            return self.classify(batch.mean(x))[:, 0]

    return Network()
