"""Maps on structures for other programs.

B-factor PDB and mmCIF, ChimeraX attributes, a PyMOL script, MolViewSpec.
"""

from __future__ import annotations

import base64
import json
import re
import string
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInputError
from ...wording import printable
from .trajectory import mean_over_frames, read_frames

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from gemmi import Atom, Residue, Structure

    from ...study import Datum, Study

__all__ = ["bfactor_mmcif", "bfactor_pdb", "defattr", "molviewspec", "pymol_script"]

_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_TOP = 0.05  # of the residues: shown as sticks


def bfactor_pdb(study: Study, datum: Datum) -> bytes:
    """A datum as PDB bytes: its residues with their score as B-factor (clipped to -99.99..999.99).

    Ligands with 0.

    A token that is excluded has occupancy 0. Each frame of a trajectory is a model. PDB names chains by one
    letter: REMARK lines at its head list chains that had to be renamed. Raises BadInputError where PDB has no
    room for it.
    """
    structure = _scored(study, datum)
    names = list(dict.fromkeys(chain.name for chain in structure[0]))
    if sum(model.count_atom_sites() for model in structure) // len(structure) > 99_999 or len(names) > len(
        _LETTERS
    ):
        raise BadInputError(f"{study.datum(datum).name} is too large for PDB: export mmcif instead")
    renamed = []
    if any(len(name) > 1 for name in names):
        free = iter(letter for letter in _LETTERS if letter not in names)
        short = {name: name if len(name) == 1 else next(free) for name in names}
        for model in structure:
            for chain in model:
                chain.name = short[chain.name]
        renamed = [
            f"REMARK 999 CHAIN {letter} HERE IS CHAIN {printable(name)} OF THE FILE IT IS MADE FROM"
            for name, letter in short.items()
            if name != letter
        ]
    return "".join(f"{line}\n" for line in renamed).encode() + structure.make_minimal_pdb().encode()


def bfactor_mmcif(study: Study, datum: Datum) -> bytes:
    """A datum as mmCIF bytes, as ``bfactor_pdb``, but of any size, and scores not clipped."""
    return _mmcif(_scored(study, datum))


def _mmcif(structure: Structure) -> bytes:
    import gemmi

    structure.setup_entities()
    groups = gemmi.MmcifOutputGroups(False)
    groups.atoms = groups.block_name = True
    block = structure.make_mmcif_block(groups)
    return block.as_string().encode()


def _places(chains: list[str]) -> list[int]:
    """Places of residues in their chains, from 1."""
    counts: Counter[str] = Counter()
    out = []
    for chain in chains:
        counts[chain] += 1
        out.append(counts[chain])
    return out


def _scored(study: Study, datum: Datum, numbered: bool = False) -> Structure:
    """The datum's atoms as a gemmi Structure, B-factors as scores; it names no file.

    ``numbered``: residues have their places in the chain too (label_seq_id).
    """
    import gemmi

    datum = study.datum(datum)
    opened = study.open_source(datum)
    frames = read_frames(opened, datum.part or {}, study.source_path(datum).parent)
    n = len(frames[0][1])
    scores = study.prospect(datum)
    if len(scores) != n * len(frames):
        raise BadInputError(f"the file of {datum.name} has changed since it was embedded: embed it again")
    structure = gemmi.Structure()
    structure.name = datum.uid
    near, places = frames[0][1].xyz, _places(frames[0][1].chains)
    ligands = opened.ligands(near, assembly=(datum.part or {}).get("assembly"))
    for at, (number, chain) in enumerate(frames):
        model = gemmi.Model(int(number) if len(frames) > 1 else 1)
        made = {}
        for index, residue_name in enumerate(chain.residues):
            residue = _residue(gemmi, residue_name, chain.numbers[index])
            residue.label_seq = places[index] if numbered else None
            score = scores[at * n + index]
            for name, element, place in chain.atoms[index]:
                residue.add_atom(_atom(gemmi, name, element, place, score))
            made.setdefault(chain.chains[index], gemmi.Chain(chain.chains[index])).add_residue(residue)
        if at == 0:
            grouped = {}
            for atom in ligands:
                grouped.setdefault((atom.chain, atom.residue, atom.number), []).append(atom)
            for (name, residue_name, number), atoms in grouped.items():
                residue = _residue(gemmi, residue_name, number)
                residue.het_flag = "H"
                for atom in atoms:
                    residue.add_atom(_atom(gemmi, atom.name, atom.element, atom.xyz, 0.0))
                made.setdefault(name, gemmi.Chain(name)).add_residue(residue)
        for each in made.values():
            model.add_chain(each)
        structure.add_model(model)
    return structure


def _residue(gemmi: ModuleType, name: str, number: str) -> Residue:
    residue = gemmi.Residue()
    residue.name = name
    code = number[-1] if number[-1].isalpha() else " "
    residue.seqid = gemmi.SeqId(int(number.rstrip(string.ascii_letters)), code)
    return residue


def _atom(
    gemmi: ModuleType, name: str, element: str, place: tuple[float, float, float], score: float
) -> Atom:
    atom = gemmi.Atom()
    atom.name, atom.element = name, gemmi.Element(element)
    atom.pos = gemmi.Position(*place)
    known = np.isfinite(score)
    atom.b_iso, atom.occ = (float(np.clip(score, -99.99, 999.99)), 1.0) if known else (0.0, 0.0)
    return atom


def _residues(study: Study, datum: Datum) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """(chain, number, score, concept name, colour) of the residues.

    Of a trajectory the mean over its frames.
    """
    attrs = study.attrs(datum)
    n = len(attrs["numbers"])
    mean = mean_over_frames(study.prospect(datum), n)
    return attrs["chains"], attrs["numbers"], mean, study.concepts_of(datum)[:n]


def defattr(study: Study, datum: Datum) -> bytes:
    """A ChimeraX attribute file: prospect_score of every residue, and its concept's number."""
    chains, numbers, scores, concepts = _residues(study, datum)
    _check(study, datum, chains, numbers, "a ChimeraX attribute file")
    parts, one = [], len(set(chains)) == 1
    for name, values in (
        ("prospect_score", np.round(scores, 4).tolist()),
        ("prospect_concept", concepts.tolist()),
    ):
        lines = [f"attribute: {name}", "match mode: 1-to-1", "recipient: residues"]
        lines += [
            f"\t{_of_chimerax(chain, one)}:{number}\t{value}"
            for chain, number, value in zip(chains, numbers, values)
            if value == value
        ]
        parts.append("\n".join(lines))
    return ("\n".join(parts) + "\n").encode()


def _of_chimerax(chain: str, one: bool) -> str:
    """A chain as ChimeraX takes it: by an attribute where a sign in its name means something else.

    ``one``: there is no other chain; then one without a name need not be said.
    """
    if re.fullmatch(r"\w+", chain, re.ASCII):
        return f"/{chain}"
    if not chain and one:
        return ""
    return f'//chain_id=="{chain or " "}"'


def pymol_script(study: Study, datum: Datum) -> bytes:
    """A PyMOL script for an open structure.

    Scores into b, colours, the residues with the highest scores as sticks.
    """
    chains, numbers, scores, _ = _residues(study, datum)
    _check(study, datum, chains, numbers, "a PyMOL script")
    limit = _limit(scores)
    lines = [
        "# prospect scores: open the structure first, then run this script",
        "alter polymer, b=0.0",
        *(
            f"alter polymer and chain {_named(chain)} and resi {_escaped(number)}, b={score:.4f}"
            for chain, number, score in zip(chains, numbers, scores)
            if np.isfinite(score)
        ),
        "rebuild",
        f"spectrum b, blue_white_red, polymer, minimum={-limit:.4f}, maximum={limit:.4f}",
        "show cartoon, polymer",
    ]
    top = [index for index in _top(scores) if scores[index] > 0]
    chosen = " or ".join(
        f"(chain {_named(chains[index])} and resi {_escaped(numbers[index])})" for index in top
    )
    if chosen:
        lines += [
            f"select prospect_top, polymer and ({chosen})",
            "show sticks, prospect_top and not (name N+C+O)",
        ]
    return ("\n".join(lines) + "\n").encode()


def _check(study: Study, datum: Datum, chains: list[str], numbers: list[str], what: str) -> None:
    """Nothing of a chain's name or a residue's number may be taken for a command, or for other chains.

    Raises BadInputError.
    """
    for chain, number in zip(chains, numbers):
        if not re.fullmatch(r"[\w.-]*", str(chain)) or not re.fullmatch(r"-?\d+[A-Za-z]?", str(number)):
            raise BadInputError(
                f"residue {printable(number)} of chain {printable(chain)!r} of {study.datum(datum).name}"
                f" cannot be named in {what}: export mmcif or csv instead"
            )


def _named(chain: str) -> str:
    """A chain's name as PyMOL takes it.

    One without a name has quotes, else the next word would be its name.
    """
    return chain or "''"


def _escaped(number: str) -> str:
    return f"\\{number}" if number.startswith("-") else number


def molviewspec(study: Study, datum: Datum) -> bytes:
    """A MolViewSpec scene (JSON) that Mol* opens.

    Cartoon coloured by score, top residues and ligands as sticks.

    The structure is inside, as a data URL: nothing else is needed.
    """
    from ...palette import diverging_hex

    datum = study.datum(datum)
    chains, numbers, scores, _ = _residues(study, datum)
    limit, places = _limit(scores), _places(chains)
    bare = Counter((chain, number.rstrip(string.ascii_letters)) for chain, number in zip(chains, numbers))

    def selector(index: int) -> dict[str, int | str]:
        number = numbers[index]
        plain = number.rstrip(string.ascii_letters)
        code = {"pdbx_PDB_ins_code": number[-1]} if number[-1].isalpha() else {}
        # a number alone also means those with insertion codes: 1 is 1, 1A and 1B
        shared = bare[chains[index], plain] > 1
        place = {"label_seq_id": places[index]} if shared else {}
        return {"auth_asym_id": chains[index], "auth_seq_id": int(plain), **code, **place}

    # those with insertion codes last, for readers of authors' numbers alone: the later colour stands
    several = max(bare.values()) > 1
    order = sorted(range(len(scores)), key=lambda index: several and numbers[index][-1].isalpha())
    colours = [
        _node("color", selector=selector(index), color=diverging_hex(scores[index] / limit))
        for index in order
        if np.isfinite(scores[index])
    ]
    top = [selector(index) for index in _top(scores) if scores[index] > 0]
    atoms = _mmcif(_scored(study, datum, numbered=True)) if several else bfactor_mmcif(study, datum)
    content = base64.b64encode(atoms).decode()
    parts = [
        _node(
            "component",
            [_node("representation", [_node("color", color="#d9d9d9"), *colours], type="cartoon")],
            selector="polymer",
        ),
        _node("component", [_node("representation", type="ball_and_stick")], selector="ligand"),
        _node("component", [_node("representation", type="ball_and_stick")], selector="ion"),
    ]
    if top:
        parts.append(_node("component", [_node("representation", type="ball_and_stick")], selector=top))
    scene = _node(
        "root",
        [
            _node(
                "download",
                [_node("parse", [_node("structure", parts, type="model")], format="mmcif")],
                url=f"data:chemical/x-mmcif;base64,{content}",
            )
        ],
    )
    at = next((at for id, at, *_ in study.fits() if id == study.view.id), "")
    title = f"Prospect map: {study.classes[study.view.target]}"
    return json.dumps(
        {"root": scene, "metadata": {"version": "1.4", "timestamp": at, "title": title}}
    ).encode()


def _node(
    kind: str, children: list[dict[str, dict | list[dict] | str]] | tuple[None] = (), **params: Any
) -> dict[str, dict[str, dict[str, Any] | list[dict[str, Any]] | str] | list[dict[str, Any]] | str]:
    """Return a node of a scene: its kind, what it is told, and the nodes below it."""
    return {
        "kind": kind,
        **({"params": params} if params else {}),
        **({"children": list(children)} if children else {}),
    }


def _limit(scores: np.ndarray) -> float:
    known = np.abs(scores[np.isfinite(scores)])
    return float(known.max()) if known.size and known.max() > 0 else 1.0


def _top(scores: np.ndarray) -> list[int]:
    """Residues with the highest scores, at least 3, at most 20."""
    order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    return order[: int(np.clip(round(_TOP * len(scores)), 3, 20))].tolist()
