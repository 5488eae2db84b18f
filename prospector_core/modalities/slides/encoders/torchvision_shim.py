"""Importing torchvision where its compiled operators do not fit the installed torch.

pip installs torchvision for CUDA beside a CPU-only torch. Its compiled operators then cannot be loaded, and
importing it, or anything that imports it (timm, open_clip), ends with "operator torchvision::nms does not
exist": a shape function is registered for operators whose schemas are missing. Nothing here calls those
operators. So their schemas alone are declared, and the import is tried again. Wherever torchvision imports as
it is, nothing is done.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["import_torchvision"]

_SYMPTOM = "operator torchvision::nms does not exist"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []  # the declarations last as long as this object does


def import_torchvision() -> bool:
    """Import torchvision; return whether schemas had to be declared for it, now or earlier.

    Raises
    ------
    ImportError
        torchvision or torch is not installed.
    RuntimeError
        torchvision fails for another reason.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if _SYMPTOM not in str(error):
            raise
        _forget_half_imported()
        _declare()
        import torchvision  # noqa: F401
    return bool(_declared)


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]


def _declare() -> None:
    if _declared:
        return
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)
