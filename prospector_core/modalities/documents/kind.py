"""Documents: a token is a sentence (or a window of words).

Its neighbours are the 2 before it and the 2 after.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DocumentError
from ..base import Modality
from ..parts import Export, Words
from .options import DocumentOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from ...method.graphs import TokenGraph
    from ...study import Study
    from ...study.data import Datum
    from ..labels import LabelTable
    from ..layouts import Layout
    from ..parts import Embedder, NewStudy

__all__ = ["Documents"]

_REACH = 2


class Documents(Modality):
    """Studies of texts."""

    name = "documents"
    words = Words("document", "documents", "sentence", "sentences", "file")
    place_names = ("sentence", "section")
    options = DocumentOptions
    source_form = "FILE|DIR"
    source_help = (
        "A table (CSV, TSV, Excel) or JSON of many texts (with a label column no table of labels is needed),"
        " or a folder of text, Markdown, PDF, Word (docx), HTML and RTF files."
    )
    encoder_help = "minilm (default), transformers:NAME or transformers:FOLDER"
    looking = "reading documents"
    needs_labels = False  # lines may have their own
    source_error = DocumentError

    def of(self, embedding: Mapping[str, Any]) -> Modality:
        """Tokens are passages where they are windows of words."""
        return Passages() if embedding.get("words") else self

    def look(
        self,
        path: Path,
        sources: Any,
        labels: LabelTable,
        options: DocumentOptions,
        progress: Callable[[int, int], None] | None = None,
        on: Any = None,
    ) -> NewStudy:
        from .create import look_at_documents

        return look_at_documents(path, sources, labels, options, progress)

    def facts(self, study: Study) -> dict[str, Any]:
        return {"notes": study.embedding["notes"]}

    def notes(self, study: Study) -> list[str]:
        return study.embedding["notes"]

    def summary(self, study: Study) -> list[str]:
        """How many documents were read, from files of which kind."""
        kinds: Counter[str] = Counter()
        for source in study.sources.values():
            kinds[source.path.suffix.lower() or "no ending"] += source.info.get("documents", 1)
        said = ", ".join(f"{n:,} from {kind}" for kind, n in sorted(kinds.items()))
        return [f"read {len(study.data):,} documents: {said}"]

    def attributes(self, study: Study, datum: Datum, kept: dict[str, Any]) -> dict[str, Any]:
        """What is kept beside a document's embeddings, with its text.

        Of a study that keeps none, from the document's file. Raises DocumentError where the file is gone, or
        was changed.
        """
        if study.embedding.get("keep_text", True):
            return kept
        from .embedder import text_from_file

        return text_from_file(study, datum, kept)

    def list_encoders(self) -> list[str]:
        from .encoders import list_text_encoders

        return list_text_encoders()

    def check_encoder(self, name: str) -> None:
        from .encoders import check_text_encoder_name

        check_text_encoder_name(name)

    def make_encoder(self, name: str, **options: Any) -> Any:
        from .encoders import get_text_encoder

        return get_text_encoder(name, **options)

    def embedder(self, study: Study, encoder: Any) -> Embedder:
        from .embedder import DocumentEmbedder

        return DocumentEmbedder(study, encoder)

    def layout(self) -> type[Layout]:
        from ..layouts import OfTexts

        return OfTexts

    def graph(self, n: int, positions: Any, edges: Any, attrs: dict[str, Any]) -> TokenGraph:
        """A chain: each token is linked with the 2 before it and the 2 after it."""
        from ...method.graphs import TokenGraph

        return TokenGraph.from_chain(n, _REACH)

    def places(self, study: Study, datum: Datum) -> dict[str, Any]:
        """Number, span in the text (characters, end excluded), section and text of each token."""
        from .texts import sections_of, sentences_of

        spans, attrs = study.positions(datum), study.attrs(datum)
        return {
            self.words.token: np.arange(1, len(spans) + 1),
            "start": spans[:, 0],
            "end": spans[:, 1],
            "section": sections_of(spans, attrs),
            "text": sentences_of(study, datum),
        }

    def place(self, study: Study, datum: Datum, token: int) -> dict[str, Any]:
        """Number of the token, from 1, and its section ("" where the document has none)."""
        from .texts import sections_of

        spans = study.positions(datum)
        (section,) = sections_of(spans[token : token + 1], study.attrs(datum))
        return {self.words.token: int(token) + 1, "section": section}

    @property
    def exports(self) -> dict[str, Export]:
        from .exports import html_page, json_lines, web_annotations

        return {
            "html": Export(".html", html_page),
            **self.tables(),
            "jsonl": Export(".jsonl", json_lines),
            "annotations": Export(".annotations.jsonld", web_annotations),
        }


class Passages(Documents):
    """The same where tokens are windows of words."""

    words = Words("document", "documents", "passage", "passages", "file")
    place_names = ("passage", "section")
