"""Exports, rule by rule: what single functions write, without a study."""

import json
import string
from types import SimpleNamespace

import gemmi
import numpy as np
import pytest
import shapely

from prospector_core.errors import BadInputError
from prospector_core.exporters import structures
from prospector_core.exporters.geojson import _dissolved, _drawn, _mark, geojson
from prospector_core.exporters.ometiff import _halved
from prospector_core.exporters.points import mark_name, points_geojson, score_name
from prospector_core.exporters.structures import _atom, _escaped, _limit, _residue, _residues, _top


def test_a_level_is_the_mean_of_what_tokens_there_are():
    image = np.array([[1.0, 3, 5], [np.nan, 5, np.nan], [np.nan, np.nan, 7]], np.float32)
    found = _halved(image)
    assert found.dtype == np.float32 and found[:, 1].tolist() == [5, 7] and found[0, 0] == 3 and np.isnan(found[1, 0])
    assert _halved(np.stack([image, image]))[1, 0, 0] == 3 and _halved(np.ones((4, 6))).shape == (2, 3)


def test_outlines_lie_where_the_tiles_do():
    low = np.array([[10.0, 20], [13.5, 20], [20.5, 23.5]])
    area = _dissolved(low, low + 3.5, np.array([True, True, False]), 3.5)
    assert area.equals(shapely.box(10, 20, 17, 23.5)) and _dissolved(low, low, np.zeros(3, bool), 3.5).is_empty


def test_a_region_is_drawn_as_the_expert_drew_it():
    assert _drawn([(2, 3), (8, 3), (8, 9)], np.array([2, 3])).equals(shapely.Polygon([(0, 0), (6, 0), (6, 6)]))
    assert _drawn(None, np.zeros(2)) is None and _drawn([(0, 0), (1, 1), (2, 2)], np.zeros(2)) is None
    assert _drawn([(0, 0), (4, 4), (4, 0), (0, 4)], np.zeros(2)).geom_type == "MultiPolygon"


@pytest.mark.parametrize(
    ("evidence", "target", "name"),
    [
        ("for", None, "evidence for yes"),
        ("against", None, "evidence for no"),
        ("ignore", None, "ignored"),
        ("for", 2, "evidence for third"),
        ("against", 2, "evidence against third"),
        ("ignore", 2, "ignored"),
    ],
)
def test_what_a_marked_region_says(evidence, target, name):
    region = SimpleNamespace(evidence=evidence, target=target, weight=2.0, tokens=(1, 2, 3))
    assert mark_name(region, ("no", "yes", "third")) == name
    found = json.loads(_mark(region, shapely.box(0, 0, 1, 1), ("no", "yes", "third")))["properties"]
    assert found["name"] == name and found["measurements"] == {"weight": 2.0, "tiles": 3} and found["isLocked"] is True
    assert (
        found["classification"]["color"]
        == {"for": [204, 76, 2], "against": [33, 113, 181], "ignore": [140, 140, 140]}[evidence]
    )


def test_a_score_is_called_after_its_class_where_there_are_several():
    view = SimpleNamespace(target=1)
    assert score_name(SimpleNamespace(chosen=None, classes="ab"), view) == "prospect score: b"
    assert score_name(SimpleNamespace(chosen=0, classes="ab"), view) == "prospect score"


def points(*scores, regions=(), ids=None):
    """A study of one datum of points, what ``points_geojson`` asks of it."""
    values, datum = np.array(scores), SimpleNamespace(uid="d")
    made = SimpleNamespace(
        modality="graphs",
        chosen=1,
        classes=("no", "yes"),
        target=1,
        datum=lambda each: datum,
        colours=lambda: ["#010203", "#ff0080"],
        positions=lambda each: np.arange(2.0 * len(values)).reshape(-1, 2) / 3,
        concepts_of=lambda each: np.arange(len(values)) % 2,
        prospect=lambda each: values,
        concepts=lambda: [SimpleNamespace(id=k, name=f"kind {k}") for k in (0, 1)],
        attrs=lambda each: {"ids": ids} if ids else {},
        kind=SimpleNamespace(words=SimpleNamespace(tokens="cells")),
        curation=SimpleNamespace(state=SimpleNamespace(regions=regions)),
        class_views=lambda: [made],
    )
    return made


def test_points_have_place_concept_and_score():
    study = points(1.23456789, np.nan, -2.0, ids=["a", "b", "c"])
    first, second, third = json.loads(points_geojson(study, "d"))["features"]
    assert first == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [0.0, 0.3333]},
        "properties": {
            "objectType": "detection",
            "classification": {"name": "kind 0", "color": [1, 2, 3]},
            "name": "a",
            "measurements": {"prospect score": 1.234568},
        },
    }
    assert second["properties"]["metadata"] == {"excluded": "true"} and "measurements" not in second["properties"]
    assert third["properties"]["measurements"] == {"prospect score": -2.0}
    names = [each["properties"]["name"] for each in json.loads(points_geojson(points(1.0, 2.0), "d"))["features"]]
    assert names == ["0", "1"]  # without ids of their own: numbers
    kept = json.loads(points_geojson(study, "d", threshold=-2.0))["features"]
    assert [each["properties"]["name"] for each in kept] == ["a", "c"]
    assert len(json.loads(geojson(study, "d", "regions", 1.0))["features"]) == 1  # of points a region is its points


def test_marks_on_points_are_closed_outlines():
    outline = ((0, 0), (2, 0), (2, 2))
    regions = [
        SimpleNamespace(datum=datum, polygon=shape, evidence="for", target=None, weight=1.5, tokens=(4, 5))
        for datum, shape in (("d", outline), ("d", None), ("e", outline))
    ]
    (mark,) = json.loads(points_geojson(points(1.0, regions=regions), "d", ["marks"]))["features"]
    assert mark["geometry"]["coordinates"] == [[[0, 0], [2, 0], [2, 2], [0, 0]]]
    assert (
        mark["properties"]["measurements"] == {"weight": 1.5, "cells": 2}
        and mark["properties"]["name"] == "evidence for yes"
    )
    assert (
        json.loads(points_geojson(points(1.0, regions=regions), "d", ["tiles"]))["features"][0]["geometry"]["type"]
        == "Point"
    )
    with pytest.raises(BadInputError, match="geojson of cells holds tiles"):
        points_geojson(points(1.0), "d", ["outlines"])


# ---- structures


def test_residues_have_numbers_and_insertion_codes():
    found = [_residue(gemmi, "CYS", number) for number in ("12", "-3", "100A")]
    assert [(each.seqid.num, each.seqid.icode, each.name) for each in found] == [
        (12, " ", "CYS"),
        (-3, " ", "CYS"),
        (100, "A", "CYS"),
    ]
    assert _escaped("-3") == "\\-3" and _escaped("3") == "3"


@pytest.mark.parametrize(
    ("score", "b", "occupancy"), [(1.5, 1.5, 1), (-200, -99.99, 1), (5000, 999.99, 1), (np.nan, 0, 0)]
)
def test_scores_are_b_factors(score, b, occupancy):
    atom = _atom(gemmi, "CA", "C", (1, 2, 3), score)
    assert (atom.name, atom.element.name, atom.pos.tolist()) == ("CA", "C", [1, 2, 3])
    assert (pytest.approx(atom.b_iso, abs=1e-3), atom.occ) == (b, occupancy)


def test_the_strongest_residues_are_a_twentieth_three_to_twenty():
    assert [len(_top(np.zeros(n))) for n in (2, 10, 100, 130, 1000)] == [2, 3, 5, 6, 20]
    assert _top(np.array([1.0, np.nan, 3, 3, -1])) == [2, 3, 0]
    assert _limit(np.array([1.0, -4, np.nan])) == 4 and _limit(np.zeros(3)) == _limit(np.array([np.nan])) == 1


def test_frames_of_a_trajectory_are_averaged():
    scores = np.array([1.0, np.nan, np.nan, 3.0, 5.0, np.nan])
    study = SimpleNamespace(
        attrs=lambda _: {"numbers": ["1", "2", "3"], "chains": "AAA"},
        prospect=lambda _: scores,
        concepts_of=lambda _: np.arange(6),
    )
    chains, numbers, mean, concepts = _residues(study, "d")
    assert mean[:2].tolist() == [2, 5] and np.isnan(mean[2]) and concepts.tolist() == [0, 1, 2] and chains == "AAA"


def chains(*names):
    structure, model = gemmi.Structure(), gemmi.Model(1)
    for name in names:
        chain, residue = gemmi.Chain(name), _residue(gemmi, "GLY", "1")
        residue.add_atom(_atom(gemmi, "CA", "C", (0, 0, 0), 1.0))
        chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    return structure


def test_long_names_of_chains_get_a_free_letter_in_pdb(monkeypatch):
    study = SimpleNamespace(datum=lambda each: SimpleNamespace(name="large one"))
    for names, short in ((["A", "BB", "B", "CC"], "ACBD"), (["A", "C"], "AC")):
        monkeypatch.setattr(structures, "_scored", lambda *_, names=names: chains(*names))
        text = structures.bfactor_pdb(study, "d").decode()
        assert "".join(line[21] for line in text.splitlines() if line.startswith("ATOM")) == short
    every = [*string.ascii_letters, *string.digits]
    monkeypatch.setattr(structures, "_scored", lambda *_: chains(*every))
    assert structures.bfactor_pdb(study, "d").count(b"ATOM") == 62
    monkeypatch.setattr(structures, "_scored", lambda *_: chains(*every, "XX"))
    with pytest.raises(BadInputError, match="large one is too large for PDB: export mmcif"):
        structures.bfactor_pdb(study, "d")


def test_a_pymol_script_colours_evenly_and_selects_what_speaks_for_the_class(monkeypatch):
    found = (["A"] * 4, ["1", "-2", "3", "4"], np.array([0.5, 2.0, np.nan, -3.0]), None)
    monkeypatch.setattr(structures, "_residues", lambda *_: found)
    lines = structures.pymol_script(None, "d").decode().splitlines()
    assert [line for line in lines if line.startswith("alter polymer and")] == [
        "alter polymer and chain A and resi 1, b=0.5000",
        "alter polymer and chain A and resi \\-2, b=2.0000",
        "alter polymer and chain A and resi 4, b=-3.0000",
    ]
    assert "spectrum b, blue_white_red, polymer, minimum=-3.0000, maximum=3.0000" in lines
    assert "select prospect_top, polymer and ((chain A and resi \\-2) or (chain A and resi 1))" in lines
    monkeypatch.setattr(structures, "_residues", lambda *_: ([""], ["1"], np.array([1.0]), None))
    unnamed = structures.pymol_script(None, "d").decode()
    assert "alter polymer and chain '' and resi 1," in unnamed and "((chain '' and resi 1))" in unnamed
    monkeypatch.setattr(structures, "_residues", lambda *_: (["A"], ["1"], np.array([-1.0]), None))
    assert "select" not in structures.pymol_script(None, "d").decode()
