"""Baselines of attribution, trained here on the same tokens and the same labels of data: torch, one thread, no tricks.

Each is a function ``(problem, train, test, seed) -> Outcome``. Networks are as small as the literature's own for such data, and
trained until the loss settles; classes are balanced by weight; inputs are standardised by the training data.
"""

import time

import numpy as np

from ..errors import MissingExtraError
from .heads import Outcome

__all__ = ["BASELINES", "run_baseline"]

_HIDDEN, _EPOCHS, _RATE, _DECAY, _BATCH = 64, 30, 1e-3, 1e-3, 8
_STEPS = 300  # of few data, at least (in four times as many epochs at most)
_IG_STEPS, _SHAP_SAMPLES, _MASK_STEPS = 16, 16, 40


def run_baseline(name, problem, train, test, seed=0):
    """A baseline by name: Outcome. Raises KeyError, MissingExtraError."""
    return BASELINES[name](problem, train, test, seed)


# ---- without a network


def constant(problem, train, test, seed):
    """Every token the same."""
    share = float(problem.labels[train].mean())
    maps = {int(i): np.zeros(problem.graphs[i].n) for i in test}
    return Outcome(maps, dict.fromkeys(map(int, test), share))


def random(problem, train, test, seed):
    """Uniform noise."""
    rng = np.random.default_rng(seed)
    share = float(problem.labels[train].mean())
    return Outcome({int(i): rng.random(problem.graphs[i].n) for i in test}, dict.fromkeys(map(int, test), share))


def nearest_centroid(problem, train, test, seed):
    """How much nearer a token is to the mean of class 1's tokens than to that of class 0's."""
    started = time.perf_counter()
    centre = [
        np.mean([problem.embeddings[i].mean(axis=0) for i in train if problem.labels[i] == label], axis=0)
        for label in (0, 1)
    ]
    maps = {
        int(i): np.linalg.norm(problem.embeddings[i] - centre[0], axis=1)
        - np.linalg.norm(problem.embeddings[i] - centre[1], axis=1)
        for i in test
    }
    probability = {i: float(1 / (1 + np.exp(-scores.mean()))) for i, scores in maps.items()}
    return Outcome(maps, probability, time.perf_counter() - started, 2 * len(centre[0]))


# ---- networks


def _torch():
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("baselines are networks: pip install torch captum") from error
    torch.set_num_threads(1)
    return torch


class _Inputs:
    """Embeddings standardised by the training data, as tensors."""

    def __init__(self, problem, train):
        torch = _torch()
        sample = np.concatenate([problem.embeddings[i] for i in train])
        mean, spread = sample.mean(axis=0), sample.std(axis=0) + 1e-6
        self.dim = sample.shape[1]
        self._of = lambda i: torch.from_numpy(((problem.embeddings[i] - mean) / spread).astype(np.float32))
        self._kept = {}

    def __getitem__(self, index):
        if index not in self._kept:
            self._kept[index] = self._of(index)
        return self._kept[index]


def _train(model, problem, train, inputs, seed, logit):
    """Fit a network by the labels of data. ``logit``: function(model, index) -> logit of class 1."""
    torch = _torch()
    labels = torch.tensor(problem.labels[train], dtype=torch.float32)
    weight = {1: 0.5 / max(float(labels.mean()), 1e-6), 0: 0.5 / max(float(1 - labels.mean()), 1e-6)}
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY)
    rng = np.random.default_rng(seed)
    epochs = min(max(_EPOCHS, _STEPS * _BATCH // len(train)), 4 * _EPOCHS)  # few data: as many steps all the same
    model.train()
    for _ in range(min(epochs, _STEPS)):
        order = rng.permutation(len(train))
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            found = torch.stack([logit(model, int(train[at])) for at in some])
            weights = torch.tensor([weight[int(labels[at])] for at in some])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(found, labels[some], weight=weights)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
    return sum(each.numel() for each in model.parameters())


def attention_mil(problem, train, test, seed):
    """Gated attention over tokens (Ilse et al., 2018); the map is the attention before softmax."""
    torch = _torch()
    started = time.perf_counter()
    torch.manual_seed(seed)
    inputs = _Inputs(problem, train)

    class Network(torch.nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.embed = torch.nn.Sequential(torch.nn.Linear(dim, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.25))
            self.tanh, self.gate = torch.nn.Linear(_HIDDEN, 32), torch.nn.Linear(_HIDDEN, 32)
            self.attend, self.classify = torch.nn.Linear(32, 1), torch.nn.Linear(_HIDDEN, 1)

        def forward(self, tokens):
            hidden = self.embed(tokens)
            attention = self.attend(torch.tanh(self.tanh(hidden)) * torch.sigmoid(self.gate(hidden)))[:, 0]
            pooled = torch.softmax(attention, 0) @ hidden
            return self.classify(pooled)[0], attention

    model = Network(inputs.dim)
    size = _train(model, problem, train, inputs, seed, lambda model, i: model(inputs[i])[0])
    maps, probability = {}, {}
    with torch.no_grad():
        for i in map(int, test):
            logit, attention = model(inputs[i])
            maps[i], probability[i] = attention.numpy().astype(np.float64), float(torch.sigmoid(logit))
    return Outcome(maps, probability, time.perf_counter() - started, size)


def _mean_pool(problem, train, seed):
    """Classifier of the mean of encoded tokens: model(tokens (b, n, d)) -> (b,) logits, and its size."""
    torch = _torch()
    torch.manual_seed(seed)
    inputs = _Inputs(problem, train)

    class Network(torch.nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.embed = torch.nn.Sequential(torch.nn.Linear(dim, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(0.25))
            self.classify = torch.nn.Sequential(torch.nn.Linear(_HIDDEN, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))

        def forward(self, tokens, keep=None):
            hidden = self.embed(tokens)
            if keep is None:
                return self.classify(hidden.mean(-2))[..., 0]
            return self.classify((hidden * keep[..., None]).sum(-2) / keep.sum(-1, keepdim=True).clamp(min=1))[..., 0]

    model = Network(inputs.dim)
    size = _train(model, problem, train, inputs, seed, lambda model, i: model(inputs[i]))
    return model, inputs, size


def mean_pool_maps(problem, train, test, seed):
    """One mean-pooling classifier explained in four ways: {name: Outcome}."""
    torch = _torch()
    try:
        from captum.attr import GradientShap, InputXGradient, IntegratedGradients
    except ImportError as error:
        raise MissingExtraError(
            "gradient attributions need captum: pip install 'prospector-heads[evaluate]'"
        ) from error
    started = time.perf_counter()
    model, inputs, size = _mean_pool(problem, train, seed)
    fitted = time.perf_counter() - started
    with torch.no_grad():
        probability = {int(i): float(torch.sigmoid(model(inputs[i]))) for i in test}

    def gradient(tokens):
        return InputXGradient(model).attribute(tokens)

    def integrated(tokens):
        return IntegratedGradients(model).attribute(tokens, n_steps=_IG_STEPS, internal_batch_size=4)

    def shap(tokens):
        torch.manual_seed(seed)
        others = torch.zeros_like(tokens)  # the mean token of the training data, and noise around it
        return GradientShap(model).attribute(
            tokens, baselines=torch.cat([others, torch.randn_like(tokens)]), n_samples=_SHAP_SAMPLES
        )

    def occlusion(tokens):
        with torch.no_grad():
            n = tokens.shape[1]
            whole, found = model(tokens)[0], torch.empty(n)
            hidden = model.embed(tokens)[0]
            total = hidden.sum(0)
            for start in range(0, n, 4096):
                some = hidden[start : start + 4096]
                found[start : start + 4096] = whole - model.classify((total - some) / max(n - 1, 1))[:, 0]
        return found[None, :, None]

    out = {}
    for name, explain in (
        ("mean-pool, gradient x input", gradient), ("mean-pool, integrated gradients", integrated),
        ("mean-pool, SHAP", shap), ("mean-pool, occlusion", occlusion),
    ):  # fmt: skip
        started, maps = time.perf_counter(), {}
        for i in map(int, test):
            maps[i] = explain(inputs[i][None].clone().requires_grad_()).sum(-1)[0].detach().numpy().astype(np.float64)
        out[name] = Outcome(maps, probability, fitted + time.perf_counter() - started, size)
    return out


def graph_attention(problem, train, test, seed):
    """Graph attention network; the map is a mask over tokens learned a datum (as GNNExplainer's), class 1 only."""
    torch = _torch()
    started = time.perf_counter()
    torch.manual_seed(seed)
    inputs, edges = _Inputs(problem, train), {}

    def edges_of(i):
        if i not in edges:
            graph = problem.graphs[i]
            start = np.concatenate([np.repeat(np.arange(graph.n), np.diff(graph.indptr)), np.arange(graph.n)])
            end = np.concatenate([graph.indices, np.arange(graph.n)])
            edges[i] = torch.from_numpy(start), torch.from_numpy(end)
        return edges[i]

    class Layer(torch.nn.Module):
        def __init__(self, dim, out, heads):
            super().__init__()
            self.heads, self.lin = heads, torch.nn.Linear(dim, out * heads, bias=False)
            self.own, self.other = (torch.nn.Parameter(torch.randn(heads, out) * 0.1) for _ in range(2))

        def forward(self, x, start, end):
            h = self.lin(x).view(len(x), self.heads, -1)
            score = torch.nn.functional.leaky_relu((h * self.own).sum(-1)[start] + (h * self.other).sum(-1)[end], 0.2)
            weight = torch.exp(score - score.max())
            total = torch.zeros(len(x), self.heads).index_add(0, start, weight)
            mixed = torch.zeros_like(h).index_add(0, start, weight[..., None] * h[end])
            return torch.nn.functional.elu((mixed / total[..., None].clamp(min=1e-9)).flatten(1))

    class Network(torch.nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.one, self.two = Layer(dim, 16, 2), Layer(32, 16, 2)
            self.classify = torch.nn.Linear(32, 1)

        def forward(self, x, start, end):
            return self.classify(self.two(self.one(x, start, end), start, end).mean(0))[0]

    model = Network(inputs.dim)
    size = _train(model, problem, train, inputs, seed, lambda model, i: model(inputs[i], *edges_of(i)))
    with torch.no_grad():
        probability = {int(i): float(torch.sigmoid(model(inputs[i], *edges_of(int(i))))) for i in test}
    for each in model.parameters():
        each.requires_grad_(False)
    maps = {}
    for i in map(int, test):
        if i not in problem.scored([i]):
            maps[i] = np.zeros(problem.graphs[i].n)
            continue
        mask = torch.zeros(problem.graphs[i].n, requires_grad=True)
        optimiser = torch.optim.Adam([mask], lr=0.1)
        for _ in range(_MASK_STEPS):
            kept = torch.sigmoid(mask)
            logit = model(inputs[i] * kept[:, None], *edges_of(i))
            entropy = -(kept * torch.log(kept + 1e-9) + (1 - kept) * torch.log(1 - kept + 1e-9)).mean()
            loss = torch.nn.functional.softplus(-logit) + 0.5 * kept.mean() + 0.1 * entropy
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        maps[i] = mask.detach().numpy().astype(np.float64)
    return Outcome(maps, probability, time.perf_counter() - started, size)


BASELINES = {
    "constant": constant,
    "random": random,
    "nearest centroid": nearest_centroid,
    "attention MIL": attention_mil,
    "mean-pool": mean_pool_maps,
    "graph attention + mask": graph_attention,
}
