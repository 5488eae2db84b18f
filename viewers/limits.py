"""Limits of the colours of a fit, the same for every datum, in the app and in figures: so that colours compare."""

from viewers.overlays import map_limit

__all__ = ["LIMIT_DATA", "error_limit", "resamples_of", "score_limit"]

LIMIT_DATA = 20
"""Data that the limits of an uncertainty or of a change are taken from."""

_SCORE_DATA = 200  # data that the limit of the scores is taken from


def score_limit(study):
    """Score of the strongest colour under the current fit."""
    return map_limit([study.prospect(datum) for datum in study.embedded()[:_SCORE_DATA]])


def resamples_of(fit):
    """How many resamples the uncertainty of a fit is taken from; linear kernels take longer to fit."""
    return 200 if fit.settings.kernel == "fold-change" else 50


def error_limit(study, fit):
    """Standard error of the strongest colour under a fit."""
    data = study.embedded()[:LIMIT_DATA]
    return map_limit([study.uncertainty(datum, resamples_of(fit), fit).error for datum in data])
