"""Making a study: reading the labels table, looking at every file once.

Writing the folder whole or not at all.
"""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from ..errors import BadInputError, LabelsError, SlideError, StudyError
from ..modalities.slides.encoders import check_encoder_name
from ..modalities.slides.readers import list_slides, open_slide
from ..modalities.slides.stain import check_stain
from ..scheduling import InProcess
from ..store.database import Database
from ..store.files import partial_name, storage_errors
from ..store.fingerprints import fingerprint
from ..store.readable import require_readable
from ..store.removal import remove_made
from ..wording import checked_name
from .labels import match_files, read_labels

__all__ = ["create_study", "each_file", "portable", "slide_info", "uid_of", "write_study"]

_NAMED = 5  # of several files that cannot be read


def create_study(
    path,
    *,
    slides,
    labels,
    name=None,
    encoder="efficientnet-lite0",
    mpp=0.5,
    tile=224,
    min_tissue=0.25,
    slide_mpp=None,
    stain=None,
    file_column=None,
    label_column=None,
    positive=None,
    progress=None,
    on=None,
    secret=None,
):
    """Write a new slide study. See ``Study.create``."""
    path = Path(os.path.abspath(path))  # "." has no name of its own
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise StudyError(f"{path} exists already: choose another folder, or open it with Study.open")
    check_encoder_name(encoder)
    if stain is not None:
        check_stain(stain)
    if not (0 < mpp < 1000 and 8 <= tile <= 4096 and 0 <= min_tissue <= 1):
        raise BadInputError(
            f"tiles of {tile} pixels at {mpp:g} microns per pixel, {min_tissue:g} of each tissue, are not"
            " possible: give 8 to 4096 pixels, microns above 0, and a share between 0 and 1"
        )
    rows, classes = read_labels(labels, file_column=file_column, label_column=label_column, positive=positive)
    files = _slide_files(slides)
    matched = match_files(rows, files, labels)
    stated = each_file(dict.fromkeys(matched), _look_at_slide, progress=progress, on=on)
    sources = {
        file: (portable(file, path), with_mpp(stated[file], file, slide_mpp), file) for file in sorted(stated)
    }
    for row, file in zip(rows, matched):
        info = sources[file][1]
        if row.field and (
            row.field.x + row.field.width > info["width"] or row.field.y + row.field.height > info["height"]
        ):
            raise LabelsError(
                f"{Path(labels).name}: the field of {row.name!r} reaches beyond {file.name} ({info['width']}"
                f" x {info['height']} pixels): correct it"
            )
    meta = {
        "name": name or path.name,
        "modality": "slides",
        "classes": classes,
        "embedding": {
            "encoder": encoder,
            "mpp": mpp,
            "tile": tile,
            "min_tissue": min_tissue,
            "dtype": "float16",
            **({"stain": stain} if stain else {}),
        },
    }
    write_study(path, meta, rows, matched, sources, secret=secret)


def write_study(path, meta, rows, matched, sources, fill=None, secret=None):
    """Write the folder, whole or not at all.

    Parameters: meta, {key: value}; rows, list of LabelRow; matched, a key of ``sources`` for each; sources,
    {key: (what its uid is made of, info, path)}; fill, function(folder, database) that adds what else there
    is; secret, bytes that uids are keyed by (default: new ones).
    """
    checked_name(meta["name"], "study", StudyError)
    for kind, names in (("class", meta["classes"]), ("item", [row.name for row in rows])):
        for name in names:
            checked_name(name, kind, LabelsError)
    partial = partial_name(path)
    secret = secrets.token_bytes(32) if secret is None else bytes(secret)
    meta = {**meta, "id": secrets.token_hex(16), "secret": secret.hex()}
    try:
        with storage_errors(path):
            partial.mkdir(parents=True)
            database = Database.create(partial / "study.sqlite", meta)
            uids = {key: uid_of("s", about, secret) for key, (about, _, _) in sources.items()}
            with database.transaction() as connection:
                for key, (_, info, file) in sources.items():
                    connection.execute(
                        "INSERT INTO sources VALUES (?, ?, ?, ?)",
                        (
                            uids[key],
                            portable(file, path),
                            file.name,
                            json.dumps({**info, "absolute": str(file), **_told(file, info)}),
                        ),
                    )
                for position, (row, file) in enumerate(zip(rows, matched)):
                    field = (
                        [row.field.x, row.field.y, row.field.width, row.field.height]
                        if row.field
                        else row.part
                    )
                    connection.execute(
                        "INSERT INTO data VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (
                            position,
                            uid_of("d", row.name, secret),
                            row.name,
                            uids[file],
                            field and json.dumps(field),
                            row.label,
                            row.split,
                        ),
                    )
            if fill is not None:
                fill(partial, database)
            database.close()
            if path.exists():  # an empty folder, perhaps the one that the user stands in: it stays
                for each in sorted(partial.iterdir(), key=lambda each: each.name == "study.sqlite"):
                    each.replace(path / each.name)  # the database last: it is what makes a folder a study
            else:
                partial.replace(path)
    finally:
        remove_made(partial)


def _told(file, info):
    """What tells the file from others wherever it is moved to, as a part of its info."""
    if not info.get("at_hand", True):  # of features: there is no such file
        return {}
    try:
        return {"fingerprint": fingerprint(file)}
    except OSError:  # made together with the study, and lies in it
        return {}


def _slide_files(slides):
    if isinstance(slides, (str, os.PathLike)):
        folder = Path(slides)
        require_readable(folder, SlideError)
        if folder.is_file():
            return [folder.resolve()]
        if not folder.is_dir():
            raise SlideError(f"there is no folder {folder}: give the folder that holds the slides")
        files = list_slides(folder)
        if not files:
            raise SlideError(f"{folder} holds no slide: it needs SVS, TIFF, NDPI, MRXS, PNG or JPEG files")
        return [file.resolve() for file in files]
    return [Path(file).resolve() for file in slides]


def each_file(files, function, *shared, progress=None, on=None):
    """What ``function(*shared, (file, known))`` gives for each file, wherever ``on`` runs it (default: here).

    {file: value}.

    Parameters: files, {file: what is known of it}. Raises the error of the first file that fails, in their
    order, after all were looked at; it says which others failed.
    """
    found, failed = {}, {}
    for number, done in enumerate((on or InProcess()).run(function, sorted(files.items()), *shared), start=1):
        if done.error is None:
            found[done.item[0]] = done.value
        else:
            failed[done.item[0]] = done.error
        if progress:
            progress(number, len(files))
    if failed:
        first = failed[min(failed)]
        if len(failed) > 1:
            names, more = ", ".join(file.name for file in sorted(failed)[1:_NAMED]), len(failed) - _NAMED
            others = f"{names} and {more} more" if more > 0 else names
            raise type(first)(
                f"{first} ({len(failed)} of {len(files)} cannot be used: also {others})"
            ) from first
        raise first
    return found


def look_at_slide(file):
    """What a slide says of itself, as a study keeps it. Raises SlideError."""
    with open_slide(file) as slide:
        return {
            "width": slide.width,
            "height": slide.height,
            "mpp": slide.mpp,
            "stated_mpp": slide.mpp,
            "objective_power": slide.objective_power,
            "format": slide.format,
            "bounds": getattr(slide, "bounds", None),  # a reader installed by others need not have it
        }


def _look_at_slide(item):
    return look_at_slide(item[0])


def with_mpp(info, file, slide_mpp):
    """What ``look_at_slide`` found, with microns per pixel of a slide that does not state them.

    Raises SlideError.
    """
    mpp = info["mpp"]
    if mpp is None and slide_mpp is not None:
        mpp = slide_mpp(file.name) if callable(slide_mpp) else slide_mpp
    if mpp is not None and not 0.01 < mpp < 1000:
        raise SlideError(f"{file.name}: {mpp} microns per pixel is not plausible: give a number like 0.25")
    return {**info, "mpp": mpp}


def slide_info(file, slide_mpp):
    """What a study keeps of a slide. Raises SlideError."""
    return with_mpp(look_at_slide(file), file, slide_mpp)


def portable(file, study):
    """Relative to the study where both lie in one tree (so that the tree may move), else absolute."""
    study = study.resolve()
    home = study.parent
    if file.is_relative_to(home) or file.is_relative_to(home.parent):
        return Path(os.path.relpath(file, study)).as_posix()
    return str(file)


def uid_of(prefix, text, secret):
    """An opaque number for a datum or file.

    Without the secret of its study nobody can tell which name it stands for, not even with a list of all
    names in hand: it is keyed (HMAC-SHA-256).
    """
    return prefix + hmac.new(secret, f"{prefix} {text}".encode(), hashlib.sha256).hexdigest()[:14]
