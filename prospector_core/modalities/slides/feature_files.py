"""Feature files that other pipelines leave: TRIDENT and CLAM, HDF5 with ``features`` and ``coords``."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import EmbeddingError, MissingExtraError, ProspectorError
from ...store.memory import check_chunks, check_memory
from ...store.readable import require_readable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from h5py import Dataset, File

__all__ = ["FeatureFile", "find_feature_files", "read_features"]

_SUFFIXES = (".h5", ".hdf5")
_PLAIN = (
    ".parquet",
    ".npy",
)  # vectors of one's own: columns x, y and numbers; or NAME.npy with NAME_coords.npy
# Attributes that hold folders of the machine where the file was made: they say nothing of the features.
_PRIVATE = ("savetodir", "save_path", "save_dir", "path")
_ENCODER_KEYS = ("encoder", "encoder_name", "patch_encoder", "model", "model_name")


@dataclass(frozen=True)
class FeatureFile:
    """What a feature file says, but for the features.

    Attributes
    ----------
    path : Path
    n, dim : patches, numbers per patch (dim is None where there are no patches and the file does not say)
    coords : (n, 2) float64, level-0 x, y of the patches' corners
    patch : side of a patch in level-0 pixels, or None
    stride : distance of patches in level-0 pixels as the file states it, or None
    tile : side of a patch in its own pixels, or None
    magnification, level0_magnification : float or None
    size : (width, height) of the slide in level-0 pixels, or None
    encoder : name of the encoder
    attrs : what else the file states, plain values
    """

    path: Path
    n: int
    dim: int | None
    coords: np.ndarray
    patch: float | None
    stride: float | None
    tile: int | None
    magnification: float | None
    level0_magnification: float | None
    size: tuple | None
    encoder: str
    attrs: dict


def find_feature_files(folder: Path) -> list[Path]:
    """Feature files of a folder, or of ``h5_files`` in it (CLAM): list of Path. Raises EmbeddingError."""
    folder = Path(folder)
    require_readable(folder, EmbeddingError)
    if not folder.is_dir():
        raise EmbeddingError(f"there is no folder {folder}: give the folder of the feature files")
    for place in (folder, folder / "h5_files"):
        found = _files(place) or _files(place, _PLAIN)
        if found:
            return found
    if job := _newest_of_job(folder):
        return _files(job)
    tensors = next(iter(sorted(folder.rglob("*.pt"))), None)
    hint = "it needs .h5 files"
    if tensors is not None:
        hint = (
            f"its .pt files hold no coordinates (as {tensors.name}), give the folder that holds"
            f" {tensors.stem}.h5 with features and coords (CLAM writes it into h5_files, beside pt_files)"
        )
    raise EmbeddingError(f"{folder} holds no feature file: {hint}")


def _newest_of_job(folder: Path) -> Path | None:
    """The folder of patch features in a job folder of TRIDENT that was written last, or None.

    TRIDENT writes JOB/20x_256px_0px_overlap/features_ENCODER; slide_features_ENCODER hold no patches.
    """
    places = [*folder.glob("features_*"), *folder.glob("*/features_*")]
    found = {place: files for place in places if (files := _files(place))}
    return max(
        found, key=lambda place: (max(file.stat().st_mtime for file in found[place]), place), default=None
    )


def _files(folder: Path, suffixes: tuple[str, str] = _SUFFIXES) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes
        and path.is_file()
        and path.name[0] != "."
        and not path.stem.endswith("_coords")
    )


def _plain_file(path: Path) -> Any:
    """(vectors (n, d), coords (n, 2) float64) of a file without attributes. Raises EmbeddingError."""
    from ...store.tables import read_table
    from ...store.vectors import read_vector_file

    if path.suffix.lower() == ".npy":
        beside = path.with_name(f"{path.stem}_coords.npy")
        if not beside.is_file():
            raise EmbeddingError(
                f"{path.name} does not say where its patches are: put their level-0 x, y next to it, as"
                f" {beside.name}"
            )
        return read_vector_file(path), np.asarray(read_vector_file(beside), np.float64)
    columns = read_table(path)
    lower = {name.lower(): name for name in columns}
    if "x" not in lower or "y" not in lower:
        raise EmbeddingError(
            f"{path.name} has no columns x and y: level-0 pixels of each patch's corner are needed"
        )
    coords = np.stack([np.asarray(columns[lower[name]], np.float64) for name in ("x", "y")], axis=1)
    rest = [
        v for name, v in columns.items() if name not in (lower["x"], lower["y"]) and v.dtype.kind in "biuf"
    ]
    if not rest:
        raise EmbeddingError(f"{path.name} has no columns of numbers other than x and y")
    return np.stack(rest, axis=1).astype(np.float32), coords


def _patch_file(path: Path, patches: object | None) -> Path:
    """The file of the patches step of the same slide, or None.

    It has the attributes that CLAM's features lack.
    """
    here = path.parent
    folders = (
        [Path(patches), Path(patches) / "patches"]
        if patches
        else [each / "patches" for each in (here, here.parent, here.parent.parent)]
    )
    for folder in folders:
        for name in (f"{path.stem}.h5", f"{path.stem}_patches.h5"):
            if (folder / name).is_file() and (folder / name).resolve() != path.resolve():
                return folder / name
    return None


def read_features(path: Path, patches: object | None = None) -> FeatureFile:
    """Look at a feature file: FeatureFile.

    Parameters: path; patches, folder of the patches step (default: looked for beside the features, where CLAM
    puts it). Raises EmbeddingError naming the file and what it lacks; MissingExtraError.
    """
    path = Path(path)
    if path.suffix.lower() in _PLAIN:
        return _read_plain(path)
    with _open(path) as file:
        features, coords = _dataset(file, "features", path), _dataset(file, "coords", path)
        shape = _features_shape(features.shape, path)
        attrs = {**_plain(file.attrs), **_plain(features.attrs), **_plain(coords.attrs)}
        stated = {**_plain(file.attrs), **_plain(features.attrs)}
        check_memory(
            3 * 8 * math.prod(coords.shape),
            path,
            f"an array of {_sides(coords.shape)} coordinates",
            EmbeddingError,
        )
        check_chunks(coords, path, EmbeddingError)
        points = np.asarray(coords[()], np.float64)
    if points.ndim == 3 and points.shape[0] == 1:
        points = points[0]
    points = points.reshape(0, 2) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise EmbeddingError(
            f"{path.name}: coords must be two numbers per patch, not {points.shape}: make the file again"
        )
    if len(points) != shape[0]:
        raise EmbeddingError(
            f"{path.name}: {shape[0]} features but {len(points)} coordinates: they are of two runs, make the"
            " file again"
        )
    if "patch_size" not in attrs and (beside := _patch_file(path, patches)):
        with _open(beside) as file:
            attrs = {**_plain(_dataset(file, "coords", beside).attrs), **attrs}
    patch = _patch_side(attrs, path)
    tile, overlap = _number(attrs.get("patch_size")), _number(attrs.get("overlap")) or 0.0
    # only TRIDENT says it; the stride of CLAM may be anything
    stride = (
        patch * (1 - overlap / tile)
        if patch and tile and "overlap" in attrs and 0 <= overlap < tile
        else None
    )
    return FeatureFile(
        path,
        *shape,
        points,
        patch,
        stride,
        int(tile) if tile else None,
        _number(attrs.get("target_magnification")),
        _number(attrs.get("level0_magnification")),
        _size(attrs),
        _encoder_name(stated, path),
        attrs,
    )


def _read_plain(path: Path) -> FeatureFile:
    """Look at a file that holds vectors and their places, and says nothing else. Raises EmbeddingError."""
    vectors, points = _plain_file(path)
    if points.shape != (len(vectors), 2):
        raise EmbeddingError(f"{path.name}: {len(vectors)} vectors, but coordinates of shape {points.shape}")
    if not np.isfinite(points).all():
        raise EmbeddingError(f"{path.name}: its coordinates are not finite: write it again")
    return FeatureFile(
        path, *vectors.shape, points, None, None, None, None, None, None, _encoder_name({}, path), {}
    )


def read_vectors(found: FeatureFile) -> np.ndarray:
    """The features of a file: (n, d) float32 or float16. Raises EmbeddingError."""
    if found.path.suffix.lower() in _PLAIN:
        return _plain_file(found.path)[0]
    with _open(found.path) as file:
        kept = _dataset(file, "features", found.path)
        check_memory(_need(kept), found.path, f"an array of {_sides(kept.shape)} numbers", EmbeddingError)
        check_chunks(kept, found.path, EmbeddingError)
        vectors = np.asarray(kept[()]).reshape(found.n, found.dim)
    vectors = vectors if vectors.dtype == np.float16 else vectors.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wrong.size:
        raise EmbeddingError(
            f"{found.path.name}: the features of patch {wrong[0]} are not finite: make the file again"
        )
    return vectors


class _open:
    """An HDF5 file, read only; what the library says of a broken one in one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> File:
        # A lock on a read-only network drive fails, and nothing is written here.
        os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
        try:
            import h5py
        except ImportError as error:
            raise MissingExtraError(
                "feature files need h5py: pip install h5py, or prospector-heads[features]"
            ) from error
        try:
            self.file = h5py.File(self.path, "r")
        except (OSError, RuntimeError) as error:
            raise EmbeddingError(
                f"{self.path.name} is not an HDF5 file, or cut short: copy it again"
            ) from error
        return self.file

    def __exit__(self, kind: object | None, error: object | None, trace: object | None) -> None:
        self.file.close()
        ours = kind is None or issubclass(kind, ProspectorError)
        if not ours and issubclass(
            kind, (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError, ArithmeticError)
        ):
            raise EmbeddingError(f"{self.path.name} is damaged ({error}): copy it again") from error


def _need(kept: Dataset) -> int:
    """Bytes of memory that an array of a file takes while it becomes float32."""
    return math.prod(kept.shape) * (kept.dtype.itemsize + 4)


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{side:,}" for side in shape)


def _dataset(file: File, name: str, path: Path) -> Dataset:
    try:
        found = file.get(name)
    except (KeyError, RuntimeError, ValueError) as error:
        raise EmbeddingError(
            f"{path.name}: {name!r} cannot be read ({error}): make the file again"
        ) from error
    if found is None or not hasattr(found, "shape"):
        raise EmbeddingError(
            f"{path.name} has no {name!r} (it holds {', '.join(sorted(file)) or 'nothing'}): "
            "give feature files of TRIDENT or CLAM, with features and coords"
        )
    if found.dtype.kind not in "fiu":
        raise EmbeddingError(f"{path.name}: {name} are {found.dtype}, not numbers: make the file again")
    return found


def _features_shape(shape: tuple[int, ...], path: Path) -> tuple[int, int]:
    """Patches and numbers per patch of (n, d), (1, n, d) or, for an empty slide, (0,)."""
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    if 0 in shape:
        return 0, (shape[1] if len(shape) == 2 and shape[1] else None)
    if len(shape) != 2:
        raise EmbeddingError(
            f"{path.name}: features of shape {shape} are not one vector per patch: give patch features, not"
            " slide features"
        )
    return shape


def _patch_side(attrs: dict[str, float | list[float] | str], path: Path) -> float:
    """Side of a patch in level-0 pixels.

    It is stated (TRIDENT), or its size at a level times that level's downsample (CLAM).
    """
    stated = _number(attrs.get("patch_size_level0"))
    if stated:
        return stated
    size = _number(attrs.get("patch_size"))
    if not size:
        return None
    mags = _number(attrs.get("level0_magnification")), _number(attrs.get("target_magnification"))
    if all(mags):
        return size * mags[0] / mags[1]
    level = int(_number(attrs.get("patch_level")) or 0)
    downsample = np.atleast_1d(
        np.asarray(attrs.get("downsample", 1.0 if level == 0 else np.nan), np.float64)
    ).ravel()
    if not downsample.size:
        downsample = np.array([np.nan])
    # (x, y) of the level, or one number a level
    if downsample.size == 2 and abs(downsample[0] - downsample[1]) <= 0.05 * downsample.max():
        factor = downsample.mean()
    else:
        factor = downsample[level] if downsample.size > max(level, 1) else downsample[0]
    if not (np.isfinite(factor) and factor > 0):
        raise EmbeddingError(
            f"{path.name}: patches of {size:g} pixels at level {level}, whose downsample it does not say"
        )
    return float(size * factor)


def _size(attrs: dict[str, float | list[float] | str]) -> tuple[int, int] | None:
    width, height = _number(attrs.get("level0_width")), _number(attrs.get("level0_height"))
    if width and height:
        return int(width), int(height)
    level = np.ravel(attrs.get("level_dim", ()))
    if len(level) == 2 and not _number(attrs.get("patch_level")):
        return int(level[0]), int(level[1])
    return None


def _encoder_name(stated: dict[str, str], path: Path) -> str:
    for key in _ENCODER_KEYS:
        if stated.get(key):
            return str(stated[key])
    folder = path.parent.parent if path.parent.name == "h5_files" else path.parent
    return folder.name.removeprefix("features_") or "unknown"  # TRIDENT: features_uni_v1


def _number(value: int) -> float:
    try:
        number = float(np.ravel(value)[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _plain(attrs: Mapping[str, Any]) -> dict[str, int | str]:
    """HDF5 attributes as plain values, without those that name folders."""
    found = {}
    for key in attrs:
        value = attrs[key]
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        value = value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
        if key.lower() not in _PRIVATE and isinstance(value, (str, int, float, bool, list)):
            found[key] = value
    return found
