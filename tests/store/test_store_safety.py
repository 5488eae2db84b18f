"""A study from a stranger: its address is asked nothing before its reader allowed it.

And nothing but ours is ever removed.
"""

import json
import os
import socket
import sqlite3
import stat
import threading
from contextlib import closing

import fsspec
import numpy as np
import pytest

from prospector_core import Study, worker
from prospector_core.errors import StoreNotAllowedError, StudyDamagedError, StudyError
from prospector_core.scheduling import OnCluster
from prospector_core.store import allowed_addresses as trust
from prospector_core.store.embeddings import EmbeddingStore
from prospector_core.store.remote import RemoteStore
from prospector_core.study import worker_context
from tests.support.study_files import embeddings_of, make_study

REFUSED = [
    "file:///home/somebody",
    "http://127.0.0.1:1/x",
    "https://127.0.0.1:1/x",
    "ftp://127.0.0.1:1/x",
    "sftp://h/x",
    "ssh://h/x",
    "memory://x",
    "zip://a.zip",
    "github://o:r@/x",
    "data://x",
    "local:///x",
    "smb://h/x",
    "webhdfs://h/x",
    "reference://::file:///ref.json",
    "simplecache::s3://bucket/x",
    "s3://bucket/x::http://h/y",
    "s3::http://h/x",
    "s3://bucket/../x",
    "S3://bucket/x",
    "dir::s3://bucket",
    "jupyter://h:1/x",
]
NO_ADDRESS = ["", "x", "s3:/x", "s3://", "s3:///", "://x", "s3://a\nb", "/home/x", "s3"]


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """Nothing was allowed yet."""
    monkeypatch.setenv("PROSPECTOR_CONFIG", str(tmp_path / "settings"))
    monkeypatch.delenv("PROSPECTOR_STORES", raising=False)
    return tmp_path / "settings"


@pytest.fixture
def unreachable(monkeypatch):
    """Every connection, look-up of a name and file system of fsspec is noted, and refused."""
    asked = []

    def refuse(*arguments, **options):
        asked.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(fsspec, "url_to_fs", refuse)
    monkeypatch.setattr("prospector_core.store.remote._file_system", refuse)
    return asked


def say(study, key, value):
    """Write a meta value as a stranger would."""
    study.database.close()
    with closing(sqlite3.connect(study.path / "study.sqlite")) as database, database:
        database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))
    return study.path


def ready(tmp_path):
    """A fitted study that says it is embedded."""
    study = make_study(tmp_path, fit={"radius": 1})
    study.queue.add([datum.uid for datum in study.data])
    while (uid := study.queue.claim()) is not None:
        study.queue.end(uid, "done")
    return study


@pytest.mark.parametrize("url", REFUSED)
def test_other_kinds_of_addresses_are_never_used(tmp_path, url, unreachable):
    with pytest.raises(StoreNotAllowedError, match="not used here"):
        trust.check_address(url)
    with pytest.raises(StudyError):
        RemoteStore(tmp_path / "local", url)
    assert not unreachable and not (tmp_path / "local").exists()


@pytest.mark.parametrize("url", [*NO_ADDRESS, None, 7, ["s3://a/b"]])
def test_what_is_no_address(url):
    with pytest.raises(StudyError, match="not an address"):
        trust.check_address(url)


def test_an_administrator_may_allow_more(tmp_path, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_STORES", f"sftp, {tmp_path.as_uri()}/stores/ ,memory://")
    for good in (
        "sftp://host/x",
        "memory://x",
        f"{tmp_path.as_uri()}/stores",
        f"{tmp_path.as_uri()}/stores/a",
        "s3://b/x/",
    ):
        assert trust.check_address(good) == good.rstrip("/")
    for bad in (
        f"{tmp_path.as_uri()}/stores2",
        f"{tmp_path.as_uri()}/stores/../x",
        tmp_path.as_uri(),
        "sftp2://h/x",
    ):
        with pytest.raises(StoreNotAllowedError):
            trust.check_address(bad)
    monkeypatch.delenv("PROSPECTOR_STORES")
    (tmp_path / "stores.txt").write_text("# of this institute\nwebdav\nfile:///srv/embeddings # disk 2\n")
    monkeypatch.setattr("platformdirs.site_config_path", lambda *_, **__: tmp_path)
    assert trust.check_address("file:///srv/embeddings/x") and trust.check_address("webdav://h/x")
    with pytest.raises(StoreNotAllowedError):
        trust.check_address("file:///srv")


@pytest.mark.parametrize("url", ["s3://bucket-of-others/x", *REFUSED[:6], "reference://::file:///ref.json"])
def test_nothing_is_asked_of_an_address_that_a_study_brings(tmp_path, url, unreachable):
    """What needs no embeddings works; what does ends in one line with the address and the command."""
    path = say(ready(tmp_path), "store", url)
    study = Study.open(path)
    assert (
        len(study.embedded()) == len(study.data) and study.is_embedded("s0.png") and study.n_tokens("s0.png")
    )
    assert study.curation.rename(0, "stroma") and study.view.n_concepts and study.predictions()
    assert len(study.queue.jobs()) == len(study.data) and study.address.refusal()
    for needed in (
        lambda: study.graph("s0.png"),
        lambda: study.store.vectors(study.data[0].uid),
        lambda: study.embed(anew=True),
        lambda: study.fit(concepts=3),
        lambda: study.store.remove(study.data[0].uid),
        lambda: study.store.discard(study.data[0].uid),
    ):
        with pytest.raises(StoreNotAllowedError) as caught:
            needed()
        assert "\n" not in str(caught.value) and url in str(caught.value)
        assert ("prospector trust" in str(caught.value)) == url.startswith("s3://b")
    assert not unreachable


@pytest.mark.parametrize("value", [7, ["s3://a/b"], {"a": 1}, True])
def test_a_store_that_is_no_text_is_damage(tmp_path, value):
    path = say(make_study(tmp_path), "store", value)
    with pytest.raises(StudyDamagedError, match="store is not text"):
        Study.open(path).embedded()


def test_an_address_is_allowed_for_one_study_in_one_place(tmp_path, settings, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_STORES", "memory")
    study = Study.open(say(make_study(tmp_path / "one"), "store", "memory://there"))
    with pytest.raises(StoreNotAllowedError):
        study.graph("s0.png")
    trust.allow(study.path, study.address.identity, study.address.url)
    assert study.store.uids() == []  # the very object goes on, now that it may
    assert stat.S_IMODE((settings / "trusted-stores.json").stat().st_mode) == 0o600
    for path, id, url in (
        (tmp_path, study.address.identity, study.address.url),
        (study.path, "other", study.address.url),
        (study.path, study.address.identity, "memory://there/x"),
    ):
        assert not trust.is_allowed(path, id, url)
    trust.allow(study.path, study.address.identity, study.address.url)
    assert len(json.loads((settings / "trusted-stores.json").read_text())) == 1
    trust.withdraw(study.path, study.address.identity, study.address.url)
    assert not trust.is_allowed(study.path, study.address.identity, study.address.url)
    for damage in (
        "",
        "[" * 10_000,
        "{}",
        "[1, null]",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin1"),
    ):
        (settings / "trusted-stores.json").write_text(damage)
        assert not trust.is_allowed(study.path, study.address.identity, study.address.url)


def test_many_may_allow_at_once(tmp_path):
    threads = [
        threading.Thread(target=trust.allow, args=(tmp_path / str(n), "id", "s3://a/b")) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(trust.is_allowed(tmp_path / str(n), "id", "s3://a/b") for n in range(12))


def test_a_worker_uses_what_the_one_who_sent_it_allowed(tmp_path, settings, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_STORES", "memory")
    study = Study.open(say(make_study(tmp_path), "store", "memory://elsewhere"))
    cluster = OnCluster(None)
    with worker_context.place_of(study, cluster) as place:
        assert place.store is None
    trust.allow(study.path, study.address.identity, study.address.url)
    with worker_context.place_of(study, cluster) as place:
        (settings / "trusted-stores.json").unlink()  # another machine
        monkeypatch.delenv("PROSPECTOR_STORES")
        seen = worker_context._opened(*place)
        assert seen.address.refusal() is None
    worker_context._opened.cache_clear()


# ---- numbers that are not ours


@pytest.mark.parametrize(
    "uid",
    [
        "Documents",
        "id_rsa",
        "../../x",
        "",
        "d02c686bf8337f",
        "d02c686bf8337f55",
        "D02c686bf8337f5",
        "d02c686bf8337g5",
        "d02c686bf8337f5\n",
        "d02c686bf8337f5\0x",
        7,
        b"d02c686bf8337f5",
    ],
)
@pytest.mark.parametrize("what", ["datum", "file"])
def test_a_foreign_number_is_damage(tmp_path, uid, what):
    study = make_study(tmp_path)
    study.database.close()
    with closing(sqlite3.connect(study.path / "study.sqlite")) as database, database:
        database.execute("PRAGMA foreign_keys=OFF")
        sql = (
            "UPDATE data SET uid = ? WHERE position = 1"
            if what == "datum"
            else "UPDATE data SET source = ? WHERE position = 1"
        )
        database.execute(sql, (uid,))
    with pytest.raises(StudyDamagedError, match="no Prospector writes") as caught:
        Study.open(study.path)
    assert "\n" not in str(caught.value)


# ---- what is removed


def test_a_strangers_study_removes_nothing_at_an_address(tmp_path, monkeypatch):
    """The store is the home of whoever embeds, its data are called as what is there.

    With all doors open nothing goes.
    """
    monkeypatch.setenv("PROSPECTOR_STORES", "file")
    study = make_study(tmp_path)
    home, uids = tmp_path / "home", [datum.uid for datum in study.data[:3]]
    (home / uids[0]).mkdir(parents=True)
    (home / uids[0] / "thesis.txt").write_text("years")
    (home / uids[1]).write_text("a key")
    (home / uids[2] / "embeddings" / "c" / "0").mkdir(parents=True)
    (home / uids[2] / "embeddings" / "c" / "0" / "notes.md").write_text("mine")
    (home / "zarr.json").write_text("{}")
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    path = say(study, "store", home.as_uri())
    study = Study.open(path)
    trust.allow(study.path, study.address.identity, study.address.url)
    for uid in uids:
        vectors, positions = embeddings_of(0, 1)
        with pytest.raises(StudyError, match="not written by Prospector"):
            study.store.write(uid, vectors, positions, {"pitch": 1.0})
        with pytest.raises(StudyError, match="not written by Prospector"):
            study.store.remove(uid)
    assert {path: path.read_bytes() for path in before} == before


def test_a_foreign_group_at_an_address_stays(tmp_path, monkeypatch):
    """Names alone are not enough: a zarr group of another program is not ours."""
    monkeypatch.setenv("PROSPECTOR_STORES", "file")
    there = tmp_path / "there"
    (there / "d1").mkdir(parents=True)
    (there / "d1" / "zarr.json").write_text(
        json.dumps({"node_type": "group", "attributes": {"multiscales": []}})
    )
    store = RemoteStore(tmp_path / "local", there.as_uri())
    with pytest.raises(StudyError, match="not written by Prospector"):
        store.write("d1", np.ones((3, 2), np.float32))
    assert (there / "d1" / "zarr.json").exists()


def test_a_prefix_belongs_to_one_study(tmp_path, monkeypatch):
    monkeypatch.setenv("PROSPECTOR_STORES", "file")
    url = (tmp_path / "there").as_uri()
    one = RemoteStore(tmp_path / "one", url, "a" * 32)
    one.write("d1", np.ones((3, 2), np.float32))
    assert json.loads((tmp_path / "there" / ".prospector").read_text())["study"] == "a" * 32
    for other in ("b" * 32, ""):
        store = RemoteStore(tmp_path / f"other{other}", url, other)
        assert store.has("d1")
        with pytest.raises(StudyError, match="another study"):
            store.write("d1", np.zeros((3, 2), np.float32))
        with pytest.raises(StudyError, match="another study"):
            store.remove("d1")
    assert one.read("d1").embeddings.all()
    (tmp_path / "there" / ".prospector").write_text("hello")
    with pytest.raises(StudyError, match="not of Prospector's making"):
        RemoteStore(tmp_path / "two", url, "a" * 32).remove("d1")


@pytest.mark.parametrize(
    "inside", ["thesis.txt", "embeddings/c/0/0.txt", "photos/zarr.json", "maps/x.npy", "early/a/b"]
)
@pytest.mark.parametrize("suffix", ["", ".partial", ".replaced"])
def test_a_foreign_file_in_a_folder_of_embeddings_stays(tmp_path, inside, suffix):
    store = EmbeddingStore(tmp_path / "embeddings.zarr")
    store.write("d1", np.ones((3, 2), np.float32))
    mine = store.path / f"d1{suffix}" / inside
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(StudyDamagedError, match="nothing was removed"):
        store.remove("d1")
        store.write("d1", np.zeros((4, 2), np.float32))
    assert mine.read_text() == "mine"


LINKS = [
    "embeddings.zarr",
    "embeddings.zarr/UID",
    "embeddings.zarr/UID.partial",
    "fits",
    "fits/2",
    "derived",
    "study.sqlite",
    "worker.log",
    "embed.lock",
    ".stop-UID",
    "exports",
    "fits/1/maps",
]


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_or_removed_through_a_link(tmp_path, name):
    """Each place of a study in turn leads into somebody's folder, or to a file of theirs."""
    study = make_study(tmp_path / "study", fit={"radius": 1})
    uid, mine = study.data[0].uid, tmp_path / "mine"
    place = study.path / name.replace("UID", uid)
    study.queue.add([uid])
    folder = place.suffix in ("", ".zarr", ".partial") and name not in (".stop-UID",)
    study.database.close()
    mine.mkdir()
    if place.exists():
        os.rename(place, tmp_path / "former")
    if folder:
        (mine / "notes.txt").write_text("mine")
        (mine / "maps").mkdir()
        (mine / "0.partial").write_text("mine")
        (mine / "head.json").write_text("mine")
        place.symlink_to(mine)
    else:
        (mine / "key").write_text("mine")
        place.symlink_to(mine / "key")
    before = {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()}
    said = []
    opened = lambda: Study.open(study.path)
    works = [
        lambda: opened().fit(concepts=3),
        lambda: opened().save_maps([uid]),
        lambda: opened().store.write(uid, *embeddings_of(0, 1), {"pitch": 1.0}),
        lambda: opened().queue.cancel(uid),
        lambda: opened().store.remove(uid),
        lambda: opened().embed(data=[uid]),
    ]
    if name == "worker.log":
        works = [lambda: worker.start(study.path)]
    for work in works:
        try:
            work()
        except StudyError as error:
            said.append(str(error))
    assert {path: path.read_bytes() for path in mine.rglob("*") if path.is_file()} == before
    assert all("\n" not in each for each in said)
    if name in ("embeddings.zarr", "study.sqlite", "fits", "worker.log"):
        assert said and any("link" in each or "prospector trust" in each for each in said)


def test_embeddings_on_another_disk_are_used_once_that_is_allowed(tmp_path):
    study = make_study(tmp_path / "study", fit={"radius": 1})
    before = study.prospect("s0.png")
    study.database.close()
    os.rename(study.path / "embeddings.zarr", tmp_path / "disk")
    (study.path / "embeddings.zarr").symlink_to(tmp_path / "disk")
    for path in study.path.glob("derived/*/*"):
        path.unlink()
    again = Study.open(study.path)
    with pytest.raises(StoreNotAllowedError, match="prospector trust"):
        again.prospect("s0.png")
    trust.allow(again.path, again.address.identity, again.address.url)
    assert np.array_equal(again.prospect("s0.png"), before)
