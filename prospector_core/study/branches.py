"""The tree of a fit's concepts as edits have left it.

Where concepts part, and what each can be merged with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .journal import CurationState, Split
from .views import fit_view

if TYPE_CHECKING:
    from ..method.quantizers.tree import ConceptTree
    from .study import Study

__all__ = ["Branch", "branches", "branches_of", "leaves_of", "relatives"]


@dataclass(frozen=True)
class Branch:
    """A node of the tree.

    Attributes: concepts, ids of all concepts at or below it, those of the larger side first; height, how far
    apart its two sides are (0 of a concept); children, () or two or more of Branch; concept, the id where it
    is a single one, else None.
    """

    concepts: tuple
    height: float
    children: tuple = ()

    @property
    def concept(self) -> int | None:
        return None if self.children else self.concepts[0]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Branch]]:
        """Every node below, itself first: yields (depth, Branch)."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


def leaves_of(tree: ConceptTree, state: CurationState) -> dict[int, tuple[int, ...]]:
    """Fine concepts that each concept consists of: {id: tuple}.

    Merged ones are with the one that they went into.

    Parameters: tree, ConceptTree; state, CurationState. Parts that k-means made of one fine concept share it.
    """
    own = {concept: set(tree.leaves(node)) for concept, node in enumerate(tree.roots.tolist())}
    for step in state.steps:
        if not isinstance(step, Split):
            continue
        whole = set().union(*(own[member] for member in step.members))
        parts = step.leaves or (tuple(whole),) * len(step.ids)
        for member in step.members:  # what stays with the first part
            own[member] &= set(parts[0])
        for id, part in zip(step.ids, parts):
            own[id] = set(part)
    found = {}
    for concept, leaves in own.items():
        found.setdefault(state.home(concept), set()).update(leaves)
    return {concept: tuple(sorted(leaves)) for concept, leaves in found.items()}


def branches_of(study: Study, view: Any = None, state: CurationState | None = None) -> Branch | None:
    """How the concepts of a study branch: the root of their tree as edits have left it.

    None where the quantizer made none.

    Parameters
    ----------
    study : Study
    view : Fit, FitView or number of a fit
        Default: the latest.
    state : CurationState
        Default: all edits up to now.
    """
    view = fit_view(study, view)
    return None if view.tree is None else branches(view.tree, state or study.curation.state)


def branches(tree: ConceptTree, state: CurationState) -> Branch:
    """The tree down to the concepts as they stand: Branch, its root.

    A concept stands where most of its tokens are: one that was merged from several branches is on the largest
    of them.
    """
    place = {
        concept: max(leaves, key=lambda leaf: (int(tree.sizes[leaf]), -leaf))
        for concept, leaves in leaves_of(tree, state).items()
    }
    return _below(tree, place, sorted(place))


def _below(tree: ConceptTree, place: Mapping[int, int], concepts: Sequence[int]) -> Branch:
    """The Branch of some concepts. ``place``: {concept: the fine concept where it stands}."""
    if len(concepts) == 1:
        return Branch((concepts[0],), 0.0)
    height, sides = tree.fork({place[concept] for concept in concepts})
    if len(sides) == 1:  # parts of one fine concept
        children = tuple(Branch((concept,), 0.0) for concept in concepts)
    else:
        children = tuple(
            _below(tree, place, [each for each in concepts if place[each] in side])
            for side in map(set, sides)
        )
    return Branch(tuple(id for child in children for id in child.concepts), height, children)


def relatives(root: Branch, concept: int, without: Collection[int] = ()) -> tuple[int, ...]:
    """What a concept parts from last on the way down the tree.

    Ids of its sibling, or of all below it; () of a lone one.

    ``without``: ids that do not count, as if they were not there.
    """
    nearest = ()
    for _, branch in root.walk():
        if concept in branch.concepts:
            nearest = tuple(id for id in branch.concepts if id != concept and id not in without) or nearest
    return nearest
