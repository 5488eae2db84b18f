"""The method once more, as plainly as it can be written: one networkx ego graph a token.

Slow on purpose. Tests compare the compiled core with it, and ``prospector bench`` says how much faster the
core is.
"""

import numpy as np

from prospector_core.errors import MissingExtraError

try:
    import networkx
except ImportError as error:  # a test and bench dependency only
    raise MissingExtraError("the benchmark compares with networkx: python -m pip install networkx") from error

__all__ = ["oracle_graph", "oracle_count", "oracle_prospect"]


def oracle_graph(graph, concepts):
    """The token graph as networkx sees it: excluded tokens (concept -1) and their edges removed."""
    plain = networkx.Graph()
    plain.add_nodes_from(range(graph.n))
    plain.add_edges_from(graph.edges.tolist())
    plain.remove_nodes_from([token for token, concept in enumerate(concepts) if concept < 0])
    return plain


def oracle_count(plain, concepts, n_concepts, radius):
    """X of METHOD.md: monograms, then skip-bigrams i <= j. Returns (p,) int64."""
    mono = np.zeros(n_concepts, np.int64)
    pairs = np.zeros((n_concepts, n_concepts), np.int64)
    for token in plain:
        mono[concepts[token]] += 1
        for other in networkx.ego_graph(plain, token, radius=radius):
            pairs[concepts[token], concepts[other]] += 1
    if radius == 0:
        return mono
    skip_bigrams = [
        pairs[i, j] if i == j else pairs[i, j] + pairs[j, i]
        for i in range(n_concepts)
        for j in range(i, n_concepts)
    ]
    return np.concatenate([mono, skip_bigrams])


def oracle_prospect(plain, concepts, coef, n_concepts, radius, diffusive=False):
    """S of METHOD.md: (n,) float64, NaN for excluded tokens."""
    weight = {}
    if radius:
        upper = [(i, j) for i in range(n_concepts) for j in range(i, n_concepts)]
        for (i, j), value in zip(upper, coef[n_concepts:], strict=True):
            weight[i, j] = weight[j, i] = value
    scores = np.full(len(concepts), np.nan)
    for token in plain:
        score = coef[concepts[token]]
        if radius:
            ego = networkx.ego_graph(plain, token, radius=radius)
            if diffusive:
                hops = networkx.single_source_shortest_path_length(ego, token)
                score += sum(0.5 ** hops[u] * weight[concepts[token], concepts[u]] for u in ego if u != token)
            else:
                score += sum(weight[concepts[token], concepts[u]] for u in ego)
        scores[token] = score
    return scores
