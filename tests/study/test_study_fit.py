"""What a study fits and says, against plain computations; and that the same journal gives the same bytes."""

import numpy as np
import pytest

from prospector_core import Study, TokenGraph, count_concepts, prospect
from prospector_core.errors import FitError, GraphError
from prospector_core.method.calibration import Calibration
from prospector_core.method.features import n_features, pair_index
from prospector_core.study import FitSettings
from prospector_core.study.explanations import pair_tokens
from tests.support.study_files import K, make_study

LABELS = (1, 1, 1, 1, 0, 0, 0, 0, None, 1, 0)
SPLITS = [""] * 9 + ["test", "test"]


def make(folder, **fit):
    return make_study(folder, LABELS, SPLITS, fit={"radius": 2, **fit})


@pytest.fixture
def study(tmp_path):
    """A fitted study: four data of each class, one not labelled, two for testing."""
    return make(tmp_path)


def train_of(study):
    return [datum for datum in study.data if datum.label in (0, 1) and datum.split != "test"]


def plain_coef(study, sprites, graphs, k, labels=None, settings=None):
    """Kernel of given sprites and graphs of the training data: no cache, no study."""
    settings = settings or study.settings
    data = train_of(study)
    counts = np.stack([count_concepts(graphs[d.uid], sprites[d.uid], k, settings.radius) for d in data])
    labels = np.array([d.label for d in data]) if labels is None else labels
    return settings.make_kernel().fit(counts, labels).coef_


def as_it_is(study):
    return {d.uid: study.sprite(d) for d in study.data}, {d.uid: study.graph(d) for d in study.data}


def on(coef, concepts, n_concepts, radius):
    """Weights over some concepts, in the order of a study that had only those."""
    i, j = np.triu_indices(len(concepts))
    concepts = np.array(concepts)
    return (
        np.concatenate([coef[concepts], coef[pair_index(concepts[i], concepts[j], n_concepts)]])
        if radius
        else coef[concepts]
    )


# ---- edits


def test_a_fit_is_the_kernel_of_its_counts(study):
    sprites, graphs = as_it_is(study)
    assert all(sprite.min() >= 0 and sprite.max() < K for sprite in sprites.values())
    assert np.array_equal(study.view.coef, plain_coef(study, sprites, graphs, K))


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_a_merge_is_as_if_quantised_that_way(tmp_path, radius):
    study = make(tmp_path, radius=radius)
    sprites, graphs = as_it_is(study)
    study.curation.merge([4, 1], into=1)
    coef = study.refit().after.coef
    kept = [0, 1, 2, 3]
    merged = {uid: np.where(sprite == 4, 1, sprite) for uid, sprite in sprites.items()}
    assert np.array_equal(on(coef, kept, K, radius), plain_coef(study, merged, graphs, K - 1))
    gone = np.ones(n_features(K, radius), bool)
    gone[kept] = False
    if radius:
        i, j = np.meshgrid(kept, kept)
        gone[pair_index(i, j, K)] = False
    assert not coef[gone].any()
    assert all(np.array_equal(study.sprite(uid), merged[uid]) for uid in merged)


def test_merging_in_two_steps_is_merging_at_once(study):
    study.curation.merge([2, 3], into=3)
    study.curation.merge([3, 4], into=4)
    twice = study.refit().after.coef
    study.curation.undo()
    study.curation.undo()
    study.curation.merge([2, 3, 4], into=4)
    assert np.array_equal(study.refit().after.coef, twice)


@pytest.mark.parametrize("concept", [0, 3])
def test_an_exclusion_is_as_if_the_tokens_had_not_been_there(study, concept):
    sprites, _ = as_it_is(study)
    study.curation.exclude(concept, reason="ink")
    fit = study.refit().after
    kept = [k for k in range(K) if k != concept]
    number = np.full(K, -1)
    number[kept] = np.arange(K - 1)
    graphs, reduced = {}, {}
    for datum in study.data:
        there = sprites[datum.uid] != concept
        graphs[datum.uid] = TokenGraph.from_grid(study.grid(datum)["positions"][there])
        reduced[datum.uid] = number[sprites[datum.uid][there]]
    small = plain_coef(study, reduced, graphs, K - 1)
    assert np.array_equal(on(fit.coef, kept, K, 2), small)
    for datum in study.data:
        there = sprites[datum.uid] != concept
        scores = study.prospect(datum)
        assert np.isnan(scores[~there]).all()
        np.testing.assert_allclose(
            scores[there], prospect(graphs[datum.uid], reduced[datum.uid], small, K - 1, 2), atol=1e-9
        )
        assert (study.sprite(datum)[~there] == -1).all()
        assert (study.concepts_of(datum)[~there] == concept).all()


def test_a_pin_replaces_the_fitted_weight(study):
    before = study.view
    study.curation.pin(3, 0.0)
    study.curation.pin((3, 1), -1.5)
    change = study.refit()
    after = change.after
    assert after.weight(3) == 0.0 and after.pair_weight(1, 3) == after.pair_weight(3, 1) == -1.5
    assert np.array_equal(after.fitted_coef, before.coef)
    others = np.ones(len(after.coef), bool)
    others[[3, pair_index(1, 3, K)]] = False
    assert np.array_equal(after.coef[others], before.coef[others])
    assert [concept.id for concept in study.concepts() if concept.pinned] == [3]
    assert [k for k, _, _ in change.weights] == [3]
    study.curation.merge([3, 2], into=2)
    study.refit()
    assert [concept.id for concept in study.concepts() if concept.pinned] == [2]
    study.curation.pin(2, 7.0)
    assert study.refit().after.weight(2) == 7.0
    study.curation.pin(2, None)


def test_relabelling_changes_the_fit(study):
    sprites, graphs = as_it_is(study)
    before = study.view.coef
    study.curation.relabel("s4.png", 1)
    coef = study.refit().after.coef
    assert not np.array_equal(coef, before)
    assert np.array_equal(coef, plain_coef(study, sprites, graphs, K, np.array([1, 1, 1, 1, 1, 0, 0, 0])))
    study.curation.relabel("s4.png", None)
    fit = study.refit().after
    assert fit.summary["fitted_on"] == 7
    assert np.array_equal(fit.coef, plain_coef(study, sprites, graphs, K))
    for datum in train_of(study):
        study.curation.relabel(datum, 1)
    with pytest.raises(FitError):
        study.refit()
    assert study.view.id == fit.id


def test_reassigned_tokens_belong_to_their_new_concept(study):
    sprites, graphs = as_it_is(study)
    tokens = np.flatnonzero(sprites[study.datum("s1.png").uid] != 2)[:9]
    study.curation.reassign("s1.png", tokens, 2)
    coef = study.refit().after.coef
    sprites = {uid: sprite.copy() for uid, sprite in sprites.items()}
    sprites[study.datum("s1.png").uid][tokens] = 2
    assert np.array_equal(study.sprite("s1.png"), sprites[study.datum("s1.png").uid])
    assert np.array_equal(coef, plain_coef(study, sprites, graphs, K))


def test_a_refit_says_what_changed(study):
    before = study.view
    study.curation.rename(3, "ink")
    study.curation.exclude(3)
    change = study.refit()
    assert change.before.id == before.id and change.after.id == study.view.id
    assert "excluded: ink" in str(change)
    datum = study.data[0]
    there = study.sprite(datum) >= 0
    np.testing.assert_array_equal(
        change.of_map(datum)[there], (study.prospect(datum) - study.prospect(datum, before))[there]
    )
    study.curation.undo()
    assert "taken back in: ink" in str(study.refit())


# ---- the same bytes


def head_bytes(study, fit):
    folder = study.path / "fits" / str(fit.id)
    return (folder / "head.safetensors").read_bytes(), (folder / "head.json").read_bytes()


def edits(study):
    c = study.curation
    c.rename(0, "stroma")
    c.exclude(4, "ink")
    c.relabel("s7.png", 1)
    c.pin((0, 3), 2.0)
    c.undo()
    c.redo()
    c.reassign("s0.png", [1, 2, 3], 2)
    c.merge([1, 2], into=2)
    return study.refit().after


@pytest.mark.parametrize(
    "settings",
    [{}, {"kernel": "linear"}, {"quantizer": "mini-batch k-means"}],
    ids=["fold-change", "linear", "mini-batch"],
)
def test_the_same_journal_gives_the_same_bytes(tmp_path, settings):
    first, second = (make_study(tmp_path / name, LABELS, SPLITS) for name in ("one", "two"))
    for study in (first, second):
        study.fit(concepts=K, radius=2, **settings)
    assert head_bytes(first, first.view) == head_bytes(second, second.view)
    one, two = edits(first), edits(second)
    assert head_bytes(first, one) == head_bytes(second, two)
    assert head_bytes(first, one) != head_bytes(first, first.load_fit(1))
    # replaying the journal from scratch, in one go
    third = make_study(tmp_path / "three", LABELS, SPLITS)
    third.fit(first.settings)
    with third.database.transaction() as connection:
        for row in first.database.read("SELECT at, action, payload FROM journal WHERE id > 1 ORDER BY id"):
            connection.execute("INSERT INTO journal (at, action, payload) VALUES (?, ?, ?)", row)
    assert head_bytes(third, third.refit().after) == head_bytes(first, one)


def test_undoing_everything_gives_the_first_fit_back(study):
    first = study.view
    c = study.curation
    c.exclude(2)
    study.refit()
    c.undo()
    assert head_bytes(study, study.refit().after) == head_bytes(study, first)
    c.merge([0, 1], into=0)
    c.pin(3, 9.0)
    c.relabel("s0.png", 0)
    c.reassign("s2.png", [0, 1], 3)
    study.refit()
    for _ in range(4):
        c.undo()
    assert head_bytes(study, study.refit().after) == head_bytes(study, first)
    assert not study.curation.pending()


def test_a_fit_is_the_same_read_back(study):
    edits(study)
    fit, again = study.view, Study.open(study.path).view
    assert all(
        np.array_equal(getattr(fit, name), getattr(again, name))
        for name in ("centroids", "coef", "fitted_coef")
    )
    assert (fit.id, fit.journal, fit.settings, fit.summary, fit.state) == (
        again.id,
        again.journal,
        again.settings,
        again.summary,
        again.state,
    )
    opened = Study.open(study.path)
    for datum in study.data:
        assert np.array_equal(study.prospect(datum), opened.prospect(datum), equal_nan=True)


# ---- what a fit says


@pytest.mark.parametrize(
    "settings",
    [{"radius": 0}, {"radius": 2}, {"radius": 3, "diffusive": True}, {"radius": 1, "kernel": "linear"}],
)
def test_explanations_sum_to_the_score(tmp_path, settings):
    study = make(tmp_path, **settings)
    study.curation.exclude(4)
    study.refit()
    for datum in study.data[::4]:
        scores = study.prospect(datum)
        for token in range(0, len(scores), 5):
            said = study.explain(datum, token)
            if np.isnan(scores[token]):
                assert np.isnan(said.score) and said.terms == ()
            else:
                assert sum(term.value for term in said.terms) == pytest.approx(scores[token], abs=1e-9)
                assert said.score == pytest.approx(scores[token], abs=1e-9)
    with pytest.raises(GraphError, match="no token"):
        study.explain(study.data[0], 10**6)


def test_concepts_say_their_shares(study):
    study.curation.rename(1, "mucus")
    study.curation.recolour(1, "#102030")
    study.curation.merge([3, 4], into=3)
    study.curation.exclude(0)
    study.refit()
    concepts = study.concepts()
    assert [concept.id for concept in concepts] == [0, 1, 2, 3]
    assert [concept.excluded for concept in concepts] == [True, False, False, False]
    assert concepts[3].merged == (4,)
    assert (concepts[1].name, concepts[1].colour, concepts[2].name) == ("mucus", "#102030", "concept 2")
    for label in (0, 1):
        tokens = np.concatenate([study.concepts_of(datum) for datum in study.data if datum.label == label])
        for concept in concepts:
            assert concept.shares[label] == pytest.approx((tokens == concept.id).mean())
        assert sum(concept.shares[label] for concept in concepts) == pytest.approx(1)
    assert sum(concept.tokens for concept in concepts) == sum(study.n_tokens(datum) for datum in study.data)
    assert [concept.weight for concept in concepts] == [study.view.weight(concept.id) for concept in concepts]


def test_typical_tokens_are_nearest_to_their_centre(study):
    centroids = study.view.centroids
    for concept in range(K):
        found = study.typical_tokens(concept, n=6, per_datum=2)
        distances = []
        for datum, token in found:
            assert study.sprite(datum)[token] == concept
            distances.append(
                float(np.linalg.norm(study.store.read(datum.uid).embeddings[token] - centroids[concept]))
            )
        assert len(found) == 6 and distances == sorted(distances)
        names = [datum.name for datum, _ in found]
        assert max(names.count(name) for name in names) <= 2
    assert study.typical_tokens(99) == []


def test_pairs_against_plain_loops(study):
    study.curation.exclude(1)
    study.refit()
    datum = study.data[2]
    sprite, positions = study.sprite(datum), study.grid(datum)["positions"]
    index = {tuple(place): token for token, place in enumerate(positions) if sprite[token] >= 0}

    def ball(token, radius):
        seen, edge = {token}, {token}
        for _ in range(radius):
            around = {
                index.get((positions[t][0] + i, positions[t][1] + j))
                for t in edge
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            }
            edge = around - seen - {None}
            seen |= edge
        return seen

    for i, j in ((0, 3), (3, 0), (2, 2), (1, 2)):
        expected = np.zeros(len(sprite), int)
        for token in index.values():
            for other in ball(token, 2):
                expected[token] += (sprite[token], sprite[other]) in ((i, j), (j, i))
        assert np.array_equal(pair_tokens(study, datum, i, j), expected)


# ---- predictions


def plain_predictions(study, train, test, settings):
    """P(class 1) of test data by a kernel of the train data."""
    counts = {d.uid: count_concepts(study.graph(d), study.sprite(d), K, settings.radius) for d in study.data}
    x, y = np.stack([counts[d.uid] for d in train]), np.array([d.label for d in train])
    kernel = settings.make_kernel().fit(x, y)
    curve = Calibration.fit(kernel.evidence(x, kernel.coef_), y)
    return {d.uid: float(curve.predict(kernel.evidence(counts[d.uid][None], kernel.coef_))[0]) for d in test}


def test_predictions_hold_out_what_was_fitted_on(study):
    train = train_of(study)
    rest = [datum for datum in study.data if datum not in train]
    expected = plain_predictions(study, train, rest, study.settings)
    for datum in train:
        expected |= plain_predictions(study, [d for d in train if d != datum], [datum], study.settings)
    found = study.predictions()
    assert found.keys() == {datum.uid for datum in study.data}
    for uid, probability in expected.items():
        assert found[uid] == pytest.approx(probability, abs=1e-9)
    summary = study.view.summary
    right = [(found[d.uid] >= 0.5) == (d.label == 1) for d in train]
    assert summary["fitted_on"] == summary["held_out_folds"] == 8 and summary["positive"] == 4
    assert summary["held_out_accuracy"] == np.mean(right)


def test_test_data_and_unlabelled_data_are_predicted_but_never_fitted_on(tmp_path):
    study = make(tmp_path / "all")
    without = make_study(tmp_path / "less", LABELS[:8], fit={"radius": 2})
    assert np.array_equal(study.view.centroids, without.view.centroids)
    assert np.array_equal(study.view.coef, without.view.coef)
    assert len(study.predictions()) == 11 and len(without.predictions()) == 8
    for datum in without.data:
        assert study.predictions()[study.datum(datum.name).uid] == without.predictions()[datum.uid]
    assert np.isfinite(study.prospect("s8.png")).all()
    study.curation.relabel("s9.png", 0)
    assert np.array_equal(study.refit().after.coef, without.view.coef)


def test_too_few_to_hold_out(tmp_path):
    study = make_study(tmp_path, (1, 0, 0), fit={})
    assert study.view.summary["held_out_folds"] == 0
    assert "not held out: too few data" in str(study.refit())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"concepts": 0}, "concepts must be 2 to 1000, got 0"),
        ({"concepts": 1}, "concepts must be"),
        ({"radius": -1}, "radius must be 0 to 64, got -1"),
        ({"radius": 65}, "radius must be"),
        ({"kernel": "foo"}, "no kernel 'foo': choose one of"),
        ({"quantizer": "foo"}, "no quantizer 'foo': choose one of k-means, spherical k-means"),
        ({"seed": -1}, "seed must be"),
        ({"alpha": 0.0}, "alpha must be positive"),
        ({"alpha": float("nan")}, "alpha must be positive"),
        ({"tau": -1.0}, "tau at least 0"),
        ({"l1_ratio": 2.0}, "l1_ratio between 0 and 1"),
        ({"sample": 0}, "sample must be"),
    ],
)
def test_settings_out_of_range(study, settings, says):
    before = study.view.id
    with pytest.raises(FitError) as caught:
        study.fit(**settings)
    assert says in str(caught.value)
    assert study.view.id == before


def test_a_sample_of_the_tokens_will_do(study):
    fit = study.fit(FitSettings(concepts=K, sample=200)).after
    assert fit.n_concepts == K and len(study.predictions()) == 11
