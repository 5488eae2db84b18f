"""Structures: a token is a residue of a protein chain.

And its neighbours are the residues in contact with it.
"""

import numpy as np

from ...errors import BadInputError, EmbeddingError, ProspectorError, StructureError
from ...method.graphs import TokenGraph
from ...study.concept_search import given_concepts
from ...study.data import open_structure, structure_path
from ..base import Words
from ..layouts import OfChains
from .encoders import check_residue_encoder_name, get_residue_encoder, residue_encoder_note

__all__ = ["CONTACTS", "Structures", "contact_points"]

CONTACTS = {"side": 6.0, "ca": 8.0, "cb": 8.0}
"""What stands for a residue in the contact graph, and up to which distance in angstrom two are in contact:
the middle of the side chain's heavy atoms, C-alpha, C-beta."""

_BACKBONE_NAMES = ("N", "CA", "C", "O", "OXT", "OT1", "OT2")
_MOST_FRAMES = 1000


class Structures:
    """Studies of protein chains."""

    name = "structures"
    words = Words("chain", "chains", "residue", "residues", "structure")
    encoder = "residue-type"
    exports = ("csv", "parquet", "bfactor", "mmcif", "defattr", "pml", "molviewspec", "png")
    keeps_edges = False
    layout = OfChains
    place_names = ("chain", "residue", "number")

    def create(self, path, sources, labels, **options):
        """Write a new study of structures. See ``study.create_structures``."""
        from .create import create_structure_study

        create_structure_study(path, structures=sources, labels=labels, **options)

    def graph(self, n, positions, edges, attrs):
        """Contacts; of a trajectory, those of each frame, side by side."""
        frames = int(attrs.get("frames", 1))
        if frames == 1:
            return TokenGraph.from_contacts(positions, attrs["cutoff"])
        each = n // frames
        parts = [
            TokenGraph.from_contacts(positions[at * each : (at + 1) * each], attrs["cutoff"]).edges
            + at * each
            for at in range(frames)
        ]
        return TokenGraph(n, "contacts", edges=np.concatenate(parts), xyz=positions)

    def places(self, study, datum):
        """Chain, residue, number and one-letter code; x, y, z of what stands for it in the contact graph."""
        attrs, xyz = study.attrs(datum), study.positions(datum)
        frames = int(attrs.get("frames", 1))
        found = {
            "chain": attrs["chains"] * frames,
            "residue": attrs["residues"] * frames,
            "number": attrs["numbers"] * frames,
            "letter": list(attrs["letters"]) * frames,
            "x": xyz[:, 0],
            "y": xyz[:, 1],
            "z": xyz[:, 2],
        }
        if frames > 1:
            found = {"frame": np.repeat(np.arange(1, frames + 1), len(attrs["numbers"])), **found}
        return found

    def place(self, study, datum, token):
        """Chain, residue and number; the frame of a trajectory."""
        attrs = study.attrs(datum)
        frame, residue = divmod(int(token), len(attrs["numbers"]))
        found = {name: attrs[f"{name}s"][residue] for name in self.place_names}
        return found if int(attrs.get("frames", 1)) == 1 else {**found, "frame": frame + 1}

    def attributes(self, study, datum, kept):
        """Nothing is kept elsewhere."""
        return kept

    def embedder(self, study, encoder=None, threads=None):
        """Embedder of residues, with the study's own encoder or another."""
        encoder = encoder or get_residue_encoder(
            study.embedding["encoder"], **({"threads": threads} if threads else {})
        )
        return _ResidueEmbedder(study, encoder)

    def atlas_vectors(self, study, uid):
        """Vectors that the atlas is laid out by: (n, d).

        Of types, which many residues share, with those of the neighbours.
        """
        vectors = np.asarray(study.store.vectors(uid), np.float32)
        if given_concepts(study) is None:
            return vectors
        graph = study.graph(uid)
        start = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
        around = np.zeros_like(vectors)
        np.add.at(around, start, vectors[graph.indices])
        around /= np.maximum(np.diff(graph.indptr), 1)[:, None]
        return np.concatenate([vectors, 1.5 * around], axis=1)

    def given_concepts(self, study):
        """Concepts that the study's encoder brings.

        (names, (K, dim) float32 centroids), or None where clusters are looked for.
        """
        encoder = get_residue_encoder(study.embedding["encoder"])
        names = getattr(encoder, "concepts", None)
        return (list(names), encoder.centroids()) if names else None

    def note(self, study):
        """What a user must know of the study's encoder before believing its maps, else ""."""
        return residue_encoder_note(study.embedding["encoder"])


class _ResidueEmbedder:
    """Keeps the structure of the present datum, while the next datum lies in it too."""

    def __init__(self, study, encoder):
        self.encoder = encoder
        self._study, self._source, self._structure, self._notes = study, None, None, {}
        if hasattr(encoder, "prepare"):
            encoder.prepare(self._sample, study.path)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._source = self._structure = None

    def _sample(self):
        """Chains that can be read, a datum each."""
        for datum in self._study.data:
            try:
                yield self._read(datum)[0][1]
            except ProspectorError:
                continue  # said when it is its turn

    def _read(self, datum):
        """Frames of a datum: list of (number, Chain)."""
        from .trajectory import read_frames

        if self._source != datum.source:
            self._structure = open_structure(self._study, datum)
            self._source = datum.source
        return read_frames(self._structure, datum.part or {}, structure_path(self._study, datum).parent)

    def embed(self, datum, progress, stopped):
        frames = self._read(datum)
        if len(frames) > _MOST_FRAMES:
            raise StructureError(
                f"{datum.name} has {len(frames):,} frames: at most {_MOST_FRAMES:,} are taken, thin it out"
            )
        wanted, first = self._study.embedding, frames[0][1]
        total, vectors, points = len(first) * len(frames), [], []
        progress(0, total)
        for done, (_, chain) in enumerate(frames, start=1):
            if stopped():
                return False
            found = np.asarray(self.encoder.encode(chain), np.float32)
            if found.shape != (len(chain), self.encoder.dim):
                raise EmbeddingError(
                    f"the encoder {self.encoder.name} gave {found.shape} for {len(chain)} residues, not"
                    f" {(len(chain), self.encoder.dim)}"
                )
            if not np.isfinite(found).all():
                where = first.label(int(np.argmin(np.isfinite(found).all(1))))
                raise EmbeddingError(
                    f"the encoder {self.encoder.name} gave numbers that are not finite for {where}"
                )
            vectors.append(found)
            points.append(contact_points(chain, wanted["atom"]))
            progress(done * len(first), total)
        attrs = {
            "kind": "residues",
            "letters": first.letters,
            "residues": first.residues,
            "chains": first.chains,
            "numbers": first.numbers,
            "atom": wanted["atom"],
            "cutoff": wanted["cutoff"],
            "encoder": self.encoder.record(),
            **(
                {"frames": len(frames), "frame_numbers": [number for number, _ in frames]}
                if len(frames) > 1
                else {}
            ),
        }
        positions = np.concatenate(points)
        self.graph_of(positions, len(frames), wanted["cutoff"], datum)
        self._study.store.write(datum.uid, np.concatenate(vectors), positions, attrs)
        if first.left_out:
            self._notes[datum.uid] = (
                f"{datum.name}: {len(first.left_out)} residues have no C-alpha atom and are left out "
                f"({', '.join(first.left_out[:3])}{' ...' if len(first.left_out) > 3 else ''})"
            )
        return True

    @staticmethod
    def graph_of(positions, frames, cutoff, datum):
        """Raises StructureError where no graph can be made: better now than at the fit."""
        try:
            TokenGraph.from_contacts(positions[: len(positions) // frames], cutoff)
        except ProspectorError as error:
            raise StructureError(f"{datum.name}: {error}") from error

    def note(self, datum):
        """Residues that had to be left out."""
        return self._notes.get(datum.uid, "")


def contact_points(chain, atom):
    """What stands for each residue in the contact graph: (n, 3) float64.

    Parameters: chain, Chain; atom, "side" (middle of the side chain's heavy atoms; of glycine, and where they
    are missing, where C-beta is or would be), "ca" or "cb". Raises BadInputError.
    """
    if atom not in CONTACTS:
        raise BadInputError(f"contacts are between {', '.join(CONTACTS)}, not {atom!r}")
    if atom == "ca":
        return chain.xyz
    points = chain.beta()
    if atom == "cb":
        return points
    for index, atoms in enumerate(chain.atoms):
        side = [
            place
            for name, element, place in atoms
            if name not in _BACKBONE_NAMES and element not in ("H", "D")
        ]
        if side:
            points[index] = np.mean(side, axis=0)
    return points


def check_contacts(encoder, atom, cutoff):
    """Cutoff to use (None: the usual one of the atom). Raises BadInputError, EmbeddingError."""
    check_residue_encoder_name(encoder)
    if atom not in CONTACTS:
        raise BadInputError(f"there is no contact by {atom!r}: say {', '.join(CONTACTS)}")
    cutoff = CONTACTS[atom] if cutoff is None else float(cutoff)
    if not 1 <= cutoff <= 50:
        raise BadInputError(
            f"a contact distance of {cutoff:g} angstrom is not possible: give 1 to 50, such as 8"
        )
    return cutoff
