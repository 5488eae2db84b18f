"""What is derived of embeddings is of the embeddings as they are, never of those that were there before."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prospector_core import Study
from prospector_core.errors import FitError
from prospector_core.store.derived import DatumArrays, DerivedArrays, unchanged
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.store.maps import read_map
from prospector_core.store.remote import RemoteStore
from prospector_core.store.stamps import content_stamp
from prospector_core.study.chance import known_null, null_of
from prospector_core.study.concepts import part_sizes, shares
from prospector_core.study.data import edition
from prospector_core.study.explanations import kernels_resampled
from prospector_core.study.splitting import split_centroids
from prospector_core.study.views import layer, newer_embeddings
from tests.support.study_files import PITCH, MeanColour, embeddings_of, make_study, write_labels
from tests.support.text_studies import WordEncoder, make_text_study

N, DIM = 23, 3
VALUES = np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)
PLACES = np.stack([np.arange(N), np.zeros(N, int)], axis=1)
EDGES = np.array([[0, 1], [1, 2]])


def embed_anew(study, name="s0.png", seed=5, index=9, drop=0):
    """Other embeddings for a datum; ``drop``: so many tokens less."""
    datum = study.datum(name)
    vectors, positions = embeddings_of(index, 1, seed)
    attrs = {"origin": [0.0, 0.0], "pitch": float(PITCH), "shape": [9, 9], "tile": PITCH, "mpp": 0.5}
    n = len(vectors) - drop
    study.store.write(datum.uid, vectors[:n], positions[:n], attrs)


# ---- stamps


def test_a_stamp_is_of_the_content_and_of_nothing_else(tmp_path, monkeypatch):
    def stamp_of(values=VALUES, places=PLACES, edges=EDGES, attrs=None, block=4, shard=1000):
        monkeypatch.setattr("prospector_core.store.embedding_writer._SHARD", shard)
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        store = EmbeddingStore(folder)
        store.write("d1", values, places, {"pitch": 2.5} if attrs is None else attrs, edges, block)
        found = store.stamp("d1")
        assert store.stamps() == {"d1": found} and EmbeddingStore(folder).stamp("d1") == found
        assert store.read("d1").attrs == ({"pitch": 2.5} if attrs is None else attrs)
        store.verify("d1")
        return found

    usual = stamp_of()
    assert stamp_of() == stamp_of(block=7) == stamp_of(shard=2) == usual
    other = VALUES.copy()
    other[-1, -1] = np.nextafter(other[-1, -1], 9, dtype=np.float32)
    moved, joined = PLACES.copy(), EDGES.copy()
    moved[3, 1], joined[0, 1] = 1, 3
    changed = [
        stamp_of(values=other),
        stamp_of(values=VALUES.astype(np.float16)),
        stamp_of(places=moved),
        stamp_of(places=None),
        stamp_of(places=PLACES.astype(float)),
        stamp_of(edges=joined),
        stamp_of(edges=None),
        stamp_of(attrs={"pitch": 2.0}),
        stamp_of(attrs={}),
    ]
    assert len({usual, *changed}) == 10


def test_what_is_resumed_has_the_stamp_of_what_was_never_interrupted(tmp_path):
    one, two = (EmbeddingStore(tmp_path / name) for name in "ab")
    one.write("d1", VALUES, PLACES, {"pitch": 2.5}, block=4)
    for turn in range(6):  # a writer a block
        writer = two.open_writer("d1", N, DIM, PLACES, {"pitch": 2.5}, 4, begun_on="as it was")
        assert writer.finished == set(range(turn))
        writer.write_block(turn, VALUES[writer.rows(turn)])
    writer.finish()
    assert one.stamp("d1") == two.stamp("d1")
    assert two.open_writer("d1", N, DIM, PLACES, {"pitch": 2.5}, 4).complete


def test_what_was_half_made_of_another_file_is_not_taken_up(tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.open_writer("d1", N, DIM, PLACES, {}, 4, begun_on="one").write_block(0, VALUES[:4])
    assert store.open_writer("d1", N, DIM, PLACES, {}, 4, begun_on="one").finished == {0}
    assert store.open_writer("d1", N, DIM, PLACES, {}, 4, begun_on="another").finished == set()


def test_embeddings_of_before_have_a_stamp_for_as_long_as_they_stay(tmp_path):
    store = EmbeddingStore(tmp_path / "store")
    store.write("d1", VALUES, PLACES, {"pitch": 2.5})
    record = tmp_path / "store" / "d1" / "zarr.json"
    said = json.loads(record.read_text())
    for name in ("stamp", "seal"):
        del said["attributes"][name]
    record.write_text(json.dumps(said))
    earlier = EmbeddingStore(tmp_path / "store")
    stamp = earlier.stamp("d1")
    assert stamp.startswith("earlier-") and EmbeddingStore(tmp_path / "store").stamp("d1") == stamp
    earlier.verify("d1")
    shutil.copytree(tmp_path / "store", tmp_path / "moved")
    assert EmbeddingStore(tmp_path / "moved").stamp("d1") == stamp
    store.write("d1", VALUES + 1, PLACES, {"pitch": 2.5})
    assert earlier.stamp("d1") == content_stamp(earlier._complete("d1")) != stamp  # seen though it was open


@pytest.mark.parametrize("fresh", [0.0, 60.0])
def test_a_store_elsewhere_says_the_same_stamps(tmp_path, monkeypatch, fresh):
    monkeypatch.setattr("prospector_core.store.remote._FRESH", fresh)
    monkeypatch.setenv("PROSPECTOR_STORES", "file")
    here = EmbeddingStore(tmp_path / "here")
    there, other = (
        RemoteStore(tmp_path / name, (tmp_path / "there").as_uri()) for name in ("local", "other")
    )
    for store in (here, there):
        for uid in ("d1", "d2"):
            store.write(uid, VALUES, PLACES, {"uid": uid})
    assert other.stamps() == there.stamps() == here.stamps() and other.stamp("d1") == here.stamp("d1")
    other.verify("d1")
    for store in (here, there):
        store.write("d1", VALUES + 1, PLACES, {"uid": "d1"})
    assert there.stamps() == here.stamps()
    if not fresh:
        assert other.stamps() == here.stamps()
    mark = tmp_path / "there" / ".complete" / "d2"
    mark.write_bytes(b"")  # as an earlier version marked it
    again = RemoteStore(tmp_path / "again", (tmp_path / "there").as_uri())
    assert again.stamp("d1") == here.stamp("d1") and again.stamp("d2").startswith("earlier-")


# ---- what is derived


def derived_of(study):
    """Everything that is computed of the embeddings of the first datum, or of all."""
    datum, fit = study.data[0], study.view
    sprites, counts = layer(study, fit.centroids, fit.settings)
    found = {
        "sprite": study.sprite(datum),
        "concepts": study.concepts_of(datum),
        "shares": shares(study, datum),
        "map": study.prospect(datum),
        "distances": sprites.distances(datum.uid),
        "counts": counts.cached(datum.uid, fit.state),
        "graph": study.graph(datum).edges,
        "places": study.positions(datum),
        "n": study.n_tokens(datum),
        "uncertainty": study.uncertainty(datum, 8).error,
        "evidence": study.evidence()[datum.uid],
        "concept sizes": [concept.tokens for concept in study.concepts()],
        "parts": part_sizes(study),
        "typical": [(d.name, token) for d, token in study.typical_tokens(0)],
        "limit": study.score_limit(),
        "atlas": study.atlas(200).place,
        "null": null_of(study, n=8).p_values,
        "split": split_centroids(study, 0, 2, 0, fit.state),
        "preview": study.preview(lambda c: c.pin(0, 1.0)).after.fitted_coef,
        "resampled": kernels_resampled(study, fit, 8),
        "saved map": np.load(study.save_maps([datum])[datum.uid]),
    }
    return {name: np.asarray(value) for name, value in found.items()}


SETTINGS = [{}, {"softness": 0.5, "centre": 0.5}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_everything_derived_is_of_the_new_embeddings(tmp_path, settings):
    """In the process that had them in memory, in another that had them open.

    And in one that finds them on disk.
    """
    study, fresh = (make_study(tmp_path / name, fit=settings) for name in ("used", "fresh"))
    before = derived_of(study)
    watching = Study.open(study.path)
    derived_of(watching)
    editions = edition(study)
    for each in (study, fresh):
        embed_anew(each)
    wanted = derived_of(fresh)  # where nothing was ever derived of the old ones
    same = {name for name in before if before[name].tobytes() == wanted[name].tobytes()}
    assert same <= {"typical"}, same
    for seen in (study, watching, Study.open(study.path)):
        found = derived_of(seen)
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert edition(study) == edition(watching) == editions + 1


def test_a_saved_map_is_read_again_only_where_it_is_of_these_embeddings_and_this_fit(tmp_path):
    study = make_study(tmp_path, fit={})
    datum, digest = study.data[0], study.view.digest()
    path = study.save_maps()[datum.uid]
    scores = np.load(path)
    np.testing.assert_array_equal(read_map(path, study.stamp(datum), digest), scores)
    assert read_map(path, "other", digest) is None and read_map(path, study.stamp(datum), "other") is None
    path.write_bytes(path.read_bytes()[:-8] + np.float64(7.0).tobytes())  # rot
    assert read_map(path, study.stamp(datum), digest) is None
    np.testing.assert_array_equal(Study.open(study.path).prospect(datum), scores)
    path.with_suffix(".json").unlink()  # as maps of before are: nobody knows of which embeddings they are
    np.testing.assert_array_equal(Study.open(study.path).prospect(datum), scores)


def test_arrays_of_before_are_computed_once_more(tmp_path):
    study = make_study(tmp_path, fit={})
    datum = study.data[0]
    wanted = study.sprite(datum)
    stamp = study.stamp(datum)
    (file,) = study.path.glob(f"derived/*/{datum.uid}-{stamp}-sprite.npy")
    old = file.with_name(f"{datum.uid}-sprite.npy")
    file.rename(old)
    DerivedArrays(old.parent)._save(old, 1 - (wanted > 0).astype(np.int16))  # of who knows what
    np.testing.assert_array_equal(Study.open(study.path).sprite(datum), wanted)
    assert file.exists()


def test_what_is_replaced_while_it_is_read_is_read_again(tmp_path):
    stamps, arrays = {"d1": "a"}, DerivedArrays(tmp_path)
    of = DatumArrays(arrays, stamps.get)
    seen = []

    def slow():
        seen.append(stamps["d1"])
        stamps["d1"] = "b"  # another process is done
        return np.array([ord(seen[-1])])

    assert of.get("d1", "sprite", slow).tolist() == [ord("b")] and seen == ["a", "b"]
    stamps["d1"] = "a"
    assert of.get("d1", "sprite", lambda: np.array([1])).tolist() == [
        1
    ]  # nothing was kept under the old name
    of.put("d1", "mean", np.array([2.0]), "b")
    assert of.peek("d1", "mean") is None

    def fails(stamp):
        if stamp == "a":
            stamps["d1"] = "b"
            raise IndexError("two states at once")
        return stamp

    assert unchanged(lambda: stamps["d1"], fails) == "b"
    with pytest.raises(ZeroDivisionError):
        unchanged(lambda: "same", lambda stamp: 1 / 0)


def test_maps_while_another_thread_embeds_anew_are_of_one_state(tmp_path):
    study, other = make_study(tmp_path, fit={}), Study.open(tmp_path / "study")
    wanted = {study.stamp("s0.png"): study.prospect("s0.png")}
    for seed in (5, 6):
        embed_anew(study, seed=seed)
        wanted[study.stamp("s0.png")] = Study.open(study.path).prospect("s0.png")
    going = threading.Event()

    def embed():
        for turn in range(12):
            embed_anew(study, seed=5 + turn % 2)
        going.set()

    thread = threading.Thread(target=embed)
    thread.start()
    seen = 0
    while not going.is_set():
        try:
            scores = other.prospect("s0.png")
        except Exception as error:  # a datum is away for a moment while it is replaced
            assert "embed" in str(error), error
            continue
        assert any(np.array_equal(scores, each, equal_nan=True) for each in wanted.values())
        seen += 1
    thread.join()
    assert seen
    np.testing.assert_array_equal(other.prospect("s0.png"), wanted[study.stamp("s0.png")])


# ---- the fit knows


def test_a_fit_knows_which_embeddings_it_was_made_of(tmp_path):
    study = make_study(tmp_path, fit={})
    assert newer_embeddings(study) == []
    embed_anew(study)
    for each in (study, Study.open(study.path)):
        assert [datum.name for datum in newer_embeddings(each)] == ["s0.png"]
    np.testing.assert_array_equal(  # concepts of the fit, of the vectors that are there
        study.sprite("s0.png"),
        _nearest(study.store.read(study.datum("s0.png").uid).embeddings, study.view.centroids),
    )
    old = study.view
    change = study.refit()
    assert newer_embeddings(study) == [] and [d.name for d in newer_embeddings(study, old.id)] == ["s0.png"]
    assert not np.array_equal(change.after.coef, old.coef)
    with study.database.transaction() as connection:  # as a fit of before
        connection.execute("UPDATE fits SET embeddings = ''")
    assert newer_embeddings(study, old.id) == []


def _nearest(vectors, centroids):
    return ((vectors[:, None] - centroids[None]) ** 2).sum(-1).argmin(1)


def test_edits_of_tokens_that_are_gone_do_no_harm(tmp_path):
    study = make_study(tmp_path, fit={})
    last = study.n_tokens("s0.png") - 1
    study.curation.reassign("s0.png", [0, last], 2)
    study.curation.annotate("s0.png", [1, last], "ignore")
    study.curation.annotate("s0.png", [2, last], "for")
    study.refit()
    embed_anew(study, index=0, seed=0, drop=5)
    for soft in (False, True):
        if soft:
            study.fit(softness=0.5)
            study.curation.annotate("s0.png", [1, last - 5], "ignore")
        study.refit()
        assert len(study.prospect("s0.png")) == last - 4 and np.isnan(study.prospect("s0.png")[1])


def test_embeddings_of_another_width_are_said(tmp_path):
    study = make_study(tmp_path, fit={})
    datum = study.data[0]
    kept = study.store.read(datum.uid)
    study.store.write(datum.uid, kept.embeddings[:, :4].copy(), kept.positions, kept.attrs)
    with pytest.raises(FitError, match="4 numbers per token.*find concepts again"):
        study.prospect(datum)


# ---- embed --anew


@pytest.fixture
def painted(tmp_path):
    """A study of slides, embedded, whose pictures can be painted over."""
    (tmp_path / "slides").mkdir()
    for number in range(4):
        _paint(tmp_path / "slides" / f"s{number}.png", number)
    labels = write_labels(
        tmp_path / "labels.csv", [(f"s{n}.png", ("normal", "tumour")[n % 2]) for n in range(4)]
    )
    study = Study.create(
        tmp_path / "study",
        slides=tmp_path / "slides",
        labels=labels,
        encoder="colour-texture",
        tile=8,
        min_tissue=0.0,
    )
    study.embed(encoder=MeanColour())
    return study


def _paint(path, seed):
    colours = np.random.default_rng(seed).integers(60, 200, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(colours.repeat(8, axis=0).repeat(8, axis=1)).save(path)


def test_anew_reads_the_slides_again_and_everything_follows(painted, tmp_path):
    """The grid and the encoder are the same, the pixels are not."""
    painted.fit(concepts=3, softness=0.0, centre=0.0, quantizer="k-means")
    watching, before = Study.open(painted.path), painted.stamp("s0.png")
    old = watching.prospect("s0.png")
    painted.save_maps()
    _paint(tmp_path / "slides" / "s0.png", 77)
    assert painted.embed(encoder=MeanColour()) == {} and painted.stamp("s0.png") == before  # all is embedded
    assert painted.embed(encoder=MeanColour(), anew=True) == {}
    assert painted.stamp("s0.png") != before and [d.name for d in newer_embeddings(painted)] == ["s0.png"]
    fresh = Study.open(painted.path)
    shutil.rmtree(painted.path / "derived")
    np.testing.assert_array_equal(watching.prospect("s0.png"), fresh.prospect("s0.png"))
    assert not np.array_equal(watching.prospect("s0.png"), old)
    left = [file for file in painted.path.glob("derived/*/*.npy") if before in file.name]
    assert not left


def test_an_interrupted_anew_goes_on(painted, tmp_path):
    before = painted.store.stamps()
    for number in range(4):
        _paint(tmp_path / "slides" / f"s{number}.png", 50 + number)
    seen = []
    painted.embed(
        encoder=MeanColour(),
        anew=True,
        progress=lambda datum, done, total: seen.append(datum.uid),
        stop=lambda: len(set(seen)) > 2,
    )
    changed = {uid for uid, stamp in painted.store.stamps().items() if stamp != before[uid]}
    assert 0 < len(changed) < 4
    again = Study.open(painted.path)
    again.embed(encoder=MeanColour())  # no word of --anew: what was to be made again still is
    assert all(stamp != before[uid] for uid, stamp in again.store.stamps().items())
    stamps = again.store.stamps()
    again.embed(encoder=MeanColour())
    again.embed(encoder=MeanColour(), anew=True)
    assert again.store.stamps() == stamps  # the same content, the same stamps


def test_anew_of_documents(tmp_path):
    """What stays the same keeps its stamp, what changed in the file has another."""
    study, file = make_text_study(tmp_path, fit=False), tmp_path / "docs.jsonl"
    before = study.store.stamps()
    study.embed(encoder=WordEncoder(), anew=True)
    assert study.store.stamps() == before
    file.write_text(file.read_text().replace("The grade is 0. The", "No grade is 0. The"))
    study.embed(encoder=WordEncoder(), anew=True)
    changed = {study.datum(uid).name for uid, stamp in study.store.stamps().items() if stamp != before[uid]}
    assert changed == {"case 0"}


def test_another_process_embeds_anew(painted, tmp_path):
    painted.fit(concepts=3, softness=0.0, centre=0.0, quantizer="k-means")
    old, editions = painted.prospect("s1.png"), edition(painted)
    _paint(tmp_path / "slides" / "s1.png", 78)
    code = (
        "from tests.support.study_files import MeanColour\nfrom prospector_core import Study\n"
        f"Study.open({str(painted.path)!r}).embed(encoder=MeanColour(), anew=True)"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], env=dict(os.environ)
    )
    assert edition(painted) == editions + 1 and [d.name for d in newer_embeddings(painted)] == ["s1.png"]
    assert not np.array_equal(painted.prospect("s1.png"), old)


def test_a_null_is_of_these_embeddings(tmp_path):
    study = make_study(tmp_path, fit={})
    null_of(study, n=4)
    assert known_null(study, n=4) is not None
    embed_anew(study)
    assert known_null(study, n=4) is None
