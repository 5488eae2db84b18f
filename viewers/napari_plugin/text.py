"""Names in Qt, which takes what looks like HTML in a tooltip for HTML, pictures and all."""

import html

__all__ = ["as_text"]


def as_text(text):
    """A tooltip that shows a text as it stands."""
    return f"<qt>{html.escape(str(text))}</qt>"
