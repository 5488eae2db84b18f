"""Tables of tokens: files of cells or of token graphs, whatever their format, opened in one way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import GraphError, ProspectorError
from ...plugins import load_all
from ...store.readable import require_readable
from ..token_file import TokenFile, TokenOptions, is_edges

if TYPE_CHECKING:
    from typing import Any

__all__ = ["TOKEN_SUFFIXES", "list_token_files", "open_tokens"]

_IMAGES = (".tif", ".tiff")
TOKEN_SUFFIXES = (".h5ad", ".zarr", ".parquet", ".csv", ".tsv", ".txt", ".npz", *_IMAGES)


def open_tokens(path: Path, options: TokenOptions | None = None) -> Any:
    """Open a file of tokens: AnnData, SpatialData, CSV, Parquet, NPZ, or a channel image.

    A channel image is read with its label image.

    Readers installed under the entry point group ``prospector.readers`` are asked first; one whose result is
    a `TokenFile` is taken. Parameters: path; options, TokenOptions. Raises GraphError, MissingExtraError.
    """
    path, options = Path(path), options or TokenOptions()
    require_readable(path, GraphError)
    if not path.exists():
        raise GraphError(f"{path.name} does not exist in {path.parent.name or path.parent}; was it moved?")
    for name, reader in load_all("prospector.readers"):
        try:
            found = reader(path)
        except ProspectorError:
            raise
        except Exception as error:
            raise GraphError(f"{path.name}: the installed reader {name} failed ({error})") from error
        if isinstance(found, TokenFile):
            return found
    suffix = path.suffix.lower()
    if suffix in (".h5ad", ".zarr"):
        from .annotated import AnnotatedFile as Reader
    elif suffix in (".csv", ".tsv", ".txt", ".parquet"):
        from .token_tables import TableFile as Reader
    elif suffix == ".npz":
        from .token_tables import ArrayFile as Reader
    elif suffix in _IMAGES:
        from .cell_images import CellImage as Reader
    else:
        raise GraphError(
            f"{path.name} is not a table of tokens: give AnnData (.h5ad, .zarr), Parquet, CSV, NPZ, or a"
            " channel image (.tif) with its label image"
        )
    return Reader(path, options)


def list_token_files(place: Path, ignore: list[Path] | tuple[None] = ()) -> list[Path]:
    """Files of tokens: of a folder, a single file, or a list of files; list of Path, sorted in a folder.

    Left out in a folder: tables of edges, label images, lists of channels, and ``ignore`` (the labels table).
    Raises GraphError.
    """
    if not isinstance(place, (str, os.PathLike)):
        return [Path(os.path.abspath(file)) for file in place]
    place = Path(os.path.abspath(place))
    require_readable(place, GraphError)
    if place.is_file() or place.suffix.lower() == ".zarr":
        return [place]
    if not place.is_dir():
        raise GraphError(f"there is no file or folder {place}: give the folder of the tables of tokens")
    from .cell_images import find_pairs, is_label_image

    more = [
        ending for _, reader in load_all("prospector.readers") for ending in getattr(reader, "suffixes", ())
    ]
    ignored = {Path(os.path.abspath(each)) for each in ignore}
    found, images = [], set(find_pairs(place))
    for path in sorted(place.iterdir()):
        stem, suffix = path.stem.lower(), path.suffix.lower()
        if path.name.startswith(".") or path in ignored:
            continue
        if suffix in more:
            found.append(path)
        elif suffix in _IMAGES:
            if not is_label_image(path) and path in images:
                found.append(path)
        elif suffix in TOKEN_SUFFIXES and not is_edges(path) and stem not in ("channels", "markers"):
            found.append(path)
    found += sorted(images - set(found))
    if not found:
        tiffs = any(path.suffix.lower() in _IMAGES for path in place.rglob("*"))
        raise GraphError(
            f"{place} holds no table of tokens: "
            + (
                "each channel image NAME.ome.tif needs its label image NAME_mask.tif beside it"
                if tiffs
                else "it needs .h5ad, .parquet, .csv or .npz files, or channel images with label images"
            )
        )
    return found
