"""Documents: a token is a sentence (or a window of words).

And its neighbours are the 2 before it and the 2 after.
"""

import hashlib
import hmac
import json
import os
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...encoders.base import package_version
from ...errors import BadInputError, DocumentError, LabelsError, StudyError
from ...method.graphs import TokenGraph
from ..base import Words
from ..layouts import OfTexts
from .encoders import check_text_encoder_name, get_text_encoder
from .files import DocumentFile, Fields, list_documents
from .sentences import LANGUAGES, detect_language, readable, split_sentences, split_words

__all__ = ["Documents", "sentences_of"]

_REACH = 2
RIGHT_TO_LEFT = ("ar", "fa", "ur")  # languages
_BLOCK = 256  # tokens encoded, and written, at once


class Documents:
    """Studies of texts."""

    name = "documents"
    words = Words("document", "documents", "sentence", "sentences", "file")
    encoder = "minilm"
    exports = ("html", "csv", "parquet", "jsonl", "annotations", "png")
    keeps_edges = False
    layout = OfTexts
    place_names = ("sentence", "section")

    def of(self, embedding):
        """The modality of a study with these settings.

        Its tokens are passages where they are windows of words.
        """
        return Passages() if embedding.get("words") else self

    def create(
        self,
        path,
        sources,
        labels,
        *,
        name=None,
        encoder="minilm",
        words=None,
        language=None,
        file_column=None,
        label_column=None,
        positive=None,
        progress=None,
        keep_text=True,
        secret=None,
    ):
        """Write a new study of documents.

        Parameters: sources, a JSON lines file, a folder of text, Markdown or PDF files, or a list of files;
        labels, table (None: the label field of JSON lines); words, size of the windows of words that are
        tokens (None: sentences); language, of ``sentences.LANGUAGES`` (None: each document's own); keep_text,
        whether text, titles and headings are kept beside the embeddings (False: they are read from the
        documents' files whenever they are shown); others as ``Study.create``. Raises DocumentError,
        LabelsError, StudyError, BadInputError.
        """
        from ...study.create import portable, write_study

        path = Path(os.path.abspath(path))
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise StudyError(f"{path} exists already: choose another folder, or open it with Study.open")
        check_text_encoder_name(encoder)
        if words is not None and not 1 <= words <= 10_000:
            raise BadInputError(
                f"a window of {words} words is not possible: give 1 to 10000, or leave it out for sentences"
            )
        if language is not None and language not in LANGUAGES:
            raise BadInputError(
                f"there are no rules for the language {language!r}: choose one of {', '.join(LANGUAGES)}"
            )
        fields = Fields(*(None if labels is not None else each for each in (file_column, label_column)))
        found = _read_all(list_documents(sources), fields, progress)
        if labels is not None:
            rows, classes, chosen = _matched(found, labels, file_column, label_column, positive)
        else:
            rows, classes, chosen = _from_fields(found, positive)
        rows = [
            replace(row, part=None if document.at is None else {"id": document.name, "at": document.at})
            for row, (_, document) in zip(rows, chosen)
        ]
        places = {
            file: (portable(file, path), {"documents": n}, file)
            for file, n in sorted(Counter(file for file, _ in chosen).items())
        }
        meta = {
            "name": name or path.name,
            "modality": self.name,
            "classes": classes,
            "embedding": {
                "encoder": encoder,
                **({"words": words} if words else {}),
                **({"language": language} if language else {}),
                **({} if keep_text else {"keep_text": False}),
                "notes": _notes(found, chosen),
                # where documents are named by another field than the usual one, they are found again by it
                **({"id_field": fields.id} if fields.id else {}),
            },
        }
        write_study(path, meta, rows, [file for file, _ in chosen], places, secret=secret)

    def graph(self, n, positions, edges, attrs):
        """A chain: each token is linked with the 2 before it and the 2 after it."""
        return TokenGraph.from_chain(n, _REACH)

    def places(self, study, datum):
        """Number, span in the text (characters, end excluded), section and text of each token."""
        spans, attrs = study.positions(datum), study.attrs(datum)
        return {
            self.words.token: np.arange(1, len(spans) + 1),
            "start": spans[:, 0],
            "end": spans[:, 1],
            "section": sections_of(spans, attrs),
            "text": sentences_of(study, datum),
        }

    def place(self, study, datum, token):
        """Number of the token, from 1, and its section ("" where the document has none)."""
        spans = study.positions(datum)
        (section,) = sections_of(spans[token : token + 1], study.attrs(datum))
        return {self.words.token: int(token) + 1, "section": section}

    def attributes(self, study, datum, kept):
        """What is kept beside a document's embeddings, with its text.

        Of a study that keeps none, from the document's file.

        Raises DocumentError where the file is gone, or was changed.
        """
        if study.embedding.get("keep_text", True):
            return kept
        source = study.sources[datum.source]
        try:
            about = source.path.stat()
        except OSError as error:
            raise DocumentError(
                f"{datum.name}: this study keeps no text, and {source.path} is not there: put it back"
            ) from error
        part = datum.part or {}
        where = str(source.path), study.embedding.get("id_field"), part.get("at"), part.get("id")
        document = _document(*where, (about.st_mtime_ns, about.st_size))
        if kept.get("fingerprint") != _fingerprint(study, document):
            raise DocumentError(
                f"{datum.name}: {source.name} was changed after it was embedded: put it back, or make a new"
                " study of it"
            )
        return {**kept, **_words_of(document)}

    def embedder(self, study, encoder=None, threads=None):
        """Embedder of documents, with the study's own encoder or another."""
        encoder = encoder or get_text_encoder(
            study.embedding["encoder"], **({"threads": threads} if threads else {})
        )
        return _DocumentEmbedder(study, encoder)


class Passages(Documents):
    """The same where tokens are windows of words."""

    words = Words("document", "documents", "passage", "passages", "file")
    place_names = ("passage", "section")


def sentences_of(study, datum):
    """The tokens of an embedded document as one line each: list of str."""
    attrs = study.attrs(datum)
    return [
        readable(attrs["text"][start:end], attrs["markdown"])
        for start, end in study.positions(datum).tolist()
    ]


def sections_of(spans, attrs):
    """The heading of the section that each span stands in, "" where there is none: list of str."""
    headings = [""] * len(spans)
    for heading, start, end in attrs["sections"]:
        for at in np.flatnonzero((spans[:, 0] >= start) & (spans[:, 0] < end)):
            headings[at] = heading
    return headings


class _DocumentEmbedder:
    """Keeps the file of the present datum open while the next datum is in it too."""

    def __init__(self, study, encoder):
        self.encoder = encoder
        self._study, self._source, self._file = study, None, None
        self._fields = Fields(study.embedding.get("id_field"))
        self._note = ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._close()

    def embed(self, datum, progress, stopped):
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
            **_words_of(document),
            "markdown": document.markdown,
            "words": wanted.get("words"),
            "language": language,
            "splitter": f"pysbd {package_version('pysbd')}",
            "encoder": self.encoder.record(),
        }
        if not wanted.get("keep_text", True):
            attrs |= {"text": "", "title": "", "sections": [["", *each[1:]] for each in attrs["sections"]]}
            attrs["fingerprint"] = _fingerprint(self._study, document)
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
                readable(document.text[start:end], document.markdown) for start, end in spans[rows].tolist()
            ]
            writer.write_block(index, self.encoder.encode(texts))
            progress(rows.stop, writer.n)
        writer.finish()
        return True

    def note(self, datum):
        """What was done to read it at all."""
        return self._note

    def _read(self, datum):
        if self._source != datum.source:
            self._close()
            self._file = DocumentFile(self._study.files.path(datum.source, DocumentError), self._fields)
            self._source = datum.source
        part = datum.part or {}
        return _read_part(self._file, part.get("at"), part.get("id"))

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


def _read_part(file, at, id):
    """The document of a DocumentFile that begins at a byte of it, or the one of the file.

    Raises DocumentError.
    """
    if at is None:
        return file.read()
    try:
        document = file.read(at)
    except DocumentError:
        document = None
    if document is None or document.name not in (id, ""):
        raise DocumentError(f"{file.path.name} was changed after the study was made: make a new study of it")
    return document


@lru_cache(maxsize=64)
def _document(path, id_field, at, id, stamp):
    """A document as it stands in its file now; ``stamp`` is another once the file was changed."""
    with DocumentFile(path, Fields(id_field)) as file:
        return _read_part(file, at, id)


def _words_of(document):
    """The words of a document as they are kept beside its embeddings."""
    sections = [[each.heading, each.start, each.end] for each in document.sections]
    return {"text": document.text, "title": document.title, "sections": sections}


def _fingerprint(study, document):
    """What tells whether a document is still the same, and, keyed by the study's secret, nothing else."""
    said = json.dumps(_words_of(document)).encode()
    return hmac.new(str(study.database.read_meta("secret")).encode(), said, hashlib.sha256).hexdigest()


# ---- which documents there are, and their labels


def _read_all(files, fields, progress):
    """Every document, its text let go of: list of (file, Document).

    Raises DocumentError for one that is there twice.
    """
    found, seen = [], {}
    stems = Counter(file.stem for file in files)
    home = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    for number, file in enumerate(files, start=1):
        with DocumentFile(file, fields) as opened:
            for document in opened:
                name = document.name
                if not opened.many and stems[name] > 1:
                    name = file.relative_to(home).as_posix()
                where = f"{file.name}, line {document.line}" if document.line else file.name
                if name in seen:
                    raise DocumentError(
                        f"{where}: the id {name!r} is already in {seen[name]}: give each document its own id"
                    )
                seen[name] = where
                empty = not any(map(str.isalnum, document.text))
                note = document.note or ("it is empty" if empty else "")
                found.append(
                    (file, replace(document, name=name, text="" if empty else " ", sections=(), note=note))
                )
        if progress:
            progress(number, len(files))
    if not any(document.text for _, document in found):
        raise DocumentError(
            f"{files[0].parent if len(files) > 1 else files[0]} holds no text: all documents are empty"
        )
    return found


def _matched(found, labels, file_column, label_column, positive):
    """(rows, classes, (file, Document) of each row) of a labels table."""
    from ...study.labels import read_labels

    rows, classes = read_labels(labels, file_column=file_column, label_column=label_column, positive=positive)
    exact, loose = {}, {}
    for at, (file, document) in enumerate(found):
        names = [document.name] if document.line else [document.name, file.name, file.stem]
        for name in names:
            exact.setdefault(name, set()).add(at)
            loose.setdefault(name.lower(), set()).add(at)
    table, chosen, missing, taken = Path(labels).name, [], [], {}
    for row in rows:
        given = row.file.replace("\\", "/")
        last = given.rpartition("/")[2]
        places = (
            exact.get(row.file)
            or exact.get(given)
            or exact.get(last)
            or loose.get(last.lower())
            or exact.get(Path(last).stem)
            or set()
        )
        if len(places) > 1:
            raise LabelsError(f"{table}: {row.file!r} could be {len(places)} documents: give its folder too")
        if not places:
            missing.append(row.file)
            continue
        (at,) = places
        if at in taken:
            raise LabelsError(
                f"{table}: {taken[at]!r} and {row.name!r} are the same document: leave one line out"
            )
        taken[at] = row.name
        chosen.append(found[at])
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise LabelsError(
            f"{table} names {some}, not found among the {len(found)} documents: correct the table or the"
            " documents"
        )
    return rows, classes, chosen


def _from_fields(found, positive):
    """The same of the label fields of JSON lines."""
    from ...study.labels import LabelRow, classes_of

    labels = [document.label or "" for _, document in found]
    if not any(labels):
        raise LabelsError(
            "no document has a field label: say where the labels are, with --labels labels.csv, or name the"
            " field with --label-column"
        )
    classes, numbers = classes_of(found[0][0], labels, positive)
    rows = [
        LabelRow(document.name, document.name, None, numbers.get(document.label), document.split)
        for _, document in found
    ]
    return rows, classes, found


def _notes(found, chosen):
    """What a person must know of the documents that were read: list of lines."""
    notes = [document.note for _, document in chosen if document.note and document.text]
    empty = [document.name for _, document in chosen if not document.text]
    if empty:
        more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
        notes.append(f"{len(empty)} documents are empty and will be left out: {', '.join(empty[:3])}{more}")
    if len(chosen) < len(found):
        notes.append(
            f"{len(found) - len(chosen)} documents have no line in the labels table and are left out"
        )
    return notes
