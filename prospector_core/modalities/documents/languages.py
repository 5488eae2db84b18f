"""Which language a text is in, by its letters and its most common words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

__all__ = ["detect_language"]

_SCRIPTS = (
    ("ja", "\u3040-\u30ff"),
    ("zh", "\u3400-\u9fff"),
    ("am", "\u1200-\u137f"),
    ("hy", "\u0530-\u058f"),
    ("my", "\u1000-\u109f"),
    ("el", "\u0370-\u03ff"),
    ("hi", "\u0900-\u097f"),
    ("ar", "\u0600-\u06ff"),
    ("ru", "\u0400-\u04ff"),
)

_SPECIAL = {  # letters that only one of the languages of a script has
    "ar": (("ur", "\u0679\u0688\u0691\u06ba\u06d2"), ("fa", "\u067e\u0686\u0698\u06af")),
    "ru": (("kk", "\u04d9\u0493\u049b\u04a3\u04e9\u04b1\u04af\u04bb\u0456"),),
    "hi": (("mr", "\u0933"),),
}

_WORDS = {
    "en": "the of and to in is with was for no are at by on from not this that there seen",
    "de": (
        "der die das und nicht ist mit von im ein eine kein keine den des zu am für bei auf nach aus wurde"
        " sich"
    ),
    "fr": "le la les des et est une dans pas du avec sur au aux été par pour un",
    "es": "el la los las de y en con se no del una por un lo al",
    "it": "il lo la gli di e che non per con del della una si nel dei al",
    "nl": "de het een en van niet met is in op geen voor zijn bij werd",
    "pl": "i w nie z na do się jest oraz od bez po przez",
    "da": "og i af det er ikke en med til den på der ved fra",
    "sk": "a v na sa je nie s z do bez pri po pre",
}

_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def detect_language(text: str) -> str:
    """The language of a text by its script, and by its commonest words.

    One of ``LANGUAGES``; "en" if nothing tells.
    """
    text = text[:20_000]
    letters = sum(map(str.isalpha, text)) or 1
    for language, letters_of in _SCRIPTS:
        here = re.findall(f"[{letters_of}]", text)
        if len(here) > (0.1 if language == "ja" else 0.3) * letters:
            return next(
                (other for other, own in _SPECIAL.get(language, ()) if set(here) & set(own)), language
            )
    words = re.findall(r"[^\W\d_]+", text.lower())
    scores = {language: sum(word in common for word in words) for language, common in _WORDS.items()}
    best = max(scores, key=scores.get)  # English comes first: it wins where nothing tells
    told = (
        len(_COMMON[best].intersection(words)) > 1
    )  # one short word may be an abbreviation of another language
    return best if told and scores[best] > 1.2 * scores["en"] else "en"
