"""Families of sites of a study: found in its maps, and called what a person called them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..method.families import Family, Site, group_sites, likeness, sites_of
from .views import fit_view

if TYPE_CHECKING:
    from .data import Datum
    from .journal import CurationState
    from .study import Study

__all__ = ["compositions", "find_families", "find_sites", "name_of"]

_ALIKE = 0.9  # compositions that are this much alike are of one family, for the name that a person gave


def find_sites(study: Study, view: Any = None, data: list[Datum] | None = None) -> list[Site]:
    """Return the strongest places of the data of the class, datum by datum.

    They are of the map before smoothing, which would add to a site what is only beside it.

    Parameters
    ----------
    study : Study
    view : FitView, Fit or number of a fit, optional
        By default the latest.
    data : list of Datum, optional
        By default those that are embedded and labelled with the class.

    Raises
    ------
    FitError
        Nothing was fitted yet.
    """
    view = fit_view(study, view).unsmoothed
    limit = study.score_limit(view)
    data = [datum for datum in study.embedded() if datum.label == view.target] if data is None else data
    sites = []
    for datum in data:
        sites += sites_of(datum.uid, study.graph(datum), study.prospect(datum, view), view.radius, limit)
    return sites


def compositions(study: Study, sites: list[Site], view: Any = None) -> np.ndarray:
    """Concepts that sites are made of: (n, K) float64, rows that sum to 1."""
    view = fit_view(study, view)
    out = np.zeros((len(sites), view.n_concepts))
    for row, site in zip(out, sites):
        np.add.at(row, study.concepts_of(site.datum, view)[site.tokens], 1.0)
    return out / np.maximum(out.sum(1, keepdims=True), 1.0)


def find_families(
    study: Study,
    view: Any = None,
    sites: list[Site] | None = None,
    families: int | None = None,
) -> list[Family]:
    """Group sites by the concepts they are made of, the largest family first.

    Sites: by default those of ``find_sites``; families, how many: by default as ``group_sites`` finds.
    """
    view = fit_view(study, view)
    sites = find_sites(study, view) if sites is None else sites
    return group_sites(sites, compositions(study, sites, view), families) if sites else []


def name_of(state: CurationState, composition: dict[int, float] | np.ndarray) -> str:
    """Return the name that a person gave to a family with such a composition, or ""."""
    best = max(((likeness(kept, composition), name) for kept, name in state.families), default=(0.0, ""))
    return best[1] if best[0] >= _ALIKE else ""
