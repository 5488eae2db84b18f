"""What napari opens by drag and drop: study folders, slides, and maps that Prospector exported."""

import os
from pathlib import Path

__all__ = ["get_reader"]

_MAP = (".tif", ".tiff")


def get_reader(path):
    """A function that reads the path, or None if it is nothing of ours.

    Quick: looks at names, and into no slide.
    """
    if isinstance(path, (list, tuple)):
        return None if len(path) != 1 else get_reader(path[0])
    path = Path(os.fspath(path))
    if path.is_dir():
        if (path / "study.sqlite").is_file():
            return read_study
        return read_slide if _holds_dicom(path) else None
    if path.name == "study.sqlite":
        return lambda file: read_study(Path(_one(file)).parent)
    if path.suffix.lower() in _MAP and _is_map(path):
        return read_map
    from prospector_core.modalities.slides.readers import SLIDE_SUFFIXES

    return read_slide if path.suffix.lower() in SLIDE_SUFFIXES else None


def read_study(path, datum=None):
    """The slide or sample of a study that tells most (or that of ``datum``), with everything drawn over it.

    List of layers.
    """
    from prospector_core.errors import ProspectorError
    from prospector_core.study import Study
    from viewers.kinds import view_of

    from .layers import SlideLayers
    from .point_layers import PointLayers
    from .study_layers import most_telling

    try:
        study = Study.open(_one(path))
        if not view_of(study).in_napari:
            return _nothing(elsewhere(study))
        if study.view is None:
            return _nothing(
                f"{study.name} has no concepts yet: run `prospector embed` and `prospector fit`, or open it"
                " in the app"
            )
        shown = study.datum(datum) if datum else most_telling(study, study.embedded())
        if view_of(study).in_napari == "slide":
            return SlideLayers(study, shown.source).all()
        return PointLayers(study, shown.uid).all()
    except ProspectorError as error:
        return _nothing(str(error))


def read_slide(path):
    """A slide as a lazy pyramid in microns."""
    from prospector_core.errors import ProspectorError
    from prospector_core.modalities.slides.readers import open_slide

    from .layers import slide_layer

    try:
        slide = open_slide(_one(path))
    except ProspectorError as error:
        return _nothing(str(error))
    return [slide_layer(slide, Path(_one(path)).name, slide.mpp)]


def read_map(path):
    """A prospect map that Prospector exported, in the app's colours, one pixel per token."""
    import tifffile

    from viewers.token_pixels import map_limit

    from .colours import score_colormap

    with tifffile.TiffFile(_one(path)) as tiff:
        scores = tiff.series[0].asarray()
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
    size = pixels["Pixels"].get("PhysicalSizeX")
    limit, scale = map_limit(scores), size or 1.0
    options = {
        "name": pixels.get("Name", "prospect map"),
        "colormap": score_colormap(),
        "contrast_limits": (-limit, limit),
        "blending": "translucent",
        "opacity": 0.8,
        "scale": (scale, scale),
        "translate": (scale / 2, scale / 2),
        "units": ("um", "um") if size else ("pixel", "pixel"),
    }
    return [(scores, options, "image")]


def elsewhere(study):
    """Why a study is not shown here, and where it is."""
    from viewers.kinds import kinds_in_napari

    return (
        f"{study.name} is a study of {study.kind.words.data}: napari shows {kinds_in_napari()}. Open it"
        f" in the app: prospector app {study.path}"
    )


def _nothing(why):
    """No layer, and the reason said: napari would show an exception with its traceback."""
    from napari.utils.notifications import show_warning

    show_warning(why)
    return [(None,)]


def _one(path):
    return path[0] if isinstance(path, (list, tuple)) else path


def _holds_dicom(folder):
    return any(each.suffix.lower() == ".dcm" for each in folder.iterdir())


def _is_map(path):
    """Whether a TIFF is a map of ours: said in its first directory."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            return "prospect map: " in (tiff.pages[0].description or "")
    except (OSError, tifffile.TiffFileError, IndexError):
        return False
