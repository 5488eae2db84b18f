"""A study grows: data are added, removed and relabelled as edits with undo; nothing else of it changes."""

import csv
import json
import shutil

import numpy as np
import pytest

from prospector_core import Study
from prospector_core.errors import BadInputError, GraphError, LabelsError
from prospector_core.study.growth import look_at_new, table_changed
from prospector_core.study.novelty import carried_names, novelty
from prospector_core.study.rebuild import rebuild_fits
from tests.support.structure_files import study_of_chains
from tests.support.study_files import embed_by_hand, make_study
from tests.support.text_studies import WordEncoder, make_text_study, texts


def more(folder, *lines):
    """JSON lines of further documents: (id, text, label)."""
    file = folder / f"{lines[0][0]}.jsonl"
    file.write_text("".join(json.dumps(dict(zip(("id", "text", "label"), line))) + "\n" for line in lines))
    return file


def two(folder):
    """Two further documents, like those of the study."""
    old = texts()
    return more(folder, ("new a", old[0], "no"), ("new b", old[1], "yes"))


def names(study):
    """Names of the data."""
    return [datum.name for datum in study.data]


def test_edits_stay_and_new_data_are_assigned_to_the_concepts_there_are(tmp_path):
    study = make_text_study(tmp_path)
    study.curation.rename(2, "kept name")
    study.curation.merge([0], 1)
    study.curation.pin(3, weight=0.5)
    study.refit()
    before, state, centroids = study.view, study.curation.state, study.view.centroids.tobytes()
    old_names = names(study)
    added = study.add_data(two(tmp_path))
    assert [datum.name for datum in added] == ["new a", "new b"] and [d.label for d in added] == [0, 1]
    assert names(study) == [*old_names, "new a", "new b"] and not study.is_embedded("new a")
    now = study.curation.state
    assert (now.names, now.merged, now.pins) == (state.names, state.merged, state.pins)
    study.embed(encoder=WordEncoder())
    study.refit()
    assert study.view.centroids.tobytes() == centroids and study.view.id == before.id + 1
    assert {d.uid for d in added} <= study.view.summary["predictions"].keys()
    sprite = study.sprite("new b")
    assert len(sprite) == study.n_tokens("new b") and not np.isin(sprite, list(now.merged)).any()
    assert names(Study.open(study.path)) == names(study)


def test_what_is_added_is_the_same_whoever_looks_and_a_replay_gives_the_same_bytes(tmp_path):
    study = make_text_study(tmp_path)
    other = Study.open(study.path)
    assert len(other.data) == 8 and len(other.sources) == 1
    study.add_data(two(tmp_path))
    assert names(other) == names(study)
    assert {datum.source for datum in other.data} <= other.sources.keys()
    study.embed(encoder=WordEncoder())
    study.refit()
    study.remove_data(["case 0"])
    study.refit()
    study.fit(concepts=4)
    found = rebuild_fits(study)
    assert [each.result for each in found] == ["same"] * 4


def test_undo_hides_what_was_added_and_redo_or_adding_again_brings_it_back(tmp_path):
    study = make_text_study(tmp_path)
    file = two(tmp_path)
    uids = [datum.uid for datum in study.add_data(file)]
    study.embed(encoder=WordEncoder())
    assert study.curation.undo().action == "add"
    assert len(study.data) == 8 and uids[0] in study.store.uids()  # hidden, not deleted
    with pytest.raises(BadInputError, match="no datum 'new a'"):
        study.datum("new a")
    study.curation.redo()
    assert names(study)[8:] == ["new a", "new b"]
    study.curation.undo()
    study.curation.rename(0, "something else")  # there is no redo any more
    assert [datum.uid for datum in study.add_data(file)] == uids
    assert study.is_embedded("new a") and len(study.database.read("SELECT * FROM data")) == 10
    study.refit()
    assert len(study.view.summary["predictions"]) == 10


def test_what_is_removed_no_longer_counts_and_comes_back(tmp_path):
    study = make_text_study(tmp_path)
    uid = study.datum("case 3").uid
    study.curation.annotate("case 3", [0], evidence="for")
    study.remove_data(["case 3"])
    assert "case 3" not in names(study) and study.store.has(uid)
    change = study.refit()
    assert uid not in change.after.summary["predictions"] and change.after.summary["fitted_on"] == 7
    assert "remove case 3" in [event.text for event in study.curation.chronicle()]
    study.fit(concepts=5)
    assert uid not in study.view.summary["predictions"]  # it outlasts new concepts
    study.curation.undo()
    assert study.datum("case 3").uid == uid
    for asked, says in ((["nobody"], "no datum"), ([], "name the data"), (names(study), "all data")):
        with pytest.raises(BadInputError, match=says):
            study.remove_data(asked)


def test_labels_are_compared_by_name_and_applied_with_undo(tmp_path):
    study = make_study(tmp_path, (0, 1, 0, 1, 0, 1), fit={})
    table = tmp_path / "now.csv"
    rows = [(d.name, study.classes[d.label]) for d in study.data[:5]]
    rows[0] = (rows[0][0], study.classes[1])
    rows[1] = (rows[1][0], "")
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows([("slide", "label"), *rows, ("brand-new.png", study.classes[0])])
    gone = study.data[5]
    found = study.compare_labels(table)
    assert [row.name for row in found.new] == ["brand-new.png"]
    assert [(d.name, label) for d, label in found.corrected] == [(rows[0][0], 1), (rows[1][0], None)]
    assert found.gone == [gone] and len(study.data) == 6
    assert found.apply() == 3
    assert [d.label for d in study.data] == [1, None, 0, 1, 0]
    again = study.compare_labels(table)
    assert not again.corrected and not again.gone
    for _ in range(3):
        study.curation.undo()
    assert [d.label for d in study.data] == [0, 1, 0, 1, 0, 1]


def test_a_class_that_the_study_does_not_have_is_refused(tmp_path):
    study = make_text_study(tmp_path)
    with pytest.raises(LabelsError, match="the class 'perhaps'.*no and yes"):
        study.add_data(more(tmp_path, ("x", "The margin.", "perhaps")))
    with pytest.raises(LabelsError, match="in the study already"):
        study.add_data(tmp_path / "docs.jsonl")
    assert len(study.data) == 8 and not study.curation.history()[1:]
    with open(tmp_path / "docs.jsonl", "a") as file:
        file.write('{"id": "late", "text": "The margin.", "label": "no"}\n')
    with pytest.raises(BadInputError, match="docs.jsonl has changed .* a file of their own"):
        study.add_data(tmp_path / "docs.jsonl")


def test_slides_are_added_from_a_table_that_has_the_old_rows_too(tmp_path):
    study = make_study(tmp_path / "a", (0, 1, 0, 1), fit={})
    make_study(tmp_path / "b", (0, 1, 0, 1, 1), fit=None)
    new = sorted((tmp_path / "b" / "slides").iterdir())[-1]
    table = tmp_path / "all.csv"
    rows = [(d.name, study.classes[d.label]) for d in study.data]
    with open(table, "w", newline="") as file:
        csv.writer(file).writerows([("slide", "label"), *rows, (new.name, study.classes[1])])
    found = look_at_new(study, new, table)
    assert [row.name for row in found.rows] == [new.name] and len(study.data) == 4
    (datum,) = found.apply()
    assert study.source_path(datum) == new.resolve() and datum.label == 1
    embed_by_hand(study)
    study.refit()
    assert datum.uid in study.view.summary["predictions"]


def cells(folder, names, features=("a", "b"), seed=0):
    """A table of cells a sample, and its labels."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        values = np.random.default_rng(seed + number).random((30, 2 + len(features)))
        head = ",".join(("x", "y", *features))
        np.savetxt(folder / f"{name}.csv", values, delimiter=",", header=head, comments="")
    table = folder.parent / f"{folder.name}-labels.csv"
    rows = [f"{name},{('no', 'yes')[number % 2]}" for number, name in enumerate(names)]
    table.write_text("\n".join(["sample,label", *rows]) + "\n")
    return table


def test_cells_are_standardised_as_those_before_and_need_the_same_features(tmp_path):
    table = cells(tmp_path / "old", ["p", "q", "r", "s"])
    study = Study.create(tmp_path / "study", cells=tmp_path / "old", labels=table)
    study.embed()
    study.fit(concepts=3)
    embedding = dict(study.embedding)
    study.add_data(tmp_path / "new", cells(tmp_path / "new", ["t"], seed=9))
    assert Study.open(study.path).embedding == embedding and names(study)[-1] == "t"
    assert study.embed() == {}
    study.refit()
    assert len(study.view.summary["predictions"]) == 5
    with pytest.raises(GraphError, match="'b' is in one of them only"):
        study.add_data(tmp_path / "odd", cells(tmp_path / "odd", ["u"], ("a", "c")))


def test_chains_are_added_with_the_columns_that_say_which(tmp_path):
    study = study_of_chains(tmp_path, n=4)
    study.embed()
    study.fit(concepts=3)
    other = study_of_chains(tmp_path / "more", n=5)
    row, file = other.data[-1], other.source_path(other.data[-1])
    new = tmp_path / f"zz{file.name}"
    shutil.copy(file, new)
    table, chain = tmp_path / "new.csv", (row.part or {}).get("chain", "A")
    table.write_text(f"file,chain,label\n{new.name},{chain},{study.classes[1]}\n")
    (datum,) = study.add_data(new, table)
    assert datum.part == {"chain": chain} and datum.label == 1
    assert study.embed() == {}
    study.refit()
    assert datum.uid in study.view.summary["predictions"] and len(study.data) == 5


def test_it_is_said_when_concepts_should_be_found_anew(tmp_path):
    study = make_text_study(tmp_path)
    assert novelty(study) is None
    study.add_data(two(tmp_path))
    study.embed(encoder=WordEncoder())
    assert str(novelty(study)) == ""
    study.add_data(more(tmp_path, ("odd", "Node node node node node grade grade grade. " * 9, "yes")))
    study.embed(encoder=WordEncoder())
    found = novelty(study)
    assert found.unlike == ["odd"] and found.data == 3 and "consider finding concepts anew" in str(found)
    study.fit(concepts=7)
    assert novelty(study) is None


def test_names_are_offered_to_the_concepts_that_have_the_same_tokens(tmp_path):
    study = make_text_study(tmp_path)
    assert carried_names(study) == []
    study.curation.rename(1, "one")
    study.curation.rename(4, "four")
    before = {
        k: {(d.uid, t) for d in study.data for t in np.flatnonzero(study.sprite(d) == k)} for k in (1, 4)
    }
    study.fit(concepts=6, seed=5)
    found = carried_names(study)
    assert {each.name for each in found} <= {"one", "four"} and found
    for each in found:
        now = {(d.uid, t) for d in study.data for t in np.flatnonzero(study.sprite(d) == each.concept)}
        both, either = now & before[each.earlier], now | before[each.earlier]
        assert each.overlap == pytest.approx(len(both) / len(either))
    assert not study.curation.state.names  # for a person to approve


def test_a_table_that_changed_is_named(tmp_path):
    table = cells(tmp_path / "old", ["p", "q", "r", "s"])
    study = Study.create(tmp_path / "study", cells=tmp_path / "old", labels=table)
    assert table_changed(study) == ""
    table.write_text(table.read_text().replace("p,no", "p,yes"))
    assert "has changed since" in table_changed(study) and str(table) in table_changed(study)
    study.compare_labels(table).apply()
    assert table_changed(study) == ""
    table.unlink()
    assert table_changed(study) == ""
