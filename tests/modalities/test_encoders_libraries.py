"""Real models of timm and open_clip, tiny and with random weights: no network, nothing fetched.

The libraries are not among the project's own requirements; ``pip install -e ".[encoders]"`` brings them.
"""

from __future__ import annotations

import importlib.util
import json
import socket

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study
from prospector_core.errors import EmbeddingError
from prospector_core.modalities.slides.encoders import Encoder, get_encoder
from prospector_core.modalities.slides.encoders.torchvision_shim import import_torchvision

_ABSENT = [
    name for name in ("torch", "torchvision", "timm", "open_clip") if importlib.util.find_spec(name) is None
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(_ABSENT), reason=f"not installed: {', '.join(_ABSENT)}; pip install prospector-heads[encoders]"
    ),
]
TIMM, CLIP = "test_vit.r160_in1k", "prospector-tiny"
CLIP_CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}
OWN_COLOURS = {
    "mean": [0.7, 0.5, 0.6],
    "std": [0.2, 0.3, 0.1],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


@pytest.fixture(scope="module")
def tiles():
    coarse = np.random.default_rng(0).integers(0, 256, (5, 25, 25, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(tile).resize((200, 200))) for tile in coarse])


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """The hosts that anything tried to reach: none is reached."""
    hosts = []

    def refuse(host, *rest, **others):
        hosts.append(host)
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    return hosts


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub; called with a name and files, it holds that model."""
    constants = pytest.importorskip("huggingface_hub").constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def add(repo, files):
        folder = tmp_path / "hub" / f"models--{repo.replace('/', '--')}"
        snapshot = folder / "snapshots" / ("a" * 40)
        snapshot.mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("a" * 40)
        for path in files.iterdir():
            (snapshot / path.name).write_bytes(path.read_bytes())

    return add


@pytest.fixture(scope="module")
def timm_folder(tmp_path_factory):
    import_torchvision()
    import timm
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("timm") / "tiny-vit"
    folder.mkdir()
    torch.manual_seed(0)
    model = timm.create_model(TIMM, pretrained=False)
    cfg = {
        key: value
        for key, value in model.pretrained_cfg.items()
        if key not in ("url", "hf_hub_id", "file", "source")
    }
    cfg |= {"mean": OWN_COLOURS["mean"], "std": OWN_COLOURS["std"], "interpolation": "bilinear"}
    (folder / "config.json").write_text(
        json.dumps({"architecture": "test_vit", "num_classes": 1000, "pretrained_cfg": cfg})
    )
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    import_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("clip") / "tiny-clip"
    folder.mkdir()
    (folder / f"{CLIP}.json").write_text(json.dumps(CLIP_CONFIG))
    open_clip.add_model_config(folder / f"{CLIP}.json")
    torch.manual_seed(0)
    model = open_clip.create_model(CLIP)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": CLIP_CONFIG, "preprocess_cfg": OWN_COLOURS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def expected(model, transform, tiles):
    import torch

    with torch.inference_mode():
        return model(torch.stack([transform(Image.fromarray(tile)) for tile in tiles])).numpy()


def check(encoder, tiles, vectors):
    assert isinstance(encoder, Encoder)
    assert encoder.encode(tiles) == pytest.approx(vectors, abs=1e-5)
    assert np.array_equal(encoder.encode(tiles), encoder.encode(tiles))
    assert encoder.encode(tiles[2:4]) == pytest.approx(
        encoder.encode(tiles)[2:4], abs=1e-5
    )  # whatever the batch
    assert len(np.unique(vectors.round(4), axis=0)) == len(tiles)
    record = json.loads(json.dumps(encoder.record()))
    assert record["dim"] == encoder.dim == vectors.shape[1] and len(record["weights_sha256"]) == 64
    assert record["libraries"]["torch"] and record["libraries"]["torchvision"]
    return record


def test_timm_from_a_folder(timm_folder, tiles, asked):
    import timm

    encoder = get_encoder(f"timm:local-dir:{timm_folder}", threads=1, device="cpu")
    model = timm.create_model(f"local-dir:{timm_folder}", pretrained=True, num_classes=0).eval()
    transform = timm.data.create_transform(
        (3, 160, 160),
        mean=OWN_COLOURS["mean"],
        std=OWN_COLOURS["std"],
        interpolation="bilinear",
        crop_pct=1.0,
    )
    record = check(encoder, tiles, expected(model, transform, tiles))
    assert record["name"] == "timm:local-dir:tiny-vit" and "/" not in json.dumps(record).replace(
        "https://", ""
    )
    assert (
        record["preprocessing"]["size"] == [160, 160]
        and record["preprocessing"]["mean"] == OWN_COLOURS["mean"]
    )
    assert record["architecture"] == "test_vit" and record["libraries"]["timm"] == timm.__version__
    assert asked == []


@pytest.mark.parametrize("offline", [True, False])
def test_timm_from_the_cache_of_the_hub(offline, timm_folder, tiles, cache, asked, monkeypatch):
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cache("timm/test_vit.r160_in1k", timm_folder)
    cache("some-lab/tiny", timm_folder)
    local = get_encoder(f"timm:local-dir:{timm_folder}")
    for name in ("timm:hf-hub:some-lab/tiny", f"timm:{TIMM}"):
        encoder = get_encoder(name)
        assert encoder.name == name and encoder.record()["weights_sha256"] == local.record()["weights_sha256"]
        assert encoder.encode(tiles).shape == (5, 64)
    assert np.array_equal(get_encoder("timm:hf-hub:some-lab/tiny").encode(tiles), local.encode(tiles))
    assert asked == []  # what is here is used without asking for news of it


@pytest.mark.parametrize(
    "name",
    [
        "timm:resnet18",
        "timm:hf-hub:some-lab/none",
        "open_clip:hf-hub:some-lab/none",
        "open_clip:ViT-B-32/openai",
        "open_clip:RN50/yfcc15m",
    ],
)
def test_weights_that_are_not_here(name, cache, asked, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        EmbeddingError, match=f"the weights of {name} are not on this machine and HF_HUB_OFFLINE is set"
    ):
        get_encoder(name)
    assert asked == []


@pytest.mark.parametrize("name", ["timm:hf-hub:some-lab/none", "open_clip:hf-hub:some-lab/none"])
def test_weights_that_cannot_be_fetched(name, cache, asked, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between its tries
    with pytest.raises(
        EmbeddingError, match=f"the weights of {name} are not on this machine and could not be fetched"
    ):
        get_encoder(name)
    assert asked  # the name asks for a model of the hub


@pytest.mark.parametrize(
    "name, said",
    [
        ("timm:resnett18", "perhaps resnet18"),
        ("timm:test_vit.nope", "test_vit.r160_in1k"),
        ("timm:lab/model", "timm:hf-hub:lab/model"),
        ("timm:other-hub:lab/model", "no model named other-hub"),
        ("timm:local-dir:no-such-folder", "config.json"),
        ("open_clip:ViT-B-32", "ViT-B-32/PRETRAINED with one of openai"),
        ("open_clip:ViT-B-32/nope", "nope is neither a file nor weights"),
        ("open_clip:ViT-B-33/openai", "perhaps ViT-B-32"),
        ("open_clip:local-dir:no-such-folder", "open_clip_config.json"),
    ],
)
def test_names_that_the_libraries_do_not_know(name, said, asked):
    with pytest.raises(EmbeddingError, match=said):
        get_encoder(name)
    assert asked == []


def test_open_clip_from_a_folder_a_file_and_the_cache(clip_folder, tiles, cache, asked):
    import open_clip

    folder = get_encoder(f"open_clip:local-dir:{clip_folder}")
    model = open_clip.create_model(f"local-dir:{clip_folder}").eval()
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(64, **OWN_COLOURS), is_train=False
    )
    record = check(folder, tiles, expected(model.encode_image, transform, tiles))
    assert record["name"] == "open_clip:local-dir:tiny-clip" and str(clip_folder) not in json.dumps(record)
    assert record["preprocessing"]["interpolation"] == "bilinear" and record["preprocessing"]["size"] == [
        64,
        64,
    ]

    cache("some-lab/tiny", clip_folder)
    hub = get_encoder("open_clip:hf-hub:some-lab/tiny")
    assert np.array_equal(hub.encode(tiles), folder.encode(tiles))

    file = get_encoder(f"open_clip:{CLIP}/{clip_folder / 'open_clip_model.safetensors'}")
    plain = open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(64), is_train=False)
    record = check(file, tiles, expected(model.encode_image, plain, tiles))
    assert record["name"] == f"open_clip:{CLIP}/open_clip_model.safetensors"
    assert record["weights_sha256"] == hub.record()["weights_sha256"]
    assert asked == []


def test_weights_that_do_not_fit(clip_folder, timm_folder, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    state = load_file(clip_folder / "open_clip_model.safetensors")
    del state["visual.conv1.weight"]
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(EmbeddingError, match="cannot be loaded.*conv1"):
        get_encoder(f"open_clip:{CLIP}/{tmp_path / 'other.safetensors'}")
    (tmp_path / "truncated.safetensors").write_bytes(
        (clip_folder / "open_clip_model.safetensors").read_bytes()[:5000]
    )
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        get_encoder(f"open_clip:{CLIP}/{tmp_path / 'truncated.safetensors'}")
    (tmp_path / "config.json").write_bytes((timm_folder / "config.json").read_bytes())
    save_file({"x": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        get_encoder(f"timm:local-dir:{tmp_path}")


def test_a_folder_without_weights_gives_no_random_ones(clip_folder, timm_folder, tmp_path):
    for name, file in [
        ("open_clip", clip_folder / "open_clip_config.json"),
        ("timm", timm_folder / "config.json"),
    ]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
        with pytest.raises(EmbeddingError, match=f"{name}:local-dir"):
            get_encoder(f"{name}:local-dir:{tmp_path}")


def test_a_study_with_such_an_encoder(timm_folder, tmp_path, monkeypatch):
    from tests.support.study_files import write_labels

    (tmp_path / "slides").mkdir()
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(60, 200, (96, 96, 3), np.uint8)).save(tmp_path / "slides" / name)
    labels = write_labels(tmp_path / "labels.csv", [("a.png", 1), ("b.png", 0)])
    name = f"timm:local-dir:{timm_folder}"
    study = Study.create(tmp_path / "study", slides=tmp_path / "slides", labels=labels, encoder=name, tile=32)
    assert study.embed() == {}
    kept = study.store.layout(study.data[0].uid)[1]["encoder"]
    assert kept["name"] == "timm:local-dir:tiny-vit" and kept["libraries"]["timm"] and kept["weights_sha256"]

    study.store.remove(study.data[1].uid)  # a newer library may go on with it, another precision may not
    monkeypatch.setattr("prospector_core.encoders.torch_encoder._version", lambda package: "99")
    with pytest.raises(EmbeddingError, match="another encoder or version"):
        study.embed(encoder=get_encoder(name, precision="bfloat16"))
    assert study.embed() == {} and len(study.embedded()) == 2


def save_timm(folder, name):
    import timm
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    torch.manual_seed(1)
    model = timm.create_model(name, pretrained=False)
    cfg = {
        key: value
        for key, value in model.pretrained_cfg.items()
        if key not in ("url", "hf_hub_id", "file", "source")
    }
    config = {"architecture": name, "num_classes": model.num_classes, "pretrained_cfg": cfg}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("name, side", [("test_vit", 10), ("test_vit3", 10)])
def test_patch_tokens_of_timm(name, side, tiles, tmp_path):
    import timm
    import torch

    folder = save_timm(tmp_path / name, name)
    encoder = get_encoder(f"timm:local-dir:{folder}@patches", device="cpu")
    assert encoder.name == f"timm:local-dir:{name}@patches" and encoder.tokens_per_side == side
    model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    mean, std = (
        torch.tensor(getattr(encoder.preprocessing, one)).view(1, 3, 1, 1) for one in ("mean", "std")
    )
    pictures = torch.from_numpy(encoder.preprocessing.resize(tiles)).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():  # timm's own way of giving the last block's patches
        expected = model.forward_intermediates(
            (pictures - mean) / std, indices=1, norm=True, intermediates_only=True
        )[0]
    expected = expected.flatten(2).transpose(1, 2).reshape(-1, encoder.dim).numpy()
    assert encoder.encode(tiles) == pytest.approx(expected, abs=1e-5)
    assert encoder.record()["tokens_per_side"] == side

    coarse = get_encoder(f"timm:local-dir:{folder}@patches/5", device="cpu")
    blocks = expected.reshape(5, 2, 5, 2, 5, -1).mean((2, 4)).reshape(5 * 4, -1)
    assert coarse.tokens_per_side == 2 and coarse.encode(tiles) == pytest.approx(blocks, abs=1e-5)


def test_patch_tokens_of_open_clip(clip_folder, tiles):
    import open_clip
    import torch

    encoder = get_encoder(f"open_clip:local-dir:{clip_folder}@patches", device="cpu")
    assert (encoder.tokens_per_side, encoder.dim) == (4, 64)
    visual = open_clip.create_model(f"local-dir:{clip_folder}").eval().visual
    visual.output_tokens = True  # the library's other way to them
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(64, **OWN_COLOURS), is_train=False
    )
    with torch.inference_mode():
        _, expected = visual(torch.stack([transform(Image.fromarray(tile)) for tile in tiles]))
    found = encoder.encode(tiles)
    assert found == pytest.approx(expected.numpy().reshape(-1, 64), abs=1e-5)


def test_networks_that_are_no_vision_transformers(tmp_path, clip_folder):
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = save_timm(tmp_path / "test_resnet", "test_resnet")
    with pytest.raises(
        EmbeddingError, match="timm:local-dir:test_resnet is not a vision transformer.*leave out @patches"
    ):
        get_encoder(f"timm:local-dir:{folder}@patches")
    torch.manual_seed(0)
    name, config = "prospector-resnet", json.loads(json.dumps(CLIP_CONFIG))
    config["vision_cfg"] = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    (tmp_path / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / f"{name}.json")
    save_file(open_clip.create_model(name).state_dict(), tmp_path / "resnet.safetensors")
    with pytest.raises(
        EmbeddingError, match=f"open_clip:{name}/resnet.safetensors is not a vision transformer"
    ):
        get_encoder(f"open_clip:{name}/{tmp_path / 'resnet.safetensors'}@patches")


def test_a_study_of_patch_tokens(timm_folder, tmp_path):
    from tests.support.study_files import write_labels

    (tmp_path / "slides").mkdir()
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(60, 200, (96, 96, 3), np.uint8)).save(tmp_path / "slides" / name)
    labels = write_labels(tmp_path / "labels.csv", [("a.png", 1), ("b.png", 0)])
    name = f"timm:local-dir:{timm_folder}@patches/2"
    study = Study.create(tmp_path / "study", slides=tmp_path / "slides", labels=labels, encoder=name, tile=32)
    assert study.embed() == {} and study.n_tokens("a.png") == 9 * 25
    assert study.grid("a.png")["pitch"] == pytest.approx(6.4) and study.grid("a.png")["shape"] == (15, 15)
    assert study.token_at("a.png", 40, 1) is not None
    study.fit(concepts=4)
    assert study.prospect("a.png").shape == (225,)


def test_text_of_open_clip_lies_with_its_pictures(tmp_path, tiles, asked):
    import_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    from prospector_core.study.prompts import phrase_vectors, similarity
    from tests.support.study_files import write_labels

    text = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    config = {**CLIP_CONFIG, "text_cfg": text}
    folder = tmp_path / "clip-with-words"
    folder.mkdir()
    (tmp_path / "prospector-words.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "prospector-words.json")
    torch.manual_seed(0)
    save_file(open_clip.create_model("prospector-words").state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": OWN_COLOURS})
    )

    texts = ["lymphocytes", "fat", "a histopathology image of " + "very " * 30 + "long"]
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(texts)).numpy()
    for name in (
        f"open_clip:local-dir:{folder}",
        f"open_clip:prospector-words/{folder / 'open_clip_model.safetensors'}",
    ):
        encoder = get_encoder(name, device="cpu")
        assert encoder.encode_text(texts) == pytest.approx(expected, abs=1e-5) and encoder.dim == 24
    with pytest.raises(EmbeddingError, match="patches have no place"):
        get_encoder(f"open_clip:local-dir:{folder}@patches").encode_text(texts)

    (tmp_path / "slides").mkdir()
    random = np.random.default_rng(0)
    for file in ("a.png", "b.png"):
        Image.fromarray(random.integers(60, 200, (96, 96, 3), np.uint8)).save(tmp_path / "slides" / file)
    labels = write_labels(tmp_path / "labels.csv", [("a.png", 1), ("b.png", 0)])
    name = f"open_clip:local-dir:{folder}"
    study = Study.create(tmp_path / "study", slides=tmp_path / "slides", labels=labels, encoder=name, tile=32)
    study.embed()
    study.fit(concepts=3)
    assert phrase_vectors(study, ["fat", "blood"]) == pytest.approx(
        phrase_vectors(study, ["blood", "fat"])[::-1], abs=1e-5
    )
    table = similarity(study, ["fat", "blood", "glass"])
    assert table.shape == (3, 3) and np.isfinite(table).all() and np.abs(table).max() <= 1
    assert asked == []
