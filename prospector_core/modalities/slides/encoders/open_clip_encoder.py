"""Image towers of open_clip as encoders.

``open_clip:MODEL/PRETRAINED``, ``open_clip:hf-hub:ORG/NAME``, local files.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....encoders.hub import is_offline, load_weights, missing_package, not_here
from ....encoders.torch_encoder import Preprocessing, TorchEncoder
from ....errors import EmbeddingError
from ....store.readable import require_readable
from .torchvision_shim import import_torchvision

__all__ = ["OpenClipEncoder"]

_LOCAL, _HUB = "local-dir:", "hf-hub:"
_TEXTS = 64  # run at once
_SOME = 8  # tags of weights that an error names


class OpenClipEncoder(TorchEncoder):
    """Encoder that runs the image side of a model of open_clip, with that model's own preprocessing.

    The vectors are those of the space shared with text, not normalised; patch tokens those before it.

    Parameters
    ----------
    model : str
        What follows ``open_clip:``: ``MODEL/PRETRAINED``, PRETRAINED being a tag of open_clip
        (``ViT-B-16/laion2b_s34b_b88k``) or the path of a checkpoint (``ViT-B-16//data/plip.safetensors``,
        ``ViT-B-16/~/plip.pt``); ``hf-hub:ORG/NAME``; or ``local-dir:PATH`` of a folder with
        ``open_clip_config.json`` and the weights. threads, device, precision, batch, patches As
        `TorchEncoder`.

    Raises
    ------
    MissingExtraError
        open_clip, or what the model needs beside it, is not installed.
    EmbeddingError
        There is no such model, its weights are not to be had, or they do not fit.
    """

    _libraries = ("torch", "torchvision", "open-clip-torch", "timm")

    def __init__(self, model: str, **options: Any) -> None:
        name = f"open_clip:{_without_folders(model)}"
        try:
            import torch  # noqa: F401

            import_torchvision()
            import open_clip
        except ImportError as error:
            raise missing_package(name, "open-clip-torch") from error
        super().__init__(name, **options)
        if model.startswith((_LOCAL, _HUB)):
            arguments = {"model_name": self._checked_source(model)}
        else:
            arguments = self._checked(open_clip, model)
        network = load_weights(
            self.name,
            # Without require_pretrained open_clip would go on with random weights.
            lambda: open_clip.create_model(**arguments, require_pretrained=True, pretrained_text=False),
        )
        self._tokenizer_of, self._tokenizer = arguments["model_name"], None
        cfg = getattr(network.visual, "preprocess_cfg", None) or {}
        default = open_clip.transform.PreprocessCfg()
        preprocessing = Preprocessing.checked(
            self.name,
            cfg.get("size") or network.visual.image_size,
            cfg.get("mean") or default.mean,
            cfg.get("std") or default.std,
            cfg.get("interpolation"),
        )
        if self.patches:
            self.use_model(network, self._patches_of(network.visual), preprocessing, {})
        else:
            self.use_model(network, network.encode_image, preprocessing, {})
            self._output = "the image side's vector in the space shared with text, not normalised"

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """Return (n, dim) float32: texts in the space shared with pictures, not normalised.

        Raises
        ------
        EmbeddingError
            An encoder of patches, or a tokenizer that is not to be had.
        MissingExtraError
            The tokenizer needs a package (transformers) that is not installed.
        """
        import open_clip
        import torch

        if self.patches:
            raise EmbeddingError(
                f"{self.name}: patches have no place in the space shared with text; leave out @patches"
            )
        if self._tokenizer is None:
            self._tokenizer = load_weights(self.name, lambda: open_clip.get_tokenizer(self._tokenizer_of))
        parts = []
        with torch.inference_mode(), self.half_precision(), self._with_threads():
            for start in range(0, len(texts), _TEXTS):
                tokens = self._tokenizer(list(texts[start : start + _TEXTS])).to(self._device)
                parts.append(self._model.encode_text(tokens).to("cpu", torch.float32).numpy())
        vectors = np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)
        if not np.isfinite(vectors).all():
            raise EmbeddingError(
                f"{self.name} gave numbers that are not finite for a text: check its weights"
            )
        return vectors

    def _patches_of(self, visual: Any) -> Any:
        """Return the function that gives the patch tokens, without the class token: (n, tokens, width).

        They are not projected: patches have no place in the space shared with text.
        """

        def forward(x: Any) -> Any:
            try:
                found = visual.forward_intermediates(
                    x, indices=1, normalize_intermediates=True, intermediates_only=True, output_fmt="NLC"
                )
            except (AssertionError, AttributeError, TypeError) as error:  # how networks that are none say so
                raise self.no_patches() from error
            return found["image_intermediates"][-1]

        return forward

    def _checked_source(self, model: str) -> str:
        if model.startswith(_HUB):
            return model
        folder = Path(model.removeprefix(_LOCAL)).expanduser()
        if not (folder / "open_clip_config.json").is_file():
            raise EmbeddingError(
                f"{folder} is not a folder of an open_clip model: it needs open_clip_config.json and weights"
            )
        return f"{_LOCAL}{folder}"

    def _checked(self, open_clip: Any, model: str) -> dict[str, Any]:
        """Return the arguments of open_clip.create_model, if nothing speaks against them."""
        architecture, _, pretrained = model.partition("/")
        if architecture not in open_clip.list_models():
            near = difflib.get_close_matches(architecture, open_clip.list_models(), 3, 0.6)
            known = f"perhaps {', '.join(near)}" if near else "open_clip.list_models() names them"
            raise EmbeddingError(
                f"open_clip has no model named {architecture}: {known}; of the hub: open_clip:hf-hub:ORG/NAME"
            )
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        file = Path(pretrained).expanduser()
        cfg = open_clip.get_pretrained_cfg(architecture, pretrained) if pretrained else {}
        if not cfg:
            if pretrained and file.is_file():
                require_readable(file, EmbeddingError)
                return {"model_name": architecture, "pretrained": str(file)}
            what = (
                f"{pretrained} is neither a file nor weights of {architecture}"
                if pretrained
                else "which weights?"
            )
            known = (
                f"one of {', '.join(tags[:_SOME])}{', ...' if len(tags) > _SOME else ''}, or " if tags else ""
            )
            raise EmbeddingError(
                f"{what}: say open_clip:{architecture}/PRETRAINED with {known}the path of a checkpoint"
            )
        if cfg.get("url") and not cfg.get("hf_hub") and is_offline():
            file = Path("~/.cache/clip").expanduser() / os.path.basename(
                cfg["url"]
            )  # where open_clip keeps it
            if not file.is_file():
                raise not_here(self.name)
            # As a plain file: open_clip would fetch it again if it looked damaged.
            means = {key: cfg[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in cfg}
            source = {"pretrained": str(file), "force_preprocess_cfg": means}
        else:
            source = {"pretrained": pretrained}
        quick, wanted = (
            (one or {}).get("quick_gelu", False) for one in (open_clip.get_model_config(architecture), cfg)
        )
        if quick and not wanted:
            raise EmbeddingError(
                f"the weights {pretrained} were not trained with the activation of {architecture}: "
                f"say open_clip:{architecture.removesuffix('-quickgelu')}/{pretrained}"
            )
        return {"model_name": architecture, **source, "force_quick_gelu": bool(wanted)}


def _without_folders(model: str) -> str:
    """Return the name without the folders of a local path.

    Files may be moved, and their place is nobody's business.
    """
    if model.startswith(_HUB):
        return model
    if model.startswith(_LOCAL):
        return f"{_LOCAL}{Path(model.removeprefix(_LOCAL)).name}"
    architecture, slash, pretrained = model.partition("/")
    return f"{architecture}{slash}{Path(pretrained).name}"
