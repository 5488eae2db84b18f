"""Limits of the colours of a fit, the same for every datum, in the app and in figures.

So that colours compare.
"""

from viewers.overlays import map_limit

__all__ = ["LIMIT_DATA", "error_limit", "resamples_of", "score_limit"]

LIMIT_DATA = 20
"""Data that the limits of an uncertainty or of a change are taken from."""


def score_limit(study):
    """Score of the strongest colour under the current fit, of the class that the study is seen from."""
    return study.score_limit()


def resamples_of(fit):
    """How many resamples the uncertainty of a fit is taken from; linear kernels take longer to fit."""
    return 200 if fit.settings.kernel == "fold-change" else 50


def error_limit(study, fit):
    """Standard error of the strongest colour under a fit."""
    data = study.embedded()[:LIMIT_DATA]
    return map_limit([study.uncertainty(datum, resamples_of(fit), fit).error for datum in data])
