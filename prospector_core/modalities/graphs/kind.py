"""Graphs and cells: tokens that come with features, and with coordinates or edges."""

from functools import lru_cache

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from ...errors import BadInputError, EmbeddingError, GraphError
from ...method.graphs import TokenGraph
from ..base import Words
from ..layouts import OfGraphs
from .background import Under
from .encoders import get_feature_encoder
from .files import TokenOptions, open_tokens

__all__ = ["Cells", "Graphs", "build_graph", "laid_out", "parse_edges"]

_DEFAULT_EDGES = "neighbours:6"
_EDGE_KINDS = "neighbours:6, radius:30 or delaunay:50 (numbers are yours to choose), delaunay, or given"
_PIVOTS = 50
_REFINED, _ROUNDS = 1000, 60  # tokens of a part up to which all hops are looked at, and how often
_BLOCK = 4096  # tokens a block on disk: their vectors are short


class Graphs:
    """Studies of token graphs: tables of tokens, graphs in memory."""

    name = "graphs"
    words = Words("graph", "graphs", "token", "tokens", "file")
    encoder = "standardised"
    exports = ("csv", "parquet", "geojson", "h5ad", "png")
    keeps_edges = True
    layout = OfGraphs
    place_names = ("x", "y", "z")

    def create(self, path, sources, labels, **options):
        """Write a new study.

        Parameters
        ----------
        path : folder to make
        sources : a folder or file of tokens (see ``readers.tokens``), a list of files, or a list of graphs in
            memory: networkx, PyTorch Geometric, dicts of features, positions, edges
        labels : labels table whose file column names data (samples) or files; for graphs in memory also
            {name: class} or a list of classes; None: the graphs say it themselves
        edges : "neighbours:6", "radius:30", "delaunay", "delaunay:50" (no edge longer) or "given"; by default
            those that are given, else "neighbours:6"
        sample_column, values, spatial, unit : see ``readers.tokens.TokenOptions``
        encoder : "standardised", "as-given", or an installed one; transform : of
            ``encoders.features.TRANSFORMS``
        name, file_column, label_column, positive, progress : as for ``Study.create``

        Raises StudyError, LabelsError, GraphError, BadInputError; then no folder is left behind.
        """
        from .create import create_graph_study

        create_graph_study(self, path, sources, labels, **options)

    def graph(self, n, positions, edges, attrs):
        """The edges as they were made."""
        return TokenGraph.from_edges(n, np.empty((0, 2), np.int64) if edges is None else edges)

    def places(self, study, datum):
        """Identifier (where tokens have one), coordinates in the unit of the study."""
        positions, ids = study.positions(datum), study.attrs(datum).get("ids")
        columns = {} if ids is None else {"id": ids}
        return {
            **columns,
            **{name: positions[:, at] for at, name in enumerate(self.place_names[: positions.shape[1]])},
        }

    def place(self, study, datum, token):
        """Coordinates, and its identifier where it has one."""
        positions, attrs = study.positions(datum), study.attrs(datum)
        place = {name: float(value) for name, value in zip(self.place_names, positions[token])}
        return place if attrs.get("ids") is None else {self.words.token: attrs["ids"][token], **place}

    def centres(self, study, datum):
        """Where outlines that are drawn find each token: (n, 2), the first two coordinates."""
        return study.positions(datum)[:, :2]

    def under(self, study, datum):
        """Images, labels and outlines under the tokens of a datum.

        `readers.under.Under`; the same object while the file is as it was.

        Raises ProspectorError where the file is gone or damaged.
        """
        path, kept = study.sources[datum.source].path, study.embedding["table"]
        if not study.at_hand(datum) or study.attrs(datum).get("laid_out"):
            return Under()
        return _under(
            path, path.stat().st_mtime_ns, tuple(sorted(kept.items())), (datum.part or {}).get("sample")
        )

    def attributes(self, study, datum, kept):
        """Nothing is kept elsewhere."""
        return kept

    def embedder(self, study, encoder=None, threads=None):
        """Embedder of features, with the study's own encoder or another."""
        kept = study.embedding
        encoder = encoder or get_feature_encoder(
            kept["encoder"],
            names=kept["features"],
            transform=kept["transform"],
            mean=kept["mean"],
            scale=kept["scale"],
        )
        return _TokenEmbedder(study, encoder)


@lru_cache(maxsize=16)
def _under(path, changed, options, part):
    with open_tokens(path, TokenOptions(**dict(options))) as file:
        return file.under(part if part in file.parts else file.parts[0])


class Cells(Graphs):
    """The same in the words of tissue: samples of cells."""

    name = "cells"
    words = Words("sample", "samples", "cell", "cells", "file")


def parse_edges(text):
    """("neighbours", 6.0) of "neighbours:6"; None as the number where there is none. Raises BadInputError."""
    kind, _, number = str(text).strip().lower().partition(":")
    kind = {"knn": "neighbours", "nearest": "neighbours", "neighbors": "neighbours"}.get(kind, kind)
    try:
        value = float(number) if number else None
    except ValueError:
        value = np.nan
    if kind not in ("neighbours", "radius", "delaunay", "given") or (
        value is not None and not 0 < value < np.inf
    ):
        raise BadInputError(f"{text!r} says no edges: give {_EDGE_KINDS}")
    if kind == "radius" and value is None:
        raise BadInputError("say how far edges reach: radius:30, in the unit of the coordinates")
    if kind == "neighbours" and value is None:
        value = 6.0
    if kind == "neighbours" and value != int(value) or kind == "given" and value is not None:
        raise BadInputError(f"{text!r} says no edges: give {_EDGE_KINDS}")
    return kind, value


def build_graph(table, how=None):
    """TokenGraph of a TokenTable. ``how``: see ``parse_edges``; None: given edges, else 6 nearest.

    Raises GraphError.
    """
    if how is None:
        how = "given" if table.edges is not None else _DEFAULT_EDGES
    kind, value = parse_edges(how)
    if kind == "given":
        if table.edges is None:
            raise GraphError(
                "there are no edges: put them beside the table, or say how to make them, such as neighbours:6"
            )
        return TokenGraph.from_edges(len(table), table.edges)
    if table.positions is None:
        raise GraphError(f"edges {how!r} need coordinates, and there are none: take those that are given")
    if kind == "neighbours":
        return TokenGraph.from_neighbours(table.positions, int(value))
    return (
        TokenGraph.from_radius(table.positions, value)
        if kind == "radius"
        else TokenGraph.from_delaunay(table.positions, value)
    )


def laid_out(graph):
    """Places in the plane for tokens without coordinates, from the hops between them.

    (n, 2), the same every time.

    Each connected part by itself, the parts beside each other, the largest first; a hop is about 1 long.
    """
    links = csr_array((np.ones(len(graph.indices)), graph.indices, graph.indptr), shape=(graph.n, graph.n))
    part = connected_components(links, directed=False)[1]
    parts = np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1])
    parts.sort(key=lambda tokens: -len(tokens))
    places, drawn = np.zeros((graph.n, 2)), [_placed(links[tokens][:, tokens]) for tokens in parts]
    width = 1.5 * np.sqrt(sum(float((np.ptp(each, axis=0) + 2).prod()) for each in drawn))
    x = y = deepest = 0.0
    for tokens, own in zip(parts, drawn, strict=True):
        own = own - own.min(axis=0)
        if x and x + np.ptp(own[:, 0]) > width:
            x, y, deepest = 0.0, y + deepest + 2, 0.0
        places[tokens] = own + (x, y)
        x, deepest = x + np.ptp(own[:, 0]) + 2, max(deepest, np.ptp(own[:, 1]))
    return places


def _placed(links):
    """Places of the tokens of one connected part: (n, 2).

    By hops to some of them (pivot scaling), then, if few, to all.
    """
    n = links.shape[0]
    if n < 3:
        return np.stack([np.arange(n, dtype=float), np.zeros(n)], axis=1)
    far, nearest, pivot = [], np.full(n, np.inf), 0
    for _ in range(min(_PIVOTS, n)):  # each next one the farthest from those before it
        far.append(dijkstra(links, unweighted=True, indices=pivot))
        nearest = np.minimum(nearest, far[-1])
        pivot = int(np.argmax(nearest))
    squared = np.stack(far, axis=1) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1, keepdims=True) + squared.mean()
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    places = centred @ axes
    places = np.pad(places, [(0, 0), (0, 2 - places.shape[1])])
    hops = np.stack(far, axis=1).max()
    places *= hops / max(float(np.ptp(places, axis=0).max()), 1e-9)
    places += np.random.default_rng(0).normal(
        0, 1e-3, places.shape
    )  # tokens that are alike need not lie on each other
    if n > _REFINED:
        return places
    apart = dijkstra(links, unweighted=True)
    weights = 1 / np.where(apart > 0, apart, np.inf) ** 2
    total = weights.sum(axis=1)
    for _ in range(_ROUNDS):  # stress majorisation: each goes where its hops to the others would have it
        away = places[:, None] - places[None]
        length = np.maximum(np.sqrt((away**2).sum(axis=2)), 1e-9)
        wanted = places[None] + away * (apart / length)[..., None]
        places = (places + (weights[..., None] * wanted).sum(axis=1) / total[:, None]) / 2
    return places


class _TokenEmbedder:
    """Keeps the file of the present datum open, while the next one lies in it too."""

    def __init__(self, study, encoder):
        self.encoder = encoder
        self._study, self._path, self._file = study, None, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._file is not None:
            self._file.close()
        self._path, self._file = None, None

    def embed(self, datum, progress, stopped):
        kept = self._study.embedding
        table = self._table(datum)
        if list(table.names) != list(kept["features"]):
            raise EmbeddingError(
                f"{datum.name} no longer has the features that the study was made with: make a new study"
            )
        if stopped():
            return False
        progress(0, len(table))
        graph = build_graph(table, kept["edges"])
        vectors = np.asarray(self.encoder.encode(table.features))
        if vectors.ndim != 2 or len(vectors) != len(table):
            raise EmbeddingError(
                f"the encoder {self.encoder.name} gave {vectors.shape} for {len(table)}"
                f" {self._study.kind.words.tokens}"
            )
        positions = laid_out(graph) if table.positions is None else table.positions
        attrs = {
            "encoder": self.encoder.record(),
            "unit": table.unit,
            "ids": table.ids,
            "graph": kept["edges"] or "default",
        }
        if table.positions is None:
            attrs["laid_out"] = True
        self._study.store.write(datum.uid, vectors, positions, attrs, graph.edges, block=_BLOCK)
        progress(len(table), len(table))
        return True

    def note(self, datum):
        return ""

    def _table(self, datum):
        path = self._study.files.path(datum.source, GraphError)
        if self._path != path:
            self.__exit__()
            kept = self._study.embedding["table"]
            self._path, self._file = path, open_tokens(path, TokenOptions(**kept))
        part = (datum.part or {}).get("sample") or self._file.parts[0]
        if part not in self._file.parts:
            raise EmbeddingError(f"{path.name} no longer holds {part!r}: put it back, or make a new study")
        return self._file.read(part)
