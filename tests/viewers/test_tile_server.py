"""The tile routes, asked as a browser asks them: over ASGI, with nothing but an address."""

import asyncio
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import imagecodecs
import numpy as np
import pytest
import tifffile
from starlette.applications import Starlette

from prospector_core.errors import SlideError
from tests.viewers.fake_slide import FakeSlide, Level, shrink, smooth_pixels
from viewers import tile_server
from viewers.tile_server import TileServer, max_level, tile_pixels


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes


def ask(server, url, method="GET"):
    """One request through Starlette, without a socket."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(url), "raw_path": url.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    asyncio.run(Starlette(routes=server.routes())(scope, receive, send))
    head = next(m for m in sent if m["type"] == "http.response.start")
    return Answer(
        head["status"],
        {k.decode().lower(): v.decode() for k, v in head["headers"]},
        b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body"),
    )


@pytest.fixture
def slide_file(tmp_path):
    file = tmp_path / "Doe_Jane_1961.svs"
    file.write_bytes(b"slide")
    return file


@pytest.fixture
def pixels():
    return smooth_pixels()


@pytest.fixture
def server(pixels):
    return TileServer(lambda path: FakeSlide(pixels, path=path))


@pytest.fixture
def source(server, slide_file):
    return server.slide_source(server.register_slide(slide_file), name="A")


def test_source_describes_the_slide(source):
    assert (
        source["width"],
        source["height"],
        source["mpp"],
        source["objective_power"],
    ) == (1500, 1100, 0.5, 20.0)
    assert source["max_level"] == 11 and source["tile_size"] == 512
    # The lowest level asked for fits one tile.
    assert 1500 / 2 ** (source["max_level"] - source["min_level"]) <= 512


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (512, 512), (513, 100), (1 << 17, 5)])
def test_max_level_is_full_resolution(size):
    assert 2 ** max_level(*size) >= max(size) > 2 ** max_level(*size) // 2 or size == (
        1,
        1,
    )


@pytest.mark.parametrize("level", range(12))
def test_tiles_are_the_slide_at_every_level(server, source, pixels, level):
    scale = 2 ** (11 - level)
    want = shrink(pixels, scale).astype(int)  # independent of what the tile code reads
    got = np.zeros_like(want)
    for row in range(-(-want.shape[0] // 512)):
        for column in range(-(-want.shape[1] // 512)):
            answer = ask(server, f"{source['url']}/{level}/{column}_{row}.jpg")
            assert answer.status == 200 and answer.headers["content-type"] == "image/jpeg"
            tile = imagecodecs.jpeg8_decode(answer.body)
            assert tile.shape == (
                min(512, want.shape[0] - 512 * row),
                min(512, want.shape[1] - 512 * column),
                3,
            )
            got[row * 512 :, column * 512 :][: tile.shape[0], : tile.shape[1]] = tile
    if level > 2:  # JPEG blurs colour at edges, and a picture of a few pixels is all edges
        assert np.abs(got - want).mean() < (4 if level > 6 else 30)


def test_tile_pixels_are_exact_at_stored_levels(pixels):
    slide = FakeSlide(pixels)
    assert np.array_equal(tile_pixels(slide, 11, 1, 1), pixels[512:1024, 512:1024])
    assert np.array_equal(tile_pixels(slide, 11, 2, 2), pixels[1024:, 1024:])
    assert np.array_equal(tile_pixels(slide, 9, 0, 0), slide.read_region(0, 0, 375, 275, 1))


def test_a_pyramidal_tiff_through_the_real_reader(tmp_path, pixels):
    file = tmp_path / "slide.tif"
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(pixels, tile=(256, 256), photometric="rgb", subifds=1, resolution=(20000, 20000), resolutionunit=3)
        tiff.write(shrink(pixels, 4), tile=(256, 256), photometric="rgb", subfiletype=1)
    server = TileServer()
    source = server.slide_source(server.register_slide(file))
    for level, scale in ((11, 1), (10, 2), (9, 4), (8, 8)):
        tile = imagecodecs.jpeg8_decode(ask(server, f"{source['url']}/{level}/0_0.jpg").body)
        want = shrink(pixels, scale)[:512, :512]
        assert tile.shape == want.shape
        assert np.abs(tile.astype(int) - want).mean() < 4
    server.close()


def test_label_and_macro_images_are_never_served(tmp_path):
    sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
    from slide_files import write_svs

    file = write_svs(
        tmp_path / "a.svs", np.full((600, 700, 3), 200, np.uint8), n_levels=3
    )  # its label and macro are black
    server = TileServer()
    source = server.slide_source(server.register_slide(file))
    for level in range(max_level(700, 600) + 1):
        for place in ("0_0", "1_0", "0_1", "1_1"):
            answer = ask(server, f"{source['url']}/{level}/{place}.jpg")
            if answer.status == 200:
                assert imagecodecs.jpeg8_decode(answer.body).min() > 150
    server.close()


def test_halves_come_from_no_stored_level(pixels):
    tile = tile_pixels(FakeSlide(pixels), 10, 1, 1)
    want = pixels[1024:1100, 1024:1500].reshape(38, 2, 238, 2, 3).mean((1, 3))
    assert np.abs(tile - want).max() <= 1


@pytest.mark.parametrize(
    "rest",
    [
        "{slide}/12/0_0.jpg", "{slide}/11/3_0.jpg", "{slide}/11/0_3.jpg", "{slide}/0/1_0.jpg", "{slide}/99/0_0.jpg",
        "{slide}/11/0_0.png", "{slide}/11/-1_0.jpg", "{slide}/11/0_0.jpg/x", "{slide}/11/00.jpg", "{slide}/x/0_0.jpg",
        "{slide}/11/0_99999999999999.jpg", "slide/ffffffffffffffffffffffffffffffff/0/0_0.jpg", "slide/../../etc/passwd",
        "thumb/ffffffffffffffffffffffffffffffff.jpg", "thumb/..%2F..%2Fetc.jpg", "", "asset/0000000000000000/secret.js",
        "asset/0000000000000000/..%2f__init__.py", "asset/0000000000000000/openseadragon.license.txt",
        "overlay/00000000000000000000000000000000/00000000000000000000/map.png",
        "overlay/00000000000000000000000000000000/00000000000000000000/label.png", "{slide}/１１/0_0.jpg",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(server, source, rest):
    prefix = f"/prospector/{server.token}/"
    answer = ask(server, prefix + rest.format(slide=source["url"].removeprefix(prefix)))
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.body) < 100


@pytest.mark.parametrize("token", ["x", "é", "a" * 32])
def test_a_wrong_token_is_404(server, source, token):
    good = source["url"] + "/11/0_0.jpg"
    assert ask(server, good).status == 200
    assert ask(server, good.replace(server.token, token)).status == 404


def test_only_reading_is_allowed(server, source):
    assert ask(server, source["url"] + "/11/0_0.jpg", "POST").status == 405


def test_token_is_new_at_each_launch_and_long():
    assert TileServer().token != TileServer().token
    assert len(TileServer().token) >= 32


def test_headers_let_the_browser_keep_tiles_to_itself(server, source):
    headers = ask(server, source["url"] + "/11/0_0.jpg").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "private" in headers["cache-control"] and "immutable" in headers["cache-control"]


def test_ids_are_opaque_and_stable(server, slide_file, source):
    assert server.register_slide(slide_file) == server.register_slide(str(slide_file)) == source["id"]
    assert "Doe" not in source["url"] and "svs" not in source["url"]
    assert TileServer().register_slide(slide_file) != source["id"]


def test_a_slide_that_changed_on_disk_is_another(server, slide_file, source):
    slide_file.write_bytes(b"another slide")
    assert server.register_slide(slide_file) != source["id"]


def test_registering_a_missing_file_names_it(server, tmp_path):
    with pytest.raises(SlideError, match="gone.svs"):
        server.register_slide(tmp_path / "gone.svs")


def test_a_slide_that_became_unreadable_is_503_without_a_path(slide_file):
    def broken(path):
        raise SlideError(f"{path}: truncated")

    server = TileServer(broken)
    slide_id = server.register_slide(slide_file)
    for rest in (f"slide/{slide_id}/0/0_0.jpg", f"thumb/{slide_id}.jpg"):
        answer = ask(server, f"/prospector/{server.token}/{rest}")
        assert answer.status == 503
        text = answer.body.decode() + str(answer.headers)
        assert "Doe" not in text and str(slide_file.parent) not in text
        assert answer.body.decode().startswith("SlideError: ") and "\n" not in answer.body.decode()
        assert answer.headers["cache-control"] == "no-store"


def test_thumbnail(server, source):
    answer = ask(server, server.thumb_url(source["id"]))
    assert max(imagecodecs.jpeg8_decode(answer.body).shape) <= 512


def test_base_url_path_is_honoured(server, slide_file, monkeypatch):
    monkeypatch.setattr(tile_server, "_base", lambda: "lab/prospector")
    url = server.slide_source(server.register_slide(slide_file))["url"] + "/11/0_0.jpg"
    assert url.startswith("/lab/prospector/prospector/")
    assert ask(server, url).status == 200
    monkeypatch.setattr(tile_server, "_base", lambda: "other")
    assert ask(server, url).status == 404


@pytest.mark.parametrize("base", ["prospector", "lab/prospector"])
def test_a_base_path_that_ends_like_our_addresses_takes_none_of_the_pages(server, monkeypatch, base):
    """Streamlit's own addresses below the base are not taken for a tile's: the app would not open."""
    monkeypatch.setattr(tile_server, "_base", lambda: base)
    for rest in ("_stcore/stream", "auth/login", "static/js/x.js"):
        scope = {"type": "http", "method": "GET", "path": f"/{base}/{rest}", "headers": []}
        assert [route for route in server.routes() if route.matches(scope)[0].value] == [], rest


def test_images_change_their_address_with_their_content(server):
    first = server.register_image(("map", "d1"), b"one", kind="map")
    again = server.register_image(("map", "d1"), b"one", kind="map")
    second = server.register_image(("map", "d1"), b"two", kind="map")
    assert first == again != second and first.endswith("/map.png")
    assert ask(server, first).body == b"one" and ask(server, second).body == b"two"
    assert first.split("/")[4] == second.split("/")[4]


def test_numbers_are_bytes_and_answer_to_their_own_name_only(server):
    url = server.register_image("d1", b"1234", kind="tokens")
    answer = ask(server, url)
    assert url.endswith("/tokens.bin") and answer.body == b"1234"
    assert answer.headers["content-type"] == "application/octet-stream"
    for wrong in ("tokens.png", "map.bin", "map.png", "doubt.bin", "other.bin", "tokens.bin.png"):
        assert ask(server, url.replace("tokens.bin", wrong)).status == 404


def test_an_image_on_demand_is_made_once(server):
    calls = []
    url = server.register_image("k", lambda: calls.append(1) or b"png", version=7)
    assert not calls
    assert ask(server, url).body == ask(server, url).body == b"png"
    assert calls == [1]
    assert server.register_image("k", lambda: b"other", version=7) == url
    with pytest.raises(ValueError, match="version"):
        server.register_image("k", lambda: b"png")
    with pytest.raises(ValueError, match="kind"):
        server.register_image("k", b"png", kind="label")


def test_a_failing_image_is_503(server):
    def fail():
        raise MemoryError

    assert ask(server, server.register_image("k", fail, version=1)).status == 503


def test_caches_are_bounded(pixels, slide_file):
    server = TileServer(lambda path: FakeSlide(pixels), tile_bytes=30_000, image_bytes=1000)
    url = server.slide_source(server.register_slide(slide_file))["url"]
    for column in range(3):
        for row in range(3):
            assert ask(server, f"{url}/11/{column}_{row}.jpg").status == 200
    assert server.tiles.size <= 30_000
    urls = [server.register_image(i, bytes(300)) for i in range(10)]
    assert server.images.size <= 1000 and len(server.images) == 3
    assert ask(server, urls[0]).status == 404 and ask(server, urls[-1]).status == 200


def test_few_slides_stay_open_and_none_is_closed_while_read(pixels, tmp_path):
    opened = []

    def opener(path):
        opened.append(FakeSlide(pixels[:300, :300], path=path))
        return opened[-1]

    server = TileServer(opener, max_open=2, tile_bytes=0)
    files = [tmp_path / f"{i}.svs" for i in range(6)]
    for file in files:
        file.write_bytes(b"")
    urls = [server.slide_source(server.register_slide(file))["url"] for file in files]
    assert sum(not slide.closed for slide in opened) <= 2

    wrong = []

    def read(seed):
        for pick in np.random.default_rng(seed).integers(0, 6, 25):
            if ask(server, f"{urls[pick]}/9/0_0.jpg").status != 200:
                wrong.append(pick)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(not slide.closed for slide in opened) <= 2
    server.close()
    assert all(slide.closed for slide in opened)


def test_assets_are_served_under_a_hash_of_their_content(server):
    for name in ("viewer.js", "openseadragon.min.js"):
        answer = ask(server, server.asset_url(name))
        assert answer.status == 200 and answer.headers["content-type"].startswith("text/javascript")


def test_the_server_outlives_a_reload_of_its_module():
    import importlib

    before = tile_server.server()
    importlib.reload(tile_server)
    assert tile_server.server() is before


class Stored(FakeSlide):
    """A slide of 4096 x 1024 with a second level as a file states it; it notes what is read."""

    def __init__(self, downsample, width, height):
        super().__init__(np.zeros((1024, 4096, 3), np.uint8), (1,))
        self.levels += (Level(width, height, downsample),)
        self.read = []

    def read_region(self, x, y, width, height, level=0):
        self.read.append((x, y, width, height, level))

    def read_scaled(self, *where):
        self.read.append(where)


@pytest.mark.parametrize(
    ("width", "is_ours"), [(1024, True), (1023, True), (1025, True), (1022, False), (1026, False), (900, False)]
)
def test_a_stored_level_may_be_a_pixel_narrower_than_ours_and_no_more(width, is_ours):
    """Its downsample then differs by less than a pixel in all; a tile of another level would lie beside its place."""
    slide = Stored(4096 / width, width, 256)
    tile_pixels(slide, max_level(4096, 1024) - 2, 1, 0)
    # (left, upper, width, height) of the tile, from the stored level, or in level-0 pixels from the finest
    expected = (2048, 0, 512, 256, 1) if is_ours else (2048, 0, 2048, 1024, 512, 256)
    assert slide.read == [expected]


def test_there_are_no_tiles_beyond_a_slide():
    slide = Stored(4.0, 1024, 256)
    top = max_level(4096, 1024)
    for level, column, row in [(-1, 0, 0), (top + 1, 0, 0), (top, 8, 0), (top, 0, 2), (top, -1, 0), (top, 0, -1)]:
        assert tile_pixels(slide, level, column, row) is None
    assert slide.read == []
    tile_pixels(slide, top, 7, 1)
    tile_pixels(slide, 0, 0, 0)
    assert slide.read == [(7 * 512, 512, 512, 512, 0), (0, 0, 4096, 1024, 1, 1)]
