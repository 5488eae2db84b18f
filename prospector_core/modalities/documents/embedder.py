"""Embedding the data of a study of documents, and their text as it is kept or read again."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...encoders.base import package_version
from ...errors import DocumentError
from ..parts import Embedder
from .document import Fields
from .files import DocumentFile
from .languages import detect_language
from .sentences import readable, split_sentences, split_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...encoders.base import Encoder
    from ...study import Datum, Study
    from .document import Document

__all__ = ["DocumentEmbedder", "text_from_file"]

_BLOCK = 256  # tokens encoded, and written, at once


def text_from_file(study: Study, datum: Datum, kept: dict[str, Any]) -> dict[str, Any]:
    """What is kept beside a document's embeddings, with its text from its file, of a study that keeps none.

    Raises DocumentError where the file is gone, or was changed.
    """
    source = study.sources[datum.source]
    try:
        about = source.path.stat()
    except OSError as error:
        raise DocumentError(
            f"{datum.name}: this study keeps no text, and {source.path} is not there: put it back"
        ) from error
    part = datum.part or {}
    where = str(source.path), fields_of(study), part.get("at"), part.get("id")
    document = _document(*where, (about.st_mtime_ns, about.st_size))
    if kept.get("fingerprint") != fingerprint_of(study, document):
        raise DocumentError(
            f"{datum.name}: {source.name} was changed after it was embedded: put it back, or make a new"
            " study of it"
        )
    return {**kept, **words_of(document)}


class DocumentEmbedder(Embedder):
    """Keeps the file of the present datum open while the next datum is in it too."""

    def __init__(self, study: Study, encoder: Encoder) -> None:
        self.encoder = encoder
        self._study, self._source, self._file = study, None, None
        self._fields = fields_of(study)
        self._note = ""

    def __exit__(self, *error: object) -> None:
        self._close()

    def embed(self, datum: Datum, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        document = self._read(datum)
        self._note = document.note
        spans, language = self._tokens(document)
        if not len(spans):
            raise DocumentError(
                f"{datum.name}: {document.note or f'it is empty, no {self._study.kind.words.token} is in it'}"
            )
        wanted = self._study.embedding
        attrs = {
            "kind": "document",
            **words_of(document),
            "markdown": document.markdown,
            "words": wanted.get("words"),
            "language": language,
            "splitter": f"pysbd {package_version('pysbd')}",
            "encoder": self.encoder.record(),
        }
        if not wanted.get("keep_text", True):
            attrs |= {"text": "", "title": "", "sections": [["", *each[1:]] for each in attrs["sections"]]}
            attrs["fingerprint"] = fingerprint_of(self._study, document)
        writer = self._study.store.open_writer(datum.uid, len(spans), self.encoder.dim, spans, attrs, _BLOCK)
        if writer.complete:
            progress(writer.n, writer.n)
            return True
        progress(len(writer.finished) * _BLOCK, writer.n)
        for index in range(writer.n_blocks):
            if index in writer.finished:
                continue
            if stopped():
                return False
            rows = writer.rows(index)
            texts = [
                self._plain(readable(document.text[start:end], document.markdown))
                for start, end in spans[rows].tolist()
            ]
            writer.write_block(index, self.encoder.encode(texts))
            progress(rows.stop, writer.n)
        writer.finish()
        return True

    def note(self, datum: Datum) -> str:
        """What was done to read it at all."""
        return self._note

    def _plain(self, text):
        """What the encoder gets: one way of writing for ligatures, wide letters and the like (NFKC)."""
        return text if self._fields.reader < 2 else unicodedata.normalize("NFKC", text)

    def _read(self, datum):
        if self._source != datum.source:
            self._close()
            self._file = DocumentFile(self._study.files.path(datum.source, DocumentError), self._fields)
            self._source = datum.source
        part = datum.part or {}
        return read_part(self._file, part.get("at"), part.get("id"))

    def _tokens(self, document):
        """(spans, language) of a document, section by section: no token is in two."""
        wanted = self._study.embedding
        language = wanted.get("language") or detect_language(document.text)
        parts = [(each.start, each.end) for each in document.sections] or [(0, len(document.text))]
        spans = [
            (
                split_words(document.text[start:end], wanted["words"])
                if wanted.get("words")
                else split_sentences(document.text[start:end], language, document.markdown)
            )
            + start
            for start, end in parts
        ]
        return np.concatenate(spans), language

    def _close(self):
        if self._file is not None:
            self._file.close()
        self._source, self._file = None, None


def fields_of(study: Study) -> Fields:
    """How the files of a study are read: as they were when it was made."""
    known = study.embedding
    return Fields(known.get("id_field"), text=known.get("text_field"), reader=known.get("reader", 1))


def read_part(file: DocumentFile, at: int | None, id: str | None) -> Document:
    """The document of a DocumentFile that begins at a byte of it, or the one of the file.

    Raises DocumentError.
    """
    if at is None:
        return file.read()
    try:
        document = file.read(at)
    except DocumentError:
        document = None
    # a study of before knew fewer names of the field that is the id
    if document is None or document.name not in (id, "") and not (id or "").startswith("line "):
        raise DocumentError(f"{file.path.name} was changed after the study was made: make a new study of it")
    return document


@lru_cache(maxsize=64)
def _document(path, fields, at, id, stamp):
    """A document as it stands in its file now; ``stamp`` is another once the file was changed."""
    with DocumentFile(path, fields) as file:
        return read_part(file, at, id)


def words_of(document: Document) -> dict[str, Any]:
    """The words of a document as they are kept beside its embeddings."""
    sections = [[each.heading, each.start, each.end] for each in document.sections]
    return {"text": document.text, "title": document.title, "sections": sections}


def fingerprint_of(study: Study, document: Document) -> str:
    """What tells whether a document is still the same, and, keyed by the study's secret, nothing else."""
    said = json.dumps(words_of(document)).encode()
    return hmac.new(str(study.database.read_meta("secret")).encode(), said, hashlib.sha256).hexdigest()
