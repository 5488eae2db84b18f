"""Networks for data of many tokens, and ways of reading token scores off them.

Four readings of a network (xMIL: Hense et al. 2024, arXiv 2406.04280):

- its **attention**, or the sum that it is made of (additive MIL);
- **relevance** (LRP): attention and the scale of a normalisation are held as if they were constants, all else
  is passed back by gradient x input, which for layers of straight lines and ReLU is the epsilon rule with
  epsilon 0 (Ali et al. 2022, "XAI for transformers: better explanations through conservative propagation").
  captum's LRP knows no weighted mean over tokens and no attention, so the rule is written out here;
- **integrated gradients** from the mean token;
- **single**: what the network says of a datum that has this token alone.

Each peer is a function ``(problem, train, test, seed) -> {name: Outcome}``: one network, and its readings.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .heads import Outcome
from .networks import Inputs, attention_network, probabilities, torch_here, train

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torch import Tensor

    from .networks import Batch
    from .problem import Problem

__all__ = ["NETWORKS", "additive_mil", "attention_mil", "relevance", "single", "transformer_mil"]

_HIDDEN, _HEADS, _BLOCKS = 64, 4, 2
_IG_STEPS, _TOGETHER = 16, 2048  # tokens that are looked at alone, at a time


@dataclass
class _Trained:
    """A network fitted on labels, and what it says of the data that are scored."""

    model: Any
    inputs: Inputs
    scored: list
    outcome: Outcome

    def read(self, reading: Callable[[Any, Batch], Tensor]) -> Outcome:
        """Maps of all data that are scored, by one reading."""
        started, maps = time.process_time(), {}
        for i in self.scored:
            maps[int(i)] = reading(self.model, self.inputs.batch([i])).detach().numpy().astype(np.float64)
        return replace(self.outcome, maps=maps, seconds=self.outcome.seconds + time.process_time() - started)


def _trained(
    network: Callable[[int], Any], problem: Problem, train_on: np.ndarray, test: np.ndarray, seed: int
) -> _Trained:
    started = time.process_time()
    torch_here().manual_seed(seed)
    inputs = Inputs(problem, train_on)
    model = network(inputs.dim)
    size, epochs = train(model, problem, train_on, inputs, seed)
    probability = probabilities(model, inputs, test)
    outcome = Outcome({}, probability, time.process_time() - started, size, epochs=epochs)
    return _Trained(model, inputs, problem.scored(test), outcome)


# ---- readings


def relevance(model: Any, batch: Batch) -> Tensor:
    """Relevance of each token of one datum by LRP, attention held: (n,)."""
    tokens = batch.tokens.clone().requires_grad_()
    model(batch, tokens, held=True).sum().backward()
    return (tokens.grad * tokens).sum(1)


def integrated_gradients(model: Any, batch: Batch) -> Tensor:
    """Integrated gradients of each token of one datum from the mean token, attention free: (n,)."""
    gradient = torch_here().zeros_like(batch.tokens)
    for step in range(_IG_STEPS):
        tokens = (batch.tokens * ((step + 0.5) / _IG_STEPS)).requires_grad_()
        model(batch, tokens).sum().backward()
        gradient += tokens.grad
    return (gradient / _IG_STEPS * batch.tokens).sum(1)


def single(model: Any, batch: Batch) -> Tensor:
    """The logit of each token as if it were all that its datum had: (n,)."""
    torch = torch_here()
    with torch.no_grad():
        parts = torch.split(batch.tokens, _TOGETHER)
        alone = [replace(batch, tokens=each, owner=torch.arange(len(each)), size=len(each)) for each in parts]
        return torch.cat([model(each) for each in alone])


# ---- peers


def attention_mil(problem: Problem, train_on: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Outcome]:
    """Gated attention over tokens (Ilse et al. 2018), read in four ways; attention is that before softmax."""
    found = _trained(attention_network, problem, train_on, test, seed)
    return {
        "attention MIL": found.read(lambda model, batch: model.attention(batch)),
        "attention MIL, LRP": found.read(relevance),
        "attention MIL, integrated gradients": found.read(integrated_gradients),
        "attention MIL, single": found.read(single),
    }


def additive_mil(problem: Problem, train_on: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Outcome]:
    """Additive MIL (Javed et al. 2022): the logit is a sum over tokens, whose parts are the map."""
    found = _trained(additive_network, problem, train_on, test, seed)
    return {"additive MIL": found.read(lambda model, batch: model.parts(batch))}


def transformer_mil(
    problem: Problem, train_on: np.ndarray, test: np.ndarray, seed: int
) -> dict[str, Outcome]:
    """A small transformer over the tokens of a datum and one of its own (as TransMIL), read by LRP."""
    found = _trained(transformer_network, problem, train_on, test, seed)
    return {"transformer MIL, LRP": found.read(relevance)}


def additive_network(dim: int) -> Any:
    """Gated attention whose classifier looks at each attended token: a module, Batch -> logits (size,).

    ``parts(batch)`` (n,) sum to the logits. Without constants: a token without attention adds nothing.
    """
    torch = torch_here()
    attention = attention_network(dim)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = attention
            self.classify = torch.nn.Sequential(
                torch.nn.Linear(_HIDDEN, 32, bias=False), torch.nn.ReLU(), torch.nn.Linear(32, 1, bias=False)
            )

        def parts(self, batch: Batch) -> Tensor:
            hidden = self.base.embed(batch.tokens)
            shares = batch.softmax(self.base.weigh(hidden))
            return self.classify(shares[:, None] * hidden)[:, 0]

        def forward(self, batch: Batch) -> Tensor:
            logits = torch.zeros(batch.size).index_add(0, batch.owner, self.parts(batch))
            return logits + self.base.classify.bias

    return Network()


def transformer_network(dim: int) -> Any:
    """Blocks of self-attention within each datum, read at a token of its own: (Batch, tokens) -> logits."""
    torch = torch_here()
    nn = torch.nn

    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift = nn.Parameter(torch.ones(_HIDDEN)), nn.Parameter(torch.zeros(_HIDDEN))

        def forward(self, x: Tensor, held: bool) -> Tensor:
            around = x - x.mean(-1, keepdim=True)
            spread = (around.square().mean(-1, keepdim=True) + 1e-5).sqrt()
            return around / (spread.detach() if held else spread) * self.scale + self.shift

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = Norm(), Norm()
            self.ask, self.out = nn.Linear(_HIDDEN, 3 * _HIDDEN), nn.Linear(_HIDDEN, _HIDDEN)
            self.wide = nn.Sequential(
                nn.Linear(_HIDDEN, 2 * _HIDDEN), nn.ReLU(), nn.Linear(2 * _HIDDEN, _HIDDEN)
            )

        def forward(self, x: Tensor, sizes: list[int], held: bool) -> Tensor:
            query, key, value = self.ask(self.before(x, held)).view(len(x), 3, _HEADS, -1).unbind(1)
            mixed = [
                self._attend(*each, held)
                for each in zip(*(torch.split(part, sizes) for part in (query, key, value)))
            ]
            x = x + self.out(torch.cat(mixed).flatten(1))
            return x + self.wide(self.between(x, held))

        def _attend(self, query: Tensor, key: Tensor, value: Tensor, held: bool) -> Tensor:
            odds = torch.einsum("ahd,bhd->hab", query, key) / key.shape[-1] ** 0.5
            shares = odds.softmax(-1)
            return torch.einsum("hab,bhd->ahd", shares.detach() if held else shares, value)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Sequential(nn.Linear(dim, _HIDDEN), nn.ReLU(), nn.Dropout(0.25))
            self.own = nn.Parameter(torch.randn(1, _HIDDEN) * 0.1)
            self.blocks = nn.ModuleList(Block() for _ in range(_BLOCKS))
            self.last, self.classify = Norm(), nn.Linear(_HIDDEN, 1)

        def forward(self, batch: Batch, tokens: Tensor | None = None, held: bool = False) -> Tensor:
            hidden = self.embed(batch.tokens if tokens is None else tokens)
            sizes = torch.bincount(batch.owner, minlength=batch.size).tolist()
            x = torch.cat([part for each in torch.split(hidden, sizes) for part in (self.own, each)])
            for block in self.blocks:
                x = block(x, [n + 1 for n in sizes], held)
            first = np.cumsum([0, *(n + 1 for n in sizes[:-1])])
            return self.classify(self.last(x[torch.from_numpy(first)], held))[:, 0]

    return Network()


NETWORKS = {
    "attention MIL": attention_mil,
    "additive MIL": additive_mil,
    "transformer MIL": transformer_mil,
}
"""Name of a peer: the function."""
