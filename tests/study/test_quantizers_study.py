"""Every quantizer in a study: fits, edits, undo, replay and data that come later.

And the tree that splits and merges follow.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import CurationError, FitError, StudyDamagedError
from prospector_core.method.quantizers import ConceptTree, assign_nearest
from prospector_core.study.branches import branches, branches_of, leaves_of, relatives
from prospector_core.study.concept_search import sampled
from prospector_core.study.concepts import shares
from prospector_core.study.journal import CurationState, Split
from prospector_core.study.rebuild import rebuild_fits
from prospector_core.study.settings import GIVEN, about_quantizer, list_quantizers
from tests.support.study_files import K, embed_by_hand, make_study

NEW = ("spherical k-means", "gaussian mixture", "tree", "vq autoencoder")
SOFT = {"softness": 0.25, "centre": 0.5, "radius": 1}


def bytes_of(study, fit):
    """What is kept of a fit, and the maps it gives."""
    head = (study.path / "fits" / str(fit.id) / "head.safetensors").read_bytes()
    return head, [study.prospect(datum, fit).tobytes() for datum in study.embedded()]


@pytest.mark.parametrize("name", NEW)
def test_a_study_of_each_quantizer(tmp_path, name):
    study = make_study(tmp_path)
    later = study.data[7]
    vectors, _ = study.store.vectors(later.uid)[:], study.store.remove(later.uid)
    change = study.fit(concepts=K, quantizer=name, **SOFT)
    assert study.settings.quantizer == name and change.after.centroids.shape == (K, 6)
    # data that come later go to the concepts that are there
    embed_by_hand(study, only=[later.name])
    moved = vectors - 0.5 * vectors.mean(axis=0, dtype=np.float64)
    assert np.array_equal(
        study.sprite(later), assign_nearest(moved.astype(np.float32), change.after.centroids)
    )
    assert (shares(study, later).sum(axis=1, dtype=int) == 255).all() and np.isfinite(
        study.prospect(later)
    ).all()
    assert study.explain(later, 3).score == pytest.approx(study.prospect(later)[3])
    first = bytes_of(study, study.refit().after)
    c = study.curation
    c.merge([1, 2], into=1)
    c.split(0)
    c.exclude(3, "ink")
    edited = study.refit().after
    before = bytes_of(study, edited)
    for _ in range(3):
        c.undo()
    assert bytes_of(study, study.refit().after) == first
    for _ in range(3):
        c.redo()
    assert bytes_of(study, study.refit().after) == before
    again = Study.open(study.path)
    assert again.view.digest() == study.view.digest()
    assert [(found.kind, found.result) for found in rebuild_fits(again)] == [("fit", "same")] + [
        ("refit", "same")
    ] * 4
    assert not list(study.path.rglob("*.pkl"))


def test_what_is_offered_and_what_is_not(tmp_path):
    study = make_study(tmp_path)
    assert set(NEW) < set(list_quantizers())
    for name in (*list_quantizers(), GIVEN):
        assert about_quantizer(name) and "\n" not in about_quantizer(name)
    with pytest.raises(FitError, match="no quantizer 'tres': choose one of k-means, spherical k-means"):
        study.fit(quantizer="tres")
    with pytest.raises(FitError, match="concepts must be 2 to 1000"):
        study.fit(quantizer="tree", concepts=1)
    study.fit(concepts=K, radius=1)
    assert branches_of(study) is None
    with pytest.raises(CurationError, match="not branches of a tree"):
        study.curation.merge_up(2)


# ---- the tree


@pytest.fixture
def treed(tmp_path):
    study = make_study(tmp_path)
    study.fit(concepts=4, quantizer="tree", softness=0.0, centre=0.5, radius=1, pseudo=0.1)
    return study


def maps(study):
    return [study.prospect(datum).tobytes() for datum in study.embedded()]


@pytest.mark.parametrize("softness", [0.0, 0.25])
@pytest.mark.parametrize("into", [2, 3])
def test_split_and_merge_gives_the_same_bytes(treed, into, softness):
    treed.fit(replace(treed.settings, softness=softness))
    first, sprites = maps(treed), [treed.sprite(datum) for datum in treed.data]
    concept = max(treed.concepts(), key=lambda each: each.tokens).id
    tree, state = treed.view.tree, treed.curation.state
    expected = tree.parts(leaves_of(tree, state)[concept], into)
    treed.curation.split(concept, into=into)
    fit = treed.refit().after
    step = fit.state.steps[0]
    # as the tree has it: centres of the parts are the means of its branches, and tokens go to the nearest
    assert step.leaves == tuple(expected) and np.array_equal(
        step.centroids, [tree.centre(part) for part in expected]
    )
    for datum, before in zip(treed.data, sprites):
        vectors, _ = sampled(treed, datum, centre=0.5)
        inside = before == concept
        parts = np.array(step.ids)[assign_nearest(vectors[inside], step.centroids)]
        assert np.array_equal(treed.sprite(datum)[inside], parts)
        assert np.array_equal(treed.sprite(datum)[~inside], before[~inside])
    # and back, by going up
    root = branches_of(treed)
    assert set(relatives(root, concept)) <= set(step.ids[1:])
    while (
        set(relatives(branches_of(treed), concept)) <= set(step.ids[1:])
        and len(leaves_of(tree, treed.curation.state)) > 4
    ):
        treed.curation.merge_up(concept)
    assert leaves_of(tree, treed.curation.state) == leaves_of(tree, state)
    treed.refit()
    assert maps(treed) == first
    assert all(np.array_equal(treed.sprite(d), before) for d, before in zip(treed.data, sprites))


def test_merge_then_split_gives_back_what_was_there(treed):
    """Of tokens that belong to one concept each.

    The parts are the very branches that were merged, by another number.
    """
    sprites = [treed.sprite(datum) for datum in treed.data]
    pair = next(b.concepts for _, b in branches_of(treed).walk() if len(b.concepts) == 2)
    treed.curation.merge_up(pair[0])
    treed.refit()
    treed.curation.split(pair[0])
    treed.refit()
    step = treed.view.state.steps[0]
    tree = treed.view.tree
    renamed = dict(zip(step.ids, sorted(pair, key=lambda c: step.leaves.index(tree.leaves(tree.roots[c])))))
    for datum, before in zip(treed.data, sprites):
        now = treed.sprite(datum)
        assert np.array_equal(np.array([renamed.get(int(c), int(c)) for c in now]), before)


def test_what_the_tree_does_not_part_is_split_by_k_means(treed):
    tree = treed.view.tree
    some = min(leaves_of(tree, treed.curation.state).items(), key=lambda each: len(each[1]))
    for _ in range(20):  # down to one fine concept
        if len(leaves_of(tree, treed.curation.state)[some[0]]) == 1:
            break
        treed.curation.split(some[0])
    treed.refit()
    n = len(branches_of(treed).concepts)
    treed.curation.split(some[0])
    assert treed.curation.state.steps[-1].leaves is None
    treed.refit()
    root = branches_of(treed)
    assert len(root.concepts) == n + 1
    new = treed.view.n_concepts - 1
    assert relatives(root, some[0]) == (new,)  # the two parts are siblings
    treed.curation.merge_up(new)
    assert treed.refit().after.state.merged[some[0]] == new


def test_the_tree_is_kept_whole_or_refused(treed):
    again = Study.open(treed.path)
    one, two = treed.view.tree, again.view.tree
    assert all(
        np.array_equal(getattr(one, f), getattr(two, f))
        for f in ("fine", "sizes", "joins", "heights", "roots")
    )
    assert treed.preview(lambda c: c.split(0)).after.tree is one
    file = treed.path / "fits" / str(treed.view.id) / "head.safetensors"
    content = bytearray(file.read_bytes())
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    start = 8 + int.from_bytes(content[:8], "little") + header["tree_joins"]["data_offsets"][0]
    content[start : start + 4] = (9999).to_bytes(4, "little")
    file.write_bytes(content)
    with pytest.raises(StudyDamagedError, match="tree of concepts contradicts itself"):
        Study.open(treed.path).view  # noqa: B018
    assert rebuild_fits(Study.open(treed.path), repair=True)[0].repaired
    assert Study.open(treed.path).view.digest() == treed.view.digest()


def test_going_up_passes_what_is_excluded(treed):
    root = branches_of(treed)
    pair = next(b.concepts for _, b in root.walk() if len(b.concepts) == 2)
    treed.curation.exclude(pair[1], "ink")
    above = relatives(root, pair[0], {pair[1]})
    assert above and pair[1] not in above
    treed.curation.merge_up(pair[0])
    merged = treed.curation.state.merged
    assert set(merged) == set(above) and pair[1] not in merged
    for id in branches_of(treed).concepts:
        if id not in (pair[0], pair[1]):
            treed.curation.exclude(id, "ink")
    with pytest.raises(CurationError, match="no sibling left"):
        treed.curation.merge_up(pair[0])


def test_branches_of_merges_across_the_tree():
    """What was merged from far apart stands where most of its tokens are.

    And is split where the tree parts it.
    """
    fine = np.array([[0.0], [1], [10], [11]], np.float32)
    tree = ConceptTree(
        fine,
        np.array([5, 4, 3, 9]),
        np.array([[0, 1], [2, 3], [4, 5]], np.int32),
        np.array([1.0, 1, 20]),
        np.arange(4, dtype=np.int32),
    )
    state = CurationState(merged={3: 0})
    assert leaves_of(tree, state) == {0: (0, 3), 1: (1,), 2: (2,)}
    root = branches(tree, state)
    assert [each.concepts for each in root.children] == [(0, 2), (1,)] or [
        each.concepts for each in root.children
    ] == [
        (1,),
        (0, 2),
    ]
    assert relatives(root, 0) == (2,) and set(relatives(root, 1)) == {0, 2}
    assert tree.parts((0, 3), 2) == [(3,), (0,)]
    state.steps.append(Split(0, frozenset({0, 3}), (0, 4), np.zeros((2, 1), np.float32), leaves=((3,), (0,))))
    assert leaves_of(tree, state) == {0: (3,), 1: (1,), 2: (2,), 4: (0,)}
    root = branches(tree, state)
    assert root.height == 20 and [len(each.concepts) for each in root.children] == [2, 2]
    assert relatives(root, 4) == (1,)
