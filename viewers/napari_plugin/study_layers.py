"""What the layers of every kind of study have in common.

This is whose they are, concepts and their names, and marked regions.
"""

import numpy as np

from viewers.colour_limits import LIMIT_DATA
from viewers.kinds import view_of
from viewers.token_pixels import map_limit

from .colours import EVIDENCE

__all__ = ["StudyLayers", "change_limit", "most_telling"]


def most_telling(study, data):
    """Of some data the one to show first: of the class in question, and predicted most strongly."""
    said = study.view.summary["predictions"] if study.view else {}
    p = {datum.uid: np.ravel(said.get(datum.uid, 0.0))[-1] for datum in data}
    return max(data, key=lambda datum: (datum.label == study.target, p[datum.uid]))


def change_limit(study, change):
    """Change of score of the strongest colour, the same for every datum."""
    there = [
        d
        for d in study.embedded()
        if all(d.uid in f.summary["predictions"] for f in (change.before, change.after))
    ]
    return map_limit([change.of_map(datum) for datum in there[:LIMIT_DATA]])


class StudyLayers:
    """Base of what draws a study: napari layers as tuples (data, options, type).

    Made again from the study as it then is.

    Parameters: study, fitted (seen from the class in question); source, uid of what is on show; data, the
    data on it; frame, Frame of their coordinates.
    """

    def __init__(self, study, source, data, frame):
        self.study, self.source, self.data, self.frame = study, source, data, frame

    def metadata(self, kind):
        """What the metadata of a layer say: of which study and slide (or sample) it is, and what it shows."""
        return {"prospector": {"study": str(self.study.path), "source": self.source, "kind": kind}}

    def concepts(self, datum):
        """A datum's concepts under the current fit, with the tokens that were reassigned since.

        (n,) int64.
        """
        fit = self.study.view
        found = np.array(self.study.concepts_of(datum, fit))
        for step in self.study.curation.state.steps:
            if isinstance(step, tuple) and step[0] == datum.uid and step not in fit.state.steps:
                found[list(step[1])] = fit.state.home(step[2])
        return found

    def names(self):
        """What the status bar says of a label: table with one row per concept."""
        import pandas as pd

        rows = [(c.id + 1, c.name + (" (excluded)" if c.excluded else "")) for c in self.study.concepts()]
        return pd.DataFrame([(0, "")] + rows, columns=["index", "concept"])

    def _moved(self, change, datum):
        try:
            return change.of_map(datum)
        except KeyError:  # embedded since
            return np.full(self.study.n_tokens(datum), np.nan)

    def regions(self):
        """Marked regions, to be seen and drawn."""
        drawn = self.marked()
        options = {
            "name": "marked regions",
            "shape_type": "polygon",
            "edge_width": self.line(3),
            "opacity": 0.8,
            "ndim": 2,
            "features": _features(drawn),
            "edge_color": [EVIDENCE[e] for _, e, _ in drawn] or EVIDENCE["for"],
            "face_color": [EVIDENCE[e] + "40" for _, e, _ in drawn] or EVIDENCE["for"] + "40",
            "metadata": self.metadata("regions"),
            **self.frame.vector(),
        }
        return [vertices for vertices, _, _ in drawn], options, "shapes"

    def marked(self):
        """Outlines of marked regions: list of ((m, 2) y, x in level-0 pixels, evidence, journal id)."""
        known, found, whole = {datum.uid for datum in self.data}, [], set()
        for region in self.study.curation.state.regions:
            if region.datum not in known or (region.polygon and region.entry in whole):
                continue
            rings = (
                [region.polygon]
                if region.polygon
                else view_of(self.study).outline(self.study, region.datum, region.tokens)
            )
            if region.polygon:
                whole.add(region.entry)  # one outline over several fields
            found += [(np.array(ring, float)[:, ::-1], region.evidence, region.entry) for ring in rings]
        return found

    def line(self, weight):
        """Width of a line in the unit of the coordinates.

        It is in step with the tokens, so that it is seen at any size.
        """
        raise NotImplementedError


def _features(drawn):
    """Evidence and journal id of each region, typed also where there is none."""
    import pandas as pd

    columns = [[evidence for _, evidence, _ in drawn], [entry for _, _, entry in drawn]]
    return pd.DataFrame(
        {"evidence": pd.Series(columns[0], dtype=object), "entry": pd.Series(columns[1], dtype="int64")}
    )
