"""What the page of a datum and the drawing of its kind say to each other: clicks, goals, viewers, forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Chooser", "Goal", "MarkForm", "NewStudy", "Pane", "Rectangle", "SaveForm", "Selection"]

Rectangle = tuple[float, float, float, float]
"""x, y, width, height in the coordinates of a datum."""


@dataclass(frozen=True)
class Selection:
    """What a click selects: a datum and, of it, tokens ``token`` to ``last`` and a frame; or no token."""

    datum: str
    token: int | None = None
    last: int | None = None
    frame: int | None = None
    nothing_there: bool = False


@dataclass(frozen=True)
class Goal:
    """Where a button of a list leads: to tokens, which are selected, or to a rectangle."""

    token: int | None = None
    last: int | None = None
    view: Rectangle | None = None


@dataclass(frozen=True)
class Chooser:
    """A list above the picture from which another datum is chosen.

    Attributes
    ----------
    label, key : str
        Of the widget.
    options : dict
        Value -> its name.
    value : str
        The one on show.
    datum_of : callable
        Value -> uid of the datum to show.
    flies : bool
        Whether the view moves to the datum that was chosen.
    """

    label: str
    key: str
    options: Mapping[str, str]
    value: str
    datum_of: Callable[[str], str]
    flies: bool = False


@dataclass(frozen=True)
class Pane:
    """What a viewer on the page of a datum shows.

    Attributes
    ----------
    key : str
        Of the component: its zoom and layer survive reruns under it.
    datum, data, unfinished : Datum, and lists of Datum
        The datum on show; all of the same picture that are embedded, and those that are being embedded.
    fit : Fit
        Whose map is shown.
    change : Change or None
        What a layer of differences shows; ``on_trial``: of an edit that is not made yet.
    layer : {"map", "concepts", "change"}
        The layer to begin with.
    tokens, frame : list of int, int
        What is selected.
    regions, marking : list, mapping or None
        Marked regions, and what may be marked as what (None: nothing may be marked).
    above : int
        CSS px of the page that are not the viewer's.
    focus : bool
        Go to the selection now; ``focus_count`` grows whenever that is asked for, ``view`` is where to go.
    link, aligned : str or None, bool
        Viewers of one link move together; an aligned one begins where the other stands.
    main : bool
        Whether it is the viewer of the datum that the page is about.
    select, mark, step : callable
        Called with a :class:`Selection` (passed over where nothing is selected on this viewer), with what was
        drawn, and with "undo" or "redo".
    """

    key: str
    datum: Any
    data: Sequence[Any]
    unfinished: Sequence[Any]
    fit: Any
    change: Any
    on_trial: bool
    layer: str
    tokens: Sequence[int]
    frame: int
    regions: Sequence[Mapping[str, Any]]
    marking: Mapping[str, Mapping[str, str]] | None
    above: int
    focus: bool
    focus_count: int
    view: Rectangle | None
    link: str | None
    aligned: bool
    main: bool
    select: Callable[[Selection], None]
    mark: Callable[[Mapping[str, Any]], None]
    step: Callable[[str], None]

    @property
    def token(self) -> int | None:
        """The first selected token."""
        return self.tokens[0] if self.tokens else None


@dataclass(frozen=True)
class SaveForm:
    """What the button that saves files of a datum offers.

    Attributes
    ----------
    formats : dict
        Export format ("png": a figure) -> its words.
    layers : dict
        Layer of a figure -> its words; ``layer_label``: of the choice. The first one is the default.
    stem : callable
        (layer, whole slide) -> the beginning of the file's name.
    caption : str
    label, help, icon : str
        Of the button.
    key, save_key : str
        Beginning of the keys of the widgets, and the key of the button that saves.
    extents, widths, widths_help, titled : dict, dict, str, bool
        Choices of a figure that some kinds have: what it shows ("slide": all of it), its width in pixels, its
        title.
    """

    formats: Mapping[str, str]
    layers: Mapping[str, str]
    stem: Callable[[str, bool], str]
    caption: str
    help: str
    label: str = "Save"
    icon: str = ":material/download:"
    layer_label: str = "Layer"
    key: str = "save"
    save_key: str = "save_datum"
    extents: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[int, str] = field(default_factory=dict)
    widths_help: str = ""
    titled: bool = False


@dataclass(frozen=True)
class MarkForm:
    """The form that marks tokens of a kind on whose picture nothing is drawn.

    ``field``: (label, placeholder, help) of a field in which tokens are named, where there is one.
    """

    label: str
    help: str
    field: tuple[str, str, str] | None = None
    caption: str = ""


@dataclass(frozen=True)
class NewStudy:
    """What a form says of a study to make: its name, the labels as uploaded, options of ``Study.create``."""

    name: str
    table: Any
    doing: str
    options: Mapping[str, Any]
