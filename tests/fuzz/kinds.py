"""Of each kind of input: a small sound one, how it is changed, and how the program reads it."""

import contextlib
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import mutations

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes: make, function(folder) that writes sound inputs and returns their paths; mutate,
    function(path, draw) that changes one in its place; read, function(path) that reads all that the program
    would.
    """

    make: Callable
    mutate: Callable
    read: Callable


def _of_bytes(change):
    def mutate(path, draw):
        path.write_bytes(change(path.read_bytes(), draw))

    return mutate


# ---- slides


def _make_svs(folder):
    from tests.support.slide_files import picture, write_svs

    return [write_svs(folder / "a.svs", picture(500, 300))]


def _make_tiff(folder):
    import tifffile

    from tests.support.slide_files import halves, picture, write_pyramid

    levels = halves(picture(300, 260), 3)
    paths = [
        write_pyramid(folder / f"{how}.tif", levels, compression=how) for how in ("deflate", "jpeg", "lzw")
    ]
    paths.append(write_pyramid(folder / "sub.ome.tif", levels, subifds=True, metadata={"axes": "YXS"}))
    tifffile.imwrite(folder / "strips.tif", levels[0], photometric="rgb", rowsperstrip=7)
    return [*paths, folder / "strips.tif"]


def _make_png(folder):
    from PIL import Image

    from tests.support.slide_files import picture

    image = Image.fromarray(picture(300, 200))
    image.save(folder / "a.png", dpi=(50800, 50800))
    image.convert("P").save(folder / "b.png")
    image.convert("RGBA").save(folder / "c.png")
    return [folder / "a.png", folder / "b.png", folder / "c.png"]


def _read_slide(path):
    from prospector_core.modalities.slides.create import slide_info
    from prospector_core.modalities.slides.readers import open_slide
    from prospector_core.modalities.slides.tissue import tissue_mask

    slide_info(path, None)
    with open_slide(path) as slide:
        slide.thumbnail(256)
        for level in range(len(slide.levels)):
            slide.read_region(0, 0, 64, 64, level)
            slide.read_region(slide.width - 70, slide.height - 70, 100, 100, level)
        slide.read_scaled(0.0, 0.0, slide.width, slide.height / 2, 100, 50)
        tissue_mask(slide)


# ---- vectors, cells and graphs


def _make_h5(folder):
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file["features"] = np.random.default_rng(0).random((30, 8), np.float32)
        coords = file.create_dataset("coords", data=np.stack(np.divmod(np.arange(30), 6), axis=1) * 256)
        coords.attrs.update(
            {
                "patch_size": 256,
                "patch_size_level0": 256,
                "level0_magnification": 20,
                "target_magnification": 20,
            }
        )
    return [folder / "a.h5"]


def _read_h5(path):
    from prospector_core.modalities.slides.feature_files import read_features, read_vectors
    from prospector_core.modalities.slides.feature_grid import grid_of_coordinates
    from prospector_core.store.vectors import read_vector_file

    errors = []
    try:
        found = read_features(path)
        if found.n:
            grid_of_coordinates(found.coords, found.patch, found.stride, path.name)
            read_vectors(found)
    except Exception as error:
        errors.append(error)
    read_vector_file(path)
    if errors:
        raise errors[0]


def _make_h5ad(folder):
    import h5py

    random = np.random.default_rng(0)
    for name in ("dense", "sparse"):
        with h5py.File(folder / f"{name}.h5ad", "w") as file:
            obs, var = file.create_group("obs"), file.create_group("var")
            for frame, names in ((obs, [f"c{i}" for i in range(40)]), (var, [f"g{i}" for i in range(5)])):
                frame.attrs["_index"] = "_index"
                frame["_index"] = np.array(names, "S")
            sample = obs.create_group("sample")
            sample["codes"], sample["categories"] = (
                np.repeat([0, 1], 20).astype(np.int8),
                np.array(["s0", "s1"], "S"),
            )
            file["obsm/spatial"] = random.random((40, 2)) * 100
            values = random.random((40, 5)).astype(np.float32)
            if name == "dense":
                file["X"] = values
            else:
                x = file.create_group("X")
                x.attrs.update({"encoding-type": "csr_matrix", "shape": [40, 5]})
                x["data"], x["indices"] = values.ravel(), np.tile(np.arange(5), 40)
                x["indptr"] = np.arange(0, 201, 5)
    return [folder / "dense.h5ad", folder / "sparse.h5ad"]


def _make_spatialdata(folder):
    for archive in sorted((Path(__file__).parents[1] / "modalities" / "spatialdata_stores").glob("*.zip")):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder / f"{archive.stem}.zarr")
    return sorted(folder.iterdir())


def _mutate_zarr(path, draw):
    import json

    files = sorted(each for each in path.rglob("*") if each.is_file())
    for _ in range(draw.choice((1, 1, 2))):
        file = draw.choice(files)
        if not file.exists():
            continue
        records = file.name in ("zarr.json", ".zattrs", ".zarray", ".zgroup", ".zmetadata")
        if records and draw.random() < 0.8:
            file.write_text(json.dumps(mutations.mutate_json(json.loads(file.read_text()), draw)))
        elif draw.random() < 0.15:
            file.unlink()
        else:
            file.write_bytes(mutations.mutate_bytes(file.read_bytes(), draw))


def _read_tokens(path):
    from prospector_core.method.graphs import TokenGraph
    from prospector_core.modalities.graphs.files import open_tokens

    with open_tokens(path) as file:
        for part in file.parts[:3]:
            table = file.read(part)
            if table.positions is not None and len(table) < 10_000:
                TokenGraph.from_neighbours(table.positions, min(6, max(1, len(table) - 1)))
            under = file.under(part)
            for image in under.images:
                image.read(len(image.levels) - 1, 0, 8, 0, 8) if hasattr(image, "levels") else None


def _make_cells(folder):
    random = np.random.default_rng(0)
    rows = [
        f"{i},s{i % 2},{random.random():.4f},{random.random():.4f},{random.random():.3f},{i % 7}"
        for i in range(60)
    ]
    (folder / "cells.csv").write_text("\n".join(["cell_id,sample,x,y,CD3,count", *rows]) + "\n")
    return [folder / "cells.csv"]


# ---- structures, documents, labels


def _make_pdb(folder):
    from tests.support.structure_files import pdb_text

    (folder / "a.pdb").write_text(pdb_text("ACDEFGHIKLMNPQRSTVWY", models=2))
    return [folder / "a.pdb"]


def _make_mmcif(folder):
    from tests.support.structure_files import cif_text

    (folder / "a.cif").write_text(cif_text("ACDEFGHIKLMNPQRSTVWY"))
    return [folder / "a.cif"]


def _read_structure(path):
    from prospector_core.modalities.structures.files import open_structure

    structure = open_structure(path)
    for name in [None, *structure.chains()]:
        chain = structure.chain(name)
        [chain.label(index) for index in range(len(chain))]
        chain.beta()
        structure.ligands(chain.xyz)
    structure.frames()
    for assembly in structure.assemblies[:2]:
        structure.chain(None, 1, assembly)


def _make_jsonl(folder):
    import gzip

    from tests.support.text_studies import write_jsonl

    plain = write_jsonl(folder / "a.jsonl")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    return [plain, folder / "b.jsonl.gz"]


def _mutate_jsonl(path, draw):
    import json

    if path.suffix == ".gz" or draw.random() < 0.4:
        path.write_bytes(
            (mutations.mutate_bytes if path.suffix == ".gz" else mutations.mutate_text)(
                path.read_bytes(), draw
            )
        )
        return
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    at = draw.randrange(len(lines))
    lines[at] = mutations.mutate_json(lines[at], draw)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _make_pdf(folder):
    texts = [
        f"BT /F1 12 Tf 72 {700 - 20 * row} Td (Sentence {row} of the page. It says little.) Tj ET"
        for row in range(12)
    ]
    import zlib

    for name, pack in (("plain", False), ("packed", True)):
        body = "\n".join(texts).encode()
        stream = zlib.compress(body) if pack else body
        objects = [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>",
            (
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0"
                b" R>>>>>>"
            ),
            b"<</Length %d%s>>stream\n%s\nendstream"
            % (len(stream), b"/Filter/FlateDecode" if pack else b"", stream),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/FirstChar 32/Widths[" + b"500 " * 95 + b"]>>",
            b"<</Title(A title)/Author(Somebody)>>",
        ]
        out, places = b"%PDF-1.4\n", []
        for number, each in enumerate(objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
        table = b"".join(b"%010d 00000 n \n" % place for place in places)
        out += (
            b"xref\n0 7\n0000000000 65535 f \n%strailer<</Size 7/Root 1 0 R/Info 6 0"
            b" R>>\nstartxref\n%d\n%%%%EOF"
            % (
                table,
                len(out),
            )
        )
        (folder / f"{name}.pdf").write_bytes(out)
    return [folder / "plain.pdf", folder / "packed.pdf"]


def _read_documents(path):
    from prospector_core.modalities.documents.files import DocumentFile
    from prospector_core.modalities.documents.languages import detect_language
    from prospector_core.modalities.documents.sentences import split_sentences

    with DocumentFile(path) as file:
        for document in file:
            split_sentences(document.text, detect_language(document.text), document.markdown)
            if document.at is not None:
                file.read(document.at) if not file.many else None


def _make_labels(folder):
    rows = [
        f"s{i}.png,datum {i},{i * 10},0,100,100,{('normal', 'tumour')[i % 2]},{('', 'test')[i % 3 == 0]}"
        for i in range(12)
    ]
    (folder / "labels.csv").write_text("\n".join(["slide,name,x,y,width,height,label,split", *rows]) + "\n")
    return [folder / "labels.csv"]


def _read_labels(path):
    from prospector_core.modalities.labels import read_labels
    from prospector_core.modalities.matching import match_files

    rows, _ = read_labels(path)
    match_files(rows, [Path(f"s{i}.png") for i in range(12)], path)


# ---- studies


def _make_studies(folder):
    from tests.support.structure_files import study_of_chains
    from tests.support.study_files import make_study
    from tests.support.text_studies import make_text_study

    for name in ("chains", "texts"):
        (folder / name).mkdir()
    slides = make_study(folder / "slides", fit={})
    _edit(slides)
    several = make_study(folder / "several", labels=(0, 0, 0, 1, 1, 1, 2, 2, 2), fit={"quantizer": "tree"})
    _edit(several)
    chains = study_of_chains(folder / "chains")
    chains.embed()
    chains.fit()
    texts = make_text_study(folder / "texts")
    texts.curation.rename(1, "a name")
    for study in (slides, several, chains, texts):
        study.database.close()
    return [study.path for study in (slides, several, chains, texts)]


def _edit(study):
    edits = study.curation
    edits.rename(0, "a name")
    edits.recolour(0, "#102030")
    edits.merge([1, 2], into=1)
    edits.pin((0, 1), 0.5)
    edits.split(0, 2)
    edits.reassign(study.data[0], [0, 1], 3)
    edits.annotate(study.data[0], [2, 3, 4], "for")
    edits.exclude(3, "ink")
    edits.undo()
    edits.relabel(study.data[1], None)
    study.refit()


_COLUMNS = {
    "meta": ("value",),
    "sources": ("id", "path", "name", "info"),
    "fits": ("at", "journal", "settings", "summary", "digest"),
    "journal": ("at", "action", "payload", "author", "note"),
    "jobs": ("kind", "uid", "state", "done", "total", "message", "place"),
    "data": ("position", "uid", "name", "source", "field", "label", "split"),
}


def _mutate_study(path, draw):
    import json

    if draw.random() < 0.35:
        for file in sorted(each for each in path.rglob("*") if each.is_file()):
            file.touch()
        files = [
            each for each in sorted(path.rglob("*")) if each.is_file() and each.name not in ("embed.lock",)
        ]
        chosen = draw.choice(
            [each for each in files if each.suffix == ".json"] if draw.random() < 0.7 else files
        )
        if chosen.suffix == ".json":
            chosen.write_text(json.dumps(mutations.mutate_json(json.loads(chosen.read_text()), draw)))
        else:
            chosen.write_bytes(mutations.mutate_bytes(chosen.read_bytes(), draw))
        return
    connection = sqlite3.connect(path / "study.sqlite")
    connection.execute("PRAGMA foreign_keys=OFF")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.executescript("DROP TRIGGER journal_is_append_only_1; DROP TRIGGER journal_is_append_only_2;")
    table = draw.choice(("journal", "journal", "meta", "sources", "data", "fits", "jobs"))
    column = draw.choice(_COLUMNS[table])
    key = (
        "rowid"
        if table in ("journal", "fits", "data")
        else {"meta": "key", "sources": "id", "jobs": "uid"}[table]
    )
    rows = connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
    if rows:
        row, value = draw.choice(rows)
        try:
            value = json.dumps(mutations.mutate_json(json.loads(value), draw))
        except (ValueError, TypeError):
            value = draw.choice(
                (None, 0, -1, 2**62, 1.5, "", "x", "merge", "fit", "undo", b"\xff\0", "../../x", "a" * 5000)
            )
        with contextlib.suppress(sqlite3.Error):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, row))
    if draw.random() < 0.9:
        from prospector_core.store.database_schema import SCHEMA as _SCHEMA

        for line in _SCHEMA.splitlines():
            if line.startswith("CREATE TRIGGER"):
                connection.execute(line)
    connection.commit()
    connection.close()


def _read_study(path):
    from .walk import walk

    walk(path, refit=False)


KINDS = {
    "SVS": Kind(_make_svs, _of_bytes(mutations.mutate_tiff), _read_slide),
    "TIFF": Kind(_make_tiff, _of_bytes(mutations.mutate_tiff), _read_slide),
    "PNG": Kind(_make_png, _of_bytes(mutations.mutate_png), _read_slide),
    "h5": Kind(_make_h5, mutations.mutate_hdf5, _read_h5),
    "h5ad": Kind(_make_h5ad, mutations.mutate_hdf5, _read_tokens),
    "SpatialData": Kind(_make_spatialdata, _mutate_zarr, _read_tokens),
    "PDB": Kind(_make_pdb, _of_bytes(mutations.mutate_text), _read_structure),
    "mmCIF": Kind(_make_mmcif, _of_bytes(mutations.mutate_text), _read_structure),
    "JSONL": Kind(_make_jsonl, _mutate_jsonl, _read_documents),
    "PDF": Kind(_make_pdf, _of_bytes(mutations.mutate_bytes), _read_documents),
    "labels": Kind(_make_labels, _of_bytes(mutations.mutate_table), _read_labels),
    "cells": Kind(_make_cells, _of_bytes(mutations.mutate_table), _read_tokens),
    "study": Kind(_make_studies, _mutate_study, _read_study),
}


def copy(path, folder):
    """A copy of an input, file or folder, in another folder."""
    target = folder / path.name
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy(path, target)
    return target
