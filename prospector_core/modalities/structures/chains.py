"""A structure as it is read: its chains, residue by residue, and what is bound to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import gemmi
import numpy as np

from ...errors import StructureError
from .names import known_residue, letter_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from gemmi import Model, Residue

__all__ = ["Atom", "Chain", "Structure", "left_out_words", "some"]

_BACKBONE = ("N", "CA", "C")

_SAME_PLACE = 1e-3  # angstrom

_NOT_PROTEIN = (
    gemmi.PolymerType.Dna,
    gemmi.PolymerType.Rna,
    gemmi.PolymerType.DnaRnaHybrid,
    gemmi.PolymerType.SaccharideD,
    gemmi.PolymerType.SaccharideL,
)

_NOT_LIGAND = {"HOH", "DOD", "WAT"}


@dataclass(frozen=True)
class Atom:
    """An atom that is shown and nothing else.

    It has name, element, residue ("ZN"), chain, number ("301A") and xyz (3,) in angstrom.
    """

    name: str
    element: str
    residue: str
    chain: str
    number: str
    xyz: tuple


@dataclass(frozen=True)
class Chain:
    """The residues of one or more chains, in order. What an encoder and a graph may see.

    Attributes
    ----------
    name : as asked for, "A" or "A+B"
    letters : str of n one-letter codes, parents of modified residues, "X" where not known
    residues : list of n names as in the file ("MSE")
    chains : list of n chain names
    numbers : list of n residue numbers with their insertion codes ("52A")
    xyz : (n, 3) float64 C-alpha, angstrom
    backbone : (n, 4, 3) float64: N, C-alpha, C, C-beta; NaN where missing (a glycine's C-beta too)
    atoms : list of n lists of (name, element, (x, y, z)), hydrogens left out
    left_out : list of residues without C-alpha, as "CYS 12", and of others of the chain that are no part of
        its protein, as "GLU 401 (free)" and "ACE 0 (no amino acid)"
    """

    name: str
    letters: str
    residues: list
    chains: list
    numbers: list
    xyz: np.ndarray
    backbone: np.ndarray
    atoms: list = field(repr=False)
    left_out: list = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.residues)

    def label(self, index: int) -> str:
        """A residue as people name it: "CYS 52A", with its chain where there are several."""
        one = f"{self.residues[index]} {self.numbers[index]}"
        return one if len(set(self.chains)) < 2 else f"{self.chains[index]}:{one}"

    def beta(self) -> np.ndarray:
        """(n, 3) C-beta; where there is none (glycine) where it would be, from the backbone; else C-alpha."""
        n, ca, c, cb = np.moveaxis(self.backbone, 1, 0)
        b, a = ca - n, c - ca
        ideal = ca - 0.58273431 * np.cross(b, a) + 0.56802827 * b - 0.54067466 * a
        out = np.where(np.isfinite(cb).all(1)[:, None], cb, ideal)
        return np.where(np.isfinite(out).all(1)[:, None], out, ca)


class Structure:
    """A structure file that was read; from ``open_structure``.

    Attributes: path, format ("PDB" or "mmCIF"), title, n_models, assemblies (names of biological assemblies),
    notes (list of how it was read where it is not as the format says, in words).
    """

    def __init__(self, path: Path, structure: Structure, format: str, notes: Iterable[str] = ()) -> None:
        self.path, self.format, self.notes = Path(path), format, list(notes)
        self._structure = structure
        self.title = (
            " ".join(structure.info["_struct.title"].split()) if "_struct.title" in structure.info else ""
        )
        self.n_models = len(structure)
        self.assemblies = [assembly.name for assembly in structure.assemblies]
        self._parents = {each.res_id.name: each.parent_comp_id for each in structure.mod_residues}
        self._assembled = {}

    def chains(self, model: int = 1, assembly: str | None = None) -> dict[str, int]:
        """{chain: residues with a C-alpha} of the chains that are protein, in the order of the file."""
        found: dict[str, int] = {}
        for chain in self.model(model, assembly):
            n = sum(_alpha(residue) is not None for residue in _conformers(self.polymer(chain)))
            if n:
                found[chain.name] = found.get(chain.name, 0) + n
        return found

    def chain(self, name: str | None = None, model: int = 1, assembly: str | None = None) -> Chain:
        """The residues of a chain, of several ("A+B"), or of all (None): Chain.

        Names are those of the authors (auth_asym_id); of mmCIF the other (label_asym_id) where no author's
        fits. Raises StructureError for a chain that is not there or has no residues, naming those that are.
        """
        wanted = (
            list(self.chains(model, assembly)) if name is None else [each.strip() for each in name.split("+")]
        )
        if not wanted:
            raise StructureError(f"{self.path.name} has no protein chain: leave it out of the labels table")
        rows = []
        for each in wanted:
            rows += self._residues(each, model, assembly)
        kept = [(chain, residue, atoms) for chain, residue, atoms in rows if "CA" in atoms]
        left_out = [f"{residue.name} {residue.seqid}" for _, residue, atoms in rows if "CA" not in atoms]
        left_out += self._beside(set(wanted), model, assembly)
        if not kept:
            raise StructureError(
                f"{self.path.name}: chain {name} has no residue with a C-alpha atom (its {len(rows)} residues"
                " lack it): leave it out"
            )
        missing = (np.nan,) * 3
        backbone = np.array(
            [
                [atoms[one].pos.tolist() if one in atoms else missing for one in (*_BACKBONE, "CB")]
                for _, _, atoms in kept
            ]
        )
        return Chain(
            "+".join(wanted),
            "".join(letter_of(residue.name, self._parents) for _, residue, _ in kept),
            [residue.name for _, residue, _ in kept],
            [chain for chain, _, _ in kept],
            [str(residue.seqid) for _, residue, _ in kept],
            backbone[:, 1].copy(),
            backbone,
            [
                [(name, atom.element.name, tuple(atom.pos.tolist())) for name, atom in atoms.items()]
                for _, _, atoms in kept
            ],
            left_out,
        )

    def _beside(self, names: set[str], model: int, assembly: str | None) -> list[str]:
        """What of chains' polymers is no residue of theirs, in words: free amino acids, caps."""
        found = []
        for chain in self.model(model, assembly):
            if chain.name not in names:
                continue
            bound, free = self._parted(chain)
            found += [f"{residue.name} {residue.seqid} (free)" for residue in free]
            if bound:
                found += [
                    f"{residue.name} {residue.seqid} (no amino acid)"
                    for residue in chain.get_polymer()
                    if not self._is_amino_acid(residue) and not residue.is_water()
                ]
        return found

    def frames(self, name: str | None = None) -> np.ndarray:
        """C-alpha of the same residues in every model: (models, n, 3) float64.

        Raises StructureError where they differ.
        """
        first = self.chain(name)
        out = np.empty((self.n_models, len(first), 3))
        for number in range(1, self.n_models + 1):
            other = first if number == 1 else self.chain(name, number)
            if other.numbers != first.numbers or other.chains != first.chains:
                raise StructureError(
                    f"{self.path.name}: model {number} has other residues than model 1 in chain {first.name}:"
                    " a trajectory needs the same residues in every frame"
                )
            out[number - 1] = other.xyz
        return out

    def ligands(
        self,
        near: np.ndarray | None = None,
        within: float = 6.0,
        model: int = 1,
        assembly: object | None = None,
    ) -> list[Atom]:
        """What is not protein and not water: list of Atom, hydrogens left out. Only ever drawn.

        Parameters: near, (m, 3) positions: only residues with an atom ``within`` angstrom of one (default:
        all).
        """
        from scipy.spatial import cKDTree

        tree = cKDTree(near) if near is not None and len(near) else None
        found = []
        for chain in self.model(model, assembly):
            of_polymer = {(str(residue.seqid), residue.name) for residue in self.polymer(chain)}
            for residue in chain:
                key = (str(residue.seqid), residue.name)
                if residue.name in _NOT_LIGAND or key in of_polymer or residue.is_water():
                    continue
                atoms = [atom for atom in _best(residue).values() if not atom.is_hydrogen()]
                if not atoms:
                    continue
                if (
                    tree is not None
                    and not np.isfinite(
                        tree.query([atom.pos.tolist() for atom in atoms], distance_upper_bound=within)[0]
                    ).any()
                ):
                    continue
                found += [
                    Atom(
                        atom.name,
                        atom.element.name,
                        residue.name,
                        chain.name,
                        str(residue.seqid),
                        tuple(atom.pos.tolist()),
                    )
                    for atom in atoms
                ]
        return found

    def model(self, number: int, assembly: str | None) -> Model:
        """A model of the file as gemmi has it, or an assembly made of it. Raises StructureError."""
        if not 1 <= number <= self.n_models:
            raise StructureError(f"{self.path.name} has no model {number}: it has {self.n_models}")
        if assembly is None or str(assembly) == "":
            return self._structure[number - 1]
        key = (number, str(assembly))
        if key not in self._assembled:
            for each in self._structure.assemblies:
                if each.name == str(assembly):
                    how = gemmi.HowToNameCopiedChain.AddNumber
                    self._assembled[key] = gemmi.make_assembly(each, self._structure[number - 1], how)
                    break
            else:
                known = ", ".join(self.assemblies) or "none"
                raise StructureError(
                    f"{self.path.name} has no assembly {assembly}: its assemblies are {known}"
                )
        return self._assembled[key]

    def _residues(
        self, name: str, model: int, assembly: str | None
    ) -> list[tuple[str, Residue, dict[str, Any]]]:
        """Residues of one chain: list of (chain, residue, {atom name: atom})."""
        found = [chain for chain in self.model(model, assembly) if chain.name == name]
        rows = [(name, each, _best(each)) for chain in found for each in _conformers(self.polymer(chain))]
        if not rows and not found:
            by_label = [
                (chain.name, each, _best(each))
                for chain in self.model(model, assembly)
                for each in _conformers(self.polymer(chain))
                if each.subchain == name
            ]
            if by_label:
                return by_label
        if not rows:
            there = self.chains(model, assembly)
            known = some(f"{chain} ({n} residues)" for chain, n in there.items()) or "none that is protein"
            what = "has no chain" if not found else "has no protein residues in chain"
            raise StructureError(f"{self.path.name} {what} {name!r}: its protein chains are {known}")
        return rows

    def polymer(self, chain: Chain) -> list[Residue]:
        """Residues of the chain that are amino acids in a polymer: list."""
        return self._parted(chain)[0]

    def _parted(self, chain: Chain) -> tuple[list[Residue], list[Residue]]:
        """(amino acids in a polymer, amino acids that are bonded to no neighbour) of a chain.

        Where a polymer ends is told by its residues and not by TER: programs write it inside of chains too.
        """
        polymer = chain.get_polymer()
        if len(polymer) and polymer.check_polymer_type() in _NOT_PROTEIN:
            return [], []
        inside = sum(self._is_amino_acid(each) for each in polymer)
        return _attached([each for each in chain if self._is_amino_acid(each)], inside)

    def _is_amino_acid(self, residue: Residue) -> bool:
        known = known_residue(residue.name)
        if known.is_nucleic_acid() or known.is_water():
            return False
        if known.is_amino_acid() or residue.name in self._parents:
            return True
        return residue.name == "UNK" or (
            _alpha(residue) is not None and residue.find_atom("N", "*") is not None
        )


_BONDED = 5.0  # angstrom between C-alphas of neighbours, with something to spare


def _attached(residues: list[Residue], inside: int) -> tuple[list[Residue], list[Residue]]:
    """Residues without free amino acids (a substrate, an inhibitor) that bear the chain's name, and those.

    Those are HETATM, bonded to no neighbour, or behind the chain's end and bonded only among themselves. A
    modified one stands alone between gaps and is of the chain. ``inside``: residues before the chain's end.
    """
    last = max((at for at, each in enumerate(residues) if each.het_flag != "H"), default=-1)
    bound, free, start = [], [], 0
    for stop in range(1, len(residues) + 1):
        if stop < len(residues) and not _is_broken(residues[stop - 1], residues[stop]):
            continue
        run, apart = residues[start:stop], []
        if len(residues) > 1 and all(each.het_flag == "H" for each in run):
            lone = len(run) == 1 and _alpha(run[0]) is not None
            behind = last >= 0 and start >= inside
            own = run[0].label_seq is not None or (
                start < last and not known_residue(run[0].name).is_standard()
            )
            apart = run if (lone or behind) and not own else []
        free += apart
        bound += [] if apart else run
        start = stop
    return bound, free


def _is_broken(one: Residue, other: Residue) -> bool:
    """Whether two C-alphas are too far from each other for a bond; one that is missing is no break."""
    here, there = _alpha(one), _alpha(other)
    return here is not None and there is not None and here.pos.dist(there.pos) > _BONDED


def _alpha(residue: Residue) -> Atom:
    """The C-alpha of a residue, not a calcium; None if it has none."""
    for atom in residue:
        if atom.name == "CA" and atom.element.name != "Ca":
            return atom
    return None


def _best(residue: Residue) -> dict[str, Atom]:
    """{name: atom} of a residue: of alternate locations the one with the highest occupancy.

    The first of equals.
    """
    found = {}
    for atom in residue:
        if atom.is_hydrogen() or (atom.name == "CA" and atom.element.name == "Ca" and len(residue) > 1):
            continue
        if atom.name not in found or atom.occ > found[atom.name].occ:
            found[atom.name] = atom
    return found


def _conformers(residues: list[Residue]) -> list[Residue]:
    """Of alternate residues (one number, several names) the one with the highest occupancy."""
    out = []
    for residue in residues:
        if out and str(out[-1].seqid) == str(residue.seqid):
            if max((atom.occ for atom in residue), default=0) > max(
                (atom.occ for atom in out[-1]), default=0
            ):
                out[-1] = residue
        else:
            out.append(residue)
    return out


def some(names: Iterator[Any], limit: int = 12) -> str:
    """Names in one line, the first few and how many more there are."""
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def left_out_words(chain: Chain) -> list[str]:
    """What is left out of a chain, in words: list of at most two sentences."""
    without = [each for each in chain.left_out if not each.endswith(")")]
    others = [each for each in chain.left_out if each.endswith(")")]
    words = []
    if without:
        words.append(f"{len(without)} residues have no C-alpha atom and are left out ({some(without)})")
    if others:
        words.append(f"no part of the chain's protein, left out: {some(others)}")
    return words
