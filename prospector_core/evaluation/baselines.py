"""Baselines of attribution, trained here on the same tokens and the same labels of data.

One thread, no tricks.

Each is a function ``(problem, train, test, seed) -> Outcome``, or a dict of them. Networks (see ``networks``)
map the data that are scored alone, and predict them all; classes are balanced by weight; inputs are
standardised by the training data.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MissingExtraError
from ..method.smoothing import smoothed
from ..study.settings import SUGGESTED
from .heads import Outcome
from .networks import Inputs, graph_network, mean_network, probabilities, torch_here, train
from .peer_networks import NETWORKS
from .token_peers import PEERS

if TYPE_CHECKING:
    from typing import Any

    from torch import Tensor

    from .networks import Batch
    from .problem import Problem

__all__ = ["BASELINES", "SMOOTHED", "run_baseline"]

SMOOTHED = ", smoothed"
"""Ends the name of a baseline whose maps were smoothed as ours are."""

_WITHOUT_SIGNAL = ("constant", "random")
_IG_STEPS, _SHAP_SAMPLES = 16, 16
_MASK_STEPS, _MASK_DATA = 60, 16  # of learning masks over tokens, so many data together


def run_baseline(
    name: str, problem: Problem, train: np.ndarray, test: np.ndarray, seed: int = 0
) -> Outcome | dict[str, Outcome]:
    """A baseline by name: Outcome, or {name: Outcome} of one that is several.

    Maps are also given smoothed as ours are, under the name with ``SMOOTHED`` behind it.

    Raises KeyError, MissingExtraError.
    """
    found = BASELINES[name](problem, np.asarray(train), np.asarray(test), seed)
    if name in _WITHOUT_SIGNAL:
        return found
    found = found if isinstance(found, dict) else {name: found}
    return found | {name + SMOOTHED: _smoothed(problem, outcome) for name, outcome in found.items()}


def _smoothed(problem: Problem, outcome: Outcome) -> Outcome:
    steps = SUGGESTED.smoothing
    maps = {i: smoothed(problem.graphs[i], scores, steps) for i, scores in outcome.maps.items()}
    return replace(outcome, maps=maps)


# ---- without a network


def constant(problem: Problem, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """Every token the same."""
    share = float(problem.labels[train].mean())
    maps = {int(i): np.zeros(problem.graphs[i].n) for i in test}
    return Outcome(maps, dict.fromkeys(map(int, test), share))


def random(problem: Problem, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """Uniform noise."""
    rng = np.random.default_rng(seed)
    share = float(problem.labels[train].mean())
    return Outcome(
        {int(i): rng.random(problem.graphs[i].n) for i in test}, dict.fromkeys(map(int, test), share)
    )


def nearest_centroid(problem: Problem, train: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """How much nearer a token is to the mean of class 1's tokens than to that of class 0's."""
    started = time.process_time()
    centre = [
        np.mean([problem.embeddings[i].mean(axis=0) for i in train if problem.labels[i] == label], axis=0)
        for label in (0, 1)
    ]
    maps = {
        int(i): (
            np.linalg.norm(problem.embeddings[i] - centre[0], axis=1)
            - np.linalg.norm(problem.embeddings[i] - centre[1], axis=1)
        )
        for i in test
    }
    probability = {i: float(1 / (1 + np.exp(-scores.mean()))) for i, scores in maps.items()}
    return Outcome(maps, probability, time.process_time() - started, 2 * len(centre[0]))


# ---- networks


def mean_pool_maps(problem: Problem, train_on: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Outcome]:
    """One mean-pooling classifier explained in four ways: {name: Outcome}."""
    torch = torch_here()
    try:
        from captum.attr import GradientShap, InputXGradient, IntegratedGradients
    except ImportError as error:
        raise MissingExtraError(
            "gradient attributions need captum: pip install 'prospector-heads[evaluate]'"
        ) from error
    started = time.process_time()
    torch.manual_seed(seed)
    inputs = Inputs(problem, train_on)
    model = mean_network(inputs.dim)
    size, epochs = train(model, problem, train_on, inputs, seed)
    probability = probabilities(model, inputs, test)
    fitted = time.process_time() - started

    def gradient(tokens: Tensor) -> Tensor:
        return InputXGradient(model.one).attribute(tokens)

    def integrated(tokens: Tensor) -> Tensor:
        return IntegratedGradients(model.one).attribute(tokens, n_steps=_IG_STEPS, internal_batch_size=4)

    def shap(tokens: Tensor) -> Tensor:
        torch.manual_seed(seed)
        np.random.seed(seed)
        others = torch.zeros_like(tokens)  # the mean token of the training data, and noise around it
        return GradientShap(model.one).attribute(
            tokens, baselines=torch.cat([others, torch.randn_like(tokens)]), n_samples=_SHAP_SAMPLES
        )

    def occlusion(tokens: Tensor) -> Tensor:
        with torch.no_grad():
            n = tokens.shape[1]
            whole, found = model.one(tokens)[0], torch.empty(n)
            hidden = model.embed(tokens)[0]
            total = hidden.sum(0)
            for first in range(0, n, 4096):
                some = hidden[first : first + 4096]
                found[first : first + 4096] = whole - model.classify((total - some) / max(n - 1, 1))[:, 0]
        return found[None, :, None]

    out = {}
    for name, explain in (
        ("mean-pool, gradient x input", gradient),
        ("mean-pool, integrated gradients", integrated),
        ("mean-pool, SHAP", shap),
        ("mean-pool, occlusion", occlusion),
    ):
        started, maps = time.process_time(), {}
        for i in map(int, problem.scored(test)):
            maps[i] = _numbers(explain(inputs.tokens(i)[None].clone().requires_grad_()).sum(-1)[0])
        out[name] = Outcome(maps, probability, fitted + time.process_time() - started, size, epochs=epochs)
    return out


def graph_attention(problem: Problem, train_on: np.ndarray, test: np.ndarray, seed: int) -> Outcome:
    """Graph attention network; the map is a mask over tokens learned for each datum (as GNNExplainer's)."""
    torch, started = torch_here(), time.process_time()
    torch.manual_seed(seed)
    inputs = Inputs(problem, train_on)
    model = graph_network(inputs.dim)
    size, epochs = train(model, problem, train_on, inputs, seed, edges=True)
    probability = probabilities(model, inputs, test, edges=True)
    scored, maps = problem.scored(test), {}
    for first in range(0, len(scored), _MASK_DATA):
        some = scored[first : first + _MASK_DATA]
        maps.update(zip(map(int, some), _masks(model, inputs.batch(some, edges=True))))
    return Outcome(maps, probability, time.process_time() - started, size, epochs=epochs)


def _masks(model: Any, batch: Batch) -> list[np.ndarray]:
    """A mask over the tokens of each datum that keeps its logit high with few of them: list of (n,).

    Data do not influence each other: their losses are added, and the optimiser moves each number by itself.
    """
    torch = torch_here()
    mask = torch.zeros(len(batch.tokens), requires_grad=True)
    optimiser = torch.optim.Adam([mask], lr=0.1)
    for _ in range(_MASK_STEPS):
        kept = torch.sigmoid(mask)
        entropy = -(kept * torch.log(kept + 1e-9) + (1 - kept) * torch.log(1 - kept + 1e-9))
        logits = model(batch, batch.tokens * kept[:, None])
        loss = (
            torch.nn.functional.softplus(-logits).sum()
            + batch.mean((0.5 * kept + 0.1 * entropy)[:, None]).sum()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sizes = torch.bincount(batch.owner, minlength=batch.size).tolist()
    return [_numbers(part) for part in torch.split(mask, sizes)]


def _numbers(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy().astype(np.float64)


BASELINES = {
    "constant": constant,
    "random": random,
    "nearest centroid": nearest_centroid,
    **PEERS,
    **NETWORKS,
    "mean-pool": mean_pool_maps,
    "graph attention + mask": graph_attention,
}
