"""Naming concepts by phrases: the right phrase in spite of the gap between pictures and texts.

Names as edits.
"""

import sys
import types

import numpy as np
import pytest

from prospector_core.errors import BadInputError, EmbeddingError
from prospector_core.modalities.slides import encoders
from prospector_core.modalities.slides.encoders import get_encoder
from prospector_core.study import prompts
from prospector_core.study.concepts import part_sizes
from prospector_core.study.settings import FitSettings
from tests.support.prompting import TextSide, as_open_clip
from tests.support.study_files import K, make_study

KINDS = [f"kind{k}" for k in range(K)]


@pytest.fixture
def side(monkeypatch):
    made = TextSide()
    monkeypatch.setattr(encoders, "get_encoder", lambda name: made)
    return made


@pytest.fixture
def study(tmp_path):
    """Pictures that all are far from the origin, on one side."""
    study = make_study(tmp_path)
    for datum in study.data:
        kept = study.store.read(datum.uid)
        attrs = {**kept.attrs, "encoder": {"weights_sha256": "a" * 64}}
        study.store.write(datum.uid, kept.embeddings + np.float32([0, 0, 0, 0, 0, 30]), kept.positions, attrs)
    study = as_open_clip(study)
    study.fit(FitSettings(), concepts=K)
    return study


def kinds_of(study):
    """Which cluster each concept is."""
    return study.view.centroids[:, :K].argmax(1)


def test_the_right_phrase_in_spite_of_what_all_have_in_common(study, side):
    table = prompts.similarity(study, KINDS)
    assert table.shape == (K, K) and np.array_equal(table.argmax(1), kinds_of(study))
    assert np.abs(table).max() <= 1 + 1e-9 and table.max(1).min() > 0.3
    assert "a histopathology image of kind3" in side.texts and len(side.texts) == K * len(prompts.TEMPLATES)
    raw = prompts._unit(study.view.centroids) @ prompts.phrase_vectors(study, KINDS).T
    assert set(raw.argmax(1)) == {0}  # cosines as they are say kind0 to everything


def test_names_are_edits_that_can_be_undone_and_leave_the_experts_alone(study, side):
    kinds = kinds_of(study)
    mine = int(np.flatnonzero(kinds == 3)[0])
    out = int(np.flatnonzero(kinds == 4)[0])
    study.curation.rename(mine, "my own")
    study.curation.exclude(out)
    study.refit()
    phrases = ["kind0", "kind1", "kind2"]
    found = prompts.suggest_names(study, phrases, prompts.similarity(study, phrases))
    assert set(found) == set(range(K)) - {mine, out}
    assert {found[k] for k in found} == {f"kind{kinds[k]}" for k in found}
    for id, name in found.items():
        study.curation.rename(id, name)
    assert study.concept_name(mine) == "my own"
    assert prompts.suggest_names(study, phrases, prompts.similarity(study, phrases)) == {}
    study.curation.undo()
    assert len(prompts.suggest_names(study, phrases, prompts.similarity(study, phrases))) == 1


def test_a_phrase_that_is_best_twice_gets_a_number(study, side):
    table = np.tile([[0.1, 0.5]], (K, 1)) + np.arange(K)[:, None] * [0.0, 0.01]
    found = prompts.suggest_names(study, ["fat", "Concept 0"], table)
    assert found == {4: "Concept 0 2", 3: "Concept 0 3", 2: "Concept 0 4", 1: "Concept 0 5", 0: "Concept 0 6"}
    for id, name in found.items():
        study.curation.rename(id, name)


def test_after_merging_and_splitting(study, side):
    kinds = kinds_of(study)
    one, other, cut = (int(np.flatnonzero(kinds == k)[0]) for k in (1, 2, 3))
    study.curation.merge([one, other], into=one)
    study.curation.split(cut, into=2)
    study.refit()
    table = prompts.similarity(study, KINDS)
    assert table.shape == (K + 1, K) and np.isnan(table[other]).all()
    assert set(np.argsort(table[one])[-2:]) == {1, 2}
    assert table[cut].argmax() == table[K].argmax() == 3
    assert part_sizes(study).sum() == sum(study.n_tokens(datum) for datum in study.data)


@pytest.mark.parametrize(
    "name, more",
    [("timm:resnet18", {}), ("open_clip:a/b@patches", {}), ("open_clip:a/b", {"imported": True})],
)
def test_other_encoders_have_no_phrases(tmp_path, name, more):
    study = as_open_clip(make_study(tmp_path, fit={}), name, **more)
    assert not prompts.can_prompt(study)
    with pytest.raises(EmbeddingError, match="no text side"):
        prompts.similarity(study, KINDS)


def test_other_weights_are_refused(study, side):
    side.record = lambda: {"weights_sha256": "b" * 64}
    with pytest.raises(EmbeddingError, match="not those that .* was embedded with"):
        prompts.similarity(study, KINDS)


def test_phrases_as_they_are_typed():
    assert prompts.parse_phrases(" fat,\n red  blood cells; FAT,,mucus ") == [
        "fat",
        "red blood cells",
        "mucus",
    ]
    assert prompts.parse_phrases(", ".join(prompts.PHRASES)) == list(prompts.PHRASES)
    for text, said in [
        ("fat, Fat", "2 to 60 phrases"),
        ("x" * 57, "too long"),
        (",".join(map(str, range(61))), "not 61"),
    ]:
        with pytest.raises(BadInputError, match=said):
            prompts.parse_phrases(text)


def test_the_text_side_of_open_clip(tmp_path, monkeypatch):
    """With a library of our own in its place: which tokenizer, in which batches, on which model."""
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = torch.nn.Module()
            self.visual.image_size = 4
            self.weight = torch.nn.Parameter(torch.arange(3.0))
            self.batches = []

        def encode_image(self, x):
            return x.mean((2, 3)) + self.weight

        def encode_text(self, tokens):
            self.batches.append(len(tokens))
            return tokens.float() * self.weight

    model, asked = Model(), []
    config = types.SimpleNamespace(mean=(0.5,), std=(0.5,))
    library = types.ModuleType("open_clip")
    library.transform = types.SimpleNamespace(PreprocessCfg=lambda: config)
    library.create_model = lambda **arguments: model
    library.get_tokenizer = lambda name: (
        asked.append(name) or (lambda texts: torch.tensor([[len(text), 1, 2] for text in texts]))
    )
    monkeypatch.setitem(sys.modules, "open_clip", library)
    monkeypatch.setattr(
        "prospector_core.modalities.slides.encoders.open_clip_encoder.import_torchvision", lambda: False
    )
    (tmp_path / "open_clip_config.json").write_text("{}")
    encoder = get_encoder(f"open_clip:local-dir:{tmp_path}", device="cpu")
    texts = ["a" * n for n in range(70)]
    vectors = encoder.encode_text(texts)
    assert vectors.dtype == np.float32 and np.array_equal(vectors, [[0, 1, 4]] * 70)
    assert model.batches == [64, 6] and asked == [f"local-dir:{tmp_path}"]
    assert encoder.encode_text([]).shape == (0, 3) and len(asked) == 1
