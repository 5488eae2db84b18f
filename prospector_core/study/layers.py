"""Layers I and II over a study's data: sprites, counts, kernel, predictions. What was computed before is kept and reused."""

import hashlib
import io
import zlib
from contextlib import suppress

import numpy as np

from ..counting import count_concepts, merge_counts
from ..errors import FitError, StorageFullError, StudyError
from ..features import n_features, pair_index
from ..files import storage_errors, write_atomic
from ..metrics import auroc
from ..prediction import Calibration
from ..quantizers import assign_nearest
from ..uncertainty import bootstrap_kernels
from .journal import Split

__all__ = ["Sprites", "Counts", "fit_kernel", "resampled_kernels"]


class _Arrays:
    """Derived arrays in a folder, each computed once. Deleting the folder loses nothing."""

    def __init__(self, folder):
        self.folder = folder
        self._memory = {}

    def get(self, key, compute):
        if key not in self._memory:
            path = self.folder / f"{key}.npy"
            array = self._load(path)
            if array is None:
                array = compute()
                with suppress(StorageFullError, StudyError):  # only time is lost where it cannot be kept
                    self._save(path, array)
            array.setflags(write=False)
            self._memory[key] = array
        return self._memory[key]

    def _load(self, path):
        """What ``_save`` wrote; None if absent or not the same bytes any more."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if zlib.crc32(content[:-4]).to_bytes(4, "little") != content[-4:]:
            return None
        return np.load(io.BytesIO(content[:-4]), allow_pickle=False)

    def _save(self, path, array):
        """A .npy file followed by its checksum."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content + zlib.crc32(content).to_bytes(4, "little"))


class Sprites:
    """Sprites of one set of centroids: as quantised, and as curated.

    Parameters: folder for derived arrays; centroids (K, d); embeddings, function uid -> (n, d).
    """

    def __init__(self, folder, centroids, embeddings):
        digest = hashlib.sha256(np.ascontiguousarray(centroids).tobytes()).hexdigest()[:16]
        self.folder = folder / digest
        self.centroids = centroids
        self._embeddings = embeddings
        self._arrays = _Arrays(self.folder)

    def n_concepts(self, state):
        """Centroids, and the concepts that splits have added."""
        return len(self.centroids) + state.n_extra

    def quantised(self, uid):
        """Nearest centroid of every token: (n,) int16."""
        return self._arrays.get(
            f"{uid}-sprite", lambda: assign_nearest(self._embeddings(uid), self.centroids).astype(np.int16)
        )

    def distances(self, uid):
        """Distance of every token to its centroid: (n,) float32. Small = typical."""

        def compute():
            vectors = self._embeddings(uid)
            out = np.empty(len(vectors), np.float32)
            for start in range(0, len(vectors), 4096):
                rows = slice(start, start + 4096)
                out[rows] = np.linalg.norm(vectors[rows] - self.centroids[self.quantised(uid)[rows]], axis=1)
            return out

        return self._arrays.get(f"{uid}-distance", compute)

    def edited(self, uid, state):
        """The sprite after splitting concepts and reassigning tokens, before merging and excluding: (n,) int64."""
        sprite = self.quantised(uid).astype(np.int64)
        for step in state.steps:
            if isinstance(step, Split):
                inside = np.flatnonzero(np.isin(sprite, list(step.members)))
                if inside.size:
                    part = self._parts(uid, inside, step.centroids)
                    moved = part > 0  # the first part stays what it is
                    sprite[inside[moved]] = np.array(step.ids)[part[moved]]
            elif step[0] == uid:
                sprite[list(step[1])] = step[2]
        return sprite

    def _parts(self, uid, tokens, centroids):
        """Which part of a split concept each of its tokens is nearest to: (m,) int16."""
        key = hashlib.sha256(tokens.tobytes() + centroids.tobytes()).hexdigest()[:16]
        return self._arrays.get(
            f"{uid}-split-{key}",
            lambda: assign_nearest(self._embeddings(uid)[tokens], centroids).astype(np.int16),
        )

    def curated(self, uid, state):
        """The sprite as the expert has it: merged concepts carry the id they went into; excluded and ignored tokens -1."""
        sprite = self.groups(state, excluded=-1)[self.edited(uid, state)]
        sprite[state.ignored(uid)] = -1
        return sprite

    def groups(self, state, excluded=None):
        """Final id of each original concept: (K,) int64; excluded concepts keep theirs, or get ``excluded``."""
        homes = [state.home(k) for k in range(self.n_concepts(state))]
        return np.array([excluded if excluded is not None and home in state.excluded else home for home in homes])


class Counts:
    """Counts of a study's sprites at one radius, recounted only where an edit makes it necessary.

    Merging adds columns of what is cached; excluding or reassigning recounts the data in which those tokens are.
    """

    def __init__(self, sprites, graph, radius):
        self._sprites = sprites
        self._graph = graph
        self.radius = radius
        self._arrays = _Arrays(sprites.folder)

    def cached(self, uid, state, region=None):
        """Counts before merging, excluded and ignored tokens out: (p,) int64. ``region``: its tokens only."""
        sprite = self._sprites.edited(uid, state)
        outside = (self._sprites.groups(state, excluded=-1) < 0)[sprite]
        outside[state.ignored(uid)] = True
        if region is not None:
            outside |= ~np.isin(np.arange(len(sprite)), region.tokens)
        k, tag = self._sprites.n_concepts(state), "all"
        if outside.any() or state.steps:
            sprite = np.where(outside, -1, sprite)
            tag = hashlib.sha256(sprite.tobytes()).hexdigest()[:16]
        return self._arrays.get(
            f"{uid}-counts-K{k}-r{self.radius}-{tag}",
            lambda: count_concepts(self._graph(uid), sprite, k, self.radius),
        )

    def compact(self, rows, state):
        """Counts over active concepts only, as if the study had been quantised that way: (n_rows, p_active) int64.

        Parameters: rows, list of (uid, Region or None).
        """
        k = self._sprites.n_concepts(state)
        position = {concept: index for index, concept in enumerate(state.active(k))}
        homes = self._sprites.groups(state)
        groups = np.array([position.get(int(home), -1) for home in homes])
        counts = np.stack([self.cached(uid, state, region) for uid, region in rows])
        return merge_counts(counts, groups, k, self.radius)


def expand(coef, active, n_concepts, radius):
    """Weights over active concepts laid out over all K: (p,) float64, 0 for inactive ones."""
    full = np.zeros(n_features(n_concepts, radius))
    full[active] = coef[: len(active)]
    if radius:
        i, j = np.triu_indices(len(active))
        rows, columns = np.array(active)[i], np.array(active)[j]
        full[pair_index(rows, columns, n_concepts)] = coef[len(active) :]
    return full


def compact_coef(coef, active, n_concepts, radius):
    """The inverse of ``expand``: (p_active,) float64."""
    parts = [coef[active]]
    if radius:
        i, j = np.triu_indices(len(active))
        parts.append(coef[pair_index(np.array(active)[i], np.array(active)[j], n_concepts)])
    return np.concatenate(parts)


def apply_pins(coef, state, n_concepts, radius):
    """The kernel with the expert's weights in place of the fitted ones: a new (p,) array."""
    pinned = coef.copy()
    # where concepts were merged, what was said of the one they went into counts last
    for key, weight in sorted(state.pins.items(), key=lambda pin: not set(np.ravel(pin[0])) & set(state.merged)):
        pair = sorted(state.home(k) for k in (key if isinstance(key, tuple) else (key,)))
        if any(k in state.excluded for k in pair):
            continue
        if len(pair) == 1:
            pinned[pair[0]] = weight
        elif radius:
            pinned[pair_index(*pair, n_concepts)] = weight
    return pinned


def fit_kernel(counts, uids, labels, fitted_on, state, settings):
    """Fit the kernel and predict every datum, those it was fitted on by kernels fitted without them.

    Parameters
    ----------
    counts : Counts; uids : all data; labels : {uid: 0, 1 or None}; fitted_on : uids that may be fitted on
    state : CurationState; settings : FitSettings

    Returns (coef, fitted_coef, calibration, summary). Raises FitError.
    """
    k, radius = counts._sprites.n_concepts(state), settings.radius
    active = state.active(k)
    compact, truth, weight, owner, train = _evidence(counts, uids, labels, fitted_on, state)
    n = len(uids)
    whole = np.arange(len(truth)) < n

    def fitted(rows):
        kernel = settings.make_kernel().fit(compact[rows], truth[rows], weight[rows])
        full = expand(kernel.coef_, active, k, radius)
        used = compact_coef(apply_pins(full, state, k, radius), active, k, radius)
        curve = Calibration.fit(kernel.evidence(compact[rows & whole], used), truth[rows & whole])
        return full, curve, lambda some: curve.predict(kernel.evidence(some, used))

    full, calibration, predict = fitted(train)
    probability = predict(compact[:n])
    held_out = _folds(truth[:n], train[:n], settings)
    for rows in held_out:
        # a datum's regions are left out with it: they are parts of what is to be predicted
        _, _, predict = fitted(train & ~rows[owner])
        probability[rows] = predict(compact[:n][rows])
    trained = train[:n]
    summary = {
        "predictions": {uid: float(p) for uid, p in zip(uids, probability)},
        "fitted_on": int(trained.sum()),
        "held_out_folds": len(held_out),
        "positive": int((truth[:n][trained] == 1).sum()),
        **_scores(truth[:n][trained], probability[trained], "held_out" if held_out else "fitted"),
    }
    return apply_pins(full, state, k, radius), full, calibration, summary


def _evidence(counts, uids, labels, fitted_on, state):
    """What a kernel is fitted on, a row each datum, then one each region marked for or against.

    Returns compact counts (n_rows, p_active); truth (n_rows,) 0, 1 or -1; weight (n_rows,); owner (n_rows,), the index
    in uids; train (n_rows,) bool, the rows to fit on. Raises FitError.
    """
    # A region marked for or against is one more datum of class 1 or 0: the sprite cut to it.
    known = set(uids)
    regions = [region for region in state.regions if region.evidence != "ignore" and region.datum in known]
    compact = counts.compact([(uid, None) for uid in uids] + [(region.datum, region) for region in regions], state)
    n = len(uids)
    owner = np.array([*range(n), *(uids.index(region.datum) for region in regions)])
    weight = np.array([1.0] * n + [region.weight for region in regions])
    truth = np.array(
        [labels[uid] if labels[uid] in (0, 1) else -1 for uid in uids]
        + [int(region.evidence == "for") for region in regions]
    )
    train = np.array([uid in fitted_on for uid in uids])[owner] & (truth >= 0)
    if not train[:n].any():
        raise FitError("no labelled datum has been embedded: label and embed data of both classes first")
    return compact, truth, weight, owner, train


def resampled_kernels(counts, uids, labels, fitted_on, state, settings, n):
    """Kernels as ``fit_kernel``'s, each fitted on rows drawn with replacement: (n, p) float64, pins applied.

    Parameters as ``fit_kernel``; n resamples, drawn with the seed of the settings. A marked region is drawn like a
    datum. Raises FitError.
    """
    k, radius = counts._sprites.n_concepts(state), settings.radius
    active = state.active(k)
    compact, truth, weight, _, train = _evidence(counts, uids, labels, fitted_on, state)
    kernel = settings.make_kernel()
    fits = bootstrap_kernels(kernel, compact[train], truth[train], n, settings.seed, weight[train])
    return np.stack([apply_pins(expand(each, active, k, radius), state, k, radius) for each in fits])


def _folds(truth, train, settings):
    """Boolean rows to leave out in turn: one datum each, or 5 stratified folds where a fit is slow or data are many."""
    index = np.flatnonzero(train)
    smallest = min((truth[index] == 1).sum(), (truth[index] == 0).sum())
    if smallest < 2:
        return []
    n_folds = len(index) if settings.kernel == "fold-change" and len(index) <= 100 else int(min(5, smallest))
    fold = np.full(len(truth), -1)
    if n_folds == len(index):
        fold[index] = np.arange(n_folds)
    else:
        shuffled = np.random.default_rng(settings.seed).permutation(index)
        for label in (0, 1):
            members = shuffled[truth[shuffled] == label]
            fold[members] = np.arange(len(members)) % n_folds
    return [fold == number for number in range(n_folds)]


def _scores(truth, probability, kind):
    accuracy = float(((probability >= 0.5) == (truth == 1)).mean())
    return {f"{kind}_accuracy": accuracy, f"{kind}_auroc": auroc(probability, truth == 1)}
