"""Exports, rule by rule: what single functions write, without a study."""

import io
import json
import string
import sys
from types import SimpleNamespace

import gemmi
import h5py
import numpy as np
import pytest
import shapely
from scipy import sparse

from prospector_core import TokenGraph
from prospector_core.errors import BadInputError, MissingExtraError
from prospector_core.modalities.documents import exports as texts
from prospector_core.modalities.geojson_names import mark_name, score_name
from prospector_core.modalities.graphs.geojson import points_geojson
from prospector_core.modalities.graphs.h5ad import write_h5ad
from prospector_core.modalities.slides.geojson import _dissolved, _drawn, _mark
from prospector_core.modalities.slides.ometiff import _halved
from prospector_core.modalities.structures import exports as structures
from prospector_core.modalities.structures.exports import _atom, _escaped, _limit, _residue, _residues, _top
from prospector_core.modalities.tables import columns, csv_table, parquet_table
from prospector_core.palette import diverging_hex


def test_a_level_is_the_mean_of_what_tokens_there_are():
    image = np.array([[1.0, 3, 5], [np.nan, 5, np.nan], [np.nan, np.nan, 7]], np.float32)
    found = _halved(image)
    assert (
        found.dtype == np.float32
        and found[:, 1].tolist() == [5, 7]
        and found[0, 0] == 3
        and np.isnan(found[1, 0])
    )
    assert _halved(np.stack([image, image]))[1, 0, 0] == 3 and _halved(np.ones((4, 6))).shape == (2, 3)


def test_outlines_lie_where_the_tiles_do():
    low = np.array([[10.0, 20], [13.5, 20], [20.5, 23.5]])
    area = _dissolved(low, low + 3.5, np.array([True, True, False]), 3.5)
    assert (
        area.equals(shapely.box(10, 20, 17, 23.5)) and _dissolved(low, low, np.zeros(3, bool), 3.5).is_empty
    )


def test_a_region_is_drawn_as_the_expert_drew_it():
    assert _drawn([(2, 3), (8, 3), (8, 9)], np.array([2, 3])).equals(
        shapely.Polygon([(0, 0), (6, 0), (6, 6)])
    )
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
    assert (
        found["name"] == name
        and found["measurements"] == {"weight": 2.0, "tiles": 3}
        and found["isLocked"] is True
    )
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
    assert (
        second["properties"]["metadata"] == {"excluded": "true"}
        and "measurements" not in second["properties"]
    )
    assert third["properties"]["measurements"] == {"prospect score": -2.0}
    names = [
        each["properties"]["name"] for each in json.loads(points_geojson(points(1.0, 2.0), "d"))["features"]
    ]
    assert names == ["0", "1"]  # without ids of their own: numbers
    kept = json.loads(points_geojson(study, "d", threshold=-2.0))["features"]
    assert [each["properties"]["name"] for each in kept] == ["a", "c"]
    assert (
        len(json.loads(points_geojson(study, "d", "regions", 1.0))["features"]) == 1
    )  # of points a region is its points


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
        json.loads(points_geojson(points(1.0, regions=regions), "d", ["tiles"]))["features"][0]["geometry"][
            "type"
        ]
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
    assert (
        mean[:2].tolist() == [2, 5]
        and np.isnan(mean[2])
        and concepts.tolist() == [0, 1, 2]
        and chains == "AAA"
    )


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


def structure(*scores, numbers=None, chain="A", concepts=None):
    """A study of one structure, what texts of its residues ask for."""
    n = len(scores)
    return SimpleNamespace(
        attrs=lambda _: {"numbers": numbers or [str(each + 1) for each in range(n)], "chains": [chain] * n},
        prospect=lambda _: np.array(scores, float),
        concepts_of=lambda _: np.array(concepts or range(n)),
        datum=lambda each: SimpleNamespace(name="one"),
        classes=("no", "yes"),
        view=SimpleNamespace(id=4, target=1),
        fits=lambda: [(3, "before", None), (4, "2026-01-01", None)],
    )


def test_attributes_of_chimerax_leave_out_what_is_excluded():
    found = structures.defattr(structure(1.234567, np.nan, -2, numbers=["1", "2A", "-3"]), "d").decode()
    assert (
        found == "attribute: prospect_score\nmatch mode: 1-to-1\nrecipient:"
        " residues\n\t/A:1\t1.2346\n\t/A:-3\t-2.0\nattribute: prospect_concept\nmatch mode:"
        " 1-to-1\nrecipient: residues\n\t/A:1\t0\n\t/A:2A\t1\n\t/A:-3\t2\n"
    )


@pytest.mark.parametrize(
    ("chain", "number", "good"),
    [
        ("A", "12", True),
        ("A_1-.", "-3B", True),
        ("A'1", "1", False),
        ("A:", "1", False),
        ("A*", "1", False),
        ("A+B", "1", False),
        ("", "1", True),
        ("A;", "1", False),
        ("A B", "1", False),
        ("A", "1;", False),
        ("A", "B", False),
        ("A", "1BB", False),
        ("A", "", False),
        ("A\n", "1", False),
    ],
)
def test_nothing_of_a_name_is_a_command(chain, number, good):
    study = structure(1.0, numbers=[number], chain=chain)
    for write in (structures.defattr, structures.pymol_script):
        if good:
            assert b"1" in write(study, "d")
        else:
            with pytest.raises(
                BadInputError, match="of one cannot be named in a .*: export mmcif or csv instead"
            ):
                write(study, "d")


def test_a_molviewspec_scene_colours_residues_and_shows_the_strongest(monkeypatch):
    monkeypatch.setattr(structures, "bfactor_mmcif", lambda *_: b"data_x")
    scores = [2.0, np.nan, -4.0, 1.0, 0.0, -1.0]
    scene = json.loads(
        structures.molviewspec(structure(*scores, numbers=["1", "2", "-3", "4A", "5", "6"]), "d")
    )
    assert scene["metadata"] == {"version": "1.4", "timestamp": "2026-01-01", "title": "Prospect map: yes"}
    (download,) = scene["root"]["children"]
    assert download["params"] == {"url": "data:chemical/x-mmcif;base64,ZGF0YV94"}
    (parse,) = download["children"]
    (made,) = parse["children"]
    assert (parse["params"], made["params"]) == ({"format": "mmcif"}, {"type": "model"})
    polymer, ligand, ion, top = made["children"]
    assert [each["params"]["selector"] for each in (polymer, ligand, ion)] == ["polymer", "ligand", "ion"]
    assert top["params"]["selector"] == [
        {"auth_asym_id": "A", "auth_seq_id": 1},
        {"auth_asym_id": "A", "auth_seq_id": 4, "pdbx_PDB_ins_code": "A"},
    ]
    (cartoon,) = polymer["children"]
    assert (
        cartoon["params"] == {"type": "cartoon"}
        and "params" not in scene["root"]
        and "children" not in cartoon["children"][0]
    )
    assert [each["params"] for each in cartoon["children"]] == [
        {"color": "#d9d9d9"},
        *(
            {"selector": {"auth_asym_id": "A", "auth_seq_id": number, **code}, "color": diverging_hex(share)}
            for number, code, share in (
                (1, {}, 0.5),
                (-3, {}, -1),
                (4, {"pdbx_PDB_ins_code": "A"}, 0.25),
                (5, {}, 0),
                (6, {}, -0.25),
            )
        ),
    ]
    none = json.loads(structures.molviewspec(structure(0.0, -1.0, 0.0), "d"))
    assert len(none["root"]["children"][0]["children"][0]["children"][0]["children"]) == 3


# ---- AnnData


def opened(content):
    return h5py.File(io.BytesIO(content))


def test_an_h5ad_file_is_as_anndata_writes_it():
    graph = TokenGraph.from_chain(3, reach=1)
    obs = {
        "concept": np.array([1, 0, 1]),
        "name": ["a", "b", "a"],
        "score": np.array([0.5, np.nan, 1]),
        "pinned": [True, False, False],
    }
    with opened(
        write_h5ad(
            np.arange(6).reshape(3, 2), ["x", "y", 7], ["f", "g"], obs, {"spatial": np.ones((3, 2))}, graph
        )
    ) as file:
        kinds = {
            name: (node.attrs["encoding-type"], node.attrs["encoding-version"])
            for name, node in [("/", file), *walked(file)]
            if "encoding-type" in node.attrs
        }
        assert kinds == {
            "/": ("anndata", "0.1.0"),
            "X": ("array", "0.2.0"),
            "obs": ("dataframe", "0.2.0"),
            "var": ("dataframe", "0.2.0"),
            **dict.fromkeys(("layers", "obsm", "varm", "obsp", "varp", "uns"), ("dict", "0.1.0")),
            "obs/_index": ("string-array", "0.2.0"),
            "obs/concept": ("array", "0.2.0"),
            "obs/name": ("string-array", "0.2.0"),
            "obs/score": ("array", "0.2.0"),
            "obs/pinned": ("array", "0.2.0"),
            "var/_index": ("string-array", "0.2.0"),
            "obsm/spatial": ("array", "0.2.0"),
            "obsp/connectivities": ("csr_matrix", "0.1.0"),
        }
        assert file["X"].dtype == np.float32 and file["X"][...].tolist() == [[0, 1], [2, 3], [4, 5]]
        assert file["obs"].attrs["_index"] == "_index" and list(file["obs"].attrs["column-order"]) == list(
            obs
        )
        assert file["obs/_index"].asstr()[...].tolist() == ["x", "y", "7"] and file["var/_index"].asstr()[
            ...
        ].tolist() == ["f", "g"]
        assert file["obs/name"].asstr()[...].tolist() == ["a", "b", "a"] and file["obs/pinned"][
            ...
        ].tolist() == [
            True,
            False,
            False,
        ]
        links = file["obsp/connectivities"]
        assert links.attrs["shape"].tolist() == [3, 3] and links["data"].dtype == np.float32
        dense = sparse.csr_matrix(
            (links["data"][...], links["indices"][...], links["indptr"][...]), (3, 3)
        ).toarray()
        assert dense.tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    with opened(write_h5ad(np.zeros((1, 1)), ["x"], ["f"], {}, {})) as file:
        assert "connectivities" not in file["obsp"] and not list(file["obs"].attrs["column-order"])


def walked(file):
    found = []
    file.visititems(lambda name, node: found.append((name, node)))
    return found


@pytest.mark.parametrize("ids", [None, ["c1", "c2"]])
@pytest.mark.parametrize("features", [None, ["one", "two", "three"], ["too", "few"]])
def test_what_of_a_datum_goes_into_an_h5ad_file(monkeypatch, ids, features):
    made = {
        "token": np.arange(2),
        "x": np.ones(2),
        "concept": np.array([0, 1]),
        "class": ["yes", None],
        "score": np.zeros(2),
    }
    h5ad = sys.modules["prospector_core.modalities.graphs.h5ad"]
    monkeypatch.setattr(h5ad, "columns", lambda *_: ({"id": ids} if ids else {}) | made)
    study = SimpleNamespace(
        datum=lambda each: SimpleNamespace(uid="u"),
        positions=lambda each: np.array([[1, 2], [3, 4]]) if ids else None,
        kind=SimpleNamespace(place_names=("x",)),
        attrs=lambda each: {"encoder": {"features": features}} if features else {},
        store=SimpleNamespace(vectors=lambda uid: np.zeros((2, 3))),
        graph=lambda each: TokenGraph.from_chain(2, reach=1),
    )
    with opened(h5ad.h5ad(study, "d")) as file:
        assert list(file["obs"].attrs["column-order"]) == ["concept", "class", "score"]
        assert file["obs/class"].asstr()[...].tolist() == ["yes", ""]  # what is excluded speaks for none
        assert file["obs/_index"].asstr()[...].tolist() == (ids or ["0", "1"])
        assert ("spatial" in file["obsm"]) == bool(ids) and file["obsp/connectivities/data"].shape == (2,)
        assert not ids or file["obsm/spatial"].dtype == np.float64
        names = features if features and len(features) == 3 else ["dimension 1", "dimension 2", "dimension 3"]
        assert file["var/_index"].asstr()[...].tolist() == names


def test_h5py_that_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match="pip install h5py"):
        write_h5ad(np.zeros((1, 1)), ["x"], ["f"], {}, {})


# ---- tables


def rows_of(*, several):
    """A study of two tokens (the second one is excluded) and two classes.

    Seen from none of them if ``several``.
    """
    concepts = [
        SimpleNamespace(id=0, name="=bad", pinned=True),
        SimpleNamespace(id=1, name="good", pinned=False),
    ]
    views = [
        SimpleNamespace(
            target=target,
            classes=("no", "yes"),
            concepts=lambda target=target: [SimpleNamespace(id=k, pinned=k == target) for k in (0, 1)],
            prospect=lambda _, target=target: np.array([1.5 + target, np.nan]),
        )
        for target in ((0, 1) if several else (0,))
    ]
    return SimpleNamespace(
        class_views=lambda: views,
        classes=("no", "yes"),
        concepts=lambda: concepts,
        concepts_of=lambda _: np.array([0, 1]),
        kind=SimpleNamespace(places=lambda *_: {"id": np.array(["-x", "-5"]), "text": ["+y", "y"]}),
        strongest_class=lambda _: SimpleNamespace(classes=np.array([1, -1]), margin=np.array([0.25, np.nan])),
    )


def test_tables_have_what_a_spreadsheet_would_run_behind_an_apostrophe():
    assert (
        csv_table(rows_of(several=False), "d").decode()
        == '"token","id","text","concept","name","score","pinned"\n'
        '0,"\'-x","\'+y",0,"\'=bad",1.5,true\n1,"-5","y",1,"good",,false\n'
    )
    assert (
        csv_table(rows_of(several=True), "d").decode()
        == '"token","id","text","concept","name","score_no","score_yes","class","margin","pinned"\n'
        '0,"\'-x","\'+y",0,"\'=bad",1.5,2.5,"yes",0.25,true\n1,"-5","y",1,"good",,,,,true\n'
    )


def test_parquet_keeps_names_as_they_are():
    import pyarrow.parquet

    found = pyarrow.parquet.read_table(io.BytesIO(parquet_table(rows_of(several=True), "d"))).to_pydict()
    assert found == {
        "token": [0, 1],
        "id": ["-x", "-5"],
        "text": ["+y", "y"],
        "concept": [0, 1],
        "name": ["=bad", "good"],
        "score_no": [1.5, None],
        "score_yes": [2.5, None],
        "class": ["yes", None],
        "margin": [0.25, None],
        "pinned": [True, True],
    }
    assert list(columns(rows_of(several=False), "d")) == [
        "token",
        "id",
        "text",
        "concept",
        "name",
        "score",
        "pinned",
    ]


# ---- documents


def document(
    *scores, text="Aa. Bb. Cc.", sections=(), label=1, probability=0.123456789, names=("one", "two", "three")
):
    """A study of one document with a sentence of three characters every four."""
    n, starts = len(scores), np.arange(len(scores)) * 4
    return SimpleNamespace(
        datum=lambda each: SimpleNamespace(uid="u", label=label),
        positions=lambda each: np.stack([starts, starts + 3], axis=1),
        attrs=lambda each: {"text": text, "sections": list(sections), "title": "", "language": "xx bad"},
        concepts_of=lambda each: np.arange(n),
        prospect=lambda each: np.array(scores, float),
        classes=("no", "yes"),
        target=1,
        concepts=lambda: [
            SimpleNamespace(id=k, name=name, pinned=k == 1, weight=(1, 3, 2)[k], colour="#010203")
            for k, name in enumerate(names)
        ],
        predictions=lambda: {} if probability is None else {"u": probability},
        view=SimpleNamespace(unit=""),
        others="no",
        score_limit=lambda: 4.0,
        kind=SimpleNamespace(words=SimpleNamespace(token="sentence")),
    )


@pytest.fixture
def as_they_are(monkeypatch):
    """Sentences and sections without a store."""
    monkeypatch.setattr(texts, "sentences_of", lambda study, _: ["Aa.", "Bb.", "Cc."])
    monkeypatch.setattr(
        texts, "sections_of", lambda spans, attrs: [f"section {start}" for start, _ in spans.tolist()]
    )


def test_a_line_of_a_document_says_all_of_its_tokens(as_they_are):
    found = json.loads(texts.json_lines(document(1.23456789, np.nan, -2), "d"))
    assert found == {
        "id": "u",
        "text": "Aa. Bb. Cc.",
        "label": "yes",
        "class": "yes",
        "probability": 0.123457,
        "spans": [
            {
                "label": name,
                "start": at,
                "end": at + 3,
                "text": text,
                "section": f"section {at}",
                "concept": k,
                "score": score,
                "pinned": k == 1,
            }
            for k, (name, at, text, score) in enumerate(
                [("one", 0, "Aa.", 1.234568), ("two", 4, "Bb.", None), ("three", 8, "Cc.", -2.0)]
            )
        ],
    }
    line = texts.json_lines(document(1.0, text="Ää. ", label=None, probability=None), "d").decode()
    assert (
        line.endswith("}\n")
        and "Ää" in line
        and json.loads(line)["label"] is json.loads(line)["probability"] is None
    )


def test_annotations_quote_with_thirty_two_characters_around(as_they_are):
    text = "x" * 3 + "." + "b" * 3 + "." + "y" * 50
    first, second = json.loads(texts.web_annotations(document(1.5, np.nan, text=text), "d"))["items"]
    where, quote = second["target"]["selector"]
    assert where == {"type": "TextPositionSelector", "start": 4, "end": 7}
    assert quote == {"type": "TextQuoteSelector", "exact": "bbb", "prefix": "xxx.", "suffix": "." + "y" * 31}
    assert second["id"] == "urn:prospector:u:1" and [body["value"] for body in second["body"]] == [
        "two"
    ]  # no score
    assert [(body["purpose"], body["value"]) for body in first["body"]] == [
        ("classifying", "one"),
        ("assessing", "1.5"),
    ]
    tokens = document(*[0.0] * 20, text="abcd" * 20, names=["n"] * 3)
    tokens.concepts_of = lambda each: np.zeros(20, int)
    (deep,) = [
        each
        for each in json.loads(texts.web_annotations(tokens, "d"))["items"]
        if each["target"]["selector"][0]["start"] == 8
    ]
    assert (
        deep["target"]["selector"][1]["prefix"] == "abcdabcd"
        and len(deep["target"]["selector"][1]["suffix"]) == 32
    )


def handed(monkeypatch, study):
    """What a document's page is made of."""
    seen = {}
    monkeypatch.setattr(texts, "write_html", lambda *names, **given: seen.update(given, names=names) or "<p>")
    assert texts.html_page(study, "d") == b"<p>"
    return seen


def test_a_page_tints_by_the_share_of_the_strongest_score(as_they_are, monkeypatch):
    sections = [["First", 0, 4], ["", 4, 8], ["Last", 8, 11]]
    seen = handed(monkeypatch, document(2.0, np.nan, -8.0, sections=sections))
    assert [part for part in seen["parts"] if part.get("text") != ""] == [
        {"heading": "First"},
        {"text": "Aa.", "said": "+2.00 · one", "share": 0.3, "colour": "204, 76, 2"},
        {"text": " "},
        {"text": "Bb.", "said": "two: excluded"},
        {"heading": "Last"},
        {"text": "Cc.", "said": "-8.00 · three", "share": 0.6, "colour": "33, 113, 181"},
    ]
    assert [each.name for each in seen["concepts"]] == ["two", "three", "one"]  # the largest weight first
    told = {
        key: seen[key] for key in ("language", "limit", "heading", "for_", "label", "probability", "token")
    }
    assert told == {
        "language": "en",
        "limit": 4.0,
        "heading": "Where is yes?",
        "for_": "yes",
        "label": "yes",
        "probability": 0.123456789,
        "token": "sentence",
    }
    few = document(0.0, text="Aa. and more", label=None, probability=None)
    few.score_limit = lambda: 0.0
    seen = handed(monkeypatch, few)
    assert (
        seen["parts"][-1] == {"text": " and more"} and seen["limit"] == 1.0 and seen["label"] == "not known"
    )
    assert seen["parts"][1]["share"] == 0 and seen["parts"][1]["colour"] == "33, 113, 181"
    assert [each.name for each in seen["concepts"]] == ["one"]


def test_mmcif_holds_atoms_and_nothing_else(monkeypatch):
    monkeypatch.setattr(structures, "_scored", lambda *_: chains("A"))
    (block,) = gemmi.cif.read_string(structures.bfactor_mmcif(None, "d").decode())
    assert block.get_mmcif_category_names() == ["_atom_site."]
