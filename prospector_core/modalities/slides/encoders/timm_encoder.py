"""Image models of timm as encoders: ``timm:NAME``, ``timm:hf-hub:ORG/MODEL``, ``timm:local-dir:PATH``."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ....encoders.hub import is_offline, load_weights, missing_package, not_here
from ....encoders.torch_encoder import Preprocessing, TorchEncoder
from ....errors import EmbeddingError
from .torchvision_shim import import_torchvision

__all__ = ["TimmEncoder"]

_LOCAL = "local-dir:"
_HUB = ("hf-hub:", "hf_hub:")


class TimmEncoder(TorchEncoder):
    """Encoder that runs a model of timm, with the weights and the preprocessing that timm records for it.

    Parameters
    ----------
    model : str
        What follows ``timm:``: a name of timm (``vit_small_patch14_dinov2.lvd142m``), ``hf-hub:ORG/MODEL``,
        or ``local-dir:PATH`` of a folder with ``config.json`` and the weights. threads, device, precision,
        batch, patches As `TorchEncoder`.

    Raises
    ------
    MissingExtraError
        timm, or what the model needs beside it, is not installed.
    EmbeddingError
        There is no such model, its weights are not to be had, or they do not fit.
    """

    _libraries = ("torch", "torchvision", "timm")

    def __init__(self, model: str, **options: Any) -> None:
        local = model.startswith(_LOCAL)
        # A folder may be moved, and its path is nobody's business: the record keeps its last part.
        name = f"timm:{_LOCAL}{Path(model.removeprefix(_LOCAL)).name}" if local else f"timm:{model}"
        try:
            import torch  # noqa: F401

            import_torchvision()
            import timm
        except ImportError as error:
            raise missing_package(name, "timm") from error
        super().__init__(name, **options)
        model = self._checked(timm, model)
        network = load_weights(
            self.name, lambda: timm.create_model(model, pretrained=True, **_arguments(model))
        )
        # Made with num_classes=0, timm would let pass weights that do not fit, and leave random ones in their
        # place.
        if network.num_classes:
            network.reset_classifier(0)
        data = timm.data.resolve_model_data_config(network)
        channels, *size = data["input_size"]
        if channels != 3:
            raise EmbeddingError(
                f"{self.name} is made for pictures of {channels} channels, tiles have 3: choose another model"
            )
        preprocessing = Preprocessing.checked(
            self.name, size, data["mean"], data["std"], data["interpolation"]
        )
        cfg = network.pretrained_cfg or {}
        special = {
            "architecture": cfg.get("architecture"),
            "tag": cfg.get("tag"),
            "license": cfg.get("license"),
        }
        special = {key: value for key, value in special.items() if value}
        self.use_model(
            network, self._patches_of(network) if self.patches else network, preprocessing, special
        )

    def _patches_of(self, network: Any) -> Any:
        """Return the function that gives the patch tokens, without class and register tokens.

        (n, tokens, dim).
        """
        if not hasattr(network, "forward_features"):
            raise self.no_patches()
        first = int(getattr(network, "num_prefix_tokens", 0))

        def forward(x: Any) -> Any:
            y = network.forward_features(x)
            return y[:, first:] if getattr(y, "ndim", 0) == 3 else y

        return forward

    def _checked(self, timm: Any, model: str) -> str:
        """Return the model's name for timm, if nothing speaks against it."""
        if model.startswith(_LOCAL):
            folder = Path(model.removeprefix(_LOCAL)).expanduser()
            if not (folder / "config.json").is_file():
                raise EmbeddingError(
                    f"{folder} is not a folder of a timm model: it needs config.json and the weights, "
                    "as timm.models.save_for_hf writes them"
                )
            return f"{_LOCAL}{folder}"
        if model.startswith(_HUB):
            return model
        name = model.partition(".")[0]
        if not timm.is_model(name):
            near = difflib.get_close_matches(name, timm.list_models(), 3, 0.6)
            known = f"perhaps {', '.join(near)}" if near else "timm.list_models() names them"
            raise EmbeddingError(
                f"timm has no model named {name}: {known}; of the hub:"
                f" timm:hf-hub:{model if '/' in model else 'ORG/MODEL'}"
            )
        try:
            cfg = timm.get_pretrained_cfg(model, allow_unregistered=True)
        except RuntimeError:  # an unknown tag
            cfg = None
        if cfg is None or not cfg.has_weights:
            known = ", ".join(f"timm:{one}" for one in timm.list_pretrained(f"{name}.*")[:5])
            raise EmbeddingError(
                f"timm knows no weights for {model}: say {known or 'another model, or timm:local-dir:FOLDER'}"
            )
        if is_offline() and not cfg.hf_hub_id and cfg.url and not _cached(cfg.url):
            raise not_here(self.name)
        return model


def _cached(url: str) -> bool:
    """Return whether a file that timm takes from a plain address is where torch keeps those."""
    import torch

    return Path(torch.hub.get_dir(), "checkpoints", os.path.basename(urlsplit(url).path)).is_file()


def _arguments(model: str) -> dict[str, Any]:
    """Return what must be said to make a model of slides whose config on the hub does not say it all.

    It comes from the models' own pages: Virchow and Virchow 2 (gated feed-forward layers), UNI 2.
    """
    from timm.layers import SwiGLUPacked
    from torch.nn import SiLU

    gated = {"mlp_layer": SwiGLUPacked, "act_layer": SiLU}
    uni2 = {
        "img_size": 224,
        "patch_size": 14,
        "depth": 24,
        "num_heads": 24,
        "init_values": 1e-5,
        "embed_dim": 1536,
        "mlp_ratio": 2.66667 * 2,
        "no_embed_class": True,
        "reg_tokens": 8,
        "dynamic_img_size": True,
        **gated,
    }
    uni = {"init_values": 1e-5, "dynamic_img_size": True}
    known = {
        "paige-ai/virchow": gated,
        "paige-ai/virchow2": gated,
        "mahmoodlab/uni": uni,
        "mahmoodlab/uni2-h": uni2,
    }
    for prefix in _HUB:
        if model.startswith(prefix):
            return known.get(model.removeprefix(prefix).partition("@")[0].lower(), {})
    return {}
