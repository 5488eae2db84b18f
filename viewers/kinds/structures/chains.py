"""What pages draw of protein chains.

A chain for the structure viewer, pictures of residues, words for frames.
"""

import numpy as np
import streamlit as st

from prospector_core.errors import ProspectorError
from prospector_core.modalities.structures.context import read_context
from prospector_core.modalities.structures.encoders.residue_type import AMINO_ACIDS
from prospector_core.modalities.structures.trajectory import mean_over_frames, read_frames
from prospector_core.palette import concept_palette, hex_of
from viewers import tile_server
from viewers.colour_limits import LIMIT_DATA, score_limit
from viewers.residue_pictures import chain_picture, residue_picture
from viewers.structure_viewer.atoms import ONLY_ALPHA_ABOVE, atoms_text, breaks_of, flattened, numbers_of
from viewers.study_key import source_key, study_key
from viewers.token_pixels import diverging_colours, map_limit

__all__ = [
    "AMINO_ACIDS",
    "LETTER_COLOURS",
    "frames_of",
    "labels_of",
    "n_residues",
    "picture_of_chain",
    "picture_of_residue",
    "residue_of",
    "shown_chain",
]

LETTER_COLOURS = dict(zip(AMINO_ACIDS, concept_palette(len(AMINO_ACIDS))))
"""Of residue types, where concepts are something else."""

_MOST_EDGES = 20_000  # drawn in the maps; of more those with the largest weights
_TOP = 12  # residues shown as sticks
_AROUND = 9  # residues in a picture of one


def n_residues(study, datum):
    """Residues of a datum, whatever its frames."""
    return len(study.attrs(datum)["numbers"])


def frames_of(study, datum):
    """Numbers of the frames of a trajectory; [1] of a plain chain."""
    return study.attrs(datum).get("frame_numbers", [1])


def residue_of(study, datum, token):
    """(frame, residue) of a token."""
    return divmod(int(token), n_residues(study, datum))


def labels_of(study, datum):
    """Residues as people name them: list of "CYS 52A", with chains where there are several."""
    attrs = study.attrs(datum)
    several = len(set(attrs["chains"])) > 1
    return [
        f"{f'{chain}:' if several else ''}{residue} {number}"
        for chain, residue, number in zip(attrs["chains"], attrs["residues"], attrs["numbers"])
    ]


@st.cache_data(show_spinner=False, max_entries=256)
def _geometry(study_key, uid, _study):
    """What does not change with a fit.

    Numbers, breaks, the plane, whether there are ligands; why there are no atoms.
    """
    datum, attrs = _study.datum(uid), _study.attrs(uid)
    try:
        frames = _frames(_study, datum)
        chain = frames[0][1]
        if chain.numbers != list(attrs["numbers"]):
            raise ProspectorError(
                f"the file of {datum.name} has changed since it was embedded: embed it again"
            )
        context = _context(_study, datum, chain)
        ligands = bool(_ligands(_study, datum, chain, context))
        return {
            "resi": numbers_of(chain),
            "breaks": breaks_of(chain),
            "flat": flattened(chain.xyz).round(4).tolist(),
            "has_ligands": ligands,
            "has_context": bool(context),
            "only_alpha": len(chain) > ONLY_ALPHA_ABOVE,
            "missing": "",
        }
    except ProspectorError as error:
        n = len(attrs["numbers"])
        flat = flattened(_study.positions(uid)[:n]).round(4).tolist()
        chains = attrs["chains"]
        breaks = [at for at in range(1, n) if chains[at] != chains[at - 1]]
        return {
            "resi": list(range(1, n + 1)),
            "breaks": breaks,
            "flat": flat,
            "has_ligands": False,
            "has_context": False,
            "only_alpha": False,
            "missing": str(error),
        }


def _frames(study, datum):
    return read_frames(study.open_source(datum), datum.part or {}, study.source_path(datum).parent)


def _ligands(study, datum, chain, context):
    """Ligands without what is drawn as context."""
    drawn = {(atom.chain, atom.residue, atom.number) for atom in context}
    found = study.open_source(datum).ligands(chain.xyz, 8.0, assembly=(datum.part or {}).get("assembly"))
    return [atom for atom in found if (atom.chain, atom.residue, atom.number) not in drawn]


def _context(study, datum, chain):
    """Partner chains, DNA and RNA; of a trajectory none, as its frames move them."""
    if len(frames_of(study, datum)) > 1:
        return []
    assembly = (datum.part or {}).get("assembly")
    return read_context(study.open_source(datum), chain.xyz, chain.chains, assembly=assembly)


@st.cache_data(show_spinner=False, max_entries=64)
def _edges(study_key, fit_key, target, uid, _study, _fit):
    """Contacts of the first frame and the weight of each pair: list of [i, j, weight]."""
    n = n_residues(_study, uid)
    pairs = _study.graph(uid).edges
    pairs = pairs[(pairs < n).all(1)]
    sprite = _study.sprite(uid, _fit)
    weights = np.zeros(len(pairs))
    if _fit.radius:
        known = np.maximum(sprite, 0)
        table = np.array(
            [[_fit.pair_weight(*sorted((i, j))) for j in range(_fit.n_concepts)] for i in np.unique(known)]
        )
        row = np.searchsorted(np.unique(known), known)
        weights = table[row[pairs[:, 0]], known[pairs[:, 1]]]
        weights[(sprite[pairs] < 0).any(1)] = 0.0
    if len(pairs) > _MOST_EDGES:
        keep = np.sort(np.argsort(-np.abs(weights), kind="stable")[:_MOST_EDGES])
        pairs, weights = pairs[keep], weights[keep]
    return [[int(i), int(j), round(float(weight), 3)] for (i, j), weight in zip(pairs, weights)]


@st.cache_data(show_spinner=False, max_entries=16)
def _pair_limit(study_key, fit_key, target, _study, _fit):
    """Weight of the strongest colour of pairs.

    Of contacts that there are, so that a pair that is rare stretches nothing.
    """
    found = [
        np.array([w for _, _, w in _edges(study_key, fit_key, target, d.uid, _study, _fit)])
        for d in _study.embedded()[:LIMIT_DATA]
    ]
    return map_limit([each for each in found if each.size], 0.98) if any(each.size for each in found) else 1.0


def shown_chain(study, datum, fit, change=None):
    """A datum for ``structure_viewer``: (mapping, limit of pairs).

    ``change``: Change whose difference of maps takes the place of the map.
    """
    attrs, key = study.attrs(datum), study_key(study)
    geometry = _geometry((source_key(study, datum), study.at_hand(datum)), datum.uid, study)
    n = n_residues(study, datum)
    scores, sprite = study.prospect(datum, fit), study.concepts_of(datum, fit)
    edges, whole = _edges(key, fit.key, fit.target, datum.uid, study, fit), fit.unmasked
    pair_limit = _pair_limit(key, whole.key, whole.target, study, whole)
    mean = np.nan_to_num(mean_over_frames(scores, n), nan=-np.inf)
    top = [int(at) for at in np.argsort(-mean, kind="stable")[: min(_TOP, max(6, n // 12))] if mean[at] > 0]
    found = {
        "id": f"{key} {datum.uid}",
        "fit": list(fit.key),
        "letters": attrs["letters"],
        "labels": labels_of(study, datum),
        "numbers": list(attrs["numbers"]),
        "edges": edges,
        "top": top,
        **geometry,
    }
    numbers = frames_of(study, datum)
    urls = [None] * len(numbers)
    if not geometry["missing"]:
        for at in range(len(numbers)):
            urls[at] = tile_server.register_image(
                (source_key(study, datum), datum.uid, "atoms", at),
                _atoms(study, datum, at),
                version=(datum.uid, at),
                kind="atoms",
            )
    if change is not None:
        found["fit"], scores = f"change {change.after.key}", change.of_map(datum)
    if len(numbers) > 1:
        found["frames"] = {
            "numbers": numbers,
            "urls": urls,
            "scores": [_plain(row) for row in scores.reshape(-1, n)],
            "concepts": sprite.reshape(-1, n).tolist(),
        }
    else:
        found |= {"atoms": urls[0], "scores": _plain(scores), "sprite": sprite.tolist()}
    return found, pair_limit


def _atoms(study, datum, at):
    """A function that makes the text of a frame's atoms when the browser asks for it."""

    def make():
        chain = _frames(study, datum)[at][1]
        context = _context(study, datum, chain)
        return atoms_text(chain, _ligands(study, datum, chain, context), context)

    return make


def _plain(scores):
    return [None if value != value else round(float(value), 4) for value in scores]


# ---- pictures


@st.cache_data(show_spinner=False, max_entries=4096)
def _residue(study_key, fit_id, uid, token, side, colours, _study):
    datum = _study.datum(uid)
    attrs, n = _study.attrs(uid), n_residues(_study, uid)
    graph, xyz = _study.graph(datum), _study.positions(datum)
    near = graph.indices[graph.indptr[token] : graph.indptr[token + 1]]
    away = np.linalg.norm(xyz[near] - xyz[token], axis=1)
    chosen = [int(token), *near[np.argsort(away, kind="stable")][:_AROUND].tolist()]
    sprite = _study.concepts_of(datum)
    flat = _spread(xyz[chosen] - xyz[token])
    inside = {each: at for at, each in enumerate(chosen)}
    edges = [
        (inside[each], inside[int(other)])
        for each in chosen
        for other in graph.indices[graph.indptr[each] : graph.indptr[each + 1]]
        if int(other) in inside and each < other
    ]
    letters = "".join(attrs["letters"][each % n] for each in chosen)
    return residue_picture(
        letters,
        flat,
        [colours[sprite[each]] for each in chosen],
        np.array(edges).reshape(-1, 2),
        [attrs["numbers"][each % n] for each in chosen],
        side,
    )


def _spread(around):
    """Directions of the neighbours in the plane, the first (0, 0, 0) in the middle.

    Moved apart where they would overlap.
    """
    if len(around) == 1:
        return np.zeros((1, 2))
    _, _, axes = np.linalg.svd(around, full_matrices=False)
    flat = around @ axes[:2].T if len(axes) > 1 else np.pad(around @ axes.T, ((0, 0), (0, 1)))
    angle = np.arctan2(flat[1:, 1], flat[1:, 0])
    order = np.argsort(angle, kind="stable")
    even = np.linspace(-np.pi, np.pi, len(order), endpoint=False)
    turned = angle.copy()
    turned[order] = 0.35 * angle[order] + 0.65 * (even + np.mean(angle[order] - even))
    away = np.linalg.norm(around[1:], axis=1)
    reach = 0.72 + 0.28 * (away - away.min()) / max(float(np.ptp(away)), 1e-9)
    return np.concatenate([[[0.0, 0.0]], np.stack([reach * np.cos(turned), reach * np.sin(turned)], axis=1)])


def picture_of_residue(study, datum, token, side=120):
    """A residue and those in contact with it, in the colours of their concepts: (side, side, 3) uint8."""
    return _residue(
        study_key(study), study.view.id, datum.uid, int(token), side, tuple(study.colours()), study
    )


@st.cache_data(show_spinner=False, max_entries=1024)
def _chain(study_key, fit_id, uid, side, limit, _study):
    geometry = _geometry(source_key(_study, uid), uid, _study)
    flat = np.array(geometry["flat"])
    aspect = 0.56 if side < 150 else 0.95  # of the filmstrip, of the table: nothing is cut off there
    if fit_id is None:
        return chain_picture(
            flat, ["#9fb3c8"] * len(flat), geometry["breaks"], np.zeros(len(flat)), side, aspect
        )
    n = len(flat)
    scores = np.nan_to_num(mean_over_frames(_study.prospect(uid), n))
    colours = [hex_of(each) for each in diverging_colours(scores, limit)]
    return chain_picture(flat, colours, geometry["breaks"], np.clip(scores / limit, 0, 1), side, aspect)


def picture_of_chain(study, datum, side=160):
    """A chain at a glance, its residues coloured by score: (h, side, 3) uint8."""
    fit = study.view
    limit = score_limit(study) if fit is not None else 1.0
    return _chain(study_key(study), fit.key if fit is not None else None, datum.uid, side, limit, study)
