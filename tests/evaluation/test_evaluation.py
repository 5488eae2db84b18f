"""Comparisons, choices and nulls: on data with a planted class, and on data whose labels mean nothing."""

import csv
import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prospector_core import FoldChangeKernel, Study, TokenGraph, prospect
from prospector_core.errors import BadInputError
from prospector_core.evaluation import Problem, baselines, heads, networks, run, tasks
from prospector_core.evaluation.baselines import BASELINES
from prospector_core.evaluation.choose import LabelScores, auto_candidates, choose, choose_tokens, decide
from prospector_core.evaluation.datasets import load_set, sentences_of
from prospector_core.evaluation.heads import authors_protocol, fit_head, suggested_for
from prospector_core.evaluation.markdown import write_markdown
from prospector_core.evaluation.plots import bars, neutral, panels, scatter
from prospector_core.evaluation.report import region_plots, write_report
from prospector_core.evaluation.run import HEADS, evaluate, method_names
from prospector_core.evaluation.studies import choose_for, problem_beside, problem_of, tokens_for
from prospector_core.evaluation.tasks import TOKENS
from prospector_core.evaluation.truth import read_truth
from prospector_core.method.folds import stratified_folds
from prospector_core.method.metrics import average_precision
from prospector_core.method.null import benjamini_hochberg, label_null
from prospector_core.scheduling import scheduler
from prospector_core.study.chance import known_null, masked, masked_study, null_of, study_null
from prospector_core.study.settings import FitSettings
from tests.support.study_files import PITCH, make_study

SIDE = 7
SMALL_GRID = {"concepts": (5,), "radius": (0, 1), "alpha": (0.05, 1e10), "tau": (0.0, 1.0)}


def planted(n=20, seed=0, signal=True):
    """Grids of three kinds of token; in class 1 a block of a fourth kind."""
    random = np.random.default_rng(seed)
    graph = TokenGraph.from_grid(np.argwhere(np.ones((SIDE, SIDE), bool)))
    kinds = random.normal(size=(4, 6)) * 3
    embeddings, truth, labels = [], [], np.arange(n) % 2
    for label in labels:
        kind, true = random.integers(0, 3, (SIDE, SIDE)), np.zeros((SIDE, SIDE), bool)
        if label and signal:
            row, column = random.integers(0, SIDE - 2, 2)
            true[row : row + 3, column : column + 3] = True
            kind[true] = 3
        embeddings.append((kinds[kind.ravel()] + random.normal(size=(SIDE * SIDE, 6))).astype(np.float32))
        truth.append(true.ravel())
    return Problem(
        "planted",
        [f"d{i}" for i in range(n)],
        [graph] * n,
        embeddings,
        labels,
        truth,
        stratified_folds(labels, 2),
    )


@pytest.fixture(scope="module")
def problem():
    return planted()


@pytest.fixture(scope="module")
def evaluation(problem):
    """Every method once, networks hardly trained and grids cut short, and few labels for the quick ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "MOST_STEPS", 4)
        patch.setattr(baselines, "_MASK_STEPS", 2)
        patch.setattr(heads, "AUTHORS_GRID", SMALL_GRID)
        patch.setattr(
            tasks,
            "choose",
            lambda problem, train, **said: choose(problem, train, auto_candidates(problem)[:2], **said),
        )
        patch.setattr(run, "_FEW", (2, 4, 64))
        patch.setattr(run, "_REPEATS", 2)
        return evaluate(problem, method_names("all"), folds=1, few=True)


def test_heads_find_a_planted_class_and_a_constant_map_does_not(evaluation, problem):
    ap = {each["method"]: each["ap"] for each in evaluation.summary}
    # there is one kind of token; the classifier is explained in four ways; all but two are smoothed, too
    assert set(HEADS) - {TOKENS} <= ap.keys()
    assert len(ap) == len(HEADS) - 1 + 2 + 2 * (len(BASELINES) - 2 + 3 + 3)
    assert ap["token regression"] > 0.6 and ap["mi-SVM"] > 0.6
    assert (
        ap["prospector"] > 0.9 and ap["constant"] == pytest.approx(problem.prevalence) and ap["random"] < 0.5
    )
    own = next(each for each in evaluation.summary if each["method"] == "prospector")
    assert (
        own["ap_low"] <= own["ap"] <= own["ap_high"] and own["data_scored"] == 5 and own["datum_auroc"] > 0.9
    )
    assert own["parameters"] > 100 and own["seconds"] > 0
    rows = [row for row in evaluation.rows if row["method"] == "prospector"]
    assert {row["components"] for row in rows} == {1} and {row["size"] for row in rows} == {9.0}


def test_what_choosing_by_labels_costs_is_said(evaluation):
    (search,) = evaluation.searches
    assert search["loss"] >= 0 and search["best_ap"] >= search["ap"] and search["why"]
    assert len(search["candidates"]) == 2 and "losses" not in search["candidates"][0]


def test_few_labels_stop_where_there_are_no_more(evaluation):
    assert {(row["method"], row["labels"]) for row in evaluation.few} == {
        (method, n)
        for method in (
            "prospector",
            "authors' settings, untuned",
            "nearest centroid",
            "attention MIL, LRP",
            "graph attention + mask",
            "mean-pool, gradient x input",
        )
        for n in (2, 4)
    }
    assert {row["fold"] for row in evaluation.few} == {0, 1} and all(
        0 <= row["ap"] <= 1 for row in evaluation.few
    )


def test_the_report_stands_alone(evaluation, tmp_path):
    files = write_report([evaluation], tmp_path / "out")
    assert [path.name for path in files] == ["evaluation.json", "evaluation.csv", "evaluation.html"]
    page = files[2].read_text()
    assert (
        page.count("<svg") >= 4
        and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
        and "src=" not in page
    )
    assert json.loads(files[0].read_text())[0]["summary"][0]["method"]
    rows = list(csv.DictReader(files[1].open()))
    assert len(rows) == len(evaluation.rows) and float(rows[0]["ap"]) >= 0
    write_markdown([evaluation], tmp_path / "page.md", tmp_path / "images", "# Title\n")
    said = (tmp_path / "page.md").read_text()
    assert (
        said.startswith("# Title")
        and "| prospector |" in said
        and len(list((tmp_path / "images").iterdir())) == 2
    )


def test_methods_are_plotted_against_what_regions_are_like():
    rows = [
        {
            "method": method,
            "datum": f"d{at}",
            "ap": (at + 1) / 16 * part,
            "prevalence": at / 16,
            "components": 1,
            "size": at + 1.0,
            "dispersion": 1 / (at + 1),
        }
        for method, part in (("prospector", 1.0), ("nearest centroid", 0.5), ("constant", 0.1))
        for at in range(16)
    ]
    plot = region_plots(rows)
    assert "prospector" in plot and "nearest centroid" in plot and ">constant<" not in plot
    assert "share of positive tokens" in plot and "number of regions" not in plot  # each datum has one
    # four groups of four: their means rise, and the other method's are half as high
    means = [float(found) for found in re.findall(r"<title>prospector: ([0-9.]+)</title>", plot)]
    half = [float(found) for found in re.findall(r"<title>nearest centroid: ([0-9.]+)</title>", plot)]
    assert (
        means[:4] == pytest.approx([2.5 / 16, 6.5 / 16, 10.5 / 16, 14.5 / 16], abs=0.01) and len(means) == 12
    )
    assert half[:4] == pytest.approx([each / 2 for each in means[:4]], abs=0.01)
    assert "prefers-color-scheme" in plot and "prefers-color-scheme" not in neutral(plot)
    assert plot == region_plots(rows) and "xlink" not in plot and "<script" not in plot


def test_names_in_plots_are_text():
    name = "$a$ <b>&"
    plot = bars([(name, 0.5, 0.4, 0.6)], name) + scatter(
        [(0, 1, name, True), (np.nan, 1, "", False)], "", "x", "y"
    )
    assert plot.count("$a$ &lt;b&gt;&amp;") == 3 and "<b>" not in plot
    assert (
        scatter([(np.nan, 1, "", False)], "", "x", "y") == ""
        and panels([("x", {"a": []}, [], False)], "", "y") == ""
    )


def test_unknown_baselines_are_said():
    with pytest.raises(BadInputError, match="no baseline 'magic'"):
        method_names("random,magic")
    assert (
        method_names("attention MIL", sweep=False)[-1] == "attention MIL"
        and len(method_names("none")) == len(HEADS) + 2
    )


# ---- choosing


def test_the_first_candidate_stays_unless_labels_clearly_say_otherwise():
    settings = [FitSettings(concepts=k) for k in (2, 3, 4)]
    level = LabelScores(0.5, 0.8, 0.8, 0.5, (0.4, 0.6) * 10)
    better = LabelScores(0.3, 0.9, 0.9, 0.6, (0.2, 0.4) * 10)
    shaky = LabelScores(0.1, 1.0, 1.0, 0.2, (0.1, 0.1) * 10)
    assert decide(settings, [level, level, level]).best == 0
    found = decide(settings, [level, better, shaky])
    assert (
        found.best == 1
        and found.clear.tolist() == [False, True, False]
        and "the only one clearly better" in found.why
    )
    assert [row["chosen"] for row in found.rows()].count(True) == 1


def test_a_choice_never_looks_at_the_truth(problem):
    few = auto_candidates(problem)[:2]
    train = problem.folds[0][0]
    blind = Problem(
        "blind", problem.ids, problem.graphs, problem.embeddings, problem.labels, [None] * 20, problem.folds
    )
    assert choose(blind, train, few).scores == choose(problem, train, few).scores


def test_the_authors_protocol_takes_the_best_on_its_training_data(problem, monkeypatch):
    seen = []
    train = problem.folds[0][0]
    monkeypatch.setattr(heads, "AUTHORS_GRID", SMALL_GRID)
    head, best = authors_protocol(problem, train, linear=False, look=lambda settings, ap: seen.append(ap))
    assert best == max(seen) and len(seen) == 8 and head.settings.softness == 0
    again = fit_head(problem, train, head.settings)
    np.testing.assert_allclose(again.kernel.coef_, head.kernel.coef_)


# ---- is there any signal


def counts_of_classes(seed, signal):
    random = np.random.default_rng(seed)
    labels = np.arange(40) % 2
    counts = random.poisson(20, (40, 30)).astype(float)
    if signal:
        counts[labels == 1, :2] += random.poisson(25, (20, 2))
    return counts, labels


def test_real_signal_is_evidence_and_its_weights_stand_out():
    counts, labels = counts_of_classes(0, True)
    found = label_null(FoldChangeKernel(alpha=1e10, pseudo=0.1, shrink=True), counts, labels, n=60)
    assert (
        found.signal
        and found.kept[:2].all()
        and found.kept.sum() <= 6
        and found.sentence.startswith("evidence")
    )
    coef = np.where(found.kept, np.arange(30.0) + 1, 0.0)
    assert coef[0] == 1 and not coef[~found.kept].any()


def test_labels_that_mean_nothing_are_no_evidence():
    kernel = FoldChangeKernel(alpha=1e10, pseudo=0.1, shrink=True)
    found = [label_null(kernel, *counts_of_classes(seed, False), n=30) for seed in range(5)]
    assert sum(each.signal for each in found) <= 1
    silent = next(each for each in found if not each.signal)
    assert not silent.kept.any() and silent.sentence.startswith("no evidence")


def test_benjamini_hochberg_by_hand():
    p = [0.01, 0.02, 0.03, 0.5, np.nan]
    assert benjamini_hochberg(p, 0.05).tolist() == [True, True, True, False, False]
    assert not benjamini_hochberg([0.2, 0.9]).any() and not benjamini_hochberg([]).any()


# ---- studies


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), labels=[0, 1] * 6, fit={})


def test_truth_from_a_table_and_from_masks_is_the_same(study, tmp_path):
    datum = study.data[1]
    grid = study.grid(datum)
    true = np.arange(len(grid["positions"])) % 3 == 0
    for name, header, place in (
        ("token.csv", "datum,token,truth", lambda at: at),
        ("grid.csv", "slide,row,column,tumor", lambda at: ",".join(map(str, grid["positions"][at]))),
    ):
        lines = [f"{datum.name},{place(at)},{int(true[at])}" for at in range(len(true))]
        (tmp_path / name).write_text("\n".join([header, *lines]))
        found = read_truth(study, tmp_path / name)
        assert found.keys() == {datum.uid} and np.array_equal(found[datum.uid], true)
    masks = tmp_path / "masks"
    masks.mkdir()
    size = np.array(grid["positions"]).max(axis=0) + 1
    pixels = np.zeros((size * PITCH), np.uint8)
    for row, column in np.array(grid["positions"])[true]:
        pixels[row * PITCH : (row + 1) * PITCH, column * PITCH : (column + 1) * PITCH] = 255
    Image.fromarray(pixels).save(masks / f"{Path(datum.name).stem}.png")
    assert np.array_equal(read_truth(study, masks)[datum.uid], true)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("datum,token\ns1.png,0", "must have a column"),
        ("datum,token,truth\ns1.png,0,perhaps", "line 2: 'perhaps' is not a truth"),
        ("datum,token,truth\ns1.png,9999,1", "line 2: s1.png has no token"),
        ("datum,token,truth\nother.png,1,1", "no datum of the study"),
        ("datum,token,truth\n", "has no rows"),
    ],
)
def test_a_table_that_cannot_be_truth_is_said_with_its_line(study, tmp_path, content, says):
    (tmp_path / "truth.csv").write_text(content)
    with pytest.raises(BadInputError, match=says):
        read_truth(study, tmp_path / "truth.csv")


def test_a_study_is_compared_searched_and_asked_for_signal(study, tmp_path):
    truth = {datum.uid: np.arange(study.n_tokens(datum)) % 4 == 0 for datum in study.data if datum.label == 1}
    problem = problem_of(study, truth)
    assert len(problem.folds) == 5 and problem.prevalence > 0
    train, test = problem.folds[0]
    head = fit_head(problem, train, suggested_for(problem, train))
    scores = [average_precision(head.map(i), problem.truth[i]) for i in problem.scored(test)]
    assert np.isfinite(scores).all()
    choice = choose_for(study, candidates=auto_candidates(problem)[:2])
    assert len(choice.candidates) == 2
    null, view = study_null(study, n=20), study.view
    assert len(null.kept) == len(view.coef)
    assert np.array_equal(masked(view, null).coef, np.where(null.kept, view.coef, 0))


def test_sentences_end_where_they_end():
    assert sentences_of("One. Two is 3.5 long! Four\nFive") == [
        "One.",
        "Two is 3.5 long!",
        "Four",
        "Five",
    ]


@pytest.mark.skipif(
    not Path(os.environ.get("PROSPECTOR_DATA", "../shared/data")).is_dir(),
    reason="PROSPECTOR_DATA names no folder",
)
def test_the_set_of_proteins_is_read_whole_and_beats_chance():
    problem = load_set("zinc", os.environ.get("PROSPECTOR_DATA", "../shared/data"))
    assert (
        len(problem.ids) == 156
        and problem.labels.sum() == 46
        and problem.prevalence == pytest.approx(0.028, abs=0.001)
    )
    train, test = problem.folds[1]
    head = fit_head(problem, train, suggested_for(problem, train))
    assert np.mean([average_precision(head.map(i), problem.truth[i]) for i in problem.scored(test)]) > 0.55


# ---- on workers, tokens chosen among several, networks


def without_seconds(value):
    """An Evaluation as plain values that do not depend on the machine."""
    if isinstance(value, dict):
        return {key: without_seconds(each) for key, each in value.items() if key != "seconds"}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


def test_workers_give_the_same_numbers(problem, monkeypatch):
    pytest.importorskip("distributed", reason="needs dask: pip install 'prospector-heads[cluster]'")
    methods = ["prospector", "nearest centroid", "random"]
    monkeypatch.setattr(run, "_FEW", (2,))
    here, told = evaluate(problem, methods, few=True), []
    with scheduler(workers=2) as on:
        there = evaluate(
            problem, methods, few=True, on=on, progress=lambda done, total, text: told.append((done, total))
        )
    assert repr(without_seconds(asdict(here))) == repr(without_seconds(asdict(there)))
    assert told == [(at, 11) for at in range(1, 12)]  # two folds of three methods, five draws


def coarse_and_fine():
    """The planted problem with cells of 2 x 2 tokens, and the same data with these tokens themselves."""
    fine = planted(n=24)
    side = -(-SIDE // 2)
    rows, columns = np.divmod(np.arange(SIDE * SIDE), SIDE)
    cell = rows // 2 * side + columns // 2
    graph = TokenGraph.from_grid(np.argwhere(np.ones((side, side), bool)))
    inside = np.bincount(cell)
    truth = [np.bincount(cell, weights=each) / inside > 0.5 for each in fine.truth]
    vectors = [
        np.stack([np.bincount(cell, weights=v) / inside for v in each.T], axis=1).astype(np.float32)
        for each in fine.embeddings
    ]
    some = {"cell_graphs": [graph] * 24, "modality": "slides"}
    coarse = Problem(
        "coarse", fine.ids, [graph] * 24, vectors, fine.labels, truth, fine.folds, tokens="large", **some
    )
    coarse.others = {
        "small": Problem(
            "fine",
            fine.ids,
            fine.graphs,
            fine.embeddings,
            fine.labels,
            truth,
            fine.folds,
            cells=[cell] * 24,
            tokens="small",
            **some,
        )
    }
    return coarse


def test_tokens_are_chosen_by_labels_and_what_that_costs_is_said():
    coarse = coarse_and_fine()
    found = evaluate(coarse, ["prospector", TOKENS], folds=1)
    (search,) = found.searches
    assert search["of"] == "tokens" and {each["settings"] for each in search["candidates"]} == {
        "small",
        "large",
    }
    ap = {each["settings"]: each["ap"] for each in search["candidates"]}
    by_method = {each["method"]: each["ap"] for each in found.summary}
    # the row is the AP of what was chosen, in the cells that both are scored in
    assert by_method[TOKENS] == pytest.approx(ap[search["chosen"]]) and by_method[
        "prospector"
    ] == pytest.approx(ap["large"])
    assert search["loss"] == pytest.approx(max(ap.values()) - by_method[TOKENS])


def test_where_labels_cannot_tell_the_finest_tokens_stay():
    coarse = coarse_and_fine()
    choice = choose_tokens({"large": coarse, **coarse.others}, coarse.folds[0][0])
    assert choice.names == ("small", "large") and len(choice.scores) == 2
    if not choice.best:
        assert choice.why.startswith("the finest tokens:")


def test_studies_of_the_same_data_are_put_beside_each_other(study, tmp_path):
    other = make_study(tmp_path / "other", labels=[0, 1] * 6)
    problem = problem_beside(study, [other], None)
    (beside,) = problem.others.values()
    assert beside.ids == problem.ids and all(
        np.array_equal(each, np.arange(len(each))) for each in beside.cells
    )
    choice, chosen = tokens_for(study, [other])
    assert len(choice.names) == 2 and chosen in (study, other)
    with pytest.raises(BadInputError, match="is of other data"):
        problem_beside(study, [make_study(tmp_path / "few", labels=[0, 1] * 3)], None)
    with pytest.raises(BadInputError, match="has other labels"):
        problem_beside(study, [make_study(tmp_path / "swapped", labels=[1, 0] * 6)], None)


def test_data_in_a_batch_do_not_touch_each_other(problem):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    inputs = networks.Inputs(problem, problem.folds[0][0])
    for network in (networks.attention_network, networks.mean_network, networks.graph_network):
        model = network(inputs.dim).eval()
        with torch.no_grad():
            together = model(inputs.batch([0, 3, 7], edges=True))
            alone = torch.cat([model(inputs.batch([i], edges=True)) for i in (0, 3, 7)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    shares = inputs.batch([0, 3]).softmax(torch.randn(2 * SIDE * SIDE))
    assert shares.view(2, -1).sum(1).tolist() == pytest.approx([1, 1])


def test_the_same_seed_gives_the_same_maps(problem, monkeypatch):
    monkeypatch.setattr(networks, "MOST_STEPS", 3)
    np.random.random(3)
    one = baselines.run_baseline("mean-pool", problem, *problem.folds[0], seed=1)
    np.random.random(5)
    other = baselines.run_baseline("mean-pool", problem, *problem.folds[0], seed=1)
    for name in one:
        for at, scores in one[name].maps.items():
            assert np.array_equal(scores, other[name].maps[at]), name


def test_training_ends_where_the_loss_has_settled():
    falling, settled = networks.Plateau(), networks.Plateau()
    assert not any(falling(0.9**epoch) for epoch in range(60))
    assert [settled(max(0.5, 1 - 0.1 * epoch)) for epoch in range(40)].index(True) < 25


# ---- maps of what exceeds chance alone


def test_a_masked_fit_scores_by_the_weights_that_are_left_and_terms_sum_to_it(study):
    fit, told = study.view, []
    null = null_of(study, level=0.2, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (200, 200) and known_null(study, fit, 0.2).kept.tolist() == null.kept.tolist()
    told.clear()
    again = null_of(Study.open(study.path), level=0.2, progress=lambda *said: told.append(said))
    assert not told and again.p_values.tolist() == null.p_values.tolist()  # read, not computed
    only, datum = masked(fit, null), study.data[1]
    assert only.key != fit.key and only.unmasked is fit
    scores = study.prospect(datum, only)
    by_hand = prospect(
        study.graph(datum), study.sprite(datum), np.where(null.kept, fit.coef, 0), fit.n_concepts, fit.radius
    )
    np.testing.assert_allclose(scores, by_hand)
    explained = study.explain(datum, 3, only)
    assert (
        explained.score
        == pytest.approx(scores[3])
        == pytest.approx(sum(term.value for term in explained.terms))
    )
    # the fit itself, and how sure it is, are as they were
    assert study.uncertainty(datum, 20, only).error.tolist() == study.uncertainty(datum, 20).error.tolist()
    seen, _ = masked_study(study, 0.2)
    assert np.array_equal(seen.prospect(datum), scores) and seen.view.mask.level == 0.2
    assert study.view.mask is None and not np.array_equal(study.prospect(datum), scores)


def test_labels_that_mean_nothing_leave_an_empty_map(tmp_path):
    study = make_study(tmp_path, labels=[0, 1] * 6, fit={})
    for at, datum in enumerate(study.data):  # of each class half are called the other
        study.curation.relabel(datum, at // 2 % 2)
    study.refit()
    seen, null = masked_study(study)
    assert (
        not null.signal
        and not null.kept.any()
        and not any(np.nan_to_num(seen.prospect(d)).any() for d in seen.data)
    )
