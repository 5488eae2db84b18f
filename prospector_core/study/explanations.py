"""Why a token scores as it does, how sure that is, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..method import counterfactual, explaining, prospecting
from ..method.features import n_features, pair_index
from ..method.uncertainty import TokenUncertainty, token_uncertainty
from .concepts import sprite, tokens_of
from .kernel_fit import resampled_kernels
from .views import fit_view, layer

if TYPE_CHECKING:
    from .fits import FitView
    from .study import Study

__all__ = [
    "explain",
    "kernels_resampled",
    "neighbours",
    "pair_tokens",
    "uncertainty",
    "uncertainty_at",
    "what_if",
]


def explain(study: Study, datum: Any, token: int, view: Any = None) -> explaining.Explanation:
    """Why a token scores as it does: Explanation, whose terms sum to its score."""
    spread = _spread(study, view)
    return explaining.explain(*_token(study, datum, token, view), spread.diffusive, spread.smoothing)


def neighbours(study: Study, datum: Any, token: int, view: Any = None) -> counterfactual.Neighbours:
    """The tokens within a token's receptive field, and what each adds to its score. At once."""
    return counterfactual.neighbours_of(*_token(study, datum, token, view), _spread(study, view))


def what_if(
    study: Study,
    datum: Any,
    token: int,
    *,
    without: int | None = None,
    without_neighbours: bool = False,
    without_pair: Any = None,
    view: Any = None,
) -> counterfactual.WhatIf:
    """A token's score under the same kernel if one thing were otherwise. At once, nothing is refitted.

    Parameters
    ----------
    study : Study
    datum : Datum, uid or name
    token : int
    without : int
        A concept whose tokens would leave the graph, and with them the paths through them.
    without_neighbours : bool
        Nothing around the token.
    without_pair : int or (int, int)
        A concept (or a pair) whose weight together with the token's own would be 0.
    view : FitView, Fit or number of a fit

    Raises GraphError.
    """
    asked = counterfactual.Without(without, without_neighbours, without_pair)
    return counterfactual.what_if(*_token(study, datum, token, view), asked, _spread(study, view))


def _token(study: Study, datum: Any, token: int, view: Any) -> tuple:
    """What is asked about one token: graph, sprite, kernel, K, radius, token."""
    datum, view = study.datum(datum), fit_view(study, view)
    tokens = tokens_of(study, datum, view)
    return study.graph(datum), tokens, view.coef, view.n_concepts, view.radius, int(token)


def _spread(study: Study, view: Any) -> counterfactual.Spread:
    view = fit_view(study, view)
    return counterfactual.Spread(view.settings.diffusive, view.smoothing)


def pair_tokens(study: Study, datum: Any, i: int, j: int, view: Any = None) -> np.ndarray:
    """How many pairs (i, j) each token of a datum takes part in within the radius: (n,) int64."""
    datum, view = study.datum(datum), fit_view(study, view)
    if not view.radius:
        return np.zeros(study.n_tokens(datum), np.int64)
    only = np.zeros(n_features(view.n_concepts, view.radius))
    only[pair_index(i, j, view.n_concepts)] = 1.0
    tokens = sprite(study, datum, view)
    pairs = prospecting.prospect(study.graph(datum), tokens, only, view.n_concepts, view.radius)
    return np.nan_to_num(pairs).astype(np.int64)


# ---- how sure


def uncertainty(study: Study, datum: Any, n: int = 200, view: Any = None) -> TokenUncertainty:
    """How sure a datum's map is, from the kernel refitted on n resamples of the data.

    The resampled kernels are kept in memory: the first call is the slow one. Raises FitError.
    """
    datum = study.datum(datum)
    view = fit_view(study, view).unmasked  # how sure a weight is has nothing to do with whether it is shown
    # content of all data: kernels are of resamples of them
    key = ("uncertainty", view.key, int(n), datum.uid, study.content())

    def compute() -> TokenUncertainty:
        tokens, kernels = tokens_of(study, datum, view), kernels_resampled(study, view, int(n))
        how = view.n_concepts, view.radius, view.settings.diffusive, view.smoothing
        return token_uncertainty(study.graph(datum), tokens, view.coef, kernels, *how)

    return study.memory.make(key, compute)


def uncertainty_at(study: Study, datum: Any, token: int, n: int = 200, view: Any = None) -> TokenUncertainty:
    """As ``uncertainty`` of one token alone, arrays of one; at once, where a map of millions takes long."""
    datum, view = study.datum(datum), fit_view(study, view).unmasked
    kernels = kernels_resampled(study, view, int(n))
    near, tokens = study.graph(datum).around(int(token), view.radius + view.smoothing)
    concepts = tokens_of(study, datum, view)[tokens]
    how = view.n_concepts, view.radius, view.settings.diffusive, view.smoothing
    around = token_uncertainty(near, concepts, view.coef, kernels, *how)
    at = np.searchsorted(tokens, [int(token)])
    return TokenUncertainty(around.score[at], around.error[at], around.agreement[at])


def kernels_resampled(study: Study, view: FitView, n: int) -> np.ndarray:
    """Kernels refitted on n resamples of the data: (n, p) float64.

    Under the edits, labels and embedded data that the fit was made with.
    """

    def compute() -> np.ndarray:
        _, counts = layer(study, view.centroids, view.settings)
        there = set(study.store.uids()) & view.summary["predictions"].keys()
        rows = [row for row in study.table.rows if row.uid in there]
        uids, trained = [row.uid for row in rows], {row.uid for row in rows if row.split != "test"}
        labels = {row.uid: view.state.labels.get(row.uid, row.label) for row in rows}
        return resampled_kernels(counts, uids, labels, trained, view.state, view.settings, n, view.target)

    return study.memory.make(("resampled", view.key, n, study.content()), compute)
