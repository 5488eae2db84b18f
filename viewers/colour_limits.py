"""Limits of the colours of a fit, the same for every datum, in the app and in figures.

They are the same so that colours compare.
"""

from prospector_core.study import Study
from prospector_core.study.change import Change
from viewers.token_pixels import map_limit

__all__ = ["change_limit", "doubt_of", "error_limit", "in_both", "resamples_of", "score_limit"]

LIMIT_DATA = 20
"""Data that the limits of an uncertainty or of a change are taken from."""


def score_limit(study: Study) -> float:
    """Score of the strongest colour under the current fit, of the class that the study is seen from."""
    return study.score_limit()


def resamples_of(fit) -> int:
    """How many resamples the uncertainty of a fit is taken from; linear kernels take longer to fit."""
    return 200 if fit.settings.kernel == "fold-change" else 50


def doubt_of(study: Study, datum, fit=None):
    """How sure a datum's map is: TokenUncertainty. Slow at the first call of a fit."""
    fit = fit or study.view
    return study.uncertainty(datum, resamples_of(fit), fit)


def error_limit(study: Study, fit) -> float:
    """Standard error of the strongest colour under a fit, the same for every datum."""

    def compute() -> float:
        data = study.embedded()[:LIMIT_DATA]
        return map_limit([study.uncertainty(datum, resamples_of(fit), fit).error for datum in data])

    return study.memory.make(("error limit", fit.unmasked.key, study.content()), compute)


def in_both(change: Change, datum) -> bool:
    """Whether a datum has a map before and after."""
    return all(datum.uid in fit.summary["predictions"] for fit in (change.before, change.after))


def change_limit(study: Study, change: Change) -> float:
    """Change of score of the strongest colour, the same for every datum."""

    def compute() -> float:
        data = [datum for datum in study.embedded() if in_both(change, datum)][:LIMIT_DATA]
        return map_limit([change.of_map(datum) for datum in data])

    return study.memory.make(("change limit", change.before.key, change.after.key, study.content()), compute)
