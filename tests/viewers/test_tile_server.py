"""The tile routes, asked as a browser asks them: over ASGI, with nothing but an address."""

import asyncio
import hashlib
import os
import re
import socket
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import unquote

import imagecodecs
import numpy as np
import pytest
import tifffile
from starlette.applications import Starlette

from prospector_core.errors import SlideError
from tests.support.fake_slide import FakeSlide, Level, shrink, smooth_pixels
from viewers import tile_addresses, tile_registry, tile_server, viewer_assets
from viewers.slide_tiles import max_level, tile_pixels
from viewers.streamlit_patches import apply_patch, send_at_once
from viewers.tile_server import TileServer
from viewers.token_tiles import View


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
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(url),
        "raw_path": url.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
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
        tiff.write(
            pixels, tile=(256, 256), photometric="rgb", subifds=1, resolution=(20000, 20000), resolutionunit=3
        )
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
    from tests.support.slide_files import write_svs

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
        "{slide}/12/0_0.jpg",
        "{slide}/11/3_0.jpg",
        "{slide}/11/0_3.jpg",
        "{slide}/0/1_0.jpg",
        "{slide}/99/0_0.jpg",
        "{slide}/11/0_0.png",
        "{slide}/11/-1_0.jpg",
        "{slide}/11/0_0.jpg/x",
        "{slide}/11/00.jpg",
        "{slide}/x/0_0.jpg",
        "{slide}/11/0_99999999999999.jpg",
        "slide/ffffffffffffffffffffffffffffffff/0/0_0.jpg",
        "slide/../../etc/passwd",
        "thumb/ffffffffffffffffffffffffffffffff.jpg",
        "thumb/..%2F..%2Fetc.jpg",
        "",
        "asset/0000000000000000/secret.js",
        "asset/0000000000000000/..%2f__init__.py",
        "asset/0000000000000000/openseadragon.license.txt",
        "overlay/00000000000000000000000000000000/00000000000000000000/map.png",
        "overlay/00000000000000000000000000000000/00000000000000000000/label.png",
        "{slide}/１１/0_0.jpg",
    ],
)
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
    monkeypatch.setattr(tile_addresses, "base", lambda: "lab/prospector")
    url = server.slide_source(server.register_slide(slide_file))["url"] + "/11/0_0.jpg"
    assert url.startswith("/lab/prospector/prospector/")
    assert ask(server, url).status == 200
    monkeypatch.setattr(tile_addresses, "base", lambda: "other")
    assert ask(server, url).status == 404


@pytest.mark.parametrize("base", ["prospector", "lab/prospector"])
def test_a_base_path_that_ends_like_our_addresses_takes_none_of_the_pages(server, monkeypatch, base):
    """Streamlit's own addresses below the base are not taken for a tile's: the app would not open."""
    monkeypatch.setattr(tile_addresses, "base", lambda: base)
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
    assert server.tiles.nbytes <= 30_000
    urls = [server.register_image(i, bytes(300)) for i in range(10)]
    assert server.images.nbytes <= 1000 and len(server.images) == 3
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
    ("width", "is_ours"),
    [(1024, True), (1023, True), (1025, True), (1022, False), (1026, False), (900, False)],
)
def test_a_stored_level_may_be_a_pixel_narrower_than_ours_and_no_more(width, is_ours):
    """Its downsample then differs by less than a pixel in all.

    A tile of another level would be beside its place.
    """
    slide = Stored(4096 / width, width, 256)
    tile_pixels(slide, max_level(4096, 1024) - 2, 1, 0)
    # (left, upper, width, height) of the tile, from the stored level, or in level-0 pixels from the finest
    expected = (2048, 0, 512, 256, 1) if is_ours else (2048, 0, 2048, 1024, 512, 256)
    assert slide.read == [expected]


def test_there_are_no_tiles_beyond_a_slide():
    slide = Stored(4.0, 1024, 256)
    top = max_level(4096, 1024)
    for level, column, row in [
        (-1, 0, 0),
        (top + 1, 0, 0),
        (top, 8, 0),
        (top, 0, 2),
        (top, -1, 0),
        (top, 0, -1),
    ]:
        assert tile_pixels(slide, level, column, row) is None
    assert slide.read == []
    tile_pixels(slide, top, 7, 1)
    tile_pixels(slide, 0, 0, 0)
    assert slide.read == [(7 * 512, 512, 512, 512, 0), (0, 0, 4096, 1024, 1, 1)]


# ---- the rules, one by one


@pytest.mark.parametrize(
    ("size", "levels"),
    [((1500, 1100), (9, 11)), ((512, 300), (9, 9)), ((513, 1), (9, 10)), ((1, 1), (0, 0)), ((40, 2), (6, 6))],
)
def test_the_lowest_level_fits_one_tile(size, levels):
    server = TileServer()
    source = server.slide_source(server.register_blank(*size), "white")
    assert (source["min_level"], source["max_level"]) == levels and (
        source["width"],
        source["height"],
    ) == size
    assert (source["mpp"], source["objective_power"], source["name"]) == (None, None, "white")
    assert source["url"].endswith(f"/slide/{source['id']}")


def test_a_slide_that_is_not_at_hand_is_white_and_known_by_its_size():
    server = TileServer()
    one = server.register_blank(700, 300)
    assert one == server.register_blank(700, 300) != server.register_blank(700, 301) and re.fullmatch(
        "[0-9a-f]{32}", one
    )
    tile = imagecodecs.jpeg8_decode(ask(server, server.slide_source(one)["url"] + "/10/1_0.jpg").body)
    assert tile.shape == (300, 188, 3) and tile.min() == 255
    server.close()


def test_sizes_of_a_slide_that_are_not_known_stay_unknown(slide_file, pixels):
    server = TileServer(lambda path: FakeSlide(pixels, mpp=None, objective_power=None))
    source = server.slide_source(server.register_slide(slide_file))
    assert source["mpp"] is None and source["objective_power"] is None


class Counted(FakeSlide):
    """Notes what is asked of it."""

    def __init__(self, pixels):
        super().__init__(pixels)
        self.asked = []

    def read_region(self, *where):
        self.asked.append(where)
        return super().read_region(*where)

    def thumbnail(self, max_side):
        self.asked.append(max_side)
        return super().thumbnail(max_side)


def test_tiles_and_thumbnails_are_made_once_and_of_quality_85(slide_file, pixels):
    slide = Counted(pixels)
    server = TileServer(lambda path: slide)
    slide_id = server.register_slide(slide_file)
    for url, made in (
        (server.slide_source(slide_id)["url"] + "/11/1_0.jpg", pixels[:512, 512:1024]),
        (server.thumb_url(slide_id), FakeSlide(pixels).thumbnail(512)),
    ):
        first, again = ask(server, url), ask(server, url)
        assert first.body == again.body == imagecodecs.jpeg8_encode(np.ascontiguousarray(made), level=85)
        assert first.headers["content-type"] == "image/jpeg" and first.headers["cache-control"] == KEPT
    assert slide.asked == [(512, 0, 512, 512, 0), 512]
    assert TileServer(quality=20)._jpeg(pixels) == imagecodecs.jpeg8_encode(pixels, level=20)


KEPT = "private, max-age=86400, immutable"


def test_what_is_kept_is_bounded():
    """Eight open slides, 128 and 256 MiB, and 8,192 images: they may be of no size."""
    server = TileServer(lambda path: FakeSlide(np.zeros((4, 4, 3), np.uint8)))
    assert (server.tiles.max_bytes, server.images.max_bytes) == (128 * 2**20, 256 * 2**20)
    server.images.put("made later", lambda: b"")
    assert (server.images.nbytes * 8192, server.slides._limit) == (256 * 2**20, 8)


def test_who_guesses_has_24_bytes_to_guess():
    from base64 import urlsafe_b64decode

    token = TileServer().token
    assert len(urlsafe_b64decode(token)) == 24 and len(TileServer()._secret) == 32


def test_names_are_cut_to_what_addresses_hold(server):
    image = server.register_image("k", b"png")
    *_, image_id, stamp, name = image.split("/")
    assert (len(image_id), len(stamp), name) == (32, 20, "image.png")
    assert stamp == hashlib.blake2b(b"png", digest_size=10).hexdigest()
    assert len(server.register_image("k", bytes, version=1).split("/")[-2]) == 20
    assert server.register_image("k", b"png", version=1) != server.register_image("k", b"png", version=2)
    answer = ask(server, image)
    assert (answer.status, answer.headers["content-type"], answer.headers["cache-control"]) == (
        200,
        "image/png",
        KEPT,
    )
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


class Tiles:
    """Tiles of an overlay that say what they were asked for; there are none in row 9."""

    def __init__(self, suffix):
        self.suffix, self.asked = suffix, []

    def tile(self, level, row, column, view):
        self.asked.append((level, row, column, view))
        return None if row == 9 else repr(self.asked[-1]).encode()


def test_tiles_of_an_overlay_are_asked_for_by_level_place_and_view(server):
    tiles = Tiles("png")
    url = server.register_tiles(("map", "d"), tiles, version=3, kind="map")
    assert url == server.register_tiles(
        ("map", "d"), Tiles("png"), version=3, kind="map"
    )  # the first ones stay
    assert url != server.register_tiles(("map", "d"), tiles, version=4, kind="map")
    assert [len(part) for part in url.split("/")[-3:]] == [32, 20, 3]
    for rest, asked in (
        ("5/2_7.png", (5, 7, 2, View())),
        ("5/2_7-t35u.png", (5, 7, 2, View(35, True))),
        ("0/0_0-c7.png", (0, 0, 0, View(concept=7))),
    ):
        first, again = ask(server, f"{url}/{rest}"), ask(server, f"{url}/{rest}")
        assert first.body == again.body == repr(asked).encode() and tiles.asked[-1] == asked
        assert (first.headers["content-type"], first.headers["cache-control"]) == ("image/png", KEPT)
    assert len(tiles.asked) == 3
    for rest in ("5/2_9.png", "5/2_7.bin", "5/2_7-t101.png", "5/2_7-x.png", "5/2.png", "5/2_7-.png"):
        assert ask(server, f"{url}/{rest}").status == 404, rest
    numbers = server.register_tiles(("map", "d"), Tiles("bin"), version=3, kind="tokens")
    assert ask(server, numbers + "/1/1_1.bin").headers["content-type"] == "application/octet-stream"
    for kind in ("tokens", "label"):
        with pytest.raises(ValueError, match=f"tiles that are .png files cannot be of kind '{kind}'"):
            server.register_tiles("k", Tiles("png"), version=1, kind=kind)


def test_on_a_server_an_address_opens_to_one_person_and_one_thing(server, slide_file, monkeypatch):
    sitting, asking = [("a",)], [("a",)]
    monkeypatch.setattr(tile_registry, "identity_here", lambda: sitting[0])
    monkeypatch.setattr(tile_server, "identity_of", lambda request: asking[0])
    url = server.slide_source(server.register_slide(slide_file))["url"]
    other = server.register_image("k", b"png")
    assert (
        server.token not in url
        and ask(server, url + "/11/0_0.jpg").status == ask(server, url + "/9/0_0.jpg").status == 200
    )
    key, their_key = url.split("/")[2], other.split("/")[2]
    assert key != their_key and len(key) == 32
    for wrong in (other.replace(their_key, key), url.replace(key, server.token) + "/11/0_0.jpg"):
        answer = ask(server, wrong)
        assert (answer.status, answer.headers["cache-control"]) == (
            403,
            "no-store",
        ) and answer.body == b"This was not shown to you"
    asking[0] = ("b",)
    assert ask(server, url + "/11/0_0.jpg").status == 403
    asking[0] = None  # the app of one account: an address of a server says nothing
    answer = ask(server, url + "/11/0_0.jpg")
    assert (answer.status, answer.body) == (404, b"Not found")


@pytest.mark.parametrize("viewer", ["slide_viewer", "structure_viewer"])
def test_only_scripts_and_styles_of_a_viewer_are_served(server, viewer, monkeypatch, tmp_path):
    url = server.asset_url("viewer.js", viewer)
    assert (
        re.search(rf"/asset/[0-9a-f]{{16}}/{viewer}/viewer\.js$", url)
        and ask(server, url).headers["cache-control"] == KEPT
    )
    assert server.asset_url("viewer.js").split("/")[-2] == "slide_viewer"
    for wrong in (
        "VERSIONS.txt",
        "nothing.js",
        "viewer.js.map",
        "..viewer.js",
        "openseadragon.license.txt",
        "__init__.py",
    ):
        assert ask(server, url.replace("viewer.js", wrong)).status == 404, wrong
    assert ask(server, url.replace(viewer, "access")).status == 404
    assert ask(server, url.replace(f"{viewer}/viewer.js", "web/kit.js")).status == 200
    for name in ("viewer.js", "other.js", "style.css", "notes.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(viewer_assets, "FOLDERS", {viewer: tmp_path})
    first = server.asset_url("viewer.js", viewer)
    assert (
        ask(server, first.replace("viewer.js", "style.css")).headers["content-type"]
        == "text/css; charset=utf-8"
    )
    assert (
        ask(server, first).body == b"viewer.js"
        and ask(server, first.replace("viewer.js", "notes.txt")).status == 404
    )
    content = hashlib.blake2b(b"other.jsviewer.js", digest_size=8).hexdigest()
    assert first.split("/")[-3] == content
    (tmp_path / "other.js").write_text("edited")
    os.utime(tmp_path / "other.js", ns=(1, 1))
    assert server.asset_url("viewer.js", viewer) != first


def test_what_is_wrong_is_logged_with_its_trace_only_where_it_is_not_ours(server, caplog):
    def fails(error):
        def make():
            raise error

        return make

    for number, (error, traced) in enumerate(((SlideError("in one line"), False), (ValueError("x"), True))):
        caplog.clear()
        assert ask(server, server.register_image("k", fails(error), version=number)).status == 503
        (record,) = caplog.records
        assert bool(record.exc_info) == traced and str(error) in record.getMessage()


def test_tiles_are_sent_at_once(monkeypatch):
    """Nagle's algorithm is off on sockets of TCP.

    Others, and those that were closed, are left as they are.
    """
    monkeypatch.setattr(asyncio.base_events, "_set_nodelay", None)

    async def lived():
        async with tile_server.lifespan(None):
            pass

    closed = []
    monkeypatch.setattr(tile_server, "server", lambda: SimpleNamespace(close=lambda: closed.append(1)))
    asyncio.run(lived())
    assert closed == [1]

    class Socket:
        def __init__(self, family, kind):
            self.family, self.type, self.set = family, kind, []

        def setsockopt(self, *given):
            self.set.append(given)
            raise OSError

    made = [
        Socket(*each)
        for each in (
            (socket.AF_INET, socket.SOCK_STREAM),
            (socket.AF_INET6, socket.SOCK_STREAM),
            (socket.AF_INET, socket.SOCK_DGRAM),
            (socket.AF_UNIX, socket.SOCK_STREAM),
        )
    ]
    for each in made:
        asyncio.base_events._set_nodelay(each)
    on = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    assert [each.set for each in made] == [on, on, [], []]
    monkeypatch.delattr(asyncio.base_events, "_set_nodelay")
    assert not apply_patch(send_at_once)
    assert not hasattr(asyncio.base_events, "_set_nodelay")


def test_the_one_server_answers_for_the_module(monkeypatch, slide_file, pixels):
    one = TileServer(lambda path: FakeSlide(pixels, path=path))
    monkeypatch.setattr(tile_server, "server", lambda: one)
    slide_id = tile_server.register_slide(slide_file)
    assert slide_id == one.register_slide(slide_file) and tile_server.thumb_url(slide_id) == one.thumb_url(
        slide_id
    )
    assert tile_server.slide_source(slide_id, "name") == one.slide_source(slide_id, "name")
    assert tile_server.register_blank(3, 4) == one.register_blank(3, 4)
    assert tile_server.register_image("k", bytes, version=2, kind="map") == one.register_image(
        "k", bytes, version=2, kind="map"
    )
    tiles = Tiles("png")
    assert tile_server.register_tiles("k", tiles, version=1, kind="map") == one.register_tiles(
        "k", tiles, version=1, kind="map"
    )
    assert tile_server.asset_url("viewer.js", "structure_viewer") == one.asset_url(
        "viewer.js", "structure_viewer"
    )
    assert tile_server.asset_url("viewer.js") == one.asset_url("viewer.js")
    assert (
        [route.path for route in tile_server.routes()]
        == [route.path for route in one.routes()]
        == ["/prospector/{token}/{rest:path}"]
    )


@pytest.mark.parametrize(("option", "base"), [("", ""), (None, ""), ("lab", "/lab"), ("/lab/x/", "/lab/x")])
def test_the_base_of_addresses_is_streamlits_without_slashes(monkeypatch, option, base):
    from streamlit import config

    monkeypatch.setattr(config, "get_option", lambda name: {"server.baseUrlPath": option}[name])
    assert tile_addresses.root() == base
