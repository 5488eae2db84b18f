"""The Slide page where an edit is tried or was just made.

What may stand beside the slide, and the legend of the difference.
"""

from pages.overlays import change_limit
from prospector_core.palette import class_palette

__all__ = ["states_beside", "change_legend", "class_legend"]


def states_beside(tried, changed):
    """Other states of this slide: {choice: its name}.

    ``tried``: Change of the edit on trial; ``changed``: that, or the last refit's.
    """
    if tried is not None:
        return {
            "@after": "this slide after the edit on trial",
            "@change": "this slide, what the edit would change",
        }
    if changed is not None:
        return {
            "@before": "this slide before the last refit",
            "@change": "this slide, what the last refit changed",
        }
    return {}


def change_legend(study, changed, tried):
    """Ends, limit and unit of the layer of differences, or None."""
    if changed is None:
        return None
    what = "after the edit on trial, less now" if tried else "now, less before the last refit"
    return {
        "limit": change_limit(study, changed),
        "label": f"change of score ({what})",
        "high": f"more {study.sides[1]}",
        "low": f"more {study.sides[0]}",
    }


def class_legend(study):
    """Colours of the layer of strongest classes, where there are more than two: list of {name, colour}."""
    if not study.several:
        return []
    return [
        {"name": name, "colour": colour}
        for name, colour in zip(study.classes, class_palette(len(study.classes)))
    ]
