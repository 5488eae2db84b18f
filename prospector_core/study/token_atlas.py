"""The atlas of a study: a sample of its tokens, laid out in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..method.atlas import Atlas, atlas_key, lay_out, sample_tokens
from ..store.derived import DerivedArrays

if TYPE_CHECKING:
    from .study import Study

__all__ = ["atlas"]


def atlas(study: Study, n: int = 3000, seed: int = 0) -> Atlas:
    """A sample of the embedded tokens laid out in the plane, kept in the study: the first call takes a while.

    Parameters
    ----------
    study : Study
    n : int
        Tokens at most, as many from each datum.
    seed : int

    Raises EmbeddingError.
    """
    data = study.embedded()
    sizes = [study.n_tokens(datum) for datum in data]
    uids = [datum.uid for datum in data]
    stamps = [study.store.stamp(uid) for uid in uids]
    datum, token = sample_tokens(sizes, n, seed)

    def compute() -> np.ndarray:
        parts = [
            study.kind.atlas_vectors(study, uid)[token[datum == at]]
            for at, uid in enumerate(uids)
            if (datum == at).any()
        ]
        return lay_out(np.concatenate(parts) if parts else np.empty((0, 1)), seed)

    arrays = DerivedArrays(study.path / "derived", study.memory)
    return Atlas(uids, datum, token, arrays.get(atlas_key(uids, sizes, stamps, n, seed), compute))
