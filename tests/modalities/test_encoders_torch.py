"""Models of a library as encoders: what needs torch only, and what is said when a library is not there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prospector_core.encoders.base import same_vectors
from prospector_core.encoders.hub import load_weights
from prospector_core.encoders.torch_encoder import Preprocessing, TorchEncoder, state_sha256
from prospector_core.errors import EmbeddingError, MissingExtraError
from prospector_core.modalities.slides.encoders import (
    FAMILIES,
    check_encoder_name,
    get_encoder,
    list_encoders,
)

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parents[2]
PLAIN = Preprocessing((8, 8), (0.5, 0.4, 0.3), (0.2, 0.25, 0.5))


class Network(torch.nn.Module):
    """Three numbers a picture: its mean colour, times a weight."""

    def __init__(self, forward=None):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
        self.dropout = torch.nn.Dropout(0.5)
        self.other, self.batches = forward, []

    def forward(self, x):
        self.batches.append(len(x))
        return self.other(x) if self.other else self.dropout(x.mean((2, 3)) * self.weight)


def encoder(network=None, preprocessing=PLAIN, **options):
    made = TorchEncoder("test:model", **options)
    network = network or Network()
    made.use_model(network, network, preprocessing, {"tag": "t"})
    network.batches.clear()
    return made, network


@pytest.fixture(scope="module")
def tiles():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "name", ["timm:resnet18", "timm:hf-hub:a/b", "open_clip:ViT-B-32/openai", "colour-texture"]
)
def test_names_that_may_be(name):
    check_encoder_name(name)


@pytest.mark.parametrize("name", ["timm:", "open_clip:/", "open_clip: ", "resnet18", "hf-hub:a/b", ""])
def test_names_that_cannot_be(name):
    for ask in (check_encoder_name, get_encoder):
        with pytest.raises(EmbeddingError, match="timm:NAME|open_clip:MODEL/PRETRAINED"):
            ask(name)


def test_families_are_not_listed_as_encoders():
    assert not any(name.startswith(tuple(FAMILIES)) for name in list_encoders())


@pytest.mark.parametrize("absent", ["timm", "torchvision", "torch"])
@pytest.mark.parametrize("name", ["timm:resnet18", "timm:local-dir:/some/where", "timm:hf-hub:a/b"])
def test_timm_that_is_missing(name, absent, monkeypatch):
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(
        MissingExtraError, match=r'timm.* is not installed: pip install "prospector-heads\[encoders\]"'
    ) as e:
        get_encoder(name)
    assert "/some/" not in str(e.value)


@pytest.mark.parametrize("absent", ["open_clip", "torchvision", "torch"])
@pytest.mark.parametrize("name", ["open_clip:ViT-B-32/openai", "open_clip:hf-hub:a/b"])
def test_open_clip_that_is_missing(name, absent, monkeypatch):
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=r"open-clip-torch.*prospector-heads\[encoders\]"):
        get_encoder(name)


def test_vectors_are_those_of_the_network_in_evaluation(tiles):
    made, network = encoder()
    assert (
        made.dim == 3 and made.input_size == 0 and not network.training and not network.weight.requires_grad
    )
    expected = ((tiles / 255 - PLAIN.mean) / PLAIN.std).mean((1, 2)) * [1, 2, 3]
    vectors = made.encode(tiles)
    assert vectors.dtype == np.float32 and vectors == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(vectors, made.encode(tiles))
    assert made.encode(tiles[:0]).shape == (0, 3)
    read_only = tiles.copy()
    read_only.setflags(write=False)
    assert np.array_equal(vectors, made.encode(read_only))
    with pytest.raises(EmbeddingError, match="uint8"):
        made.encode(tiles[0])


@pytest.mark.parametrize("how", ["bilinear", "bicubic", "lanczos"])
def test_tiles_are_resized_whole_as_the_model_wants(how):
    tiles = np.random.default_rng(1).integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)
    resized = Preprocessing.checked("m", (6, 8), 0.5, 0.5, how).resize(tiles)
    expected = Image.fromarray(tiles[1]).resize((8, 6), Image.Resampling[how.upper()])
    assert resized.shape == (2, 6, 8, 3) and np.array_equal(resized[1], expected)


def test_preprocessing_as_libraries_record_it():
    made = Preprocessing.checked("m", 224, [0.5], (0.1, 0.2, 0.3), "random")
    assert made == Preprocessing((224, 224), (0.5, 0.5, 0.5), (0.1, 0.2, 0.3), "bicubic")
    with pytest.raises(EmbeddingError, match="4 channels"):
        Preprocessing.checked("m", 224, [0.5] * 4, [0.5] * 4, None)
    with pytest.raises(EmbeddingError, match="mirror"):
        Preprocessing.checked("m", 224, 0.5, 0.5, "mirror")


def test_batches(tiles):
    made, network = encoder(batch=2)
    made.encode(tiles)
    assert network.batches == [2, 2, 1]


def test_a_gpu_with_little_memory_gets_smaller_batches(tiles):
    whole, _ = encoder()

    def small(x):
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x.mean((2, 3)) * torch.tensor([1.0, 2.0, 3.0])

    made, network = encoder(Network(small), batch=4)
    assert made.encode(tiles) == pytest.approx(whole.encode(tiles), abs=1e-6)
    assert network.batches == [4, 2, 1, 1, 1, 1, 1]

    def none(x):
        if x.any():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x.mean((2, 3))

    made, _ = encoder(Network(none), Preprocessing((8, 8), (0, 0, 0), (1, 1, 1)))
    with pytest.raises(EmbeddingError, match="memory.*device='cpu'"):
        made.encode(tiles)


def test_half_precision_is_recorded_and_gives_float32(tiles):
    made, _ = encoder(
        Network(lambda x: torch.nn.functional.linear(x.flatten(1), torch.ones(4, 192))), precision="bfloat16"
    )
    vectors = made.encode(tiles)
    assert vectors.dtype == np.float32 and made.record()["precision"] == "bfloat16"
    full, _ = encoder(Network(lambda x: torch.nn.functional.linear(x.flatten(1), torch.ones(4, 192))))
    assert vectors == pytest.approx(full.encode(tiles), rel=0.05, abs=1) and not np.array_equal(
        vectors, full.encode(tiles)
    )


def test_wrong_options():
    with pytest.raises(EmbeddingError, match="float64.*float16"):
        TorchEncoder("m", precision="float64")
    with pytest.raises(EmbeddingError, match="warp"):
        TorchEncoder("m", device="warp")


def test_threads_are_given_back(tiles):
    before = torch.get_num_threads()
    seen = []
    made, _ = encoder(Network(lambda x: seen.append(torch.get_num_threads()) or x.mean((2, 3))), threads=1)
    torch.set_num_threads(2)
    try:
        made.encode(tiles)
        assert seen[-1] == 1 and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_tokens_are_pooled(tiles):
    def tokens(x):  # a class token, a register, and two patches
        mean = x.mean((2, 3))
        return torch.stack([mean, mean * 100, mean * 2, mean * 4], 1)

    network = Network(tokens)
    network.num_prefix_tokens = 2
    made, _ = encoder(network)
    vectors = made.encode(tiles)
    assert vectors.shape == (5, 6) and vectors[:, 3:] == pytest.approx(3 * vectors[:, :3], rel=1e-5)
    assert "class token" in made.record()["output"]
    with pytest.raises(EmbeddingError, match="one vector per tile"):
        encoder(Network(lambda x: x))


def test_numbers_that_are_not_finite_are_refused(tiles):
    made, _ = encoder(Network(lambda x: x.mean((2, 3)) / 0), Preprocessing((8, 8), (0, 0, 0), (1, 1, 1)))
    with pytest.raises(EmbeddingError, match="not finite.*weights"):
        made.encode(tiles)
    made, _ = encoder(Network(lambda x: x.mean((2, 3)) / 0), precision="bfloat16")
    with pytest.raises(EmbeddingError, match="not finite in bfloat16.*precision='float32'"):
        made.encode(tiles)


def test_record():
    made, network = encoder()
    record = json.loads(json.dumps(made.record()))
    assert (
        record["name"] == "test:model"
        and record["dim"] == 3
        and record["tag"] == "t"
        and record["device"] == "cpu"
    )
    assert record["preprocessing"] == {
        "size": [8, 8],
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.25, 0.5],
        "interpolation": "bicubic",
        "channels": "RGB",
        "divisor": 255.0,
    }
    assert record["libraries"]["torch"] == torch.__version__
    raw = np.array([1, 2, 3], "<f4").tobytes()
    assert record["weights_sha256"] == hashlib.sha256(b"weight torch.float32 (3,)\n" + raw).hexdigest()


def test_weights_hash():
    one = {
        "b": torch.arange(4).reshape(2, 2),
        "a": torch.tensor(1.5, dtype=torch.bfloat16),
        "c": torch.empty(0),
    }
    assert state_sha256(one) == state_sha256(dict(reversed(one.items())))
    for name, other in [
        ("b", torch.arange(4)),
        ("a", torch.tensor(1.25, dtype=torch.bfloat16)),
        ("d", torch.empty(0)),
    ]:
        assert state_sha256({**one, name: other}) != state_sha256(one)
    assert state_sha256({"b": one["b"].T.contiguous().T}) == state_sha256(
        {"b": one["b"]}
    )  # however it is in memory


def test_what_may_differ_between_data_of_one_study():
    record = encoder()[0].record()
    assert same_vectors(record, {**record, "libraries": {"torch": "9"}, "device": "cuda"})
    assert same_vectors({**record, "x": (1, 2)}, {**record, "x": [1, 2]})
    for key, value in [("precision", "float16"), ("weights_sha256", "0"), ("preprocessing", {}), ("dim", 4)]:
        assert not same_vectors(record, {**record, key: value})


def test_errors_of_a_library_are_one_line(monkeypatch):
    def fails(error):
        def load():
            raise error

        return load

    with pytest.raises(EmbeddingError, match="timm:x cannot be loaded: size mismatch") as e:
        load_weights("timm:x", fails(RuntimeError("size mismatch\n" * 1000)))
    assert len(str(e.value)) < 500 and "\n" not in str(e.value)
    with pytest.raises(MissingExtraError, match="transformers"):
        load_weights("open_clip:x", fails(ImportError("pip install transformers")))


CHECKS_NMS = """
import torch
__version__ = "0"
torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "Meta")  # as torchvision does
torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::qnms", "Meta")
"""
USE_IT = """
import sys
from prospector_core.modalities.slides.encoders.torchvision_shim import import_torchvision
print(import_torchvision(), import_torchvision(), sys.modules["torchvision"].__version__)
"""


@pytest.mark.parametrize(
    "package, expected",
    [
        (CHECKS_NMS, "True True 0"),
        ("__version__ = '1'", "False False 1"),
        ("raise RuntimeError('something else')", "something else"),
        (None, "ModuleNotFoundError"),
    ],
)
def test_torchvision_whose_operators_do_not_fit(package, expected, tmp_path):
    if package is None:
        package = "raise ModuleNotFoundError('torchvision')"
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(package)
    # A process of its own: operators are declared once, and for good.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", USE_IT], env=environment, capture_output=True, text=True, timeout=120
    )
    assert expected in done.stdout + done.stderr


class Patches(torch.nn.Module):
    """Mean colour of each of 4 x 4 patches: what a vision transformer gives without its class token."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        return torch.nn.functional.avg_pool2d(x * self.scale, x.shape[-1] // 4).flatten(2).transpose(1, 2)


def test_patch_tokens_follow_their_tiles_row_by_row(tiles):
    whole, _ = encoder(Network(lambda x: x.mean((2, 3))))
    made = TorchEncoder("test:model", batch=2, patches=1)
    network = Patches()
    made.use_model(network, network, PLAIN, {})
    assert made.name == "test:model@patches" and (made.tokens_per_side, made.dim) == (4, 3)
    assert whole.tokens_per_side == 1 and "tokens_per_side" not in whole.record()
    vectors = made.encode(tiles)
    assert vectors.shape == (5 * 16, 3)
    patch = ((tiles[3, 2:4, 6:8] / 255 - PLAIN.mean) / PLAIN.std).mean(
        (0, 1)
    )  # the second row, the last column
    assert vectors[3 * 16 + 1 * 4 + 3] == pytest.approx(patch, abs=1e-5)
    assert vectors.reshape(5, 16, 3).mean(1) == pytest.approx(whole.encode(tiles), abs=1e-5)
    record = made.record()
    assert record["tokens_per_side"] == 4 and "4 x 4 a tile" in record["output"]

    coarse = TorchEncoder("test:model", patches=2)
    coarse.use_model(network, network, PLAIN, {})
    assert coarse.name == "test:model@patches/2" and coarse.tokens_per_side == 2
    blocks = vectors.reshape(5, 2, 2, 2, 2, 3).mean((2, 4)).reshape(-1, 3)
    assert coarse.encode(tiles) == pytest.approx(blocks, abs=1e-5)
    assert not same_vectors(record, coarse.record())


@pytest.mark.parametrize(
    "output, patches, said",
    [
        (lambda x: x.mean((2, 3)), 1, "test:model is not a vision transformer"),
        (lambda x: x, 1, "leave out @patches"),
        (lambda x: x.flatten(2).transpose(1, 2)[:, :17], 1, "not a vision transformer"),
        (
            Patches(),
            3,
            "4 x 4 patches, which blocks of 3 x 3 do not fill: say @patches or one of @patches/2, @patches/4",
        ),
    ],
)
def test_a_model_without_such_patches(output, patches, said):
    network = Network()
    with pytest.raises(EmbeddingError, match=said):
        TorchEncoder("test:model", patches=patches).use_model(network, output, PLAIN, {})


@pytest.mark.parametrize(
    "name", ["timm:resnet18@patches", "timm:hf-hub:a/b@revision@patches/2", "open_clip:V/file@patches"]
)
def test_names_with_patches_that_may_be(name):
    check_encoder_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "timm:resnet18@patches/0",
        "timm:resnet18@patches/x",
        "timm:a@patches@patches",
        "timm:@patches",
        "efficientnet-lite0@patches",
    ],
)
def test_names_with_patches_that_cannot_be(name):
    with pytest.raises(EmbeddingError, match="@patches/2|timm:NAME"):
        check_encoder_name(name)
