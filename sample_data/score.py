"""How well the shipped defaults find the epidermis, each field prospected by a head fitted without it."""

import numpy as np

from prospector_core.evaluation.heads import fit_head
from prospector_core.evaluation.problem import Problem
from prospector_core.method.metrics import auroc, average_precision

from .fields import load_polygon, tile_truth

__all__ = ["leave_one_field_out"]


def leave_one_field_out(study, settings=None, progress=None):
    """Score every positive field with quantiser and kernel fitted on the other fields.

    Parameters: study, the sample study, embedded; settings, FitSettings (default: the shipped ones). Returns
    {"fields": [{"name", "tokens", "prevalence", "ap", "auroc"}], "ap", "auroc", "prevalence"} (means).
    """
    settings, data, polygon = settings or study.settings, study.data, load_polygon()
    truth = [
        tile_truth(
            np.array([study.token_rect(each, token) for token in range(study.n_tokens(each))]), polygon
        )
        for each in data
    ]
    problem = Problem(
        study.name,
        [each.uid for each in data],
        [study.graph(each) for each in data],
        [np.asarray(study.store.vectors(each.uid), np.float32) for each in data],
        [each.label for each in data],
        truth,
        [],
    )
    # in a field of epidermis of which no tile is half filled, there is nothing to rank
    positives, fields = problem.scored(range(len(data))), []
    for done, left_out in enumerate(positives):
        if progress:
            progress(done, len(positives))
        others = [index for index in range(len(data)) if index != left_out]
        scores = fit_head(problem, others, settings).map(left_out)
        fields.append(
            {
                "name": data[left_out].name,
                "tokens": len(scores),
                "prevalence": float(truth[left_out].mean()),
                "ap": average_precision(scores, truth[left_out]),
                "auroc": auroc(scores, truth[left_out]),
            }
        )
    mean = {key: float(np.nanmean([field[key] for field in fields])) for key in ("ap", "auroc", "prevalence")}
    return {"fields": fields, **mean}
