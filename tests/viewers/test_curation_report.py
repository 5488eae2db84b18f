"""The curation report: whole, self-contained, true to the study, and silent about slides' names."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from prospector_core import Study
from tests.support.study_files import make_study
from viewers.compared import Compared
from viewers.report import curation_report


class Page(HTMLParser):
    """Tags in order, images, text; and that every tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.images, self.words, self._open = [], [], [], []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("meta", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = make_study(tmp_path_factory.mktemp("report"), fit={})
    c = study.curation
    c.author = "Ann Mason"
    c.rename(3, "<script>alert(1)</script>", note="hard & fast <i>")
    c.exclude(0, reason="ink", note="no tissue")
    study.refit()
    c.merge([1, 2], into=1)
    c.undo()
    c.annotate("s1.png", [1, 2, 3], "for")
    c.split(4)
    c.author = "Ben"
    study.refit()
    c.recolour(3, "#123456")
    study.refit()
    study.fit(concepts=4)
    c.relabel("s7.png", None, note="not sure")
    return study


def test_what_it_says(study):
    page = Page(curation_report(study))
    for words in (
        "Ann Mason (5), Ben (2)",
        "Fit 2: refit",
        "Fit 5: new concepts",
        "no tissue",
        "hard & fast <i>",
        "exclude concept 0 (ink)",
        "undone later",
        "ended by a later fit",
        "mark 3 tiles of datum 2 as evidence for",
        "Predicting the class of data",
        "The kernel: largest changes",
        "Concepts that were edited",
        "After the last fit",
        "relabel datum 8 as not known",
        "not sure",
        "No map moved.",
        "<script>alert(1)</script>",
    ):
        assert words in page.text, words
    summaries = [study.load_fit(id).summary for id in (1, 2)]
    for summary in summaries:
        assert f"{100 * summary['held_out_accuracy']:.1f} %" in page.text
        assert f"{summary['held_out_auroc']:.3f}" in page.text


def test_it_is_one_file_that_runs_nothing_and_names_no_slide(study):
    page = curation_report(study)
    found = Page(page)
    assert not {"script", "link", "iframe", "object", "form"} & set(found.tags)
    assert len(found.images) >= 6 + 4 and all(
        image["src"].startswith("data:image/jpeg;base64,") for image in found.images
    )
    assert all(image["alt"] for image in found.images)
    outside = re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", page)
    assert "http" not in outside.replace("http-equiv", "") and "url(" not in outside
    assert not re.search(r"s\d\.png|\bs\d\b", outside) and str(study.path.parent) not in outside
    assert (
        "default-src 'none'" in outside
        and "prefers-color-scheme: dark" in outside
        and "@media print" in outside
    )
    assert "s1.png" in curation_report(study, with_names=True)


def test_what_moved_most_and_which_weights(study):
    before, after = study.load_fit(1), study.load_fit(2)
    change = Compared(study, before, after)
    moved = change.moved_most()
    means = {
        d.uid: (
            np.abs(np.nan_to_num(study.prospect(d, after)) - np.nan_to_num(study.prospect(d, before))).mean()
        )
        for d in study.data
    }
    assert [(d.uid, m) for d, m in moved] == sorted(means.items(), key=lambda each: -each[1])[:2]
    weights, others = change.weights()
    gaps = [abs(new - old) for _, old, new in weights]
    assert gaps == sorted(gaps, reverse=True) and all(0 not in key for key, *_ in weights)  # 0 was excluded
    for key, old, new in weights:
        for fit, value in ((before, old), (after, new)):
            assert value == (fit.weight(*key) if len(key) == 1 else fit.pair_weight(*key))
    gone = [before.weight(0), *(before.pair_weight(0, k) for k in range(5))]
    assert others == sum(value != 0 for value in gone)


def test_a_fit_that_cannot_be_read_and_a_study_without_any(study, tmp_path):
    import shutil

    shutil.copytree(study.path, tmp_path / "copy")
    (tmp_path / "copy" / "fits" / "2" / "head.json").write_text("{")
    page = Page(curation_report(Study.open(tmp_path / "copy")))
    assert "cannot be read" in page.text and str(tmp_path) not in page.text and "Fit 3: refit" in page.text
    assert "Nothing has been fitted yet" in Page(curation_report(make_study(tmp_path / "new"))).text
