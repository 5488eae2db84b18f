"""Encoders: tiles in, vectors out.

Built in; installed under the entry point group ``prospector.encoders``; or any model of a library, by a name
that starts with the library's: ``timm:...``, ``open_clip:...``. With ``@patches`` at its end, the patch
tokens of a vision transformer are the tokens, ``@patches/2`` averages them over 2 x 2.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from ....encoders.base import Encoder
from ....errors import EmbeddingError
from ....plugins import make_encoder, names_of
from ....store.readable import require_readable
from .colour_texture import ColourTexture
from .efficientnet_lite0 import EfficientNetLite0, EfficientNetLite0Pooled

__all__ = ["FAMILIES", "Encoder", "check_encoder_name", "get_encoder", "list_encoders"]

_BUILT_IN = {one.name: one for one in (EfficientNetLite0, EfficientNetLite0Pooled, ColourTexture)}
# Libraries whose models are encoders: the start of their names, how such a name goes on, and what makes them.
FAMILIES = {
    "timm:": "timm:NAME, timm:hf-hub:ORG/MODEL or timm:local-dir:FOLDER",
    "open_clip:": "open_clip:MODEL/PRETRAINED, open_clip:hf-hub:ORG/NAME or open_clip:local-dir:FOLDER",
}
_LOCAL = "local-dir:"  # of a library's model: in this folder
_PATCHES = re.compile(r"@patches(?:/(\d+))?$")
_MAKERS = {"timm:": (".timm_encoder", "TimmEncoder"), "open_clip:": (".open_clip_encoder", "OpenClipEncoder")}


def list_encoders() -> list[str]:
    """Return the names of encoders that are here, sorted.

    Names of a library's models (`FAMILIES`) are beyond listing.
    """
    return sorted({*_BUILT_IN, *names_of("prospector.encoders")})


def check_encoder_name(name: str) -> None:
    """Do nothing if `get_encoder` may know this name; nothing is loaded, no library is asked.

    Raises
    ------
    EmbeddingError
        No encoder can have this name; the text says which names there are.
    """
    family = _family(name)
    if family:
        name, _ = _without_patches(name)
        if "@patches" in name:
            raise EmbeddingError(
                f"{name}: say @patches for every patch, or @patches/2 for averages over 2 x 2 patches"
            )
    if family and not name.removeprefix(family).strip(" /"):
        raise EmbeddingError(f"{name} names no model: say {FAMILIES[family]}")
    if family and (model := name.removeprefix(family)).startswith(_LOCAL):
        require_readable(Path(model.removeprefix(_LOCAL)).expanduser(), EmbeddingError)
    if not family and name not in list_encoders():
        raise EmbeddingError(
            f"there is no encoder named {name}; choose one of {', '.join(list_encoders())}, "
            f"or a model of a library: {'; '.join(FAMILIES.values())}"
        )


def get_encoder(name: str, **options: object) -> Encoder:
    """Return an encoder by name; `options` go to its constructor.

    ``threads=`` is taken by all that compute on a CPU; ``device=``, ``precision=`` and ``batch=`` by models
    of a library (see `torch_encoder.TorchEncoder`).

    Raises
    ------
    EmbeddingError
        No encoder of that name, or an installed one that cannot be loaded.
    MissingExtraError
        Something it needs is not installed.
    """
    check_encoder_name(name)
    if family := _family(name):
        name, patches = _without_patches(name)
        if patches:
            options["patches"] = patches
        module, maker = _MAKERS[family]
        # Imported when asked for: torch alone takes a second.
        return getattr(import_module(module, __package__), maker)(name.removeprefix(family), **options)
    if name in _BUILT_IN:
        return _BUILT_IN[name](**options)
    return make_encoder("prospector.encoders", name, options)


def _without_patches(name: str) -> tuple[str, int]:
    """Return the name of the model alone, and the side of blocks of patches that are averaged.

    The side is 0 where no patch tokens are asked for.
    """
    found = _PATCHES.search(name)
    patches = int(found[1] or 1) if found else 0
    return (name[: found.start()], patches) if patches else (name, 0)


def _family(name: str) -> str | None:
    return next((start for start in FAMILIES if name.startswith(start)), None)
