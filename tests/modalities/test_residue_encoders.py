"""Encoders of residues: what they give, what they record, and how several are joined."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prospector_core.errors import EmbeddingError
from prospector_core.method.quantizers import assign_nearest
from prospector_core.modalities.structures.encoders import (
    check_residue_encoder_name,
    get_residue_encoder,
    residue_encoder_note,
)
from prospector_core.modalities.structures.encoders.residue_esm2 import windows
from prospector_core.modalities.structures.encoders.residue_joined import Whitened
from prospector_core.modalities.structures.files import open_structure
from tests.support.structure_files import pdb_text

LETTERS = "MKCGHWCAAPSTVYDEFILNQR"


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    path = tmp_path_factory.mktemp("chain") / "x.pdb"
    path.write_text(pdb_text(LETTERS))
    return open_structure(path).chain("A")


@pytest.mark.parametrize("name", ["residue-type", "3di", "residue-type*3di"])
def test_concepts_of_an_encoder_are_where_its_vectors_lie(chain, name):
    encoder = get_residue_encoder(name)
    vectors, centroids = encoder.encode(chain), encoder.centroids()
    assert vectors.shape == (len(LETTERS), encoder.dim) and vectors.dtype == np.float32
    assert len(centroids) == len(encoder.concepts) == len(set(encoder.concepts))
    concepts = assign_nearest(vectors, centroids)
    assert (centroids[concepts] == vectors).all()  # each vector is that of one concept
    json.dumps(encoder.record())
    if name == "residue-type":
        assert [encoder.concepts[k] for k in concepts[:4]] == ["methionine", "lysine", "cysteine", "glycine"]


def test_unknown_residues_are_one_concept(chain):
    from dataclasses import replace

    odd = replace(chain, letters="X" + chain.letters[1:])
    for name in ("residue-type", "residue-type*3di"):
        encoder = get_residue_encoder(name)
        assert (
            encoder.concepts[assign_nearest(encoder.encode(odd), encoder.centroids())[0]] == "unknown residue"
        )


def test_joined_encoders_are_whitened_once_a_study(chain, tmp_path):
    encoder = get_residue_encoder("residue-type+3di")
    with pytest.raises(EmbeddingError, match="prepare"):
        encoder.encode(chain)
    encoder.prepare(lambda: iter([chain]), tmp_path)
    vectors = encoder.encode(chain)
    assert vectors.shape[1] == encoder.dim
    assert np.isclose(vectors.var(0).sum(), 2.0, rtol=0.01)  # each part has a total variance of 1
    again = get_residue_encoder("residue-type+3di")
    again.prepare(lambda: iter([]), tmp_path)  # what was learned is taken up, not learned again
    assert (again.encode(chain) == vectors).all() and again.record() == encoder.record()
    with pytest.raises(EmbeddingError, match="none could be read"):
        Whitened([get_residue_encoder("3di")]).prepare(lambda: iter([]), tmp_path / "other")


def test_pocketnet_says_that_it_was_supervised(chain):
    pytest.importorskip("pocketnet")
    encoder = get_residue_encoder("pocketnet")
    vectors = encoder.encode(chain)
    assert vectors.shape == (len(LETTERS), 128) and np.isfinite(vectors).all()
    assert (encoder.encode(chain) == vectors).all()
    assert encoder.record()["supervised_on"] and "supervision" in residue_encoder_note(
        "residue-type+pocketnet"
    )
    assert residue_encoder_note("residue-type") == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet", "no encoder of residues"),
        ("3di+", "no encoder"),
        ("esm2:", "names no model"),
        ("", "no encoder"),
    ],
)
def test_names_that_are_none_are_refused(name, words):
    with pytest.raises(EmbeddingError, match=words):
        check_residue_encoder_name(name)


@given(st.integers(0, 4000), st.integers(20, 1022), st.integers(0, 10))
def test_windows_take_every_residue_once(n, window, overlap):
    found = windows(n, window, overlap)
    taken = [at for start, stop, first, last in found for at in range(first, last)]
    assert taken == list(range(n))
    assert all(
        0 <= start <= first < last <= stop <= n and stop - start <= window
        for start, stop, first, last in found
    )


def test_esm2_from_a_folder_in_windows(chain, tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    words = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-", "<null_1>", "<mask>"]
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.EsmConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=1,
        mask_token_id=32,
        position_embedding_type="rotary",
        token_dropout=True,
        emb_layer_norm_before=False,
    )
    transformers.EsmModel(config, add_pooling_layer=False).save_pretrained(folder)
    encoder = get_residue_encoder(f"esm2:{folder}")
    whole = encoder.encode(chain)
    assert whole.shape == (len(LETTERS), 16) and np.isfinite(whole).all()
    encoder._window, encoder._overlap = 12, 4
    assert encoder.encode(chain).shape == whole.shape
    assert encoder.record()["weights_sha256"]
    with pytest.raises(EmbeddingError, match="not on this machine"):
        get_residue_encoder("esm2:nobody/nothing")
