"""Trajectories: the same residues in several frames.

The frames are the models of a file, or come from a file that MDAnalysis reads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import MissingExtraError, StructureError
from ...store.readable import require_readable

if TYPE_CHECKING:
    from typing import Any

    from .chains import Chain, Structure

__all__ = ["MODEL_WORDS", "check_part", "mean_over_frames", "read_frames"]

MODEL_WORDS = ("all",)
_SAME_PLACE = 0.01  # angstrom: of one file, read twice
_FRAMES = 50  # frames taken of a trajectory, unless it is said


def check_part(part: dict[str, str], where: str) -> dict[str, str]:
    """A part of a structure as a labels table gives it, checked.

    Its keys are {"chain", "model", "assembly", "trajectory", "frames"}.

    Raises StructureError naming ``where``.
    """
    found = {name: str(value).strip() for name, value in part.items() if str(value).strip()}
    model = found.get("model")
    if model is not None and model.lower() not in MODEL_WORDS and not model.isdigit():
        raise StructureError(f"{where}: the model must be a number, or all (a trajectory), not {model!r}")
    if "frames" in found and (not found["frames"].isdigit() or int(found["frames"]) < 1):
        raise StructureError(f"{where}: frames must be a number, how many are taken, not {found['frames']!r}")
    return found


def read_frames(structure: Structure, part: dict[str, str], folder: Path) -> list[tuple[int, Chain]]:
    """Frames of the part of a structure that is a datum: list of (number, Chain), at least one.

    Parameters: structure, Structure; part, as ``check_part`` gives it; folder, where a trajectory named in it
    is. Raises StructureError, MissingExtraError.
    """
    chain, assembly, model = part.get("chain") or None, part.get("assembly"), part.get("model", "1")
    most = int(part.get("frames", _FRAMES))
    if "trajectory" in part:
        return _trajectory(structure, structure.chain(chain), Path(folder) / part["trajectory"], most)
    if model.lower() not in MODEL_WORDS:
        return [(int(model), structure.chain(chain, int(model), assembly))]
    numbers = np.unique(
        np.linspace(1, structure.n_models, min(most, structure.n_models)).round().astype(int)
    ).tolist()
    first, out = structure.chain(chain, 1, assembly), []
    for number in numbers:
        other = structure.chain(chain, number, assembly)
        if other.numbers != first.numbers or other.chains != first.chains:
            raise StructureError(
                f"{structure.path.name}: model {number} has other residues than model 1 in chain"
                f" {first.name}: a trajectory needs the same residues in every frame"
            )
        out.append((number, other))
    return out


def _trajectory(structure: Structure, chain: Chain, path: Path, most: int) -> list[tuple[int, Chain]]:
    """Frames of a trajectory file whose atoms are those of the structure file."""
    try:
        import MDAnalysis
    except ImportError as error:
        raise MissingExtraError(
            "trajectories are read with MDAnalysis, which is not installed: pip install"
            ' "prospector-heads[trajectories]"'
        ) from error
    import warnings

    require_readable(path, StructureError)
    if not path.is_file():
        raise StructureError(
            f"there is no trajectory {path.name} beside {structure.path.name}: correct the labels table"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            universe = MDAnalysis.Universe(str(structure.path), str(path))
            order = _order(MDAnalysis.Universe(str(structure.path)).atoms, chain, path, structure)
            n = len(universe.trajectory)
            numbers = np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(int)).tolist()
            return [(at + 1, _moved(chain, universe.trajectory[at].positions[order])) for at in numbers]
    except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
        if isinstance(error, StructureError):
            raise
        text = " ".join(str(error).split())[:160]
        raise StructureError(
            f"{path.name} cannot be read as a trajectory of {structure.path.name} ({text})"
        ) from error


def _order(atoms: Any, chain: Chain, path: Path, structure: Structure) -> np.ndarray:
    """Which of the file's atoms, in its order, are those of the chain: (atoms,) int.

    They are told by name and place, which no two atoms share: chains of one kind share their numbers, and
    often have no name. Raises StructureError.
    """
    from scipy.spatial import cKDTree

    wanted = [(name, place) for each in chain.atoms for name, _, place in each]
    near = (
        cKDTree(atoms.positions)
        .query([place for _, place in wanted], k=min(4, len(atoms)), distance_upper_bound=_SAME_PLACE)[1]
        .reshape(len(wanted), -1)
    )
    found = [
        next((at for at in row if at < len(atoms) and atoms[at].name == name), None)
        for (name, _), row in zip(wanted, near)
    ]
    missing = sum(index is None for index in found)
    if missing:
        raise StructureError(
            f"{path.name} does not fit {structure.path.name}: {missing} of {len(wanted)} atoms of"
            f" chain {chain.name} are not in it"
        )
    return np.array(found)


def _moved(chain: Chain, positions: np.ndarray) -> Chain:
    """The chain with its atoms (in their order) at other positions, (atoms, 3)."""
    atoms, backbone, at = [], np.full_like(chain.backbone, np.nan), 0
    for index, before in enumerate(chain.atoms):
        now = []
        for name, element, _ in before:
            now.append((name, element, tuple(float(each) for each in positions[at])))
            if name in ("N", "CA", "C", "CB"):
                backbone[index, ("N", "CA", "C", "CB").index(name)] = positions[at]
            at += 1
        atoms.append(now)
    return replace(chain, atoms=atoms, backbone=backbone, xyz=backbone[:, 1].copy())


def mean_over_frames(scores: np.ndarray, n: int) -> np.ndarray:
    """Mean score of each residue over the frames in which it has one.

    Parameters
    ----------
    scores : (frames x n,) float64
        NaN where a token has no score.
    n : int
        Residues a frame.

    Returns
    -------
    (n,) float64
        NaN for a residue without a score in any frame.
    """
    rows = scores.reshape(-1, n)
    known = np.isfinite(rows)
    return np.where(known.any(0), np.where(known, rows, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)
