"""Is the map right, and compared with what.

Truth, baselines, choice of settings without truth, nulls, reports.

Truth is for scoring alone: nothing here lets a fit, or a choice of settings that a user is offered, look at
it. The one exception says so in its name: the authors' own protocol, which is tuned with the truth of its
training data.
"""

from .problem import Problem

__all__ = ["SETS", "Problem"]

SETS = (
    "camelyon16_mosaics",
    "camelyon16_mosaics_64",
    "camelyon16_mosaics_back",
    "zinc",
    "zinc_A",
    "medquad_gard",
    "medquad_niddk",
    "medquad_niddk_150",
    "mol_benzene",
    "mol_logic7",
    "hgsc_shape",
    "rare_pair",
    "rare_pair_noise",
)
"""Names of the sets that methods are compared on: `datasets.load_set`."""
