"""The pictures of the user guide, taken from the running app: `make screenshots`.

A fresh sample study is built in a temporary folder, so that edits of one's own study neither show nor are
touched. The app is started on a free port and driven in Chromium by what a person sees: roles, labels and
texts.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.cluster import MiniBatchKMeans

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

__all__ = ["main"]

IMAGES = HERE / "images"
WIDTH, HEIGHT = 1360, 1130
SHOWN_WIDTH = 1200  # pixels of a picture in the guide
MOST_BYTES = 300_000
WAIT = 60_000  # milliseconds


def stain(folder):
    """A part of the sample slide as scanned and as each method of stain normalisation makes it.

    Side by side.
    """
    from viewers.kinds.slides.pictures import stain_pictures

    pictures = list(stain_pictures(300).values())
    gap = np.full((pictures[0].shape[0], 12, 3), 255, np.uint8)
    row = np.concatenate([each for picture in pictures for each in (gap, picture)][1:], axis=1)
    Image.fromarray(row).quantize(256).save(folder / "stain.png", optimize=True)


def main():
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description="Take the pictures of the user guide.")
    parser.add_argument("names", nargs="*", help="file names without .png; default: all")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    from tests.support.browsers import chromium

    wanted = set(options.names)
    unknown = wanted - {"stain", *(name for *_, names in WALKS for name in names)}
    if unknown:
        parser.error(f"no picture is called {', '.join(sorted(unknown))}")
    for sample in dict.fromkeys(sample for _, sample, _, _ in WALKS):
        walks = [
            (take, theme)
            for take, its, theme, names in WALKS
            if its == sample and (not wanted or wanted & {*names})
        ]
        if not walks:
            continue
        with (
            tempfile.TemporaryDirectory() as scratch,
            sample_app(Path(scratch), sample) as address,
            chromium("--hide-scrollbars") as browser,
        ):
            for take, theme in walks:
                take(Guide(browser, address, theme, options.out, wanted, sample))
    if not wanted or "stain" in wanted:
        stain(options.out)


def proteins(guide):
    """A walk through the sample study of proteins, as in docs/proteins.md."""
    page = guide.page
    page.goto(guide.address)
    page.locator(".sv-model canvas").first.wait_for()
    guide.settle()
    cells = page.locator(".sv-cells").bounding_box()
    page.mouse.click(
        cells["x"] + 13 * 15.5, cells["y"] + 60
    )  # the histidine between the two zincs of the first chain
    page.get_by_text("The largest parts").wait_for()
    guide.take("structure", 1000)
    page.get_by_role("button", name="Contact map").click()
    guide.take("structure-contacts", 1000)
    guide.go_to("Families")
    page.get_by_text("Name of family 2").wait_for()
    page.wait_for_timeout(3000)  # three views draw themselves
    guide.take("families", 1000)


def documents(guide):
    """The sample study of reports, as in docs/documents.md."""
    page = guide.page
    guide.open_document()
    guide.take("document-map", 900)
    guide.choose("Beside it", "report 01")
    page.locator(".dv-page").nth(1).wait_for()
    guide.settle()
    guide.take("document-pair", 900)


def documents_dark(guide):
    """A clicked sentence in the dark theme, coloured by concept."""
    page = guide.page
    guide.open_document()
    page.locator(".dv-s").nth(3).click()
    page.get_by_text("Most similar elsewhere").wait_for()
    page.get_by_role("button", name="Concepts", exact=True).click()
    guide.take("document-dark", 1000)


def cells(guide):
    """The sample study of cells, as in docs/graphs.md: the cell that scores most is selected."""
    page = guide.page
    page.goto(guide.address)
    page.locator(".gv-over").wait_for()
    guide.settle()
    page.locator(".st-key-hot_spots button, [data-testid=stExpander] button").filter(
        has_text=re.compile("^1 · ")
    ).first.click()
    page.get_by_text("Prospect score", exact=True).first.wait_for()
    guide.take("cells", 1000)


def walk(guide):
    """One walk through the app, as in docs/user-guide.md."""
    from prospector_core import Study

    page = guide.page
    guide.open_slide()
    guide.take("slide-map")

    guide.pick_strongest_tile("field E3")
    guide.take("slide-tile")

    page.get_by_role("button", name="Show the concepts").click()
    guide.settle()
    guide.take("slide-concepts")
    page.get_by_role("button", name="Show the prospect map").click()

    guide.mark_region()
    guide.take("slide-region")
    page.keyboard.press("Control+z")
    guide.settle()

    guide.choose("Beside it", "this slide, another layer")
    page.locator(".pv-mag").nth(1).filter(has_text="×").wait_for(timeout=WAIT)
    page.get_by_role("button", name="Outlines of the concepts").nth(1).click()
    guide.settle()
    guide.take("slide-pair")
    page.get_by_role("button", name="Outlines of the concepts").nth(1).click()
    guide.choose("Beside it", "nothing")

    guide.go_to("Study")
    page.get_by_test_id("stDataFrame").first.wait_for(timeout=WAIT)
    guide.take("study")

    guide.go_to("Concepts")
    guide.take("concepts", height=1020)

    guide.go_to("Atlas")
    page.locator(".at-view canvas").wait_for(timeout=3 * WAIT)
    guide.settle()
    page.locator(".at-view canvas").focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
    page.wait_for_timeout(800)
    guide.take("atlas", height=900)
    guide.lasso()
    guide.take("atlas-lasso", height=900)
    page.get_by_role("button", name="Choose none").first.click()
    guide.settle()

    guide.go_to("Kernel")
    guide.pick_cell()
    guide.take("kernel", height=1400)

    study = Study.open(guide.study)
    ink = greenest_concept(study)
    study.curation.rename(ink, "torn edge, green ink")
    study.curation.exclude(ink, reason="ink")
    guide.open_slide()
    page.get_by_role("button", name="Refit").first.click()
    page.get_by_text("What the refit changed").first.wait_for(timeout=WAIT)
    guide.ready()
    guide.pick_strongest_tile("field E3", click=False)
    guide.take("refit")

    guide.report()


def classes(guide):
    """The slide page of a study of three classes.

    The sample's fields, those without epidermis divided by their tissue.
    """
    from prospector_core import Study
    from sample_data.fields import MPP, SLIDE, TILE

    sample, folder, page = Study.open(guide.study), guide.study.parent / "three", guide.page
    rows = ["slide,name,x,y,width,height,label"]
    for datum in sample.data:
        field, label = datum.field, "dermis" if sample.n_tokens(datum) > 24 else "edge"
        place = f"{field.x},{field.y},{field.width},{field.height}"
        rows.append(f"{SLIDE.name},{datum.name},{place},{'epidermis' if datum.label else label}")
    table = guide.study.parent / "three.csv"
    table.write_text("\n".join(rows))
    study = Study.create(folder, slides=[SLIDE], labels=table, name="Skin, three classes", tile=TILE, mpp=MPP)
    shutil.copytree(guide.study / "embeddings.zarr", folder / "embeddings.zarr", dirs_exist_ok=True)
    study.fit()
    page.goto(f"{guide.address.rstrip('/')}/study")
    page.get_by_role("tab", name="Open a study").click()
    page.get_by_label("Folder of a study").fill(str(folder))
    page.get_by_role("button", name="Open this folder").click()
    page.get_by_text("Skin, three classes").first.wait_for(timeout=WAIT)
    guide.go_to("Slide")
    guide.ready()
    page.get_by_role("button", name="Show which class each place speaks for most").click()
    guide.settle()
    guide.take("classes")


def dark(guide):
    """The slide page in the dark theme."""
    guide.open_slide()
    guide.take("slide-dark")


class Guide:
    """A browser window on the app, and the pictures taken of it."""

    def __init__(self, browser, address, theme, out, wanted, sample="sample"):
        self.address, self.out, self.wanted = address, out, wanted
        self.study = Path(os.environ["PROSPECTOR_STUDIES"]) / sample
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme=theme,
            reduced_motion="reduce",
            locale="en-GB",
        )
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT)

    def open_slide(self):
        """The app's first page, with its slide drawn."""
        self.page.goto(self.address)
        self.ready()

    def ready(self):
        """Wait until the slide viewer shows its slide."""
        self.page.locator(".pv-mag").filter(has_text="×").first.wait_for(timeout=WAIT)
        self.settle()

    def settle(self):
        """Wait until Streamlit has finished, and two pictures in a row are the same."""
        running = self.page.get_by_test_id("stStatusWidget")
        before = None
        for _ in range(60):
            self.page.wait_for_timeout(350)
            if running.count() and running.first.is_visible():
                continue
            now = self.page.screenshot()
            if now == before:
                return
            before = now

    def go_to(self, name):
        """Another page, by the name in the sidebar."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=False).first.click()
        self.page.wait_for_timeout(700)
        self.settle()

    def pick_strongest_tile(self, field, click=True):
        """Zoom in on the tile with the highest score of a field, and click it."""
        from prospector_core import Study

        study = Study.open(self.study)
        datum = study.datum(field)
        x, y, width, height = study.token_rect(datum, int(np.nanargmax(study.prospect(datum))))
        self.page.get_by_role("button", name="Whole slide").click()
        self.settle()
        view = self.page.locator(".pv-view").first
        view.scroll_into_view_if_needed()
        box = view.bounding_box()
        slide = study.sources[datum.source].info
        # The whole slide is centred in the view; zoomed about the tile, the tile stays under the pointer.
        scale = min(box["width"] / slide["width"], box["height"] / slide["height"])
        at_x = box["x"] + box["width"] / 2 + (x + width / 2 - slide["width"] / 2) * scale
        at_y = box["y"] + box["height"] / 2 + (y + height / 2 - slide["height"] / 2) * scale
        self.page.mouse.move(at_x, at_y)
        for _ in range(4):
            self.page.mouse.wheel(0, -300)
            self.page.wait_for_timeout(400)
        self.settle()
        if click:
            self.page.mouse.click(at_x, at_y)
            self.page.get_by_text("Prospect score", exact=True).first.wait_for(timeout=WAIT)
        self.settle()

    def mark_region(self):
        """Draw a polygon about the centre of the view."""
        from prospector_core import Study

        view = self.page.locator(".pv-view").first
        self.page.get_by_role("button", name="Mark a polygon").first.click()
        box = view.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for dx, dy in ((-40, -150), (70, -120), (110, 40), (20, 130), (-70, 20), (-70, 20)):
            self.page.mouse.click(x + dx, y + dy)
            self.page.wait_for_timeout(500)
        self.page.get_by_text("Marked regions").first.wait_for(timeout=WAIT)
        assert Study.open(self.study).curation.state.regions
        self.settle()

    def choose(self, label, option):
        """An option of a selectbox."""
        choice = self.page.get_by_role("option", name=option)
        for _ in range(5):  # a page that is drawn again under it closes the list
            self.page.get_by_role("combobox", name=label).click()
            self.page.wait_for_timeout(1500)
            if choice.count():
                break
            self.page.keyboard.press("Escape")
            self.settle()
        choice.click()
        self.settle()

    def pick_cell(self):
        """Click the cell of the first two concepts in the kernel's square."""
        chart = self.page.locator(".js-plotly-plot").first
        chart.wait_for(timeout=WAIT)
        self.settle()
        # Where row 0, column 1 is on the screen, from the axes that plotly drew.
        x, y = chart.evaluate("""plot => {
                const box = plot.getBoundingClientRect(), {xaxis, yaxis} = plot._fullLayout;
                return [box.x + xaxis._offset + xaxis.l2p(1), box.y + yaxis._offset + yaxis.l2p(0)];
            }""")
        self.page.mouse.move(x - 3, y)
        self.page.mouse.click(x, y)
        self.page.get_by_role("button", name="Show on slide").first.wait_for(timeout=WAIT)
        self.page.mouse.move(5, 5)
        self.settle()

    def lasso(self):
        """Draw a lasso about a part of the atlas."""
        page, box = self.page, self.page.locator(".at-view canvas").bounding_box()
        page.get_by_role("button", name="Lasso").click()
        x, y = box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"]
        page.mouse.move(x - 110, y - 90)
        page.mouse.down()
        for dx, dy in ((60, -120), (130, 0), (60, 110), (-90, 90), (-110, -90)):
            page.mouse.move(x + dx, y + dy, steps=6)
        page.mouse.up()
        page.get_by_text("chosen", exact=False).first.wait_for()
        self.settle()

    def report(self):
        """The curation report as saved from the history: a page of its own."""
        page = self.page
        self.go_to("Study")
        page.get_by_role("tab", name="History").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save report").click()
        kept = Path(download.value.path())
        shown = kept.rename(kept.with_suffix(".html"))
        page.goto(shown.as_uri())
        self.take("report", height=1000)

    def open_document(self):
        """The first page of a study of documents, with its text drawn."""
        self.page.goto(self.address)
        self.page.locator(".dv-s").first.wait_for(timeout=WAIT)
        self.settle()

    def take(self, name, height=HEIGHT):
        """Save what is in sight as a small PNG, without the empty lower part of the page."""
        if self.wanted and name not in self.wanted:
            return
        self.page.set_viewport_size({"width": WIDTH, "height": height})
        self.page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)")
        self.page.mouse.move(5, height - 5)
        self.settle()
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        pixels = np.asarray(picture)
        drawn = (pixels[:, 400:] != pixels[-1, -1]).any(axis=(1, 2)) | (
            pixels[:, 30:250] != pixels[-1, 30]
        ).any(axis=(1, 2))
        bottom = min(int(np.flatnonzero(drawn).max()) + 30, picture.height)
        picture = picture.crop((0, 0, picture.width, bottom))
        picture = picture.resize(
            (SHOWN_WIDTH, round(picture.height * SHOWN_WIDTH / picture.width)), Image.Resampling.LANCZOS
        )
        print(f"{name}.png  {write_small(picture, self.out / f'{name}.png') // 1000} kB", flush=True)


# Each walk: what it does, on which sample, in which theme, and the pictures that it takes. Later ones see the
# edits of earlier ones.
WALKS = (
    (
        walk,
        "sample",
        "light",
        (
            "slide-map",
            "slide-tile",
            "slide-concepts",
            "slide-region",
            "slide-pair",
            "study",
            "concepts",
            "atlas",
            "atlas-lasso",
            "kernel",
            "refit",
            "report",
        ),
    ),
    (classes, "sample", "light", ("classes",)),
    (dark, "sample", "dark", ("slide-dark",)),
    (proteins, "zinc", "light", ("structure", "structure-contacts", "families")),
    (documents, "reports", "light", ("document-map", "document-pair")),
    (documents_dark, "reports", "dark", ("document-dark",)),
    (cells, "cells", "light", ("cells",)),
)


def greenest_concept(study):
    """The concept whose typical tiles hold most green: the ink on the sample slide."""

    def greenness(concept):
        """The share of clearly green pixels in its typical tiles."""
        shares = []
        for datum, token in study.typical_tokens(concept.id, 8):
            with study.open_source(datum) as slide:
                red, green = np.moveaxis(
                    slide.read_scaled(*study.token_rect(datum, token), 32, 32)[..., :2].astype(int), -1, 0
                )
            shares.append((green - red > 15).mean())
        return np.mean(shares) if shares else 0.0

    return max(study.concepts(), key=greenness).id


def write_small(picture, path):
    """Write a PNG with as many colours as its size allows. Returns its bytes."""
    for colours in (256, 192, 128, 96, 64):
        buffer = io.BytesIO()
        reduced(picture, colours).save(buffer, "PNG", optimize=True)
        if buffer.tell() < MOST_BYTES:
            break
    path.write_bytes(buffer.getvalue())
    return buffer.tell()


def reduced(picture, colours, exact=32):
    """The picture with few colours.

    The page's own exactly, the others so that rare ones, as of a legend, keep their share.
    """
    found, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    common = found[np.argsort(-counts, kind="stable")[:exact]]
    coarse, inverse = np.unique(found >> 2, axis=0, return_inverse=True)
    weights = np.bincount(inverse.reshape(-1), weights=counts) ** 0.4
    means = MiniBatchKMeans(colours - exact, random_state=0, n_init=1, batch_size=4096).fit(
        coarse * 4.0 + 1.5, sample_weight=weights
    )
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        np.concatenate([common, means.cluster_centers_.clip(0, 255).round().astype(np.uint8)]).tobytes()
    )
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


@contextlib.contextmanager
def sample_app(scratch, name="sample"):
    """The app on a sample study of its own: yields its address."""
    os.environ["PROSPECTOR_STUDIES"] = str(scratch / "studies")
    os.environ["PROSPECTOR_AUTHOR"] = "Ann Mason"  # who made the edits of the pictures
    os.environ["PROSPECTOR_STUDY"] = str(scratch / "studies" / name)
    from sample_data import build_sample

    print("building a sample study")
    build_sample(name)
    from tests.support.browsers import serve

    with serve("app.py", scratch / "app.log") as address:
        yield f"{address}/"


if __name__ == "__main__":
    main()
