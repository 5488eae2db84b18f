"""Options of a study of graphs or cells."""

from dataclasses import dataclass

from ..options import option

__all__ = ["GraphOptions"]


@dataclass(frozen=True)
class GraphOptions:
    """How tokens are read, linked and embedded.

    Attributes
    ----------
    encoder : str
        "standardised", "as-given", or an installed one.
    edges : str or None
        "neighbours:6", "radius:30", "delaunay", "delaunay:50" (no edge longer) or "given"; None: those that
        are given, else "neighbours:6".
    values, sample_column, spatial, unit, features, not_features, x, y, table : str or None
        See ``token_file.TokenOptions``.
    transform : str
        Of ``encoders.TRANSFORMS``.
    """

    encoder: str = "standardised"
    edges: str | None = option(
        str,
        "Cells, graphs: neighbours:6, radius:30, delaunay, delaunay:50 (none longer) or given; numbers are"
        " yours. Default: given edges, else neighbours:6.",
    )
    values: str = option(str, "AnnData: what the features are: X (default), layers/NAME or obsm/NAME.", "X")
    sample_column: str | None = option(
        str, "Cells, graphs: column of their tables that says which datum a token is of."
    )
    spatial: str = option(str, "AnnData: key of obsm that has coordinates. Default: spatial.", "spatial")
    transform: str = option(
        str,
        "Cells, graphs: none (default), log1p or arcsinh (of x / 5), before features are standardised.",
        "none",
    )
    unit: str | None = option(str, "Cells, graphs: unit of the coordinates, such as µm.")
    features: str | None = option(
        str, "Cells, graphs: features to take, by name, * for anything: CD3,CD8,IL*. Default: all numbers."
    )
    not_features: str | None = option(str, "Cells, graphs: features to leave out, by name: 'Area,Nucleus*'.")
    x: str | None = option(str, "Cells, graphs: column of x (AnnData: of obs). Default: found by its name.")
    y: str | None = option(str, "Cells, graphs: column of y.")
    table: str | None = option(str, "SpatialData: which of its tables of cells.")
