"""Layers I and II over a study's data: sprites, counts, kernel, predictions. What was computed before is kept and reused."""

import hashlib
import io
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numba import get_num_threads

from ..counting import count_concepts, merge_counts, recount
from ..errors import FitError, StorageFullError, StudyError
from ..features import n_features, pair_index
from ..files import read_npy, storage_errors, write_atomic
from ..metrics import auroc
from ..prediction import Calibration
from ..quantizers import assign_nearest
from ..readers.cache import TileCache
from ..soft import ONE, UNIT, count_units, mean_of, merge_shares, shifted, sprite_and_shares
from ..uncertainty import bootstrap_kernels
from .fit import Kernels
from .journal import Split

_VECTORS_KEPT = 2**28  # bytes
DERIVED_KEPT = 2**29  # bytes of sprites, counts and the like in memory; all of it is on disk or can be made again

__all__ = ["DERIVED_KEPT", "DerivedArrays", "Sprites", "Counts", "fit_kernel", "resampled_kernels"]


class DerivedArrays:
    """Derived arrays in a folder, each computed once. Deleting the folder loses nothing.

    Parameters: folder; memory, a TileCache of those in use, which several folders may share (default: its own).
    """

    def __init__(self, folder, memory=None):
        self.folder = folder
        self._memory = TileCache(DERIVED_KEPT) if memory is None else memory

    def get(self, key, compute):
        array = self._memory.get((self.folder, key))
        if array is None:
            path = self.folder / f"{key}.npy"
            array = self._load(path)
            if array is None:
                array = compute()
                with suppress(StorageFullError, StudyError):  # only time is lost where it cannot be kept
                    self._save(path, array)
            array.setflags(write=False)
            self._memory.put((self.folder, key), array)
        return array

    def peek(self, key):
        """The array if it is at hand, else None."""
        array = self._memory.get((self.folder, key))
        return array if array is not None else self._load(self.folder / f"{key}.npy")

    def _load(self, path):
        """What ``_save`` wrote; None if absent or not the same bytes any more."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if zlib.crc32(content[:-4]).to_bytes(4, "little") != content[-4:]:
            return None
        return read_npy(content[:-4])

    def _save(self, path, array):
        """A .npy file followed by its checksum."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        # not flushed: an edit would wait for the disk once a datum, and the checksum tells what never reached it
        write_atomic(path, content + zlib.crc32(content).to_bytes(4, "little"), durable=False)


class Sprites:
    """Sprites of one set of centroids: as quantised, and as curated.

    Parameters: folder for derived arrays; centroids (K, d); embeddings, function uid -> (n, d); memory, a TileCache
    for the arrays in use (default: its own); settings, FitSettings (default: one concept a token, embeddings as they are).
    """

    def __init__(self, folder, centroids, embeddings, memory=None, settings=None):
        self.softness, self._centre = (settings.softness, settings.centre) if settings else (0.0, 0.0)
        said = np.ascontiguousarray(centroids).tobytes()
        if self.softness or self._centre:
            said += f"softness {self.softness!r} centre {self._centre!r}".encode()
        self.folder = folder / hashlib.sha256(said).hexdigest()[:16]
        self.centroids = centroids
        self._embeddings = embeddings
        self.arrays = DerivedArrays(self.folder, memory)
        self._vectors = TileCache(_VECTORS_KEPT)

    def n_concepts(self, state):
        """Centroids, and the concepts that splits have added."""
        return len(self.centroids) + state.n_extra

    def quantised(self, uid):
        """Nearest centroid of every token: (n,) int16."""
        return self.arrays.get(
            f"{uid}-sprite", lambda: self._nearest(uid, self._embeddings(uid), self.centroids).astype(np.int16)
        )

    def _nearest(self, uid, vectors, centroids):
        return assign_nearest(vectors, shifted(centroids, self._shift(uid)))

    def _shift(self, uid):
        """What centring takes from a datum's embeddings: (d,) float64, or None. Not they are moved: the concepts are."""
        if not self._centre:
            return None
        return self._centre * self.arrays.get(f"{uid}-mean", lambda: mean_of(self._embeddings(uid)))

    def shares(self, uid, threads=None):
        """Shares of the concepts, as quantised: (n, K) uint8 (see ``soft``)."""

        def compute():
            known = self.arrays.peek(f"{uid}-sprite")
            sprite, shares = sprite_and_shares(
                self._embeddings(uid), self.centroids, self.softness, known, threads, self._shift(uid)
            )
            if known is None:  # it was found on the way: embeddings are read once
                self.arrays.get(f"{uid}-sprite", lambda: sprite.astype(np.int16))
            return shares

        return self.arrays.get(f"{uid}-shares", compute)

    def put_mean(self, uid, mean):
        """Keep the mean embedding (d,) of a datum, which is known from elsewhere."""
        self.arrays.get(f"{uid}-mean", lambda: mean)

    def distances(self, uid):
        """Distance of every token to its centroid: (n,) float32. Small = typical."""

        def compute():
            vectors = self._embeddings(uid)
            out, centroids = np.empty(len(vectors), np.float32), shifted(self.centroids, self._shift(uid))
            for start in range(0, len(vectors), 4096):
                rows = slice(start, start + 4096)
                out[rows] = np.linalg.norm(vectors[rows] - centroids[self.quantised(uid)[rows]], axis=1)
            return out

        return self.arrays.get(f"{uid}-distance", compute)

    def edited(self, uid, state):
        """The sprite after splitting concepts and reassigning tokens, before merging and excluding: (n,) int64."""
        return self.stepped(uid, state.steps, self.n_concepts(state))

    def stepped(self, uid, steps, n_concepts):
        """As ``edited``, after these splits and reassignments; n_concepts: more than any id that they name."""
        sprite = self.quantised(uid).astype(np.int64)
        for step in steps:
            if isinstance(step, Split):
                among = np.zeros(n_concepts, bool)
                among[list(step.members)] = True
                inside = np.flatnonzero(among[sprite])
                if inside.size:
                    part = self._parts(uid, inside, step.centroids)
                    moved = part > 0  # the first part stays what it is
                    sprite[inside[moved]] = np.array(step.ids)[part[moved]]
            elif step[0] == uid:
                sprite[list(step[1])] = step[2]
        return sprite

    def stepped_shares(self, uid, steps, n_concepts, threads=None):
        """Sprite (n,) int64 and shares (n, n_concepts) uint8 after these splits and reassignments. What a token had of a
        split concept goes to the part that it is nearest to."""
        found = self.shares(uid, threads)  # before the sprite, which is found on the way
        sprite = self.quantised(uid).astype(np.int64)
        shares = np.zeros((len(found), n_concepts), np.uint8)
        shares[:, : found.shape[1]] = found
        for step in steps:
            if isinstance(step, Split):
                members = sorted(step.members)
                inside = np.flatnonzero(shares[:, members].any(axis=1))
                if inside.size:
                    part = self._parts(uid, inside, step.centroids)
                    moved, ids = inside[part > 0], np.array(step.ids)[part[part > 0]]  # the first part stays what it is
                    share = shares[np.ix_(moved, members)].sum(axis=1, dtype=np.uint8)
                    shares[np.ix_(moved, members)] = 0
                    shares[moved, ids] = share
                    strongest = np.isin(sprite[moved], members)
                    sprite[moved[strongest]] = ids[strongest]
            elif step[0] == uid:
                shares[list(step[1])] = 0
                shares[list(step[1]), step[2]] = ONE
                sprite[list(step[1])] = step[2]
        return sprite, shares

    def curated_shares(self, uid, state):
        """Shares as the expert has them, (n, K) uint8: those of merged concepts added; tokens of excluded ones 0."""
        homes, k = self.groups(state), self.n_concepts(state)
        out = np.isin(homes, list(state.excluded))
        sprite, shares = self.stepped_shares(uid, state.steps, k)
        shares = _without(shares, out, sprite)
        shares = merge_shares(shares, homes, k)
        shares[out[sprite]] = 0
        shares[state.ignored(uid)] = 0
        return shares

    def _parts(self, uid, tokens, centroids):
        """Which part of a split concept each of its tokens is nearest to: (m,) int16."""
        key = hashlib.sha256(tokens.tobytes() + centroids.tobytes()).hexdigest()[:16]
        return self.arrays.get(
            f"{uid}-split-{key}",
            lambda: self._nearest(uid, self._vectors_of(uid, tokens), centroids).astype(np.int16),
        )

    def vectors(self, uid, tokens):
        """Embeddings of some tokens of a datum, as concepts are found in: (m, d)."""
        vectors, shift = self._vectors_of(uid, tokens), self._shift(uid)
        return vectors if shift is None else vectors - shift.astype(np.float32)

    def _vectors_of(self, uid, tokens):
        """Embeddings of some tokens of a datum: (m, d). Kept for a while: a split looks at them twice."""
        key = uid, hashlib.sha256(tokens.tobytes()).digest()
        found = self._vectors.get(key)
        if found is None:
            found = self._embeddings(uid)[tokens]
            self._vectors.put(key, found)
        return found

    def curated(self, uid, state):
        """The sprite as the expert has it: merged concepts carry the id they went into; excluded and ignored tokens -1."""
        sprite = self.groups(state, excluded=-1)[self.edited(uid, state)]
        sprite[state.ignored(uid)] = -1
        return sprite

    def groups(self, state, excluded=None):
        """Final id of each original concept: (K,) int64; excluded concepts keep theirs, or get ``excluded``."""
        homes = [state.home(k) for k in range(self.n_concepts(state))]
        return np.array([excluded if excluded is not None and home in state.excluded else home for home in homes])


def _without(shares, out, sprite):
    """Shares whose concepts that are out (K,) bool are given to each token's strongest concept: changed in place."""
    if out.any():
        lost = shares[:, out].sum(axis=1, dtype=np.uint8)
        shares[:, out] = 0
        some = np.flatnonzero(lost)
        shares[some, sprite[some]] += lost[some]
    return shares


class Counts:
    """Counts of a study's sprites at one radius, recounted only where an edit makes it necessary.

    Merging adds columns of what is cached; excluding, splitting and reassigning recount the data in which those tokens
    are. Cached counts are found by what was edited, so that data without such tokens are not even looked at.

    Attributes: radius; unit, what a whole count is: 1, or 255^2 where tokens belong to several concepts.
    """

    def __init__(self, sprites, graph, radius):
        self._sprites = sprites
        self._graph = graph
        self.radius = radius
        self.unit = UNIT if sprites.softness else 1
        self._arrays = sprites.arrays

    def cached(self, uid, state, region=None, threads=None):
        """Counts before merging, excluded and ignored tokens out: (p,) int64. ``region``: its tokens only."""
        n_found = len(self._sprites.centroids)
        counts = self._arrays.get(
            f"{uid}-counts-K{n_found}-r{self.radius}-all",
            lambda: self._count_first(uid, n_found, threads),
        )
        at_first = set(np.flatnonzero(counts[:n_found]).tolist())
        wanted = self._wanted(uid, state, region, at_first)
        if not wanted.plain:
            counts = self._arrays.get(self._key(wanted), lambda: self._count(wanted, at_first, threads))
        return expand(counts, range(wanted.k), self._sprites.n_concepts(state), self.radius)

    def _count_first(self, uid, n_found, threads):
        if self._sprites.softness:
            return count_units(self._graph(uid), self._sprites.shares(uid, threads), self.radius, threads)
        return count_concepts(self._graph(uid), self._sprites.quantised(uid), n_found, self.radius, threads)

    def _wanted(self, uid, state, region, at_first):
        """What is to be counted of a datum: _Cut. ``at_first``: concepts that occur in it as quantised."""
        steps, present = _steps_of(uid, state.steps, at_first)
        gone = frozenset(k for k in present if state.home(k) in state.excluded)
        return _Cut(uid, tuple(steps), gone, state.ignored(uid), None if region is None else region.tokens,
                    max(len(self._sprites.centroids), 1 + max(present, default=0)))  # fmt: skip

    def _key(self, cut):
        tag = "all" if cut.plain else _digest(cut.steps, sorted(cut.gone), cut.ignored, cut.region)
        return f"{cut.uid}-counts-K{cut.k}-r{self.radius}-{tag}"

    def _count(self, wanted, at_first, threads):
        """Count a datum; only around the tokens that differ if counts that are at hand are of nearly the same sprite."""
        graph = self._graph(wanted.uid)
        if self._sprites.softness:
            sprite, shares = self._sprites.stepped_shares(wanted.uid, wanted.steps, wanted.k, threads)
            out = np.zeros(wanted.k, bool)
            out[list(wanted.gone)] = True
            shares = _without(shares, out, sprite)
            shares[self._outside(wanted, sprite)] = 0
            return count_units(graph, shares, self.radius, threads)
        sprite = self._sprite(wanted)
        for nearly in self._before(wanted, at_first):
            counts = self._arrays.peek(self._key(nearly))
            if counts is not None:
                counts = expand(counts, range(nearly.k), wanted.k, self.radius)
                return recount(graph, sprite, wanted.k, self.radius, self._sprite(nearly), counts, threads)
        return count_concepts(graph, sprite, wanted.k, self.radius, threads)

    def _before(self, wanted, at_first):
        """What may have been counted already and differs in few tokens: one edit less."""
        if wanted.region is not None:
            return
        if wanted.steps:
            steps, present = _steps_of(wanted.uid, wanted.steps[:-1], at_first)
            k = max(len(self._sprites.centroids), 1 + max(present, default=0))
            yield replace(wanted, steps=tuple(steps), gone=wanted.gone & present, k=k)
        for concept in sorted(wanted.gone):
            yield replace(wanted, gone=wanted.gone - {concept})
        if wanted.ignored.size:
            yield replace(wanted, ignored=wanted.ignored[:0])

    def _sprite(self, cut):
        """The sprite that is counted: edited, but not merged; tokens that are out -1."""
        sprite = self._sprites.stepped(cut.uid, cut.steps, cut.k)
        sprite[self._outside(cut, sprite)] = -1
        return sprite

    def _outside(self, cut, sprite):
        """Which tokens are out: those of concepts that are gone, the ignored ones, those outside the region. (n,) bool."""
        gone = np.zeros(cut.k, bool)
        gone[list(cut.gone)] = True
        outside = gone[sprite]
        outside[cut.ignored] = True
        if cut.region is not None:
            inside = np.zeros(len(sprite), bool)
            inside[list(cut.region)] = True
            outside |= ~inside
        return outside

    def compact(self, rows, state):
        """Counts over active concepts only, as if the study had been quantised that way: (n_rows, p_active) int64.

        Parameters: rows, list of (uid, Region or None).
        """
        k = self._sprites.n_concepts(state)
        position = {concept: index for index, concept in enumerate(state.active(k))}
        homes = self._sprites.groups(state)
        groups = np.array([position.get(int(home), -1) for home in homes])
        counts = np.stack(self._all(rows, state))
        return merge_counts(counts, groups, k, self.radius)

    def _all(self, rows, state):
        """``cached`` of many rows; what has to be counted is counted side by side, a datum a thread."""
        threads = get_num_threads()
        if threads == 1 or len(rows) < 2 * threads:
            return [self.cached(uid, state, region) for uid, region in rows]
        with ThreadPoolExecutor(2 * threads) as pool:  # some read while others count
            return list(pool.map(lambda row: self.cached(row[0], state, row[1], threads=1), rows))


@dataclass(frozen=True)
class _Cut:
    """What is counted of a datum: tokens after ``steps``, without those of concepts that are ``gone``, the ``ignored``
    ones, and those outside a ``region`` (None: all). k: more than any id that occurs."""

    uid: str
    steps: tuple
    gone: frozenset
    ignored: np.ndarray
    region: tuple | None
    k: int

    @property
    def plain(self):
        """Whether it is the sprite as quantised."""
        return not self.steps and not self.gone and not self.ignored.size and self.region is None


def _steps_of(uid, all_steps, present):
    """Which splits and reassignments may concern a datum, and the concepts that may occur in it after them.

    Parameters: present, set of the concepts that occur in it as quantised. Returns (list, set).
    """
    steps, present = [], set(present)
    for step in all_steps:
        if isinstance(step, Split):
            if step.members & present:
                steps.append(step)
                present |= set(step.ids)
        elif step[0] == uid:
            steps.append(step)
            present.add(step[2])
    return steps, present


def _digest(steps, gone, ignored, region):
    """A name for how a datum's sprite was edited."""
    said = hashlib.sha256()
    for step in steps:
        if isinstance(step, Split):
            said.update(f"split {step.ids} {sorted(step.members)} {step.centroids.shape}".encode())
            said.update(np.ascontiguousarray(step.centroids).tobytes())
        else:
            said.update(f"reassign {step[2]} {len(step[1])}".encode() + np.array(step[1], np.int64).tobytes())
    said.update(f"out {gone} {len(ignored)}".encode() + np.asarray(ignored, np.int64).tobytes())
    if region is not None:
        said.update(b"region" + np.array(region, np.int64).tobytes())
    return said.hexdigest()[:16]


def expand(coef, active, n_concepts, radius):
    """Weights (or counts) over active concepts laid out over all K: (p,), 0 for inactive ones."""
    if len(active) == n_concepts:
        return coef
    full = np.zeros(n_features(n_concepts, radius), coef.dtype)
    full[_places(tuple(active), n_concepts, radius)] = coef
    return full


def compact_coef(coef, active, n_concepts, radius):
    """The inverse of ``expand``: (p_active,) float64."""
    return coef[_places(tuple(active), n_concepts, radius)]


@lru_cache(maxsize=64)  # asked for once a fold
def _places(active, n_concepts, radius):
    """Where the features over active concepts are among all p: (p_active,) int64."""
    active = np.array(active, np.int64)
    if not radius:
        return active
    i, j = np.triu_indices(len(active))
    return np.concatenate([active, pair_index(active[i], active[j], n_concepts)])


def apply_pins(coef, state, n_concepts, radius, target=1):
    """The kernel of a class with the expert's weights in place of the fitted ones: a new (p,) array."""
    pinned = coef.copy()
    # where concepts were merged, what was said of the one they went into counts last
    for key, weight in sorted(
        state.pins_of(target).items(), key=lambda pin: not set(np.ravel(pin[0])) & set(state.merged)
    ):
        pair = sorted(state.home(k) for k in (key if isinstance(key, tuple) else (key,)))
        if any(k in state.excluded for k in pair):
            continue
        if len(pair) == 1:
            pinned[pair[0]] = weight
        elif radius:
            pinned[pair_index(*pair, n_concepts)] = weight
    return pinned


def fit_kernel(counts, uids, labels, fitted_on, state, settings, classes=("class 0", "class 1")):
    """Fit the kernel and predict every datum, those it was fitted on by kernels fitted without them.

    Parameters
    ----------
    counts : Counts; uids : all data; labels : {uid: class 0..n-1 or None}; fitted_on : uids that may be fitted on
    state : CurationState; settings : FitSettings; classes : names of the n classes

    Returns (coef, fitted_coef, calibration, summary); of more than two classes Kernels, one a class against the rest, all
    from the same counts. Raises FitError.
    """
    rows = _evidence(counts, uids, labels, fitted_on, state)
    if len(classes) == 2:
        coef, full, calibration, probability, folds, _ = _fit_one(rows, state, settings, 1)
        truth, train = rows.of(1)
        trained = train[: rows.n]
        summary = {
            "predictions": {uid: float(p) for uid, p in zip(uids, probability)},
            "fitted_on": int(trained.sum()),
            "held_out_folds": folds,
            "positive": int((truth[: rows.n][trained] == 1).sum()),
            **_scores(truth[: rows.n][trained], probability[trained], "held_out" if folds else "fitted"),
        }
        return coef, full, calibration, summary
    for target, name in enumerate(classes):
        truth, train = rows.of(target)
        if not (truth[train] == 1).any():
            raise FitError(f"no datum labelled {name!r} is embedded: a kernel a class needs data of every class")
        if not (truth[train] == 0).any():
            raise FitError(f"all embedded data are labelled {name!r}: a kernel a class needs data of every class")
    found = [_fit_one(rows, state, settings, target) for target in range(len(classes))]
    coef, full, calibration, probability, folds, fitted = zip(*found)
    # held out in every kernel or in none: else the probabilities of one datum would not be comparable
    held_out = min(folds)
    single = np.stack(probability if held_out else fitted, axis=1)  # each class against the rest: (n_data, n_classes)
    shares = single / single.sum(axis=1, keepdims=True)
    trained = rows.train[: rows.n]
    summary = {
        "predictions": {uid: [float(p) for p in each] for uid, each in zip(uids, shares)},
        "fitted_on": int(trained.sum()),
        "held_out_folds": held_out,
        "class_counts": [int((rows.label[: rows.n][trained] == target).sum()) for target in range(len(classes))],
        **_class_scores(rows.label[: rows.n][trained], shares[trained], "held_out" if held_out else "fitted"),
    }
    return Kernels(np.stack(coef), np.stack(full), calibration, summary)


def _fit_one(rows, state, settings, target):
    """The kernel of one class against the rest.

    Returns (coef, coef before pins, Calibration, P(target) of every datum (n_data,) held out where it was fitted on, the
    number of folds, P(target) not held out).
    """
    n, radius, weight = rows.n, settings.radius, rows.weight
    compact = rows.compact.astype(np.float64)  # once, not in every fold
    k, active = rows.n_concepts, rows.active
    truth, train = rows.of(target)
    whole = np.arange(len(truth)) < n

    def fitted(some):
        kernel = settings.make_kernel().fit(compact[some], truth[some], weight[some])
        full = expand(kernel.coef_, active, k, radius)
        used = compact_coef(apply_pins(full, state, k, radius, target), active, k, radius)
        curve = Calibration.fit(kernel.evidence(compact[some & whole], used), truth[some & whole])
        return full, curve, lambda some: curve.predict(kernel.evidence(some, used))

    full, calibration, predict = fitted(train)
    at_first = predict(compact[:n])
    probability = at_first.copy()
    held_out = _folds(truth[:n], train[:n], settings)
    for out in held_out:
        # a datum's regions are left out with it: they are parts of what is to be predicted
        _, _, predict = fitted(train & ~out[rows.owner])
        probability[out] = predict(compact[:n][out])
    return apply_pins(full, state, k, radius, target), full, calibration, probability, len(held_out), at_first


@dataclass(frozen=True)
class _Rows:
    """What kernels are fitted on, a row each datum, then one each region marked for or against.

    Attributes: n, how many are data; n_concepts, active (as of the state); compact counts (n_rows, p_active); label
    (n_rows,), the class, of a region the one it is about, or -1; against (n_rows,) bool, regions against that class;
    weight (n_rows,); owner (n_rows,), the index of the datum; train (n_rows,) bool, the rows to fit on.
    """

    n: int
    n_concepts: int
    active: list
    compact: np.ndarray
    label: np.ndarray
    against: np.ndarray
    weight: np.ndarray
    owner: np.ndarray
    train: np.ndarray

    def of(self, target):
        """One class against the rest: truth (n_rows,) 1, 0 or -1, and the rows to fit on (n_rows,) bool.

        A region against a class is an example of the rest in the kernel of that class, and in no other.
        """
        truth = np.where(self.label >= 0, (self.label == target).astype(np.int64), -1)
        truth[self.against] = np.where(self.label[self.against] == target, 0, -1)
        return truth, self.train & (truth >= 0)


def _evidence(counts, uids, labels, fitted_on, state):
    """What the kernels of all classes are fitted on: _Rows; every datum is counted once. Raises FitError."""
    # A region marked for a class is one more datum of that class: the sprite cut to it.
    known = set(uids)
    regions = [region for region in state.regions if region.evidence != "ignore" and region.datum in known]
    compact = counts.compact([(uid, None) for uid in uids] + [(region.datum, region) for region in regions], state)
    n = len(uids)
    owner = np.array([*range(n), *(uids.index(region.datum) for region in regions)])
    weight = np.array([1.0] * n + [region.weight for region in regions])
    label = np.array(
        [-1 if labels[uid] is None else labels[uid] for uid in uids]
        + [1 if region.target is None else region.target for region in regions]
    )
    against = np.array([False] * n + [region.evidence == "against" for region in regions])
    train = np.array([uid in fitted_on for uid in uids])[owner] & (label >= 0)
    if not train[:n].any():
        raise FitError("no labelled datum has been embedded: label and embed data of both classes first")
    k = counts._sprites.n_concepts(state)
    return _Rows(n, k, state.active(k), compact, label, against, weight, owner, train)


def resampled_kernels(counts, uids, labels, fitted_on, state, settings, n, target=1):
    """Kernels of a class as ``fit_kernel``'s, each fitted on rows drawn with replacement: (n, p) float64, pins applied.

    Parameters as ``fit_kernel``; n resamples, drawn with the seed of the settings; target, the class. A marked region is
    drawn like a datum. Raises FitError.
    """
    rows = _evidence(counts, uids, labels, fitted_on, state)
    truth, train = rows.of(target)
    kernel = settings.make_kernel()
    fits = bootstrap_kernels(kernel, rows.compact[train], truth[train], n, settings.seed, rows.weight[train])
    k, radius = rows.n_concepts, settings.radius
    return np.stack([apply_pins(expand(each, rows.active, k, radius), state, k, radius, target) for each in fits])


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


def _class_scores(truth, shares, kind):
    """The same of several classes: the share predicted right, and the mean AUROC of each class against the rest."""
    each = [auroc(shares[:, target], truth == target) for target in range(shares.shape[1])]
    known = [value for value in each if np.isfinite(value)]
    return {
        f"{kind}_accuracy": float((shares.argmax(axis=1) == truth).mean()),
        f"{kind}_auroc": float(np.mean(known)) if known else float("nan"),
        f"{kind}_auroc_by_class": each,
    }
