"""Sentences: hard cases, spans into the text as it stands, other languages.

And time that grows with the length only.
"""

import re
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core.errors import BadInputError, MissingExtraError
from prospector_core.modalities.documents import sentences
from prospector_core.modalities.documents.languages import detect_language
from prospector_core.modalities.documents.sentences import (
    _breaks,
    _goes_on,
    _is_heading,
    _pieces,
    _plain_split,
    _split,
    readable,
    split_sentences,
    split_words,
)

# A bar stands between two sentences; nothing else is changed.
HARD = """Pt. is a 67 y.o. male w/ hx. of DM, HTN.|c/o SOB x 3d.
The case was seen by Dr. Marlow, M.D., Ph.D., who agrees.|No comment.
pT2 N0 (0/14).|Ki-67 approx. 15 %.|HER2 neg. (score 1+).|Margins neg.|Closest margin 0.3 cm. to ink.
See fig. 2 and blk. A1.|Station no. 7 was neg. at 3 p.m.|The patient left.
The tumour (2.5 x 1.8 x 1.2 cm.) is seen in blks. A1-A4.|Cassettes: A1 - A3, margin; A4, tumour.
E. coli grew, S. aureus did not.|H. pylori pos.|T. bilirubin 3.2.
1. Adenocarcinoma, mod. diff.|2. Fourteen lymph nodes, neg. for metastasis (0/14).|3. Margins clear.
He wrote "No metastasis."|Then he left.|(See comment.)
Nodes: 0/5; i.e. none.|Ca. of the cervix, resp. the vagina, is excluded.
no fever.|no chills.|abd. soft, nontender.
Temp. 37.5.|BP 120/80 vs. 140/90 before.|Is it benign?|Yes!|P < .05.
The tumour is grade 2.|The margin is free.|The other one was of grade 3.|It is small.
Invasive ductal ca., grade 2.|ER 90 %, PR 70 %.
Der Pat. wurde am 3. Mai operiert.|Lymphknoten: 0/14 befallen.|Kein Anhalt für Malignität bzw. Metastasen.
Le patient a été opéré le 3 mai.|Pas de métastase ganglionnaire (0N+/14N).
El paciente no tiene fiebre.|La Dra. Gómez lo vio a las 10.30 h.|¿Hay metástasis?|No.
Пациент был прооперирован.|Метастазов нет.
患者接受了手术。|未见淋巴结转移。|切缘阴性！
手術を受けた。|リンパ節転移は認めない。
لا توجد نقائل.|العقد سلبية؟|نعم.
तीन लसीका ग्रंथियाँ।|कोई मेटास्टेसिस नहीं।
Ασθενής με πυρετό.|Δεν υπάρχουν μεταστάσεις."""

REPORT = """FINAL DIAGNOSIS:
A. Lymph node, left axilla, sentinel,
   excision:
   - One lymph node, negative (0/1).
   - See comment
B. Breast, left, lumpectomy
   Invasive ductal carcinoma, grade 2, measuring 1.4 cm. in
   greatest dimension, found by Dr.
   Marlow at 3 o'clock; see the diagram and the comment, too.
COMMENT
Immunostains were done. They
are negative.

Tumour size        2.3 cm
Margins            neg.
pT stage\tpT2
-----------
1) First
2) Second item. It has two sentences.
"""
WANTED = [
    "FINAL DIAGNOSIS:",
    "A. Lymph node, left axilla, sentinel, excision:",
    "One lymph node, negative (0/1).",
    "See comment",
    "B. Breast, left, lumpectomy",
    (
        "Invasive ductal carcinoma, grade 2, measuring 1.4 cm. in greatest dimension, found by Dr. Marlow at"
        " 3 o'clock; see the diagram and the comment, too."
    ),
    "COMMENT",
    "Immunostains were done.",
    "They are negative.",
    "Tumour size 2.3 cm",
    "Margins neg.",
    "pT stage pT2",
    "1) First",
    "2) Second item.",
    "It has two sentences.",
]


def parts(text, **options):
    return [text[start:end] for start, end in split_sentences(text, **options)]


@pytest.mark.parametrize("line", HARD.splitlines(), ids=lambda line: line[:24])
def test_hard_cases(line):
    assert parts(line.replace("|", "" if re.search("[。！]", line) else " ")) == line.split("|")


def test_headings_lists_and_rows_are_tokens_and_broken_lines_are_not():
    assert [readable(part) for part in parts(REPORT)] == WANTED
    assert [readable(part) for part in parts(REPORT.replace("\n", "\r\n"))] == WANTED


def test_marks_of_markdown_are_no_words():
    text = (
        "---\ntitle: x\n---\n# Report\n\n> **Nodes:** none of [14](http://x.y) involved.\n\n* one\n* two."
        " Three.\n\n```\ncode here\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    found = [readable(part, True) for part in parts(text, markdown=True)]
    assert found == [
        "Report",
        "Nodes: none of 14 involved.",
        "one",
        "two.",
        "Three.",
        "code here",
        "| a | b |",
        "| 1 | 2 |",
    ]


def test_a_word_broken_at_the_end_of_a_line_is_whole_for_the_encoder():
    assert (
        readable("no meta-\n stasis in the lymph\xad\nnodes, B-\nCell")
        == "no metastasis in the lymphnodes, B- Cell"
    )


@pytest.mark.parametrize("language", [None, "en", "de", "zh", "ar", "my"])
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=400) | st.text(alphabet="aB1.,;:!?()\"'\n\t -•。\u0301é", max_size=400))
def test_spans_are_ascending_disjoint_inside_and_miss_no_letter(language, text):
    spans = split_sentences(text, language)
    assert spans.shape == (len(spans), 2) and spans.dtype == np.int64
    assert (spans[:, 0] < spans[:, 1]).all() and (spans[1:, 0] >= spans[:-1, 1]).all()
    inside = np.zeros(len(text), bool)
    for start, end in spans:
        inside[start:end] = True
        assert text[start:end] == text[start:end].strip() and any(map(str.isalnum, text[start:end]))
    assert all(inside[at] for at, letter in enumerate(text) if letter.isalnum())


@given(st.text(alphabet="ab .\n", max_size=200), st.integers(1, 7))
def test_windows_hold_every_word_once(text, size):
    spans = split_words(text, size)
    words = [word for word in text.split() if any(map(str.isalnum, word))]
    held = [[w for w in text[start:end].split() if any(map(str.isalnum, w))] for start, end in spans]
    assert [word for window in held for word in window] == words
    assert all(len(window) == size for window in held[:-1])
    assert not held or len(held) == 1 or size // 2 < len(held[-1]) <= size + size // 2


@pytest.mark.parametrize(
    "piece",
    ["The node is neg. for tumour. ", "x", "a. ", "1. ", '"a ', "(", "word ", "Mr. (A) ", "\u3042", "。"],
)
def test_a_long_line_is_cut_into_pieces(piece):
    text = piece * (100_000 // len(piece))  # in one go, pysbd would take minutes for some
    spans = split_sentences(text)
    assert not len(spans) or (spans[:, 1] - spans[:, 0]).max() <= 2000


def test_what_cannot_be():
    with pytest.raises(BadInputError, match="language 'xx'.*en"):
        split_sentences("a", "xx")
    with pytest.raises(BadInputError, match="0 words"):
        split_words("a", 0)
    assert detect_language("") == detect_language("12 %") == "en" and detect_language("ไม่พบมะเร็ง") == "en"
    assert parts("") == parts(" \n\t ") == parts("---\n***") == []


# ---- the rules, one by one


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("the node and the margin", "en"),
        ("der Knoten und nicht die Wand", "de"),
        ("le foie et les poumons", "fr"),
        ("el tumor y los ganglios", "es"),
        ("il fegato e non gli altri", "it"),
        ("het weefsel en de lever", "nl"),
        ("guz nie jest w węzłach i na", "pl"),
        ("og det er ikke en svulst", "da"),
        ("nádor sa nie je v uzle", "sk"),
        ("Пациент здоров", "ru"),
        ("Қатерлі ісік өсті", "kk"),
        ("Ασθενής", "el"),
        ("ورم", "ar"),
        ("ٹیومر", "ur"),
        ("پچ چرا", "fa"),
        ("गाँठ", "hi"),
        ("गाळ", "mr"),
        ("肿瘤", "zh"),
        ("腫瘍です", "ja"),
        ("ዕጢ", "am"),
        ("ուռուցք", "hy"),
        ("အကျိတ်", "my"),
    ],
)
def test_a_language_is_told_by_its_script_and_its_commonest_words(text, language):
    assert detect_language(text) == language


def test_a_script_is_told_by_three_tenths_of_the_letters_and_japanese_by_one():
    assert detect_language("ж" * 4 + "z" * 6) == "ru" and detect_language("ж" * 3 + "z" * 7) == "en"
    assert detect_language("の" * 2 + "漢" * 8) == "ja" and detect_language("の" + "漢" * 9) == "zh"
    assert (
        detect_language("ж" * 4 + " 123 .,;" * 9 + "z" * 6) == "ru"
    )  # of the letters, not of all characters
    assert detect_language("ж 12") == "ru"


def test_a_language_is_told_by_two_words_that_are_a_fifth_more_than_the_english_ones():
    assert detect_language("und und und") == "en"  # one word may be an abbreviation
    assert detect_language("und nicht") == "de"
    assert detect_language("und nicht ist mit von im the of and to with") == "en"  # 6 is no more than 1.2 * 5
    assert detect_language("und nicht ist mit von ein the of and to") == "de"  # 6 is more than 1.2 * 4
    assert detect_language("the of und nicht") == "en"
    assert (
        detect_language("x" * 20_001 + " und nicht") == "en"
        and detect_language("x" * 19_980 + " und nicht ") == "de"
    )


def test_a_heading_is_short_and_shouts_or_ends_in_a_colon():
    assert (
        _is_heading("Nodes:") and _is_heading("MICRO") and not _is_heading("ABC") and _is_heading("ABCD 12")
    )
    assert not any(map(_is_heading, ("MICRO.", "MICRO,", "MICRO-", "Micro", "Nodes")))
    assert _is_heading("N" * 60) and not _is_heading("N" * 61) and not _is_heading("n" * 60 + ":")
    assert _is_heading("# " + "n" * 90) and _is_heading("# n")


@pytest.mark.parametrize(
    ("before", "line", "width", "breaks"),
    [
        ("a\tb", "more", 60, True),
        ("more", "a   b", 60, True),
        ("more", "| a | b |", 60, True),
        ("NODES:", "free", 60, True),
        ("word", "free", 60, False),
        ("word", "Nodes:", 60, True),
        ("word", "Nodes: free", 60, True),
        ("It ended.", "Then", 60, True),
        ("Seen by Dr.", "Marlow", 60, False),
        ("x" * 53, "Then it went on", 60, False),
        ("x" * 55, "Then it went on", 60, False),
        ("x" * 54, "Then it went on", 60, True),
        ("x" * 20, "Then it went on", 60, True),
    ],
)
def test_where_a_line_begins_something_new(before, line, width, breaks):
    if len(before) in (53, 54, 55):  # "Then" and a space had room in the line before: 54 + 5 = 59
        breaks = len(before) + 5 <= 59
    assert _breaks(before, line, width) == breaks


def test_lines_are_put_together_where_the_page_was_full():
    long = "Tumour cells lie in the wall of the bowel and around vessels"  # 60 characters
    assert parts(f"{long}\nKupffer cells do not.") == [f"{long}\nKupffer cells do not."]
    assert parts("Tumour cells lie here\nKupffer cells do not.") == [
        "Tumour cells lie here",
        "Kupffer cells do not.",
    ]
    assert parts("One\n\nTwo") == parts("One\r\n\r\nTwo".replace("\r\n", "\n")) == ["One", "Two"]
    assert (
        parts("one\ntwo") == ["one\ntwo"]
        and parts("one\r\ntwo") == ["one\r\ntwo"]
        and parts("one\r\rtwo") == ["one", "two"]
    )
    assert parts("one\n\ntwo") == parts("one\ftwo") == ["one", "two"] and parts("one\rtwo") == ["one\rtwo"]
    assert parts("  one  \n \t \n  two  ") == ["one", "two"]


def test_a_rule_ends_what_was_before():
    assert parts("one\n----\ntwo") == ["one", "two"] and parts("----\none") == ["one"]


def test_letters_of_a_list_come_one_after_the_other():
    assert parts("A. First part\nB. second part") == ["A. First part", "B. second part"]
    long = "The specimen was looked at twice and it is free of tumour, or"
    assert parts(f"{long}\nE. coli and others") == [f"{long}\nE. coli and others"]
    assert parts(f"D. {long}\nE. coli and others") == [f"D. {long}", "E. coli and others"]
    assert parts("Seen.\nE. coli grew") == ["Seen.", "E. coli grew"]
    assert parts("a) first part and\nc) third") == ["a) first part and\nc) third"]
    assert parts("a) first part and\nb) second") == ["a) first part and", "b) second"]


def test_marks_before_a_line_are_no_part_of_it():
    long = "Tumour cells lie in the wall of the bowel and around vessels"
    assert parts(f"{long}\n- it is free") == [long, "it is free"]  # though the page was full
    assert parts("- * [x] one\n- two") == ["one", "two"] and parts("(1) one\n(2) two") == [
        "(1) one",
        "(2) two",
    ]
    assert parts("> quoted", markdown=True) == ["quoted"] and parts("> > twice\n> more", markdown=True) == [
        "twice",
        "more",
    ]
    assert parts("text\n## Head\nmore", markdown=True) == ["text", "Head", "more"]
    assert parts("## Head", markdown=False) == ["## Head"]
    assert parts("---\na: b\n---\ntext", markdown=True) == ["text"] and parts("---\na: b\n---\ntext") == [
        "a: b",
        "text",
    ]


def test_long_blocks_are_cut_where_a_sentence_seems_to_end():
    words = "word " * 600
    cut = list(_pieces(words, 0, len(words)))
    assert cut == [(0, 2000), (2000, 3000)]
    for sentence, cut in (
        (501, 501),
        (500, 601),
    ):  # a sentence that is more than a quarter of a piece, or else words
        text = "a" * (sentence - 2) + ". " + "b" * (600 - sentence) + " " + "c" * 3000
        assert next(_pieces(text, 0, len(text))) == (0, cut)
    text = "a" * 100 + ". " + "b" * 3000
    assert next(_pieces(text, 0, len(text))) == (0, 102)  # the last space
    text = "b" * 4500
    assert list(_pieces(text, 0, 4500)) == [(0, 2000), (2000, 4000), (4000, 4500)]
    assert list(_pieces(text, 5, 2005)) == [(5, 2005)] and list(_pieces(text, 5, 2006)) == [
        (5, 2005),
        (2005, 2006),
    ]
    text = "a b. " * 500
    assert list(_pieces(text, 3, 2503)) == [(3, 2000), (2000, 2503)]


@pytest.mark.parametrize(
    ("before", "after", "on"),
    [
        ("Done.", ", then", True),
        ("Done.", "Then", False),
        ("no stop", "then", False),
        ("see Dr.", "Who", True),
        ("see dr.", "2. Item", False),
        ("see fig.", "2 there", True),
        ("see fig.", "A1", True),
        ("see fig.", "there", False),
        ("the node neg.", "for", True),
        ("the node neg.", "For", False),
        ("the node neg.", "3 of", True),
        ("the node neg.", "(small)", True),
        ("the node neg.", "≤ 3", False),
        ("of 3 cm.", "~ 2", True),
        ('("Dr.', "Who", True),
        ("word.", "3", False),
    ],
)
def test_a_full_stop_of_shorthand_ends_no_sentence(before, after, on):
    assert _goes_on(before, after) == on


def test_plain_rules_split_where_pysbd_cannot():
    def plain(text):
        return [text[start:end] for start, end in _plain_split(text)]

    assert plain(' One. Two!  "Three?" four. 5. ') == ["One.", "Two!", '"Three?" four.', "5."]
    assert plain("一。二！三") == ["一。", "二！", "三"] and plain("") == plain("  ") == []
    assert plain('He said "No." Then') == ['He said "No."', "Then"]


def test_what_pysbd_makes_of_a_block_is_checked(monkeypatch):
    """Where it fails, or gives back other text, or not all of it, plain rules take over."""
    block, asked = "One two. Three four.", []

    def pysbd_says(*said):
        def process():
            asked.append(1)
            if not said:
                raise ValueError
            return said

        made = types.SimpleNamespace(processor=lambda text: types.SimpleNamespace(process=process))
        monkeypatch.setattr(sentences, "_splitter", lambda language: made)
        return [block[start:end] for start, end in _split(block, "en")]

    assert pysbd_says("One ", "two. Three four.", " ") == ["One", "two. Three four."]
    halves = ["One two.", "Three four."]
    assert (
        pysbd_says()
        == pysbd_says("One two.")
        == pysbd_says("two. Three four.")
        == pysbd_says("other", block)
        == halves
    )
    assert pysbd_says("One", "four.") == halves
    asked.clear()
    block = "x" * 201
    assert pysbd_says("x") == [block] and not asked  # no words: its rules may take for ever
    block = "x" * 200
    assert pysbd_says(block) == [block] and asked
    asked.clear()
    block = "x" * 200 + " x"
    assert pysbd_says(block) == [block] and asked
    block = " \t"
    assert pysbd_says("x") == []

    def missing(language):
        raise MissingExtraError("pip install pysbd")

    monkeypatch.setattr(sentences, "_splitter", missing)
    with pytest.raises(MissingExtraError):
        _split("One two.", "en")


def test_pysbd_that_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysbd", None)
    sentences._splitter.cache_clear()
    with pytest.raises(MissingExtraError, match="pip install pysbd"):
        split_sentences("One two.", "en")
    monkeypatch.undo()
    assert sentences._splitter("en") is sentences._splitter("en") and not sentences._splitter("en").clean


def test_the_number_of_an_item_after_an_open_end_belongs_before_it():
    assert parts("1. First of grade 2. Then more.") == ["1. First of grade 2.", "Then more."]
    assert parts("The tumour is of stage 3. Seen.") == ["The tumour is of stage 3.", "Seen."]


@pytest.mark.parametrize(
    ("words", "size", "held"),
    [
        (7, 3, [3, 4]),
        (8, 3, [3, 3, 2]),
        (6, 4, [6]),
        (7, 4, [4, 3]),
        (4, 4, [4]),
        (1, 4, [1]),
        (0, 4, []),
        (3, 1, [1, 1, 1]),
        (2, 3, [2]),
    ],
)
def test_a_last_window_of_half_the_size_joins_the_one_before(words, size, held):
    text = " - ".join(["word"] * words)
    assert [text[start:end].count("word") for start, end in split_words(text, size)] == held


def test_a_token_is_read_without_its_marks():
    assert (
        readable("the *small* **node** is `neg` ~~not~~ [here](http://x) ![fig](y)", True)
        == "the small node is neg not here fig"
    )
    assert (
        readable("a * b *\n\n c") == "a * b * c"
        and readable("*a*") == "*a*"
        and readable("soft\u00adware") == "software"
    )
