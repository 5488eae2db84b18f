"""Small studies of documents, embedded by words that occur in a sentence: no model is loaded."""

import json

import numpy as np

from prospector_core import Study

WORDS = ("node", "margin", "tumour", "grade", "stain", "comment")


class WordEncoder:
    """One number a word of ``WORDS``: how often it occurs in a text, and a little noise from its length."""

    name, dim = "words", len(WORDS) + 1

    def encode(self, texts):
        return np.array(
            [[text.lower().count(word) for word in WORDS] + [len(text) % 7 / 70] for text in texts],
            np.float32,
        )

    def record(self):
        return {"name": self.name, "version": 1, "dim": self.dim}


def texts(n=8):
    """N texts; every second one has a node with tumour."""
    found = []
    for number in range(n):
        involved = number % 2
        found.append(
            f"The grade is {number}. The margin is free. "
            + ("A node holds tumour. A tumour node again. " if involved else "The stain works. ")
            + "See the comment. " * (1 + number % 3)
            + "The margin is free, the stain is good."
        )
    return found


def write_jsonl(path, n=8, **more):
    """JSON lines with labels "yes" and "no"."""
    lines = [
        json.dumps({"id": f"case {number}", "text": text, "label": ("no", "yes")[number % 2], **more})
        for number, text in enumerate(texts(n))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def make_text_study(folder, n=8, fit=True):
    """A study of documents in ``folder/study``, embedded and fitted."""
    study = Study.create(folder / "study", documents=write_jsonl(folder / "docs.jsonl", n))
    study.embed(encoder=WordEncoder())
    if fit:
        study.fit(concepts=6, radius=1)
    return study
