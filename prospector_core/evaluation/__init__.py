"""Is the map right, and compared with what.

Truth, baselines, choice of settings without truth, nulls, reports.

Truth is for scoring alone: nothing here lets a fit, or a choice of settings that a user is offered, look at
it. The one exception says so in its name: the authors' own protocol, which is tuned with the truth of its
training data.
"""

from .problem import Problem

__all__ = ["Problem"]
