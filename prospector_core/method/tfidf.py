"""TF-IDF of concept counts over the training data (METHOD: layer II)."""

from __future__ import annotations

import numpy as np

__all__ = ["term_frequencies", "inverse_document_frequencies", "tfidf"]


def term_frequencies(counts: np.ndarray) -> np.ndarray:
    """Each datum's counts as shares of its total: (n_data, p) float64; a datum without counts stays zero."""
    counts = np.asarray(counts, np.float64)
    totals = counts.sum(axis=-1, keepdims=True)
    return counts / np.where(totals > 0, totals, 1.0)


def inverse_document_frequencies(counts: np.ndarray) -> np.ndarray:
    """ln(n / (1 + df)), df = number of data with a non-zero count.

    (p,) float64, negative where all data have it.
    """
    counts = np.asarray(counts)
    return np.log(len(counts) / (1.0 + (counts > 0).sum(axis=0)))


def tfidf(counts: np.ndarray) -> np.ndarray:
    """Tf x idf of the training data's counts (n_data, p): (n_data, p) float64."""
    return term_frequencies(counts) * inverse_document_frequencies(counts)
