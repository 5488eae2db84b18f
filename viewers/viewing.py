"""What the viewers on pages are given beside their data: layer, scale, selection, marks, and room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["NO_FOCUS", "NO_MARKING", "Focus", "Layer", "Marking", "Room", "Scale"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The layer to begin with, and what its colours mean.

    Attributes
    ----------
    name : str
        Afterwards the person's choice holds until this changes.
    opacity : float
        To begin with, 0 to 1.
    legend : mapping, optional
        Of a slide's map: ``limit`` (score of the strongest colour), ``label``, ``high`` and ``low`` (what the
        ends support), ``excluded`` (True adds the hatch), ``error_label`` (of the uncertainty), ``change`` (a
        mapping of the first four, of the change), ``classes`` (a list of ``name, colour`` of the layer of
        strongest classes).
    concepts : list of mappings
        ``id, name, colour ("#rrggbb"), excluded`` and optionally ``pinned``.
    words : mapping
        ``token, tokens``: what tokens are called.
    """

    name: str = "map"
    opacity: float = 0.65
    legend: Mapping[str, Any] | None = None
    concepts: Sequence[Mapping[str, Any]] = ()
    words: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the colours of scores stand for.

    Attributes
    ----------
    limit : float
        Score of the strongest colour; ``pair_limit``: weight of a pair.
    classes : list of str
        Names of the classes.
    unit : str
        What scores are counted in.
    sides : (str, str), optional
        What negative and positive scores speak for; by default "for" class 0 and "for" class 1.
    colours : list of "#rrggbb", optional
        Of the classes; by default of two.
    """

    limit: float
    classes: Sequence[str]
    unit: str = ""
    pair_limit: float = 1.0
    sides: Sequence[str] | None = None
    colours: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Focus:
    """What is selected, where to go, and what is called once something else is selected.

    Attributes
    ----------
    selected : rectangle, token, or tokens in order, optional
        A rectangle is in level-0 pixels: a mapping with ``x, y, width, height`` or a sequence in that order.
    neighbours : list of mappings
        Tokens that its score comes from: ``colour``, and ``token`` or ``x, y, width, height``.
    chosen : list of int
        Points that were chosen together.
    frame : int
        Of a trajectory, to which ``neighbours`` belong.
    place : rectangle or token, optional
        When it changes, the view moves there.
    count : int
        Raise it to move there once more.
    on_pick : callable, optional
        Called before the rerun that a click causes; setting the selection there draws it in that same run.
    """

    selected: Any = None
    neighbours: Sequence[Mapping[str, Any]] = ()
    chosen: Sequence[int] = ()
    frame: int = 0
    place: Any = None
    count: int = 0
    on_pick: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Marking:
    """Regions that were marked, and how more are.

    Attributes
    ----------
    regions : list of mappings
        ``rings`` (lists of [x, y]), ``evidence`` ("for", "against" or "ignore"), ``label``, and ``lit`` (True
        draws it stronger).
    tools : mapping, optional
        ``{evidence: {"label", "help"}}``: what a region can be marked as, and "reassign" where its tokens may
        be moved to another concept. Without it nothing can be marked.
    on_mark : callable, optional
        Called once for each region that was drawn, with ``{"evidence", "polygon"}`` and more.
    on_step : callable, optional
        Called with "undo" or "redo" when their keys were pressed.
    """

    regions: Sequence[Mapping[str, Any]] = ()
    tools: Mapping[str, Mapping[str, str]] | None = None
    on_mark: Callable[[Mapping[str, Any]], None] | None = None
    on_step: Callable[[str], None] | None = None

    def tools_data(self) -> dict[str, dict[str, str]] | None:
        """The tools as the browser takes them."""
        return None if self.tools is None else {name: dict(words) for name, words in self.tools.items()}


@dataclass(frozen=True, kw_only=True)
class Room:
    """The place of a viewer on its page.

    Attributes
    ----------
    height : int
        CSS px at most; less where the window is lower, so that its legend stays in sight.
    above : int
        CSS px of the page above the viewer and below it: what is left of the window is its height.
    link : str, optional
        Viewers of a page with the same link move together, in micrometres, until the person unlinks them.
    aligned : bool
        A linked viewer begins where the other one stands: for two views of one slide.
    """

    height: int = 900
    above: int = 190
    link: str | None = None
    aligned: bool = False


NO_FOCUS, NO_MARKING = Focus(), Marking()
"""Nothing selected, and nothing marked."""
