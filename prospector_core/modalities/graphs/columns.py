"""What the columns of a table of cells are: sample, identifier, coordinates, features, or none of these.

Names are those that instruments and programs write: QuPath, HALO, inForm, CellProfiler, MCMICRO, CosMx,
Xenium, MERSCOPE, Visium, CODEX.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from ...errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..token_file import TokenOptions

__all__ = [
    "SAMPLES",
    "Columns",
    "choose_features",
    "find_column",
    "is_left_out",
    "list_names",
    "matching",
    "numbers_of",
    "roles_of",
    "texts_of",
]

SAMPLES = (
    "datum", "sample", "sample_id", "sampleid", "sample_name", "graph", "graph_id", "library_id", "image",
    "image_id", "image_name", "imagenumber", "slide", "slide_id", "core", "core_id", "tma_core", "roi", "fov",
    "orig_ident", "region", "acquisition", "acquisition_id", "patient", "patient_id", "donor",
)  # fmt: skip
_IDS = (
    "id", "object_id", "cell", "cell_id", "cellid", "cell_label", "entityid", "token", "token_id", "node",
    "node_id", "object", "objectnumber", "label_id", "barcode", "spot", "spot_id",
)  # fmt: skip
_PLACES = (
    ("x", "y", "z"),
    ("centerx_global", "centery_global"),  # CosMx: those of a field are among the next
    ("centerx_local", "centery_local"),
    ("centroid_x", "centroid_y", "centroid_z"),
    ("x_centroid", "y_centroid", "z_centroid"),
    ("center_x", "center_y", "center_z"),
    ("location_center_x", "location_center_y", "location_center_z"),
    ("areashape_center_x", "areashape_center_y", "areashape_center_z"),
    ("cell_x_position", "cell_y_position"),
    ("pos_x", "pos_y", "pos_z"),
    ("x_pos", "y_pos", "z_pos"),
    ("position_x", "position_y", "position_z"),
    ("x_position", "y_position", "z_position"),
    ("x_location", "y_location", "z_location"),
    ("x_coord", "y_coord", "z_coord"),
    ("x_coordinate", "y_coordinate", "z_coordinate"),
    ("pxl_col_in_fullres", "pxl_row_in_fullres"),
    ("imagecol", "imagerow"),
    ("x_x", "y_y", "z_z"),  # CODEX writes x:x
    ("centroid_1", "centroid_0"),  # of scikit-image: rows first
)
_BOUNDS = ("min_x", "max_x", "min_y", "max_y", "xmin", "xmax", "ymin", "ymax")  # HALO, MERSCOPE
_PLACE_NAMES = {name for each in _PLACES for name in each} | set(_BOUNDS)
_LABELS = ("label", "class", "classification", "diagnosis", "response", "outcome", "condition", "group")
_NUMBERS = ("unnamed_0", "index", "row", "row_id", "")  # what a row is called, by programs that number rows
_UNIT = re.compile(r"[\s_(\[]*(µm|μm|um|microns?|micromet(?:er|re)s?|px|pixels?)[)\]]*$")
_UNITS = {"p": "px"}
_FEW = 0.1  # share of values that are no numbers, up to which a column is meant to be one of numbers
_LOOK_FIRST = 1000  # rows
_NOTHING = ("", "na", "n/a", "nan", "null", "none", "#n/a", "-nan")


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are.

    Attributes
    ----------
    sample, id : str or None
    place : tuple of str
        x, y (, z); of bounds: low and high of x, then of y.
    unit : str
        As the names of the coordinates say it, "" where they do not.
    features : list of str
    left : dict
        {column: why it is no feature}.
    """

    sample: str | None = None
    id: str | None = None
    place: tuple[str, ...] = ()
    unit: str = ""
    features: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def place_is_bounds(self) -> bool:
        """Whether the place is given by low and high of x and of y."""
        return len(self.place) == 4


def is_left_out(name: str, options: TokenOptions) -> bool:
    """Return whether a column was asked to be no feature: what it holds need not be numbers."""
    if _fits([name], _patterns(options.not_features)):
        return name not in (options.x, options.y) and _plain_name(name) not in _PLACE_NAMES
    asked = _patterns(options.features)
    return (
        bool(asked)
        and not _fits([name], asked)
        and name not in (options.x, options.y)
        and (_plain_name(name) not in _PLACE_NAMES)
    )


def _plain_name(name: str) -> str:
    """Return a column's name as it is compared: lower case, without its unit, "_" for what is no letter."""
    return re.sub(r"[\s_.:\-]+", "_", _UNIT.sub("", name.strip().lower())).strip("_")


def _unit_in(name: str) -> str:
    """Return "µm", "px" or "": the unit that a column's name ends with."""
    found = _UNIT.search(name.strip().lower())
    return _UNITS.get(found[1][0], "µm") if found else ""


def list_names(names: Iterable[str], most: int = 30) -> str:
    """Return names as a message lists them."""
    names = [name if len(name) <= 40 else f"{name[:40]}..." for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def find_column(asked: str, names: Iterable[str], where: str, flag: str) -> str:
    """Return the column that is asked for, upper or lower case.

    Raises
    ------
    GraphError
        It is not there; lists the columns, and the option that chooses.
    """
    names = list(names)
    found = [name for name in names if name == asked] or [
        name for name in names if name.strip().lower() == asked.strip().lower()
    ]
    if not found:
        raise GraphError(
            f"{where} has no column {asked!r}: its columns are {list_names(names) or 'none'}; choose one with"
            f" {flag}"
        )
    return found[0]


def roles_of(columns: Mapping[str, np.ndarray], options: TokenOptions, where: str) -> Columns:
    """Return what the columns of a table are: sample, identifier and coordinates; the rest is undecided.

    Parameters
    ----------
    columns : {name: (n,) array}
    options : TokenOptions
    where : str
        The file, for messages.
    """
    plain: dict[str, str] = {}
    for name in columns:
        plain.setdefault(_plain_name(name), name)
    sample = next((plain[each] for each in SAMPLES if each in plain), None)
    if options.sample is not None:
        sample = find_column(options.sample, columns, where, "--sample-column")
    id = next((plain[each] for each in _IDS if each in plain and plain[each] != sample), None)
    if (options.x is None) != (options.y is None):
        raise GraphError(f"{where}: coordinates need both --x and --y")
    if options.x is not None:
        place: tuple[str, ...] = tuple(
            find_column(str(asked), columns, where, flag)
            for asked, flag in ((options.x, "--x"), (options.y, "--y"))
        )
    else:
        known = (each for each in _PLACES if each[0] in plain and each[1] in plain)
        place = tuple(plain[each] for each in next(known, ()) if each in plain)
        place = place or next(
            (
                tuple(plain[each] for each in four)
                for four in (_BOUNDS[:4], _BOUNDS[4:])
                if all(each in plain for each in four)
            ),
            (),
        )
    return Columns(sample, id, place, _unit_in(place[0]) if place else "")


def choose_features(
    columns: Mapping[str, np.ndarray], roles: Columns, options: TokenOptions, where: str
) -> Columns:
    """Return the same with the features, and why other columns are none.

    A column of the class, of the place or of a sample as a whole never becomes one by itself.

    Raises
    ------
    GraphError
        Features were asked for that are not there, or none is left.
    """
    taken = {roles.sample: "sample", roles.id: "identifier", **dict.fromkeys(roles.place, "coordinates")}
    label = None if options.label is None else _plain_name(options.label)
    left: dict[str, str] = {}
    samples = None
    if roles.sample is not None:
        samples = np.unique(texts_of(columns[roles.sample]), return_inverse=True)[1]
    for name, values in columns.items():
        plain = _plain_name(name)
        if name in taken:
            left[name] = taken[name]
        elif plain == label or label is None and plain in _LABELS and options.features is None:
            left[name] = "class"
        elif values.dtype.kind not in "biuf":
            left[name] = "text"
        elif options.features is None:
            why = _why_not(plain, values, samples)
            left |= {name: why} if why else {}
    names = [name for name in columns if name not in left]
    features, more = matching(names, options, where, left)
    if not features:
        raise GraphError(
            f"{where} has no column of numbers other than the coordinates: features are needed; its columns"
            f" are {list_names(columns)}"
        )
    return replace(roles, features=features, left={**left, **more})


def _why_not(plain: str, values: np.ndarray, samples: np.ndarray | None) -> str:
    """Why a column of numbers is no feature by itself, "" where it is one."""
    if plain in _PLACE_NAMES:
        return "coordinates"
    if plain in _NUMBERS or plain in _IDS or plain in SAMPLES:
        return "a name"
    if np.isnan(values).mean() > 0.5:
        return "empty for most cells"
    of_samples = samples is not None and _of_samples(values, samples)
    return "the same for all cells of a sample" if of_samples else ""


def matching(
    names: list[str], options: TokenOptions, where: str, left: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return (names that are features, {name that is left out: why}), by what was asked for.

    Raises
    ------
    GraphError
        A pattern fits none of the names.
    """
    more: dict[str, str] = {}
    for asked, flag in ((options.features, "--features"), (options.not_features, "--not-features")):
        for pattern in _patterns(asked):
            if not _fits(names, [pattern]):
                known = [name for name in left or () if _fits([name], [pattern])]
                if known and flag == "--not-features":
                    continue
                why = f" (left out: {(left or {})[known[0]]})" if known else ""
                raise GraphError(
                    f"{where} has no feature {pattern!r}{why}: choose with {flag} among {list_names(names)}"
                )
    chosen = names
    if options.features is not None:
        chosen = _fits(names, _patterns(options.features))
        more |= dict.fromkeys((name for name in names if name not in set(chosen)), "not among --features")
    out = set(_fits(chosen, _patterns(options.not_features)))
    more |= dict.fromkeys((name for name in chosen if name in out), "--not-features")
    return [name for name in chosen if name not in out], more


def _patterns(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def _fits(names: list[str], patterns: list[str]) -> list[str]:
    """Names that are one of the patterns, or fit it: upper or lower case, * for anything."""
    lower = [pattern.lower() for pattern in patterns]
    return [
        name
        for name in names
        if any(name.lower() == each or fnmatchcase(name.lower(), each.replace("[", "[[]")) for each in lower)
    ]


def _of_samples(values: np.ndarray, of: np.ndarray) -> bool:
    """Whether a column says something of whole samples: one value in each of several, not in all the same.

    ``of``: (n,) number of the sample of each row.
    """
    n, some = int(of.max()) + 1, values[:_LOOK_FIRST]
    if n < 2 or len(values) < 2 * n:  # of one row a sample, all columns would
        return False
    if _differ(some[of[:_LOOK_FIRST] == of[0]]):
        return False  # told from a few rows, for nearly all columns
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    there = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), bool)
    np.minimum.at(low, of[there], values[there])
    np.maximum.at(high, of[there], values[there])
    return bool((low >= high).all() and np.ptp(low[np.isfinite(low)]) > 0)


def _differ(values: np.ndarray) -> bool:
    """Whether there are two different numbers."""
    there = values[~np.isnan(values)]
    return len(there) > 0 and bool(there.min() < there.max())


def numbers_of(name: str, values: np.ndarray, where: str, first_line: int = 2) -> np.ndarray:
    """Return a column of text as one of numbers where that is what it holds, else as it is.

    A decimal comma is told for each column; empty cells become NaN.

    Raises
    ------
    GraphError
        Few of its values are no numbers; the first is named with its line.
    """
    import pyarrow
    import pyarrow.compute

    if values.dtype.kind not in "OU":
        return values
    texts = np.array(["" if each is None else str(each).strip() for each in values.tolist()])
    commas, points = np.char.find(texts, ",") >= 0, np.char.find(texts, ".") >= 0
    if commas.any():
        both = commas & points
        if not points.any() or (both == points).all() and both.any():  # 1.234,5
            texts = np.char.replace(np.char.replace(texts, ".", ""), ",", ".")
    empty = np.isin(np.char.lower(texts), _NOTHING)
    found = np.full(len(texts), np.nan)
    try:
        found[~empty] = pyarrow.compute.cast(pyarrow.array(texts[~empty].tolist(), "string"), "float64")
        return found if not empty.all() else values
    except pyarrow.ArrowInvalid:
        wrong = [at for at in np.flatnonzero(~empty).tolist() if _number(texts[at]) is None]
    if not wrong:
        found[~empty] = [_number(each) for each in texts[~empty].tolist()]
        return found
    if len(wrong) > _FEW * (~empty).sum() or len(wrong) > 0.5 * (~empty).sum():
        return values
    raise GraphError(
        f"{where}, line {wrong[0] + first_line}: {str(values[wrong[0]])[:40]!r} in column {name!r} is no"
        f" number ({len(wrong)} of {len(values)} are not): correct it, or leave the column out with"
        f" --not-features {name!r}"
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def texts_of(values: np.ndarray) -> np.ndarray:
    """Return the names in a column as text: whole numbers without a point, "" where there is none."""
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.round(values))
        return np.array([
            str(int(each)) if is_whole else ("" if np.isnan(each) else str(each))
            for each, is_whole in zip(values.tolist(), whole.tolist())
        ])  # fmt: skip
    return np.array(["" if each is None else str(each) for each in values.tolist()])
