"""The parts that a concept is split into."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CurationError
from ..method.quantizers import KMeansQuantizer
from .branches import leaves_of
from .concepts import concept_name
from .data import fitted_on
from .journal import CurationState
from .views import fit_view, layer

if TYPE_CHECKING:
    from .study import Study

__all__ = ["split_centroids", "tree_parts"]

_SPLIT_SAMPLE = 20_000  # tokens that the parts of a concept are found in
_READERS = 4  # threads that read embeddings; decoding releases the interpreter


def split_centroids(study: Study, concept: int, into: int, seed: int, state: CurationState) -> np.ndarray:
    """Centres of the parts that a concept would be split into, largest part first: (into, d) float32.

    Found in a sample of its tokens, as many from each datum as its share. Raises CurationError.
    """
    view, data = fit_view(study), fitted_on(study)
    edits = repr(state.steps), repr(state.merged)
    key = ("parts", view.id, concept, into, seed, *edits, study.content(data))

    def compute() -> np.ndarray:
        sprites, _ = layer(study, view.centroids, view.settings)
        groups = sprites.groups(state)
        tokens = {d.uid: np.flatnonzero((groups == concept)[sprites.edited(d.uid, state)]) for d in data}
        total = sum(map(len, tokens.values()))
        if total < into:
            raise CurationError(f"concept {concept} has {total} tokens: too few to split into {into}")
        rng, share = np.random.default_rng(seed), min(1.0, _SPLIT_SAMPLE / total)
        sampled = [
            np.sort(rng.choice(n, -int(-n * share // 1), replace=False)) for n in map(len, tokens.values())
        ]
        with ThreadPoolExecutor(_READERS) as pool:
            parts = pool.map(lambda uid, rows: sprites.vectors(uid, tokens[uid])[rows], tokens, sampled)
            vectors = np.concatenate([np.asarray(part, np.float32) for part in parts])
        if not np.ptp(vectors, axis=0).any():
            raise CurationError(
                f"all tokens of {concept_name(study, concept, state)} have the same embedding: nothing tells"
                " parts of it apart; move single tokens to another concept instead, or embed with another"
                " encoder"
            )
        return KMeansQuantizer(into, sample=len(vectors), seed=seed).fit(vectors).centroids_

    return study.memory.make(key, compute)


def tree_parts(study: Study, concept: int, into: int, state: CurationState) -> list[list[int]] | None:
    """The fine concepts of the parts that the tree cuts a concept into, largest part first.

    None where there is no tree, or it has no as many parts.
    """
    tree = fit_view(study).tree
    parts = [] if tree is None else tree.parts(leaves_of(tree, state)[concept], into)
    return [list(part) for part in parts] if len(parts) == into else None
