"""Naming concepts by phrases, where the encoder's pictures and text share a space (open_clip)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInputError, EmbeddingError
from .concepts import part_sizes
from .journal import Split
from .views import fit_view

if TYPE_CHECKING:
    from .concepts import Concept
    from .fits import FitView
    from .study import Study

__all__ = ["PHRASES", "can_prompt", "parse_phrases", "phrase_vectors", "similarity", "suggest_names"]

# What an encoder was shown with pictures of tissue; a phrase's vector is the average over these.
TEMPLATES = (
    "{}",
    "a histopathology image of {}",
    "an H&E stained section showing {}",
    "a photomicrograph of {}",
)
PHRASES = (
    "tumour epithelium",
    "normal epithelium",
    "stroma",
    "collagen",
    "smooth muscle",
    "lymphocytes",
    "fat",
    "necrosis",
    "blood",
    "mucus",
    "glass",
)
_LONGEST = 56  # characters: a name has 60, and two concepts may need a number
_MOST = 60
_NOTHING = 1e-9


def can_prompt(study: Study) -> bool:
    """Whether the study's encoder has a text side: an open_clip model with one vector per tile."""
    name = study.embedding.get("encoder", "")
    return not study.embedding.get("imported") and study.kind.has_text_side(name)


def parse_phrases(text: str) -> list[str]:
    """Phrases between commas, semicolons or line ends: list of str, each once. Raises BadInputError."""
    found = {}
    for phrase in re.split(r"[,;\n]", text):
        phrase = " ".join(phrase.split())
        if phrase:
            found.setdefault(phrase.casefold(), phrase)
    phrases = list(found.values())
    for phrase in phrases:
        if len(phrase) > _LONGEST:
            raise BadInputError(f"{phrase[:20]!r}... is too long for a name: {_LONGEST} characters at most")
    if not 2 <= len(phrases) <= _MOST:
        raise BadInputError(
            f"give 2 to {_MOST} phrases with commas between them, not {len(phrases)}: they are compared with"
            " each other"
        )
    return phrases


def phrase_vectors(study: Study, phrases: Sequence[str], encoder: Any = None) -> np.ndarray:
    """Directions of phrases in the space that pictures and text share: (n, d) float64 of length 1.

    Each is the average over a few sentences that hold the phrase. The encoder is loaded anew if none is
    given.

    Raises EmbeddingError: the encoder has no text side, or is not the one that embedded the study.
    """
    if not can_prompt(study):
        raise EmbeddingError(
            f"the encoder {study.embedding['encoder']} has no text side: concepts can be named by phrases"
            " where the study's encoder is a model of open_clip, without @patches"
        )
    encoder = encoder or study.kind.encoder_of(study)
    for datum in study.embedded()[:1]:
        kept = study.store.layout(datum.uid)[1].get("encoder", {}).get("weights_sha256")
        if kept is not None and kept != encoder.record()["weights_sha256"]:
            raise EmbeddingError(
                f"the weights of {encoder.name} are not those that {study.path} was embedded with: bring"
                f" those back, or embed again with `prospector embed {study.path} --anew`"
            )
    vectors = encoder.encode_text([template.format(phrase) for phrase in phrases for template in TEMPLATES])
    vectors = _unit(np.asarray(vectors, np.float64)).reshape(len(phrases), len(TEMPLATES), -1)
    return _unit(vectors.mean(axis=1))


def similarity(
    study: Study, phrases: Sequence[str], vectors: np.ndarray | None = None, view: Any = None
) -> np.ndarray:
    """How well each phrase describes each concept.

    (K, n) float64 from -1 to 1; rows of merged concepts are NaN.

    It is the cosine between a concept's centre and a phrase after what all concepts have in common was taken
    from the centres, and what all phrases have in common from the phrases. Without that every cosine would be
    nearly the same: pictures and texts lie in two narrow cones apart (Liang et al., NeurIPS 2022, the
    modality gap). So a number says how much rather this phrase than the others fits this concept than the
    others.

    Parameters: vectors, from ``phrase_vectors`` (default: computed, which loads the encoder). Raises
    EmbeddingError, FitError.
    """
    view = fit_view(study, view)
    concepts = study.concepts(view)
    vectors = phrase_vectors(study, phrases) if vectors is None else np.asarray(vectors, np.float64)
    centres = _centres(study, view, concepts)
    if vectors.shape != (len(phrases), centres.shape[1]):
        raise EmbeddingError(
            f"the text side gives {vectors.shape[-1]} numbers and pictures {centres.shape[1]}"
        )
    rows = [concept.id for concept in concepts]
    kept = [concept.id for concept in concepts if not concept.excluded] or rows
    centres = _unit(centres)
    centres -= centres[kept].mean(axis=0)
    vectors = vectors - vectors.mean(axis=0)
    out = np.full((view.n_concepts, len(phrases)), np.nan)
    out[rows] = (_unit(centres) @ _unit(vectors).T)[rows]
    return out


def suggest_names(study: Study, phrases: Sequence[str], table: np.ndarray) -> dict[int, str]:
    """The best phrase as name: {concept id: name}.

    Only concepts that have no name of the expert's and are not excluded are named.

    A phrase that is best for several concepts gets a number from the second on; the nearest concept has it
    bare.

    Parameters: table (K, n), from ``similarity``.
    """
    state = study.curation.state
    done = {*state.names, *state.merged}  # merges may wait for a refit
    concepts = [concept for concept in study.concepts() if not concept.excluded and concept.id not in done]
    taken = {concept.name.casefold() for concept in study.concepts()}
    best = {concept.id: int(np.argmax(table[concept.id])) for concept in concepts}
    found = {}
    for id in sorted(best, key=lambda id: (-table[id, best[id]], id)):
        phrase, number = phrases[best[id]], 1
        name = phrase
        while name.casefold() in taken:
            number += 1
            name = f"{phrase} {number}"
        taken.add(name.casefold())
        found[id] = name
    return dict(sorted(found.items()))


def _centres(study: Study, view: FitView, concepts: Sequence[Concept]) -> np.ndarray:
    """Mean embedding of each concept.

    (K, d) float64; a merged one's is that of its parts, by their tokens.
    """
    parts = np.zeros((view.n_concepts, view.centroids.shape[1]))
    parts[: len(view.centroids)] = view.centroids
    for step in view.state.steps:
        if isinstance(step, Split):
            parts[list(step.ids[1:])] = step.centroids[1:]
            if step.members == {step.concept}:
                parts[step.concept] = step.centroids[0]
    sizes = np.maximum(part_sizes(study, view), 1)
    centres = parts.copy()
    for concept in concepts:
        of = [concept.id, *concept.merged]
        centres[concept.id] = np.average(parts[of], axis=0, weights=sizes[of])
    return centres


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, (n, d); those without a direction stay 0."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > _NOTHING, vectors / np.maximum(length, _NOTHING), 0.0)
