"""Layer I: looking for concepts in the embeddings of a study's data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EmbeddingError, FitError, ProspectorError
from ..method.quantizers import ConceptTree, assign_nearest
from ..method.soft import part_and_mean
from ..scheduling import InProcess
from .data import fitted_on
from .settings import QUANTIZERS, FitSettings, make_quantizer, suggested
from .views import sprites_of
from .worker_context import Place, place_of, study_at

if TYPE_CHECKING:
    from .data import Datum
    from .study import Study

__all__ = ["default_settings", "find_concepts", "given_concepts", "given_name", "sampled"]

_FEW_GIVEN = 64  # concepts of an encoder that are all kept, whether they occur or not
_STREAMED = 16_384  # tokens in memory at once where all are looked at


def default_settings(study: Study) -> FitSettings:
    """FitSettings to begin with: where the encoder brings concepts, those."""
    given = given_concepts(study)
    tokens = 0 if given else sum(study.n_tokens(datum) for datum in fitted_on(study))
    return suggested(tokens, len(given[0]) if given else None)


# ---- concepts that the encoder brings


def given_concepts(study: Study) -> tuple[list[str], np.ndarray] | None:
    """Concepts that the encoder brings: (names, (K, d) float32 centroids), or None.

    Of many those that occur in the data at all (and the last: whatever is not known).
    """
    given = _all_given(study)
    if given is None or len(given[0]) <= _FEW_GIVEN:
        return given
    names, centroids = given
    occurs = np.zeros(len(names), bool)
    occurs[-1] = True
    for datum in study.embedded():
        occurs[assign_nearest(study.store.vectors(datum.uid), centroids)] = True
    return [name for name, there in zip(names, occurs) if there], centroids[occurs]


def given_name(study: Study, centroid: np.ndarray) -> str | None:
    """The name that the encoder gives to a concept, by its centre (d,)."""
    given = _all_given(study)
    if given is None:
        return None

    def names() -> dict[bytes, str]:
        return {row.tobytes(): name for row, name in zip(np.asarray(given[1], np.float32), given[0])}

    return study.memory.make("given names", names).get(np.ascontiguousarray(centroid, np.float32).tobytes())


def _all_given(study: Study) -> tuple[list[str], np.ndarray] | None:
    if study.embedding.get("vectors"):
        return None
    return study.memory.make("given concepts", lambda: (study.kind.given_concepts(study),))[0]


# ---- concepts that are looked for


def find_concepts(
    study: Study,
    data: Sequence[Datum],
    settings: FitSettings,
    say: Callable[[str], None] = lambda text: None,
    on: Any = None,
) -> tuple[np.ndarray, ConceptTree | None]:
    """Centroids of the concepts in the embeddings of data, (K, d) float32, and how they branch.

    Parameters
    ----------
    study : Study
    data : list of Datum
    settings : FitSettings
    say : function(text)
    on : where data are read, from ``scheduling.scheduler`` (default: here)
    """
    say("reading a sample of tokens")
    stamps = {datum.uid: study.stamp(datum) for datum in data}
    sample, means = _sample(study, data, settings, on)
    say(f"finding {settings.concepts} concepts in {len(sample):,} tokens")
    centroids, tree = _quantised(study, data, settings, sample, means)
    if settings.centre:  # quantising will ask for them
        sprites = sprites_of(study, centroids, settings)
        for uid, mean in means.items():
            sprites.put_mean(uid, mean, stamps[uid])
    return centroids, tree


def _quantised(
    study: Study, data: Sequence[Datum], settings: FitSettings, sample: np.ndarray, means: dict[str, Any]
) -> tuple[np.ndarray, ConceptTree | None]:
    quantizer = make_quantizer(settings.quantizer, settings.concepts, settings.sample, settings.seed)
    if hasattr(quantizer, "fit_blocks"):
        return quantizer.fit_blocks(sample, _blocks(study, data, settings, means)).centroids_, None
    if settings.quantizer in QUANTIZERS:
        return quantizer.fit(sample).centroids_, getattr(quantizer, "tree_", None)
    return _checked(quantizer, sample, settings), None


def _checked(quantizer: Any, sample: np.ndarray, settings: FitSettings) -> np.ndarray:
    """Centroids of a quantizer that others wrote: (K, d) float32. Raises FitError."""
    try:
        centroids = np.ascontiguousarray(quantizer.fit(sample).centroids_, np.float32)
    except ProspectorError:
        raise
    except Exception as error:
        raise FitError(f"the installed quantizer {settings.quantizer} failed ({error})") from error
    if centroids.shape != (settings.concepts, sample.shape[1]) or not np.isfinite(centroids).all():
        raise FitError(
            f"the installed quantizer {settings.quantizer} gave centroids {centroids.shape}, not finite ones"
            f" of {(settings.concepts, sample.shape[1])}"
        )
    return centroids


def _blocks(
    study: Study, data: Sequence[Datum], settings: FitSettings, means: dict[str, Any]
) -> Iterator[np.ndarray]:
    """Every token of data once, in blocks: yields (m, d), blocks of all data mixed by the seed."""
    starts = [(datum.uid, start) for datum in data for start in range(0, study.n_tokens(datum), _STREAMED)]
    for index in np.random.default_rng(settings.seed).permutation(len(starts)):
        uid, start = starts[index]
        block = study.store.vectors(uid)[start : start + _STREAMED]
        yield block - (settings.centre * means[uid]).astype(np.float32) if settings.centre else block


def _sample(
    study: Study, data: Sequence[Datum], settings: FitSettings, on: Any = None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Tokens for k-means, (m, d), and {uid: mean of all (d,)} if centred.

    All tokens, or as many from each datum as its share, drawn with the seed.
    """
    sizes = [study.n_tokens(datum) for datum in data]
    total = sum(sizes)
    if total < settings.concepts:
        raise FitError(f"{total} tokens cannot make {settings.concepts} concepts: ask for fewer, or add data")
    rng, chosen = np.random.default_rng(settings.seed), []
    for datum, size in zip(data, sizes):
        tokens = None
        if total > settings.sample:
            share = max(1, round(settings.sample * size / total))
            tokens = np.sort(rng.choice(size, min(size, share), replace=False))
        chosen.append((datum.uid, tokens))
    on = on or InProcess()
    with place_of(study, on) as place:
        parts = {done.item[0]: done.get() for done in on.run(_sample_at, chosen, place, settings.centre)}
    sample = np.concatenate([parts[datum.uid][0] for datum in data])
    return sample, {uid: mean for uid, (_, mean) in parts.items()}


def sampled(
    study: Study, datum: Any, tokens: np.ndarray | None = None, centre: float = 0.0
) -> tuple[np.ndarray, np.ndarray | None]:
    """Embeddings of some tokens of a datum, as concepts are found in, and the mean of all.

    What lies on disk is read once.

    Parameters
    ----------
    study : Study
    datum : Datum, uid or name
    tokens : (m,) int, ascending
        None = all.
    centre : float
        How much of the mean is taken out; 0: then the mean is not looked for, and None.

    Returns
    -------
    (m, d) float32, and (d,) float64 or None
    """
    datum = study.datum(datum)
    vectors, mean = study.store.vectors(datum.uid), None
    if centre:
        some, mean = part_and_mean(vectors, tokens)
        some = some - (centre * mean).astype(np.float32)
    else:
        some = np.asarray(vectors[:] if tokens is None else vectors[tokens], np.float32)
    if not np.isfinite(some).all():
        raise EmbeddingError(
            f"the embeddings of {datum.name} are not finite: remove {study.store.path / datum.uid} and run"
            " `prospector embed`"
        )
    return some, mean


def _sample_at(
    place: Place, centre: float, chosen: tuple[str, np.ndarray | None]
) -> tuple[np.ndarray, np.ndarray | None]:
    """As ``sampled``; ``chosen``: (uid, tokens)."""
    uid, tokens = chosen
    return sampled(study_at(place), uid, tokens, centre)
