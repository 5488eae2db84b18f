"""Sentences: hard cases, spans into the text as it stands, other languages, and time that grows with the length only."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospector_core.errors import BadInputError
from prospector_core.sentences import detect_language, readable, split_sentences, split_words

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
    "FINAL DIAGNOSIS:", "A. Lymph node, left axilla, sentinel, excision:", "One lymph node, negative (0/1).", "See comment",
    "B. Breast, left, lumpectomy",
    "Invasive ductal carcinoma, grade 2, measuring 1.4 cm. in greatest dimension, found by Dr. Marlow at 3 o'clock; see the diagram and the comment, too.",
    "COMMENT", "Immunostains were done.", "They are negative.", "Tumour size 2.3 cm", "Margins neg.", "pT stage pT2", "1) First",
    "2) Second item.", "It has two sentences.",
]  # fmt: skip


def parts(text, **options):
    return [text[start:end] for start, end in split_sentences(text, **options)]


@pytest.mark.parametrize("line", HARD.splitlines(), ids=lambda line: line[:24])
def test_hard_cases(line):
    assert parts(line.replace("|", "" if re.search("[。！]", line) else " ")) == line.split("|")


def test_headings_lists_and_rows_are_tokens_and_broken_lines_are_not():
    assert [readable(part) for part in parts(REPORT)] == WANTED
    assert [readable(part) for part in parts(REPORT.replace("\n", "\r\n"))] == WANTED


def test_marks_of_markdown_are_no_words():
    text = "---\ntitle: x\n---\n# Report\n\n> **Nodes:** none of [14](http://x.y) involved.\n\n* one\n* two. Three.\n\n```\ncode here\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    found = [readable(part, True) for part in parts(text, markdown=True)]
    assert found == ["Report", "Nodes: none of 14 involved.", "one", "two.", "Three.", "code here", "| a | b |", "| 1 | 2 |"]  # fmt: skip


def test_a_word_broken_at_the_end_of_a_line_is_whole_for_the_encoder():
    assert readable("no meta-\n stasis in the lymph\xad\nnodes, B-\nCell") == "no metastasis in the lymphnodes, B- Cell"


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
    "piece", ["The node is neg. for tumour. ", "x", "a. ", "1. ", '"a ', "(", "word ", "Mr. (A) ", "\u3042", "。"]
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
