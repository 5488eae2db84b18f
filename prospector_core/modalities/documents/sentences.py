"""From a text to its tokens: sentences, or windows of words, as spans into the text as it stands.

Sentences are found by pysbd, a rule-based splitter for 22 languages. Around it is what reports need: lines
are put together to paragraphs first, so that headings, list items and rows of tables are tokens of their own;
shorthand that ends in a full stop does not end a sentence; and text is handed over in pieces, as pysbd's time
grows with the square of the length.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInputError, MissingExtraError
from .languages import detect_language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pysbd import Segmenter

__all__ = ["LANGUAGES", "readable", "split_sentences", "split_words"]

LANGUAGES = (
    "am",
    "ar",
    "bg",
    "da",
    "de",
    "el",
    "en",
    "es",
    "fa",
    "fr",
    "hi",
    "hy",
    "it",
    "ja",
    "kk",
    "mr",
    "my",
    "nl",
    "pl",
    "ru",
    "sk",
    "ur",
    "zh",
)

_PIECE = 2000  # characters handed to pysbd at once; no token is longer
_WRAPPED = 60  # a line shorter than this was not broken because the page was full
_HEADING = 60  # characters of a heading at most

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_BULLET = re.compile(r"(?:[-*+•·‣▪◦●○–—>]|\[[ xX]\])\s+")
_NUMBER = re.compile(
    r"\(?(?:\d{1,2}(?:\.\d{1,2})*[.)]|\d{1,2}\.\d{1,2}(?:\.\d{1,2})*|[ivxIVX]{2,5}[.)])\s+(?=\S)"
)
_LETTER = re.compile(r"\(?([A-Za-z])[.)]\s+(?=\S)")
_MARKDOWN = re.compile(r"#{1,6}\s+|(?:>\s*)+")
_RULE = re.compile(r"[-=_*~#.\s]+|\|?[\s:|-]+\|?|```.*|~~~.*")
_ROW = re.compile(r"\S(?:\t| {3,})\S|\|.*\|")
_FIELD = re.compile(r"[A-Z][\w /&().,-]{1,40}:(?:\s|$)")
_ENDED = re.compile(r"[.!?:;。！？；।؟…][\"'”’»)\]]*$")
_SPACE = re.compile(r"\s")
_WORD = re.compile(r"\w+(?:[\w'’/.-]*\w)?|[^\w\s]")
_LAST_WORD = re.compile(r"([^\s(\[/,;]+?)\.$")
_OPEN_END = re.compile(
    r"\b(?:is|are|was|were|grades?|stages?|types?|levels?|scores?|no|numbers?|stations?|patterns?|class|category|groups?|blocks?|parts?|"
    r"of|than|to|and|or|in|at|by|for|with|about|over|under)$",
    re.IGNORECASE,
)
_ITEM_NUMBER = re.compile(r"\d{1,2}[.)]\s+(?=\S)")
_ITEM_AHEAD = re.compile(r"\(?(?:\d{1,2}|[A-Z])[.)]\s")
_SIMPLE = re.compile(r"(?<=[.!?؟।])[\"'”’»)\]]*\s+(?=[^a-z\s])|(?<=[。！？])")
_CUT = re.compile(r"[.!?;؟।][\"'”’»)\]]*\s+|[。！？；]|\s{2,}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Shorthand before a full stop: what follows belongs to the sentence, whatever it is ...
_ALWAYS = _words(
    "approx ca cf dr dra drs eg e.g i.e mr mrs ms prof st vs v resp incl excl esp w/o s/p c/w r/o hx. bzw ggf"
    " evtl vgl sog z.b u.a d.h inkl env p.ex ej p.ej sr sra"
)
# ... or if it starts like the rest of a sentence: a small letter, a number, a bracket ...
_INSIDE = _words(
    "abd abn adeno adm amt ant art avg bilat bx ca circ cm clin cont cyt dept diag diam dist diff dx ed est"
    " exam exc ext f/u freq fx g gm gr h/o hist hr hrs ht hx inf info init inj int kg lab lat lb lbs lt ln"
    " lns max med meds mg mets micro min mins ml mm mod mo mos mult neg neph nl no nos norm obs occ op pap"
    " pat path perf periph pl post postop prep preop prev prox pos pt pts px q rad rec ref reg rt rx sec sev"
    " sig sp spec spp sq sup surg sx sym sys tab temp tr tx undiff var vol wk wks wt yr yrs y.o c/o b.i.d"
    " t.i.d q.i.d q.d q.h p.o p.r.n h.s i.v i.m s.c a.m p.m"
)
# ... or if it is a number or the name of a block, figure, ...
_NUMBERED = _words(
    "acc app art blk blks block cass ch chap eq eqs fig figs lev lot lvl nr no nos p pp para pt ref refs reg"
    " sec sect spec st sta tab tbl vol abb abschn nº núm"
)
_NUMBER_AHEAD = re.compile(r"#?\(?(?:\d|[A-Z]{1,2}-?\d|[IVX]+\b)")


def split_sentences(text: str, language: str | None = None, markdown: bool = False) -> np.ndarray:
    """Sentences of a text, as (n, 2) int64: start and end, in characters, ascending, none overlapping.

    Headings, list items and rows of tables are sentences too; what has no letter and no digit (rules, blank
    lines) is in none. A sentence ends after 2,000 characters at the latest.

    Parameters
    ----------
    language : one of ``LANGUAGES``; None: as ``detect_language`` says
    markdown : whether marks of Markdown (#, >, code fences) are no part of a sentence

    Raises MissingExtraError, BadInputError.
    """
    if language is not None and language not in LANGUAGES:
        raise BadInputError(
            f"there are no rules for the language {language!r}: choose one of {', '.join(LANGUAGES)}"
        )
    language = language or detect_language(text)
    found = []
    for start, end in _blocks(text, markdown):
        for left, right in _pieces(text, start, end):
            found += _sentences_of(text, left, right, language)
    return np.array(found, np.int64).reshape(-1, 2)


def split_words(text: str, size: int) -> np.ndarray:
    """Windows of so many words, one after the other, as (n, 2) int64 spans.

    The last may have up to half as many more.

    Parameters: size, words a window, 1 or more. Raises BadInputError.
    """
    if size < 1:
        raise BadInputError(f"a window of {size} words is not possible: give 1 or more")
    words = [match.span() for match in re.finditer(r"\S+", text) if any(map(str.isalnum, match[0]))]
    starts = list(range(0, len(words), size))
    if len(starts) > 1 and len(words) - starts[-1] <= size // 2:
        starts.pop()
    ends = [*starts[1:], len(words)]
    spans = [(words[first][0], words[last - 1][1]) for first, last in zip(starts, ends) if last > first]
    return np.array(spans, np.int64).reshape(-1, 2)


def readable(text: str, markdown: bool = False) -> str:
    """A token as one line, as an encoder and a list get it.

    Words broken at a line's end are whole, marks are gone.
    """
    text = re.sub(r"(?<=[a-z])[-\u00ad\u2010]\s*[\n\r]\s*(?=[a-z])", "", text).replace("\u00ad", "")
    if markdown:
        text = re.sub(r"!?\[([^\]]*)\]\([^)\s]*\)", r"\1", text)
        text = re.sub(r"(\*{1,3}|_{2,3}|`{1,3}|~~)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    return " ".join(text.split())


# ---- from lines to blocks


def _blocks(text: str, markdown: bool) -> list[tuple[int, int]]:
    """(start, end) of what no sentence crosses: paragraphs, headings, list items, rows.

    Marks before them are left out.
    """
    if markdown and (front := re.match(r"---\s*\n.*?\n---\s*(?:\n|$)", text, re.DOTALL)):
        begin = front.end()
    else:
        begin = 0
    found, group = [], []
    for match in _LINE.finditer(text, begin):
        line = match[0].strip()
        gap = text[group[-1][1] : match.start()] if group else ""
        blank = gap.count("\n") > 1 or (gap.count("\r") > 1) or "\f" in gap
        if not line or blank:
            found += _paragraphs(text, group, markdown)
            group = []
        if line:
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            group.append((start, start + len(line)))
    return found + _paragraphs(text, group, markdown)


def _paragraphs(text: str, lines: list[tuple[int, int]], markdown: bool) -> list[tuple[int, int]]:
    """Blocks of lines that follow each other without a blank one."""
    width = max([_WRAPPED, *(end - start for start, end in lines)])
    found, letter, before = [], "", None
    for start, end in lines:
        line = text[start:end]
        if _RULE.fullmatch(line):
            before = None
            continue
        body, item, letter = _item(line, before, letter, markdown)
        if before is None or item or _breaks(before, line, width):
            found.append([start + len(line) - len(body), end])
        else:
            found[-1][1] = end
        before = line
    return [tuple(block) for block in found]


def _item(line: str, before: str | None, letter: str, markdown: bool) -> tuple[str, bool, str]:
    """The line without marks that are no words, whether it starts an item or heading, the last letter."""
    item = False
    if markdown and (mark := _MARKDOWN.match(line)):
        line, item = line[mark.end() :], "#" in mark[0]
    while mark := _BULLET.match(line):
        line, item = line[mark.end() :], True
    if _NUMBER.match(line):
        return line, True, letter
    if (mark := _LETTER.match(line)) and (
        before is None or _ENDED.search(before) or (letter and ord(mark[1]) == ord(letter) + 1)
    ):
        return line, True, mark[1]  # not the "E." of a line that goes on with "E. coli"
    return line, item, letter


def _breaks(before: str, line: str, width: int) -> bool:
    """Whether a line that follows another begins something new."""
    if _ROW.search(before) or _ROW.search(line) or _is_heading(before):
        return True
    if line[0].islower():
        return False
    if _FIELD.match(line) or _is_heading(line):
        return True
    if _ENDED.search(before):
        return not _goes_on(before, line)
    # The next word had room in the line before: it was not broken because the page was full.
    return len(before) + 1 + len(line.split(maxsplit=1)[0]) <= width - 1


def _is_heading(line: str) -> bool:
    if len(line) > _HEADING or line.startswith("#"):
        return line.startswith("#")
    letters = [letter for letter in line if letter.isalpha()]
    shouted = len(letters) > 3 and line.isupper() and not line.endswith((",", ".", "-"))
    return line.endswith(":") or shouted


# ---- from blocks to sentences


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A block in pieces that pysbd gets at once, cut where a sentence seems to end."""
    while end - start > _PIECE:
        window = text[start : start + _PIECE]
        ends = [match.end() for match in _CUT.finditer(window)]
        cut = ends[-1] if ends and ends[-1] > _PIECE // 4 else window.rfind(" ") + 1
        yield start, start + (cut or _PIECE)
        start += cut or _PIECE
    yield start, end


def _sentences_of(text: str, start: int, end: int, language: str) -> list[tuple[int, int]]:
    block = _SPACE.sub(
        " ", text[start:end]
    )  # as long as before, so that places in it stay places in the text
    mark = _NUMBER.match(block) or _LETTER.match(block)
    skip = mark.end() if mark else 0  # "1." is no sentence
    spans = _split(block[skip:], language)
    found = []
    for left, right in spans:
        left, right = left + skip, right + skip
        item = _ITEM_NUMBER.match(block[left:right])
        if found and item and _OPEN_END.search(block[found[-1][0] : found[-1][1]]):
            found[-1][1] = (
                left + item.end() - len(item[0]) + len(item[0].rstrip())
            )  # "grade 2." and no second item
            left += item.end()
        if found and _goes_on(block[found[-1][0] : found[-1][1]], block[left:right]):
            found[-1][1] = right
        else:
            found.append([left, right])
    if found and mark:
        found[0][0] = 0
    return [
        (start + left, start + right) for left, right in found if any(map(str.isalnum, block[left:right]))
    ]


def _goes_on(before: str, after: str) -> bool:
    """Whether a full stop that was taken for the end of a sentence is that of an abbreviation."""
    if after[0] in ",;:)]}%.":
        return True
    last = _LAST_WORD.search(before)
    if not last or _ITEM_AHEAD.match(after):
        return False
    word = last[1].lower().lstrip("\"'“‘«-")
    if word in _ALWAYS:
        return True
    if word in _NUMBERED and _NUMBER_AHEAD.match(after):
        return True
    return word in _INSIDE and (after[0].islower() or after[0].isdigit() or after[0] in "([<>~±=+/&")


def _split(block: str, language: str) -> list[tuple[int, int]]:
    """(start, end) of the sentences of one block, as pysbd finds them; by plain rules where it fails."""
    if not block.strip():
        return []
    if " " not in block and len(block) > 200:  # no words: pysbd's rules may take for ever
        return _plain_split(block)
    try:
        said = _splitter(language).processor(block).process()
    except MissingExtraError:
        raise
    except Exception:  # a rule of pysbd that this text breaks
        return _plain_split(block)
    found, at = [], 0
    for sentence in said:
        sentence = sentence.strip()
        start = block.find(sentence, at)
        if start < 0 or block[at:start].strip():
            return _plain_split(block)  # pysbd changed the text
        if sentence:
            at = start + len(sentence)
            found.append((start, at))
    return found if not block[at:].strip() else _plain_split(block)


def _plain_split(block: str) -> list[tuple[int, int]]:
    found, at = [], 0
    for cut in [*(match.end() for match in _SIMPLE.finditer(block)), len(block)]:
        part = block[at:cut]
        if part.strip():
            start = at + len(part) - len(part.lstrip())
            found.append((start, start + len(part.strip())))
        at = cut
    return found


@lru_cache(maxsize=len(LANGUAGES))
def _splitter(language: str) -> Segmenter:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own regular expressions
            import pysbd
    except ImportError as error:
        raise MissingExtraError(
            "splitting sentences needs pysbd, which is not installed: pip install pysbd"
        ) from error
    return pysbd.Segmenter(language=language, clean=False)
