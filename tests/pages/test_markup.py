"""Names, notes, colours and languages of a stranger's study are shown as text.

On every page and in every file of every kind of study.
"""

import csv
import io
import json
import re
import shutil

import pytest
from google.protobuf.descriptor import FieldDescriptor

from prospector_core.exporters import export
from prospector_core.study import FitSettings, Study
from prospector_core.wording import table_cell
from tests.pages.app import App
from tests.pages.conftest import copy_study
from tests.pages.screen import Screen
from tests.support.browsers import WAIT, in_a_browser, serve
from tests.support.cell_files import write_cell_images
from tests.support.hostile import MARK, canary, plant
from tests.support.structure_files import study_of_chains
from tests.support.text_studies import make_text_study
from viewers.report import curation_report

KINDS = ("slides", "structures", "documents", "cells")
PAGES = ["study", "concepts", "atlas", "kernel", "evaluate"]
# Fields in which Streamlit shows text as it stands. Everything else may be read as Markdown.
PLAIN = {
    "Selectbox.options",
    "Selectbox.raw_value",
    "TextInput.default",
    "TextInput.value",
    "TextInput.placeholder",
    "Code.code_text",
    "Image.alt",
    "ImageList.imgs.alt",
    "BidiComponent.json",
    "MixedData.json",
    "Arrow.alt",
    "Dataframe.alt",
    "ColorPicker.default",
}


@pytest.fixture(scope="module")
def trap():
    with canary() as found:
        yield found


def _slides(home, request):
    return copy_study(request.getfixturevalue("pristine"), home / "study")


def _structures(home, request):
    return study_of_chains(home, n=8)


def _documents(home, request):
    return make_text_study(home)


def _cells(home, request):
    write_cell_images(home / "images", 6, prefix="sample ", cells=80)
    options = {
        "labels": home / "labels.csv",
        "positive": "in",
        "edges": "delaunay:120",
        "transform": "arcsinh",
    }
    return Study.create(home / "cells", cells=home / "images", **options)


MAKERS = {"slides": _slides, "structures": _structures, "documents": _documents, "cells": _cells}


@pytest.fixture(scope="module")
def made(request, tmp_path_factory, trap):
    """A function kind -> folder of the hostile study of that kind, made once."""
    home, found = tmp_path_factory.mktemp("hostile"), {}

    def make(kind):
        if kind not in found:
            (home / kind).mkdir()
            study = MAKERS[kind](home / kind, request)
            study = study if isinstance(study, Study) else Study.open(study)
            if study.view is None:
                study.embed()
                study.fit(FitSettings(concepts=6, radius=1) if kind == "cells" else None)
            study.database.close()
            plant(study.path, trap.port)
            (home / "studies").mkdir(exist_ok=True)
            found[kind] = shutil.move(study.path, home / "studies" / f"{kind} ![b](x) <b>c&amp;")
        return found[kind]

    return make


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def study(kind, made, monkeypatch):
    folder = made(kind)
    monkeypatch.setenv("PROSPECTOR_STUDIES", str(folder.parent))
    monkeypatch.setenv("PROSPECTOR_STUDY", str(folder))
    return Study.open(folder)


def strings(message, where=""):
    """Every text in a message of Streamlit's: (message type.field, text)."""
    for field, value in message.ListFields():
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        values = value if field.is_repeated else [value]
        if field.type == FieldDescriptor.TYPE_MESSAGE and not (field.message_type.GetOptions().map_entry):
            for each in values:
                yield from strings(each)
        elif field.type == FieldDescriptor.TYPE_STRING:
            for each in values:
                yield name, each


def everything(app):
    """All that the page sent to the browser: list of (field, text)."""
    found, waiting = [], [app.at._tree]
    while waiting:
        node = waiting.pop()
        waiting += getattr(node, "children", {}).values()
        if getattr(node, "proto", None) is not None and hasattr(node.proto, "DESCRIPTOR"):
            found += strings(node.proto)
    return found


def wrongly_said(app):
    """Fields in which a name would be read as markup."""
    wrong = []
    for field, value in everything(app):
        if field == "Html.body":
            bad = re.search(r"<(img|script|svg|a|style>@)|url\(", value)
        elif field == "Dataframe.columns":  # headings are drawn, tooltips are Markdown
            bad = any(MARK in (column.get("help") or "") for column in json.loads(value).values())
        elif field.endswith(".spec"):
            bad = re.search(r"<(img|script|a|svg)\b", value)
        else:
            bad = MARK in value and field not in PLAIN
        if bad:
            wrong.append((field, value[:200]))
    return wrong


def open_all(app):
    """Open every popover and fold whose content is drawn only while it is open."""
    keys = {
        match[1]
        for _, value in everything(app)
        if (match := re.match(r"\$\$ID-[0-9a-f]+-(.+(_box|what_if))$", value))
    }
    for key in keys - {"None"}:
        app.at.session_state[key] = True
    return app.run() if keys else app


def test_every_page_says_names_as_text(study, kind, trap):
    app = App("datum")
    pages = [*PAGES, *(["families"] if kind == "structures" else [])]
    datum = study.embedded()[-1]
    token = 1
    app.pick(study, datum, token)
    assert any(MARK in value for _, value in everything(open_all(app)))
    assert not wrongly_said(app)
    for page in pages:
        app.go(page)
        if page == "study":
            app.at.session_state["shown_table_1"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
        if page == "concepts":
            app.at.session_state["choose_0"] = app.at.session_state["choose_2"] = True
        if page == "kernel":
            app.at.session_state["cell_pair"] = (0, 2)
        app.run()
        open_all(app)
        assert not wrongly_said(app), page
    assert not trap.asked


def test_every_edit_is_told_as_text(study, kind, tmp_path, monkeypatch):
    copied = shutil.copytree(study.path, tmp_path / "study")
    monkeypatch.setenv("PROSPECTOR_STUDY", str(copied))
    app = App("concepts")
    for key in ("exclude_0_try", "exclude_0", "undo", "redo", "refit", "undo"):
        if key.startswith("exclude"):
            app.open("exclude_0")
        app.press(key)
        assert not wrongly_said(app), key


def test_every_export_is_written_and_holds_text(study, kind, tmp_path, trap):
    for format in study.kind.exports:
        files = export(study, format, tmp_path / format, names=True).values()
        assert files and all(file.resolve().parent == tmp_path / format for file in files)
        for file in files:
            assert file.name.isprintable() and not set(file.name) & set('<>:"/\\|?*\n')
            content = file.read_bytes()
            if format in ("pml", "defattr"):
                assert MARK not in content.decode() and "\x1b" not in content.decode()
            if format == "html":
                assert '<html lang="en">' in content.decode() and "default-src 'none'" in content.decode()
                assert not re.search(r"<(img|script|svg|a|style>@)", content.decode())
            if format == "csv":
                cells = [cell for row in csv.reader(io.StringIO(content.decode())) for cell in row]
                assert not [cell for cell in cells if table_cell(cell) != cell]
    assert not trap.asked


class Pages:
    """What a browser shows; what goes wrong unseen is kept in ``trouble``."""

    def __init__(self, page, trap):
        self.page, self.trouble = page, []
        page.on("dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda r: f":{trap.port}" in r.url and self.trouble.append(f"asked: {r.url}"))

    def sound(self, trap, where):
        """Nothing ran, and nothing was fetched."""
        assert not self.trouble and not trap.asked, (where, self.trouble, trap.asked)
        assert (
            "PWNED" not in self.page.title().split()
            and not self.page.locator("img[src*='127.0.0.1'], a[href*='127.0.0.1']").count()
        ), where


@pytest.fixture
def open_window(browser):
    """A window without the app's policy: that nothing is fetched must not be its merit alone."""
    context = browser.new_context(
        bypass_csp=True, reduced_motion="reduce", viewport={"width": 1400, "height": 1000}
    )
    context.set_default_timeout(WAIT)
    yield context.new_page()
    context.close()


@in_a_browser
def test_no_page_and_no_file_runs_or_fetches_anything(made, tmp_path, trap, open_window):
    studies = {kind: Study.open(made(kind)) for kind in KINDS}
    shown = Pages(open_window, trap)
    (tmp_path / "report.html").write_text(
        curation_report(studies["slides"], with_names=True), encoding="utf-8"
    )
    for file in [
        tmp_path / "report.html",
        *list(export(studies["documents"], "html", tmp_path / "html").values())[:1],
    ]:
        open_window.goto(file.as_uri())
        shown.sound(trap, file.name)
    environment = {name: str(studies["slides"].path) for name in ("PROSPECTOR_STUDY",)}
    environment["PROSPECTOR_STUDIES"] = str(studies["slides"].path.parent)
    with serve("app.py", tmp_path / "log.txt", environment) as url:
        screen = Screen(open_window, url)
        for kind, study in studies.items():
            _through_the_app(screen, study, kind, lambda where: shown.sound(trap, where))
        assert not screen.trouble


def _through_the_app(screen, study, kind, sound):
    """A study is opened and looked at, page after page, as a person does."""
    page = screen.page
    screen.open("study")
    page.get_by_role("tab", name="Open a study").click()
    field = page.get_by_label("Studies on this machine")
    field.fill(study.path.name)
    field.press("Enter")
    page.locator(".st-key-open_known button").click()
    screen.idle()
    page.get_by_role("tab", name="History").click()
    page.get_by_text("Nothing is ever removed").first.wait_for()
    sound(f"{kind}: study")
    screen.go("Kernel")
    square = page.locator(".js-plotly-plot .nsewdrag").first
    square.wait_for(state="attached")
    screen.idle()
    box = square.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.move(box["x"] + 44, box["y"] + 33)
    page.locator(".hovertext").first.wait_for()
    assert MARK in page.locator(".hovertext").first.text_content()  # as it stands
    sound(f"{kind}: kernel")
    screen.go("Concepts")
    page.locator(".tg button, [class*=st-key-sentence_] button").first.wait_for()
    screen.idle()
    sound(f"{kind}: concepts")
    page.locator(".tg button, [class*=st-key-sentence_] button").first.click()
    page.get_by_text("Prospect score").first.wait_for()  # on the page of its datum
    screen.idle()
    page.locator(".st-key-this_name_box button").first.click()
    page.locator(".st-key-this_name button").first.wait_for()
    screen.idle()
    sound(f"{kind}: a token")
    assert MARK in page.get_by_test_id("stMain").inner_text()
