"""Names are data: what enters, and what terminals, tables, file names and scripts make of them."""

import pytest

from prospector_core.errors import BadInputError, CurationError, LabelsError, ProspectorError
from prospector_core.html_pages import write_html
from prospector_core.wording import (
    LONGEST,
    checked_name,
    file_stem,
    is_colour,
    language_tag,
    printable,
    table_cell,
)


@pytest.mark.parametrize("text", ["#12ab9F", "#000000"])
def test_colours_are_six_digits(text):
    assert is_colour(text)


@pytest.mark.parametrize(
    "text", ["url(http://a/b)", "#12ab9f;x", "#12ab9f\n", "red", "#fff", "#12ab9g", "", None, 3, ["#12ab9f"]]
)
def test_nothing_else_is_a_colour(text):
    assert not is_colour(text)


def test_languages_are_tags():
    assert [language_tag(each) for each in ("en", "pt-BR", "zh-Hant-TW")] == ["en", "pt-BR", "zh-Hant-TW"]
    for text in ('en"><script>', "en us", "e", "en\n", "", None, 7, "en-" + "a" * 9):
        assert language_tag(text) == ""


def test_no_character_acts_on_a_terminal():
    said = printable("a\x1b[31mred\x07\x9b2J\r\nb\u202egnp.exe\u2028c\ud800")
    assert said == "a\\x1b[31mred\\x07\\x9b2J  b\\u202egnp.exe c\\ud800" and said.encode()
    assert printable("Übergang – 細胞 🔬") == "Übergang – 細胞 🔬"
    assert (
        str(ProspectorError("no slide \x1b]0;title\x07 here\nsee")) == "no slide \\x1b]0;title\\x07 here see"
    )


def test_no_cell_is_a_formula():
    for text in ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=1"):
        assert table_cell(text) == "'" + text
    for value in ("-5", "+3.2e1", "plain", "a=b", "", 3, -2.5, None, float("nan")):
        assert table_cell(value) is value


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", ""),
        (" . ", ""),
        ("a/b\\c:d*e?", "a_b_c_d_e_"),
        ("CON", "_CON"),
        ("nul.tif", "_nul.tif"),
        ("com1 .x", "_com1 .x"),
        ("a\x00\nb\x1b", "a__b_"),
        ("slide 3.", "slide 3"),
        ("e\u0301", "é"),
        ("console", "console"),
    ],
)
def test_a_name_is_no_path(name, stem):
    assert file_stem(name) == stem


def test_a_long_name_is_cut_between_characters():
    stem = file_stem("細" * 400)
    assert stem == "細" * 50 and len(stem.encode()) <= 150


def test_names_that_enter_are_short_and_printable():
    assert checked_name("  lymph node ", "class", LabelsError) == "lymph node"
    with pytest.raises(LabelsError, match="has 121 characters: shorten it to 120"):
        checked_name("x" * (LONGEST["class"] + 1), "class", LabelsError)
    with pytest.raises(CurationError, match="line break or another control character: remove it"):
        checked_name("a\nb", "reason", CurationError)
    with pytest.raises(BadInputError, match="control"):
        checked_name("a\x1b[2Jb", "item", BadInputError)


def test_a_template_shows_what_it_is_given_as_text():
    text = '"><img src=x onerror=alert(1)>&{{ 7*7 }}'
    part = {"colour": "1,2,3", "share": 0.5, "said": text, "text": text}
    page = write_html(
        "prospector_core",
        "document.html",
        language="en",
        heading=text,
        parts=[part],
        concepts=[],
        **dict.fromkeys(("label", "for_", "against", "unit", "token"), ""),
        **{"probability": None, "limit": 1.0, "cold": "", "warm": ""},
    )
    assert "<img" not in page and "49" not in page and page.count("{{ 7*7 }}") == 4
