"""Random token graphs and sprites for the property tests.

And what the plain networkx version says of them.
"""

import numpy as np
from hypothesis import strategies as st

from benchmarks.oracle import oracle_count, oracle_graph, oracle_prospect
from prospector_core import TokenGraph
from prospector_core.method.features import n_features

seeds = st.integers(0, 2**32 - 1)


def grid_graph(random, height, width, holes):
    """A grid with holes, its corner anywhere, its tokens in any order."""
    positions = np.argwhere(random.random((height, width)) >= holes)
    positions = random.permutation(positions) + random.integers(-50, 50, 2)
    return TokenGraph.from_grid(positions)


def any_graph(random, kind):
    """A small graph of the kind: grid, chain, contacts or edges."""
    n = int(random.integers(1, 40))
    if kind == "grid":
        return grid_graph(random, *random.integers(1, 9, 2), random.choice([0.0, 0.3, 0.6]))
    if kind == "chain":
        return TokenGraph.from_chain(n, reach=int(random.integers(0, 4)))
    if kind == "contacts":
        return TokenGraph.from_contacts(random.normal(size=(n, 3)) * 12, cutoff=8.0)
    return TokenGraph.from_edges(n, random.integers(0, n, (int(random.integers(0, 2 * n)), 2)))


kinds = st.sampled_from(["grid", "chain", "contacts", "edges"])


def sprite_of(random, graph, n_concepts, excluded=0.0):
    """A random sprite; a share of the tokens excluded."""
    sprite = random.integers(0, n_concepts, graph.n)
    sprite[random.random(graph.n) < excluded] = -1
    return sprite


def kernel_of(random, n_concepts, radius):
    return random.normal(size=n_features(n_concepts, radius))


def plain_count(graph, sprite, n_concepts, radius):
    return oracle_count(oracle_graph(graph, sprite), sprite, n_concepts, radius)


def plain_prospect(graph, sprite, coef, n_concepts, radius, diffusive=False):
    return oracle_prospect(oracle_graph(graph, sprite), sprite, coef, n_concepts, radius, diffusive)
