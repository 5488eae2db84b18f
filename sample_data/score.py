"""How well the shipped defaults find the epidermis, each field prospected by a head fitted without it."""

import numpy as np

from prospector_core import ProspectorHead
from prospector_core.metrics import auroc, average_precision
from prospector_core.quantizers import KMeansQuantizer

from .fields import load_polygon, tile_truth

__all__ = ["leave_one_field_out"]


def leave_one_field_out(study, settings=None, progress=None):
    """Score every positive field with quantiser and kernel fitted on the other fields.

    Parameters: study, the sample study, embedded; settings, FitSettings (default: the shipped ones).
    Returns {"fields": [{"name", "tokens", "prevalence", "ap", "auroc"}], "ap", "auroc", "prevalence"} (means).
    """
    settings = settings or study.settings
    data = study.data
    graphs = [study.graph(datum) for datum in data]
    vectors = [study.store.read(datum.uid).embeddings for datum in data]
    labels = np.array([datum.label for datum in data])
    polygon, fields = load_polygon(), []
    positives = [index for index, datum in enumerate(data) if datum.label == 1]
    for done, left_out in enumerate(positives):
        if progress:
            progress(done, len(positives))
        rects = np.array([study.token_rect(data[left_out], token) for token in range(graphs[left_out].n)])
        truth = tile_truth(rects, polygon)
        if not truth.any():
            continue  # epidermis in the field, but no tile is half of it: there is nothing to rank
        others = [index for index in range(len(data)) if index != left_out]
        head = ProspectorHead(
            KMeansQuantizer(settings.concepts, seed=settings.seed),
            settings.make_kernel(),
            settings.radius,
            settings.diffusive,
        ).fit([graphs[i] for i in others], [vectors[i] for i in others], labels[others])
        scores = head.prospect(graphs[left_out], vectors[left_out])
        fields.append({
            "name": data[left_out].name, "tokens": len(truth), "prevalence": float(truth.mean()),
            "ap": average_precision(scores, truth), "auroc": auroc(scores, truth),
        })  # fmt: skip
    mean = {key: float(np.nanmean([field[key] for field in fields])) for key in ("ap", "auroc", "prevalence")}
    return {"fields": fields, **mean}
