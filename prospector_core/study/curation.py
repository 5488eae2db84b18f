"""The expert's edits.

Each call appends one entry to the journal, in one transaction, and the entry is on disk when it returns.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CurationError
from ..wording import checked_name, is_colour, one_line
from .branches import branches_of, relatives
from .chronicle import chronicle, describe
from .edit_checks import (
    check_concept,
    check_evidence,
    checked_pair,
    checked_region,
    checked_shares,
    checked_tokens,
    checked_weight,
    must_say_class,
    n_concepts,
)
from .edit_log import EditLog
from .editors import Editor
from .journal import CurationState
from .splitting import split_centroids, tree_parts
from .views import class_index

if TYPE_CHECKING:
    from .chronicle import Event
    from .data import Datum
    from .journal import Entry
    from .study import Study

__all__ = ["Curation"]

_MAX_NAME = 60


def _edit(method: Callable[..., Any]) -> Callable[..., Any]:
    """An edit: it takes ``note`` (why) and ``expected`` (the journal id that it was made on) as well."""

    @functools.wraps(method)
    def edit(
        self: Curation, *arguments: Any, note: str = "", expected: int | None = None, **options: Any
    ) -> Any:
        editor = None if expected is None else Editor(self.author, int(expected), self._log.own_entries())
        with self.by(editor, note):
            return method(self, *arguments, **options)

    return edit


class Curation:
    """Edits of one study: ``study.curation``.

    Concepts are numbered 0..K-1 as in the study's current fit. Names and colours count at once; all else
    counts from the next ``study.refit()``. Every method raises CurationError, naming what is wrong, and then
    changes nothing.

    Every edit also takes two keywords: ``note``, why it is made; and ``expected``, id of the last journal
    entry that one knew when deciding on it: CurationConflictError if someone else has since edited the same
    thing.
    """

    def __init__(self, study: Study, log: EditLog) -> None:
        self._study, self._log = study, log

    @property
    def author(self) -> str:
        """Who edits, as the journal keeps it.

        At first it is PROSPECTOR_AUTHOR, else the system's name of the user.
        """
        return self._log.author

    @author.setter
    def author(self, name: str | None) -> None:
        self._log.author = name

    def by(self, editor: Editor | None = None, note: str = "") -> AbstractContextManager[None]:
        """Edits of this thread inside the block are made by ``editor`` (Editor), for the reason ``note``.

        They are checked against what others edited after what the editor has seen.
        """
        return self._log.by(editor, note)

    @property
    def state(self) -> CurationState:
        """What all edits so far amount to: CurationState, to be read only."""
        return self._log.state

    @property
    def seen(self) -> int:
        """Id of the last journal entry (0 before the first).

        It is what to name as ``expected`` when editing later.
        """
        return self._log.last()

    def history(self) -> list[Entry]:
        """Every entry ever made, oldest first: list of Entry (id, at, action, payload, author, note)."""
        return self._log.entries()

    def chronicle(self) -> list[Event]:
        """The history told in plain words, with what became of each edit: list of Event, oldest first."""
        return chronicle(self._study, self._log.entries())

    def standing(self) -> list[Entry]:
        """Edits that count, oldest first: list of Entry."""
        with self._log.timeline() as timeline:
            return list(timeline.standing)

    def since(self, editor: Editor) -> list[Entry]:
        """What others have edited after what an editor has seen: list of Entry, oldest first."""
        return editor.unseen(self._log.entries()) if editor.behind(self._log.last()) else []

    @_edit
    def rename(self, concept: int, name: str) -> int:
        """Give a concept a name that travels into every picture and export."""
        name = one_line(name)
        if not name or len(name) > _MAX_NAME:
            raise CurationError(f"a concept's name must have 1 to {_MAX_NAME} characters")

        def check(state: CurationState) -> None:
            check_concept(self._study, state, concept)
            for other in state.active(n_concepts(self._study, state)):
                if other != concept and self._study.concept_name(other, state).lower() == name.lower():
                    raise CurationError(
                        f"concept {other} is already called {name!r}: choose another name, or merge the two"
                    )

        return self._append("rename", {"concept": int(concept), "name": name}, check)

    @_edit
    def name_family(self, composition: np.ndarray | dict[int, float], name: str) -> int:
        """Name a family of sites (``families.find_families``); "" takes the name back.

        Names find their family by what it is made of.

        Parameters: composition, (K,) shares or {concept: share}.
        """
        name = one_line(name)
        if len(name) > _MAX_NAME:
            raise CurationError(f"a family's name must have at most {_MAX_NAME} characters")
        shares = checked_shares(composition)

        def check(state: CurationState) -> None:
            for concept in shares:
                check_concept(self._study, state, concept)

        return self._append(
            "family", {"composition": {str(key): value for key, value in shares.items()}, "name": name}, check
        )

    @_edit
    def recolour(self, concept: int, colour: str) -> int:
        """Give a concept a colour, "#rrggbb"."""
        if not is_colour(colour):
            raise CurationError(f"{colour!r} is not a colour: write it as #rrggbb")
        payload = {"concept": int(concept), "colour": colour.lower()}
        return self._append("recolour", payload, lambda state: check_concept(self._study, state, concept))

    @_edit
    def merge(self, concepts: Iterable[int], into: int) -> int:
        """Make several concepts one. Their counts add up exactly; nothing is quantised again."""
        concepts = sorted({int(concept) for concept in concepts} | {int(into)})
        if len(concepts) < 2:
            raise CurationError("a merge needs at least two concepts")

        def check(state: CurationState) -> None:
            for concept in concepts:
                check_concept(self._study, state, concept)

        return self._append("merge", {"concepts": concepts, "into": int(into)}, check)

    @_edit
    def exclude(self, concept: int, reason: str = "") -> int:
        """Take a concept's tokens out of the graph: no count, no score, and a gap to their neighbours."""

        def check(state: CurationState) -> None:
            check_concept(self._study, state, concept)
            if state.active(n_concepts(self._study, state)) == [concept]:
                raise CurationError(
                    f"concept {concept} is the last one left: include another before excluding it"
                )

        reason = checked_name(one_line(reason), "reason", CurationError)
        return self._append("exclude", {"concept": int(concept), "reason": reason}, check)

    @_edit
    def include(self, concept: int) -> int:
        """Take an excluded concept back in."""

        def check(state: CurationState) -> None:
            if concept not in state.excluded:
                raise CurationError(f"concept {concept} is not excluded")

        return self._append("include", {"concept": int(concept)}, check)

    @_edit
    def pin(
        self, concepts: int | Iterable[int], weight: float | None, target: int | str | None = None
    ) -> int:
        """Replace the fitted weight of a concept, or of a pair of concepts, by the expert's; ``None`` unpins.

        ``target``: the class in whose kernel, where there are more than two; ``None``: in the kernels of all
        classes.
        """
        pair = checked_pair(self._study, concepts)
        weight = checked_weight(weight)

        def check(state: CurationState) -> None:
            for concept in pair:
                check_concept(self._study, state, concept)

        payload = {"concepts": pair, "weight": weight}
        if target is not None and must_say_class(self._study, target):
            payload["target"] = class_index(self._study, target)
        return self._append("pin", payload, check)

    @_edit
    def reassign(
        self, datum: Datum | str | dict[Any, Iterable[int]], tokens: Iterable[int] | None, concept: int
    ) -> int:
        """Say that these tokens of a datum belong to that concept.

        Of several data at once: {datum: tokens}, tokens None.
        """
        parts = checked_tokens(self._study, datum, tokens)
        payload = {**(parts[0] if len(parts) == 1 else {"parts": parts}), "concept": int(concept)}
        return self._append("reassign", payload, lambda state: check_concept(self._study, state, concept))

    @_edit
    def split(self, concept: int, into: int = 2, seed: int = 0) -> int:
        """Cut a concept into several, by k-means inside its own tokens; other tokens keep their ids.

        Where concepts are branches of a tree (``branches.branches_of``), it is cut where its branches part;
        k-means is for what the tree does not part further. The largest part keeps the concept's id and name;
        the others get new ids at the end. Returns the journal id.
        """
        if not 2 <= into <= 20:
            raise CurationError(f"a concept can be split into 2 to 20 parts, not {into}")
        with self._log.recording() as record:
            state = self.state
            check_concept(self._study, state, concept)
            leaves = tree_parts(self._study, int(concept), int(into), state)
            if leaves:
                tree = self._study.view.tree
                centroids = np.stack([tree.centre(each) for each in leaves])
            else:
                centroids = split_centroids(self._study, int(concept), int(into), seed, state)
            first = n_concepts(self._study, state)
            payload = {
                "concept": int(concept),
                "ids": [int(concept), *range(first, first + into - 1)],
                # kept in the journal: a replay must not depend on how another machine's k-means rounds
                "centroids": base64.b64encode(centroids.tobytes()).decode(),
                **({"leaves": leaves} if leaves else {}),
            }
            return record("split", payload)

    @_edit
    def merge_up(self, concept: int) -> int:
        """Merge a concept with its sibling in the tree, or with all below it: one step up.

        The concept keeps id and name.
        """
        with self._log.recording() as record:
            state = self.state
            check_concept(self._study, state, concept)
            root = branches_of(self._study, state=state)
            if root is None:
                raise CurationError(
                    "the concepts of this fit are not branches of a tree: merge by name, or fit with the"
                    " quantizer 'tree'"
                )
            others = relatives(root, int(concept), state.excluded)
            if not others:
                raise CurationError(
                    f"concept {concept} has no sibling left in the tree: there is nothing to merge it with"
                )
            return record("merge", {"concepts": sorted([int(concept), *others]), "into": int(concept)})

    @_edit
    def annotate(
        self, datum: Any, polygon: Any, evidence: str, weight: float = 1.0, target: int | str | None = None
    ) -> int:
        """Mark a region of a datum: "for" or "against" a class, or "ignore".

        A region for (against) class 1 enters the fit as one more datum of class 1 (0), the sprite cut to it,
        with that weight; the tokens of an ignored one are neither counted nor scored. Where there are more
        than two classes, ``target`` says which is meant (default: the one that the study is seen from): for
        it, the region is one more datum of that class; against it, one more of the rest in the kernel of that
        class alone.

        Parameters: datum, or a list of data (fields of one slide) that one polygon lies over; polygon, (m, 2)
        vertices in level-0 pixels (tokens whose centre is inside are meant), or a flat list of token ids; of
        tokens of several data: {datum: token ids}, polygon None.
        """
        check_evidence(evidence, weight)
        parts, outline = checked_region(self._study, datum, polygon)
        payload = {"parts": parts, "polygon": outline, "evidence": evidence, "weight": float(weight)}
        target = self._study.target if target is None else target
        if evidence != "ignore" and must_say_class(self._study, target):
            payload["target"] = class_index(self._study, target)
        return self._append("annotate", payload, None)

    @_edit
    def withdraw(self, entry: int) -> int:
        """Take back one marked region, whatever was edited since.

        ``entry``: its journal id (``Region.entry``).
        """

        def check(state: CurationState) -> None:
            if not any(region.entry == entry for region in state.regions):
                raise CurationError(f"no region that was marked in entry {entry} of the journal stands")

        return self._append("withdraw", {"entry": int(entry)}, check)

    @_edit
    def relabel(self, datum: Datum | str, label: int | None) -> int:
        """Correct a datum's class: 0, 1, ..., or None for not known."""
        known = range(len(self._study.classes))
        if label is not None and label not in known:
            raise CurationError(f"a label is {', '.join(map(str, known))} or None, got {label!r}")
        label = None if label is None else int(label)
        return self._append("relabel", {"datum": self._study.datum(datum).uid, "label": label}, None)

    @_edit
    def undo(self) -> Entry:
        """Take back the last edit that stands (by appending to the journal). Returns that edit's Entry."""
        return self._step("undo", "there is nothing to undo")

    @_edit
    def redo(self) -> Entry:
        """Bring back the edit that was undone last. Returns that edit's Entry."""
        return self._step("redo", "there is nothing to redo")

    def can_undo(self) -> Entry | None:
        """The Entry that ``undo`` would take back, or None."""
        with self._log.timeline() as timeline:
            return timeline.standing[-1] if timeline.standing else None

    def can_redo(self) -> Entry | None:
        """The Entry that ``redo`` would bring back, or None."""
        with self._log.timeline() as timeline:
            return timeline.undone[-1] if timeline.undone else None

    def pending(self) -> bool:
        """Whether edits stand that the current fit does not know yet (names and colours need no refit)."""
        fit = self._study.view
        return fit is not None and self.state.layer_two() != fit.state.layer_two()

    def describe(self, entry: Entry) -> str:
        """An entry in plain words."""
        return describe(self._study, entry)

    def _append(self, action: str, payload: dict, check: Callable[[CurationState], None] | None) -> int:
        with self._log.recording() as record:
            # read and checked inside the transaction: two programs editing one study cannot contradict each
            # other
            if check is not None:
                check(self.state)
            return record(action, payload)

    def _step(self, action: str, nothing: str) -> Entry:
        with self._log.recording() as record:
            entry = self.can_undo() if action == "undo" else self.can_redo()
            if entry is None:
                raise CurationError(nothing)
            record(action, {})
            return entry
