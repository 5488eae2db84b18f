"""What encoders that run a torch model share.

Preprocessing, device, half precision, batches, and their record.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..errors import EmbeddingError
from .base import check_tiles
from .base import package_version as _version
from .hub import one_line

__all__ = ["Preprocessing", "TorchEncoder", "state_sha256"]

_PRECISIONS = ("float32", "float16", "bfloat16")
_BATCH = {"cpu": 16}
_BATCH_ELSEWHERE = 128


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its pictures.

    Uint8 tiles are resized, divided by 255, shifted by `mean`, divided by `std`.

    A tile is resized as a whole. The crop of the centre that a model of photographs may ask for is left out:
    it would leave a rim of every tile unseen.

    Attributes
    ----------
    size : tuple of int
        Height and width, in pixels.
    mean, std : tuple of float
        One value per channel (red, green, blue), on the scale from 0 to 1.
    interpolation : str
        "bilinear", "bicubic", "nearest", "box", "hamming" or "lanczos"; antialiased where tiles shrink.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"

    @classmethod
    def checked(
        cls, name: str, size: int | Sequence[int], mean: Any, std: Any, interpolation: str | None
    ) -> Preprocessing:
        """Return it from what a library recorded; `size` is a side, or height and width.

        Raises
        ------
        EmbeddingError
            The model is not made for RGB pictures, or the way of resizing is unknown.
        """
        height, width = (size, size) if isinstance(size, int) else size
        mean, std = (tuple(float(v) for v in np.atleast_1d(value)) for value in (mean, std))
        mean, std = (value * 3 if len(value) == 1 else value for value in (mean, std))
        if len(mean) != 3 or len(std) != 3:
            raise EmbeddingError(
                f"{name} is made for pictures of {len(mean)} channels, tiles have 3: choose another model"
            )
        interpolation = (interpolation or "bicubic").lower()
        if interpolation == "random":  # of training; libraries then take bicubic for use
            interpolation = "bicubic"
        if interpolation.upper() not in Image.Resampling.__members__:
            raise EmbeddingError(
                f"{name} asks for an unknown way of resizing, {interpolation}: choose another model"
            )
        return cls((int(height), int(width)), mean, std, interpolation)

    def resize(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, height, width, 3) uint8, by Pillow: the same bytes on every machine."""
        height, width = self.size
        if tiles.shape[1:3] == self.size:
            return np.require(tiles, requirements=["C", "W"])  # torch warns of memory that it may not write
        how = Image.Resampling[self.interpolation.upper()]
        return np.stack([np.asarray(Image.fromarray(tile).resize((width, height), how)) for tile in tiles])


class TorchEncoder:
    """Encoder that runs a torch model.

    Without gradients, in evaluation mode, on the GPU and in half precision if present.

    The last digits of a vector depend on device, precision and torch version; device and libraries are
    recorded, and so is the precision. On one machine, the same batch gives the same vectors.

    Parameters
    ----------
    name : str
        The encoder's name, as given to `get_encoder`.
    threads : int, optional
        Threads that torch may use on a CPU. Default: torch's own choice.
    device : str, optional
        "cpu", "cuda", "cuda:1", "mps". Default: a GPU if there is one.
    precision : str, optional "float32", "float16" or "bfloat16" (of the computation; weights and vectors are
        float32). Default: float16 on a GPU, float32 on a CPU.
    batch : int, optional
        Tiles run at once. Default: 16 on a CPU, 128 elsewhere; halved when the GPU's memory does not suffice.
    patches : int
        0: one vector per tile. 1: one vector per patch of a vision transformer; n: an average over n x n
        patches. The name then ends in ``@patches`` or ``@patches/n``.

    Attributes
    ----------
    tokens_per_side : int
        g: rows of vectors are g x g a tile, and a tile's follow each other, row by row.

    Raises
    ------
    EmbeddingError
        An unknown device or precision, a model that does not give a vector a picture, or, with `patches`, one
        without a square grid of patches.
    """

    input_size = 0  # tiles come as they are cut; they are resized here, as the model wants it
    _libraries: tuple[str, ...] = ("torch",)

    def __init__(
        self,
        name: str,
        threads: int | None = None,
        device: str | None = None,
        precision: str | None = None,
        batch: int | None = None,
        patches: int = 0,
    ) -> None:
        import torch

        self.patches = int(patches)
        self.name = name + ("" if not patches else "@patches" if patches == 1 else f"@patches/{patches}")
        self._threads = threads
        try:
            self._device = torch.device(device or _best_device())
            torch.empty(1, device=self._device)
        except Exception as error:
            raise EmbeddingError(
                f"the device {device} cannot be used ({one_line(error)}): choose cpu, cuda or mps"
            ) from error
        precision = precision or ("float32" if self._device.type == "cpu" else "float16")
        if precision not in _PRECISIONS:
            raise EmbeddingError(f"there is no precision {precision}: choose one of {', '.join(_PRECISIONS)}")
        self.precision = precision
        self._batch = max(1, int(batch or _BATCH.get(self._device.type, _BATCH_ELSEWHERE)))
        self.batch_size = max(32, self._batch)  # what the embedding job hands over at once; a GPU wants more

    def use_model(
        self, model: Any, forward: Callable[[Any], Any], preprocessing: Preprocessing, record: dict[str, Any]
    ) -> None:
        """Set the model up.

        `forward` maps (n, 3, height, width) to its output; with `patches` to (n, tokens, dim), the patches
        alone. `record` says what is special of it.
        """
        self._sha256 = state_sha256(model.state_dict())
        self._model = model.to(self._device).eval().requires_grad_(False)
        self._forward = forward
        self.preprocessing = preprocessing
        self._special = record
        self._output = "the model's pooled output"
        self.tokens_per_side = 1
        rows, self.dim = self._run(np.zeros((1, *preprocessing.size, 3), np.uint8)).shape
        self.tokens_per_side = math.isqrt(rows)

    def encode(self, tiles: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 for (n, s, s, 3) uint8 RGB; (n g g, dim) with g tokens per side.

        Raises
        ------
        EmbeddingError
            Tiles of a wrong shape, a result that is not finite, or a GPU without the memory for a single
            tile.
        """
        tiles = check_tiles(tiles)
        each = self.tokens_per_side**2
        out = np.empty((len(tiles) * each, self.dim), np.float32)
        start = 0
        with self._with_threads():
            while start < len(tiles):
                some = self.preprocessing.resize(tiles[start : start + self._batch])
                try:
                    out[start * each : (start + len(some)) * each] = self._run(some)
                except MemoryError as error:
                    if self._batch == 1:
                        raise EmbeddingError(
                            f"the memory of {self._device} does not suffice for {self.name}: get_encoder(...,"
                            " device='cpu')"
                        ) from error
                    self._batch = max(1, min(len(some), self._batch) // 2)
                    continue
                start += len(some)
        if not np.isfinite(out).all():
            help = (
                "check its weights"
                if self.precision == "float32"
                else "try get_encoder(..., precision='float32')"
            )
            raise EmbeddingError(f"{self.name} gave numbers that are not finite in {self.precision}: {help}")
        return out

    def record(self) -> dict[str, Any]:
        """Return name, weights' hash, preprocessing, precision, and versions.

        The versions are those of what computed the vectors.
        """
        return {
            "name": self.name,
            "version": 1,
            "dim": self.dim,
            "weights_sha256": self._sha256,
            "preprocessing": {
                **{
                    key: list(value) if isinstance(value, tuple) else value
                    for key, value in asdict(self.preprocessing).items()
                },
                "channels": "RGB",
                "divisor": 255.0,
            },
            "output": self._output,
            "precision": self.precision,
            **({"tokens_per_side": self.tokens_per_side} if self.patches else {}),
            **self._special,
            "device": self._device.type,
            "libraries": {
                "python": platform.python_version(),
                **{one: _version(one) for one in (*self._libraries, "pillow")},
            },
        }

    def _run(self, tiles: np.ndarray) -> np.ndarray:
        """Return the vectors of one batch; MemoryError where the GPU's memory does not suffice."""
        import torch

        where, what = self._device, self.preprocessing
        try:
            with torch.inference_mode():
                x = (
                    torch.from_numpy(tiles)
                    .to(where)
                    .permute(0, 3, 1, 2)
                    .to(torch.float32, memory_format=torch.contiguous_format)
                )
                mean, std = (
                    torch.tensor(value, device=where).view(1, 3, 1, 1) for value in (what.mean, what.std)
                )
                x = x.div_(255).sub_(mean).div_(std)
                with self.half_precision():
                    y = self._forward(x)
                    y = self._patch_tokens(y) if self.patches else self._pool(y)
                return y.to("cpu", torch.float32).numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise MemoryError(str(error)) from error

    def half_precision(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the model is run: that of its precision."""
        import torch

        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self.precision))

    def _pool(self, y: Any) -> Any:
        """Return (n, dim); a transformer that gives its tokens is pooled as its users do.

        Class token and mean patch.
        """
        import torch

        if isinstance(y, (tuple, list)):
            y = y[0]
        if isinstance(y, torch.Tensor) and y.ndim == 3:
            first = int(getattr(self._model, "num_prefix_tokens", 0))
            patches = y[:, first:].mean(1)
            self._output = (
                "class token, then the mean of the patch tokens" if first else "the mean of the patch tokens"
            )
            y = torch.cat([y[:, 0], patches], 1) if first else patches
        if not isinstance(y, torch.Tensor) or y.ndim != 2:
            raise EmbeddingError(
                f"{self.name} does not give one vector per tile: choose a model with a pooled output"
            )
        return y

    def no_patches(self) -> EmbeddingError:
        """Return the error of a model whose patch tokens cannot be had."""
        return EmbeddingError(
            f"{self.name.partition('@patches')[0]} is not a vision transformer with a square grid of patches:"
            " leave out @patches, or choose another model"
        )

    def _patch_tokens(self, y: Any) -> Any:
        """Return (n g g, dim) for the patches of n tiles, (n, tokens, dim).

        Averaged over blocks of `patches` a side.
        """
        height, width = self.preprocessing.size
        if getattr(y, "ndim", 0) != 3 or height != width or math.isqrt(y.shape[1]) ** 2 != y.shape[1]:
            raise self.no_patches()
        n, tokens, dim = y.shape
        side, block = math.isqrt(tokens), self.patches
        if side % block:
            fits = ", ".join(f"@patches/{one}" for one in range(2, side + 1) if side % one == 0)
            raise EmbeddingError(
                f"{self.name}: a tile has {side} x {side} patches, which blocks of {block} x {block} do not"
                f" fill: say @patches or one of {fits}"
            )
        of = (
            "patch tokens of the last block"
            if block == 1
            else f"averages of {block} x {block} patch tokens of the last block"
        )
        self._output = f"{of}, normalised as the model ends, {side // block} x {side // block} a tile"
        return y.reshape(n, side // block, block, side // block, block, dim).mean((2, 4)).reshape(-1, dim)

    @contextlib.contextmanager
    def _with_threads(self) -> Iterator[None]:
        import torch

        before = torch.get_num_threads()
        try:
            if self._threads:
                torch.set_num_threads(self._threads)
            yield
        finally:
            torch.set_num_threads(before)


def state_sha256(state: dict[str, Any]) -> str:
    """Return the SHA-256 of a state dict.

    Name, type, shape and bytes of every tensor, in the order of their names.
    """
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name]
        if not isinstance(tensor, torch.Tensor):  # extra state of a module, if any
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
