"""The app in a real browser, as a person sees it."""

import io
import re
from urllib.parse import urlparse

import numpy as np
from PIL import Image

__all__ = ["Screen", "differ"]

# Opened at /kernel, Streamlit asks below that address first whether it is its own root; the answer must be
# no.
PROBE = re.compile(r"/(study|concepts|kernel|atlas)/_stcore/(health|host-config)$")


class Screen:
    """The app as a person sees it; what goes wrong unseen is kept in ``trouble``."""

    def __init__(self, page, address):
        self.page, self.address, self.trouble, self.tiles = page, address, [], []
        home = urlparse(address).netloc
        page.on("pageerror", lambda error: self.trouble.append(f"page: {error}"))
        page.on("console", self.console)
        page.on("response", self.response)
        page.on(
            "request",
            lambda r: (
                urlparse(r.url).scheme.startswith(("http", "ws"))
                and urlparse(r.url).netloc != home
                and self.trouble.append(f"external: {r.url}")
            ),
        )

    def console(self, message):
        if message.type == "error" and not PROBE.search(urlparse(message.location.get("url", "")).path):
            self.trouble.append(f"console: {message.text}")

    def response(self, response):
        if response.status >= 400 and not PROBE.search(urlparse(response.url).path):
            self.trouble.append(f"{response.status}: {response.url}")
        if re.search(r"/slide/[0-9a-f]+/\d+/\d+_\d+\.jpg$", response.url) and response.ok:
            self.tiles.append(response.url)

    def open(self, page=""):
        self.page.goto(f"{self.address}/{page}")

    def go(self, page):
        self.page.get_by_test_id("stSidebarNav").get_by_text(page, exact=True).click()

    def idle(self):
        """Wait until the script has run and the page has stopped changing."""
        self.page.wait_for_timeout(400)  # an edit must first have reached the server
        self.page.wait_for_function(
            "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"
        )
        self.page.wait_for_timeout(300)

    def saved(self, button):
        """Press a button that saves a file: the download. What it saves is made by the page's last run."""
        self.idle()
        self.idle()  # a choice may have asked for one more run
        with self.page.expect_download() as download:
            button.click()
        return download.value

    def until(self, true):
        """Wait until something holds: a busy machine is late with what a click or a key asked for."""
        for _ in range(600):
            if true():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it did not come true")

    def on_slide(self):
        """Wait until the slide, its tiles and its map are drawn and stand still."""
        self.page.wait_for_selector(".pv-overlay", state="attached")
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('*')].some(e =>"
            " e.shadowRoot?.querySelector('.pv-mag')?.textContent)"
        )
        self.idle()
        before = None
        for _ in range(60):
            now = self.view()
            if before is not None and now.shape == before.shape and (now == before).all():
                return
            before = now
            self.page.wait_for_timeout(200)

    def view(self):
        """Pixels of the slide as shown, without the field under the pointer."""
        self.page.mouse.move(5, 5)
        return np.asarray(
            Image.open(io.BytesIO(self.page.locator(".pv-view").screenshot())).convert("RGB")
        ).astype(int)

    def place(self):
        """Magnification and scale: what zooming changes; once they no longer change."""
        seen = []
        for _ in range(60):  # a zoom glides, and on a busy machine with pauses
            scale = self.page.locator(".pv-scale i").evaluate("e => e.style.width")
            seen.append((self.page.locator(".pv-mag").inner_text(), scale))
            if len(seen) > 3 and len(set(seen[-4:])) == 1:
                break
            self.page.wait_for_timeout(250)
        return seen[-1]

    def layer(self, name):
        self.page.locator(".pv-layers").get_by_text(name, exact=True).click()
        self.page.wait_for_timeout(300)
        return self.view()

    def in_popover(self, key, **values):
        """Open a popover by the key of what it offers, fill in its fields ({part of their key: text}).

        And do it.
        """
        self.page.locator(f".st-key-{key}_box button").first.click()
        self.page.locator(f".st-key-{key} button").first.wait_for()
        self.idle()  # the cards move while it opens: a click would land on a tile
        for name, value in values.items():
            self.page.locator(f".st-key-{key}_{name} input").first.fill(value)
        self.page.locator(f".st-key-{key} button").first.click()
        self.idle()
        self.page.locator(f".st-key-{key} button").first.wait_for(state="detached")

    def pictures_shown(self):
        """Wait until the script has run and the pictures that it placed have come.

        Those of a former run are gone soon.
        """
        self.idle()
        self.page.wait_for_function(
            "() => { const all = [...document.querySelectorAll('.st-key-chosen_pictures img')];"
            " return all.length && all.every(image => image.complete && image.naturalWidth) }"
        )

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(150)

    def at_level0(self, x, y):
        """Where a place of the slide given in its own pixels is on the screen, and the scale.

        The whole slide is in view.
        """
        box = self.page.locator(".pv-view").bounding_box()
        k = min(box["width"] / 2220, box["height"] / 2967)
        return (
            box["x"] + box["width"] / 2 + (x - 1110) * k,
            box["y"] + box["height"] / 2 + (y - 1483.5) * k,
            k,
        )

    def click_level0(self, x, y):
        """Click such a place."""
        self.page.mouse.click(*self.at_level0(x, y)[:2])


def differ(a, b):
    """Share of pixels that are clearly not the same."""
    return float((np.abs(a - b).sum(axis=2) > 24).mean())
