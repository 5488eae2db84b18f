"""What a fit says of a study's data: sprites, maps, explanations, uncertainty, concepts and predictions."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..errors import CurationError, EmbeddingError
from ..limits import map_limit
from ..method.atlas import Atlas, atlas_key, lay_out, sample_tokens
from ..method.counterfactual import neighbours_of, what_if
from ..method.features import n_features, pair_index
from ..method.prospecting import explain, prospect
from ..method.quantizers import KMeansQuantizer
from ..method.uncertainty import TokenUncertainty, token_uncertainty
from ..palette import concept_palette
from ..scheduling import InProcess
from ..store.derived import DerivedArrays, kept, unchanged
from ..store.maps import read_map, write_map
from ..store.removal import own_place
from . import tasks
from .branches import branches, leaves_of
from .counts import compact_coef
from .fits import GIVEN
from .fitting import StudyFits
from .journal import CurationState
from .kernel_fit import resampled_kernels

__all__ = ["Concept", "StrongestClass", "StudyFindings"]

_RESAMPLED_KEPT = 4  # fits; 200 kernels of 30 concepts are 0.8 MB
_PREVIEWS_KEPT = 8
_FIT_VIEWS_KEPT = 64
_LIMIT_DATA, _LIMIT_TOKENS = 200, 500_000  # what the limit of the scores is taken from, at most
_SPLIT_SAMPLE = 20_000  # tokens that the parts of a concept are found in
_READERS = 4  # threads that read embeddings; decoding releases the interpreter


@dataclass(frozen=True)
class Concept:
    """A concept as a page shows it.

    Attributes: id, name, colour "#rrggbb", excluded, merged (ids that went into it), weight (monogram),
    pinned, tokens (how many carry it), shares (of the tokens of class 0 and of class 1 data; of several
    classes, of the data of the others and of the class that the study is seen from), class_shares (of the
    tokens of each class's data).
    """

    id: int
    name: str
    colour: str
    excluded: bool
    merged: tuple
    weight: float
    pinned: bool
    tokens: int
    shares: tuple
    class_shares: tuple = ()


@dataclass(frozen=True)
class StrongestClass:
    """Which class each token speaks for most.

    Attributes: classes (n,) int64, -1 for excluded tokens; margin (n,) float64, how far it is ahead of the
    next, NaN for excluded tokens; scales (n_classes,), the score of the strongest colour of each class, which
    scores are divided by.
    """

    classes: np.ndarray
    margin: np.ndarray
    scales: np.ndarray


class StudyFindings(StudyFits):
    """The part of a ``Study`` that says what its fits have found."""

    def sprite(self, datum, fit=None):
        """A datum's sprite under a fit: (n,) int64, merged ids resolved, excluded tokens -1."""
        fit, sprites = self._fitted(fit)
        return sprites.curated(self.datum(datum).uid, fit.state)

    def shares(self, datum, fit=None):
        """How far each token belongs to each concept.

        (n, K) uint8, in units of 1/255; merged concepts' shares are with the one they went into, tokens that
        are out have none.
        """
        fit, sprites = self._fitted(fit)
        return sprites.curated_shares(self.datum(datum).uid, fit.state)

    def _tokens(self, datum, fit):
        """What maps are made of: the sprite, or shares where tokens belong to several concepts."""
        return self.shares(datum, fit) if fit.settings.softness else self.sprite(datum, fit)

    def concepts_of(self, datum, fit=None):
        """As ``sprite``, but excluded tokens keep their concept (for drawing them hatched)."""
        fit, sprites = self._fitted(fit)
        return sprites.groups(fit.state)[sprites.edited(self.datum(datum).uid, fit.state)]

    def prospect(self, datum, fit=None):
        """A datum's prospect map: (n,) float64, NaN for excluded tokens."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)

        def of(stamp):
            key = (fit.key, datum.uid, stamp)
            scores = self._maps.get(key)
            if scores is None and fit.id > 0:
                scores = read_map(self._map_file(datum, fit), stamp, self._digest_of(fit))
            return key, self._prospect(datum, fit) if scores is None else scores

        key, scores = unchanged(lambda: self.stamp(datum), of)
        scores.setflags(write=False)
        self._maps.put(key, scores)
        return scores

    def provisional_map(self, datum, fit=None):
        """What the map of a datum that is being embedded looks like by now.

        ProvisionalMap; None before and after.
        """
        fit, _ = self._fitted(fit)
        with self._lock:
            return self._part_maps.get(self, self.datum(datum).uid, fit)

    def provisional_version(self, datum, fit=None):
        """A value that changes when ``provisional_map`` does, None where there is none.

        Cheap to ask again and again.
        """
        fit, _ = self._fitted(fit)
        return self._part_maps.version(self, self.datum(datum).uid, fit)

    def _map_file(self, datum, fit):
        folder = self.path / "fits" / str(fit.id) / "maps"
        if fit.masked is not None:
            folder = folder / f"fdr-{fit.masked:g}"
        return own_place(
            self.path, (folder / f"class-{fit.target}" if self.several else folder) / f"{datum.uid}.npy"
        )

    def _prospect(self, datum, fit):
        return prospect(
            self.graph(datum),
            self._tokens(datum, fit),
            fit.coef,
            fit.n_concepts,
            fit.radius,
            fit.settings.diffusive,
        )

    def explain(self, datum, token, fit=None):
        """Why a token scores as it does: Explanation, whose terms sum to its score."""
        return explain(*self._at(datum, token, fit))

    def neighbours(self, datum, token, fit=None):
        """The tokens within a token's receptive field, and what each adds to its score: Neighbours.

        At once.
        """
        return neighbours_of(*self._at(datum, token, fit))

    def what_if(self, datum, token, *, without=None, without_neighbours=False, without_pair=None, fit=None):
        """A token's score under the same kernel if one thing were otherwise: WhatIf.

        At once, nothing is refitted.

        Parameters: without, a concept whose tokens would leave the graph, and with them the paths through
        them; without_neighbours, nothing around the token; without_pair, a concept (or a pair of concepts)
        whose weight together with the token's own would be 0. Raises GraphError.
        """
        *place, diffusive = self._at(datum, token, fit)
        return what_if(
            *place,
            without=without,
            without_neighbours=without_neighbours,
            without_pair=without_pair,
            diffusive=diffusive,
        )

    def _at(self, datum, token, fit):
        """What is asked about one token: graph, sprite, kernel, K, radius, token, diffusive."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        return (
            self.graph(datum),
            self._tokens(datum, fit),
            fit.coef,
            fit.n_concepts,
            fit.radius,
            int(token),
            fit.settings.diffusive,
        )

    def uncertainty(self, datum, n=200, fit=None):
        """How sure a datum's map is: TokenUncertainty, from the kernel refitted on n resamples of the data.

        The resampled kernels are kept in memory per fit: the first call is the slow one. Raises FitError.
        """
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        fit = fit.whole or fit  # how sure a weight is has nothing to do with whether it is shown
        key = (fit.key, int(n), datum.uid, self.content())  # of all data: kernels are of resamples of them
        with self._resampling:
            found = self._doubts.get(key)
            if found is None:
                found = token_uncertainty(
                    self.graph(datum),
                    self._tokens(datum, fit),
                    fit.coef,
                    self._resampled_kernels(fit, int(n)),
                    fit.n_concepts,
                    fit.radius,
                    fit.settings.diffusive,
                )
                self._doubts.put(key, found)
            return found

    def uncertainty_at(self, datum, token, n=200, fit=None):
        """As ``uncertainty`` of one token alone, arrays of one.

        At once, where a map of millions takes long.
        """
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        fit = fit.whole or fit
        with self._resampling:
            kernels = self._resampled_kernels(fit, int(n))
        near, tokens = self.graph(datum).around(int(token), fit.radius)
        whole = token_uncertainty(
            near,
            self._tokens(datum, fit)[tokens],
            fit.coef,
            kernels,
            fit.n_concepts,
            fit.radius,
            fit.settings.diffusive,
        )
        at = np.searchsorted(tokens, [int(token)])
        return TokenUncertainty(whole.score[at], whole.error[at], whole.agreement[at])

    def _resampled_kernels(self, fit, n):
        """(n, p) float64, under the edits, labels and embedded data that the fit was made with."""
        key = (fit.key, n, self.content())
        if key not in self._resampled:
            _, counts = self._layer(fit.centroids, fit.settings)
            there = set(self.store.uids()) & fit.summary["predictions"].keys()
            rows = [row for row in self._rows if row.uid in there]
            uids, fitted_on = [row.uid for row in rows], {row.uid for row in rows if row.split != "test"}
            labels = {row.uid: fit.state.labels.get(row.uid, row.label) for row in rows}
            kernels = resampled_kernels(
                counts, uids, labels, fitted_on, fit.state, fit.settings, n, fit.target
            )
            self._resampled[key] = kernels
        return kept(self._resampled, key, max(_RESAMPLED_KEPT, len(self.classes)))

    def pair_tokens(self, datum, i, j, fit=None):
        """How many pairs (i, j) each token of a datum takes part in within the radius: (n,) int64."""
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        if not fit.radius:
            return np.zeros(self.n_tokens(datum), np.int64)
        only = np.zeros(n_features(fit.n_concepts, fit.radius))
        only[pair_index(i, j, fit.n_concepts)] = 1.0
        found = prospect(self.graph(datum), self.sprite(datum, fit), only, fit.n_concepts, fit.radius)
        return np.nan_to_num(found).astype(np.int64)

    def split_centroids(self, concept, into, seed, state):
        """Centres of the parts that a concept would be split into, largest part first: (into, d) float32.

        Found in a sample of its tokens, as many from each datum as its share.
        """
        fit, sprites = self._fitted(None)
        data = self._fitted_on()
        key = (fit.id, concept, into, seed, repr(state.steps), repr(state.merged), self.content(data))
        with self._lock:
            if key in self._parted:
                return kept(self._parted, key, _PREVIEWS_KEPT)
        groups = sprites.groups(state)
        tokens = {d.uid: np.flatnonzero((groups == concept)[sprites.edited(d.uid, state)]) for d in data}
        found = sum(len(each) for each in tokens.values())
        if found < into:
            raise CurationError(f"concept {concept} has {found} tokens: too few to split into {into}")
        rng, share = np.random.default_rng(seed), min(1.0, _SPLIT_SAMPLE / found)
        sampled = [
            np.sort(rng.choice(n, -int(-n * share // 1), replace=False)) for n in map(len, tokens.values())
        ]
        with ThreadPoolExecutor(_READERS) as pool:
            parts = pool.map(lambda uid, rows: sprites.vectors(uid, tokens[uid])[rows], tokens, sampled)
            vectors = np.concatenate([np.asarray(part, np.float32) for part in parts])
        if not np.ptp(vectors, axis=0).any():
            raise CurationError(
                f"all tokens of {self.concept_name(concept, state)} have the same embedding: nothing tells"
                " parts of it apart; move single tokens to another concept instead, or embed with another"
                " encoder"
            )
        centroids = KMeansQuantizer(into, sample=len(vectors), seed=seed).fit(vectors).centroids_
        with self._lock:
            self._parted[key] = centroids
            return kept(self._parted, key, _PREVIEWS_KEPT)

    def branches(self, fit=None, state=None):
        """How the concepts branch: Branch, the root of their tree as edits have left it.

        None where the quantizer made none.

        Parameters: state, the CurationState (default: all edits up to now).
        """
        fit, _ = self._fitted(fit)
        return None if fit.tree is None else branches(fit.tree, state or self.curation.state)

    def tree_parts(self, concept, into, state):
        """The fine concepts of the parts that the tree cuts a concept into, largest part first.

        List of lists.

        None where there is no tree, or it has no as many parts.
        """
        tree = self._fitted(None)[0].tree
        parts = [] if tree is None else tree.parts(leaves_of(tree, state)[concept], into)
        return [list(each) for each in parts] if len(parts) == into else None

    def concept_name(self, concept, state=None):
        """A concept's name: the expert's, else the one that the encoder gives it, else "concept N"."""
        state = state or self.curation.state
        return state.names.get(concept) or self._given_name(concept) or f"concept {concept}"

    def _given_name(self, concept):
        fit = self.current_fit if self._all_given else None
        if fit is None or fit.settings.quantizer != GIVEN or concept >= len(fit.centroids):
            return None
        return self._given_names.get(np.ascontiguousarray(fit.centroids[concept], np.float32).tobytes())

    def colours(self, fit=None):
        """Colour of each of the K concepts, "#rrggbb", edits applied.

        Merged ones take the colour they went into.
        """
        fit, _ = self._fitted(fit)
        state = self.words(fit)
        base = concept_palette(fit.n_concepts)
        return [
            state.colours.get(home, base[home]) for home in (fit.state.home(k) for k in range(fit.n_concepts))
        ]

    def concepts(self, fit=None):
        """Every concept that has not been merged away: list of Concept, ascending id."""
        fit, sprites = self._fitted(fit)
        state: CurationState = self.words(fit)
        colours = self.colours(fit)
        data = self.embedded()
        occurs = self._occurrences(fit, data)
        tokens = occurs.sum(axis=0)
        labels = [state.labels.get(datum.uid, datum.label) for datum in self._given(data)]
        totals = np.stack(
            [occurs[[own == label for own in labels]].sum(axis=0) for label in range(len(self.classes))]
        )
        sides = np.stack([np.delete(totals, fit.target, axis=0).sum(axis=0), totals[fit.target]])
        each, shares = (of / np.maximum(of.sum(axis=1, keepdims=True), 1) for of in (totals, sides))
        pinned = {fit.state.home(key) for key in fit.state.pins_of(fit.target) if not isinstance(key, tuple)}
        out = []
        for k in range(fit.n_concepts):
            if k not in fit.state.merged:
                merged = tuple(
                    other for other in range(fit.n_concepts) if other != k and fit.state.home(other) == k
                )
                excluded = state.home(k) in state.excluded
                name, share = self.concept_name(k, state), (float(shares[0, k]), float(shares[1, k]))
                weight, by_class = fit.weight(k), tuple(float(of[k]) for of in each)
                out.append(
                    Concept(
                        k,
                        name,
                        colours[k],
                        excluded,
                        merged,
                        weight,
                        k in pinned,
                        int(tokens[k]),
                        share,
                        by_class,
                    )
                )
        return out

    def _given(self, data):
        """Data with the labels that they were given at first: corrections are in a CurationState."""
        rows = {row.uid: row for row in self._rows}
        return [rows[datum.uid] for datum in data]

    def _occurrences(self, fit, data):
        """How many tokens of each datum carry each concept: (n_data, K) int64.

        Kept: pages ask at every rerun.
        """
        with self._lock:
            key = (fit.id, self.content(data))
            if key not in self._counted:
                rows = [np.bincount(self.concepts_of(datum, fit), minlength=fit.n_concepts) for datum in data]
                self._counted.clear()
                if not rows:
                    raise EmbeddingError(f"no datum of {self.path} is embedded: run `prospector embed` first")
                self._counted[key] = np.stack(rows)
            return self._counted[key]

    def part_sizes(self, fit=None):
        """How many tokens each concept has before merges: (K,) int64."""
        fit, sprites = self._fitted(fit)
        found = [sprites.edited(datum.uid, fit.state) for datum in self.embedded()]
        return np.bincount(np.concatenate(found), minlength=fit.n_concepts)

    def typical_tokens(self, concept, n=8, per_datum=2, fit=None):
        """The tokens nearest to their concept's centre, few from each datum: list of (Datum, token)."""
        fit, sprites = self._fitted(fit)
        found = []
        for order, datum in enumerate(self.embedded()):
            tokens = np.flatnonzero(self.concepts_of(datum, fit) == concept)
            distances = sprites.distances(datum.uid)[tokens]
            for at in np.argsort(distances, kind="stable")[:per_datum]:
                found.append((float(distances[at]), order, datum, int(tokens[at])))
        found.sort(key=lambda each: each[:2])
        return [(datum, token) for _, _, datum, token in found[:n]]

    def predictions(self, fit=None):
        """P of the fit's class of every embedded datum: {uid: float}; held out where the datum was fitted on.

        P of every class, and the predicted one: ``fit.probabilities(uid)``, ``fit.predicted(uid)``.
        """
        fit, _ = self._fitted(fit)
        return dict(fit.summary["predictions"])

    def score_limit(self, fit=None):
        """Score of the strongest colour of a fit's class, the same for every datum, so that colours compare.

        Float.

        The 99.5 % quantile of the size of scores over the embedded data; of many or large ones, over some
        that are spread over the study and hold half a million tokens: an edit must not wait for the maps of
        all. Kept: pages ask at every rerun.
        """
        fit, _ = self._fitted(fit)
        data = self._spread(self.embedded())
        key = (fit.key, self.content(data))
        if key not in self._limits:
            limit = map_limit([self.prospect(datum, fit) for datum in data])
            with self._lock:
                while len(self._limits) >= _FIT_VIEWS_KEPT:
                    self._limits.pop(next(iter(self._limits)))
                self._limits[key] = limit
        return self._limits[key]

    def _spread(self, data):
        """Some of the data, evenly over all of them.

        200 at most, and no more once they hold half a million tokens.
        """
        # steps of the golden ratio: however many are taken, they lie apart
        order = np.argsort(np.arange(len(data)) * ((5**0.5 - 1) / 2) % 1, kind="stable") if data else []
        taken, tokens = [], 0
        for index in map(int, order[:_LIMIT_DATA]):
            if tokens >= _LIMIT_TOKENS:
                break
            taken.append(index)
            tokens += self.n_tokens(data[index])
        return [data[index] for index in sorted(taken)]

    def strongest_class(self, datum, fit=None):
        """The class that each token of a datum speaks for most: StrongestClass.

        Scores of different kernels are made comparable by dividing each class's by its score of the strongest
        colour (``score_limit``). Of two classes it is class 1 where the score is positive, else class 0.
        """
        fit, _ = self._fitted(fit)
        if self.several:
            fits = [fit.of_class(target) for target in range(len(self.classes))]
            scales = np.array([self.score_limit(each) for each in fits])
            scores = np.stack([self.prospect(datum, each) for each in fits]) / scales[:, None]
        else:
            scales = np.full(2, self.score_limit(fit))
            scores = self.prospect(datum, fit) / scales[0] * np.array([[-1.0], [1.0]])
        known = np.isfinite(scores).all(axis=0)
        two = np.sort(scores, axis=0)[-2:]
        winner = np.where(known, scores.argmax(axis=0), -1)
        return StrongestClass(winner, np.where(known, two[1] - two[0], np.nan), scales)

    def atlas(self, n=3000, seed=0):
        """A sample of the embedded tokens laid out in the plane: Atlas.

        Kept in the study; the first call takes a while.

        Parameters: n, tokens at most, as many from each datum; seed. Raises EmbeddingError.
        """
        data = self.embedded()
        sizes = [self.n_tokens(datum) for datum in data]
        uids = [datum.uid for datum in data]
        stamps = [self.store.stamp(uid) for uid in uids]
        datum, token = sample_tokens(sizes, n, seed)

        def compute():
            parts = [
                self.kind.atlas_vectors(self, uid)[token[datum == at]]
                for at, uid in enumerate(uids)
                if (datum == at).any()
            ]
            return lay_out(np.concatenate(parts) if parts else np.empty((0, 1)), seed)

        key = atlas_key(uids, sizes, stamps, n, seed)
        return Atlas(
            uids, datum, token, DerivedArrays(self.path / "derived", self._derived).get(key, compute)
        )

    def evidence(self, fit=None):
        """Total evidence of every embedded datum, the sum of its prospect map: {uid: float}.

        From cached counts.
        """
        fit, _ = self._fitted(fit)
        _, counts = self._layer(fit.centroids, fit.settings)
        data = self.embedded()
        if fit.settings.diffusive:  # weighs neighbours by distance: no longer a sum over counts
            return {datum.uid: float(np.nansum(self.prospect(datum, fit))) for datum in data}
        active = fit.state.active(fit.n_concepts)
        found = counts.compact([(datum.uid, None) for datum in data], fit.state)
        totals = found @ compact_coef(fit.coef, active, fit.n_concepts, fit.radius) / counts.unit
        return {datum.uid: float(total) for datum, total in zip(data, totals)}

    def save_maps(self, data=None, progress=None, on=None):
        """Compute the current fit's maps (of the class that the study is seen from) and keep them.

        Returns {uid: path}.

        Parameters: data (default: all embedded); progress, function(done, total); on, where it runs, from
        ``scheduling.scheduler`` (default: here).
        """
        self.database.check_writable()
        fit, _ = self._fitted(None)
        uids = [self.datum(each).uid for each in data] if data else [datum.uid for datum in self.embedded()]
        written = {}
        on = on or InProcess()
        with tasks.place_of(self, on) as place:
            for done in on.run(tasks.save_map, uids, place, fit.id, self.target):
                written[done.item] = done.get()
                if progress:
                    progress(len(written), len(uids))
        return {uid: written[uid] for uid in uids}

    def save_map(self, datum, fit=None):
        """Compute a datum's map under a fit and keep it in the study. Returns its path."""
        self.database.check_writable()
        datum = self.datum(datum)
        fit, _ = self._fitted(fit)
        stamp, scores = unchanged(
            lambda: self.stamp(datum), lambda stamp: (stamp, self._prospect(datum, fit))
        )
        path = self._map_file(datum, fit)
        write_map(path, np.asarray(scores), stamp, self._digest_of(fit), self.path)
        return path
