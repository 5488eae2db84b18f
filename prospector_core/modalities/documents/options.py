"""Options of a study of documents."""

from dataclasses import dataclass

from ..options import option

__all__ = ["DocumentOptions"]


@dataclass(frozen=True)
class DocumentOptions:
    """How texts are cut into tokens and embedded.

    Attributes
    ----------
    encoder : str
        Of texts.
    words : int or None
        Size of the windows of words that are tokens (None: sentences).
    language : str or None
        Of ``sentences.LANGUAGES`` (None: each document's own).
    keep_text : bool
        Whether text, titles and headings are kept beside the embeddings (False: they are read from the
        documents' files whenever they are shown).
    text_column, id_column : str or None
        Columns of tables, and fields of JSON, that are the text and its id (None: by usual names). The label
        is ``label_column`` of all kinds.
    """

    encoder: str = "minilm"
    words: int | None = option(int, "Documents: tokens are windows of this many words. Default: sentences.")
    language: str | None = option(
        str,
        "Documents: language whose rules end sentences, such as en or de. Default: found for each document.",
    )
    keep_text: bool = option(
        bool,
        "Documents: keep no text beside the embeddings; it is read from its file whenever it is shown.",
        True,
        flag="--no-text",
        stands_for=False,
    )
    text_column: str | None = option(
        str, "Documents: column of a table, or field of JSON, with the text. Default: by usual names."
    )
    id_column: str | None = option(
        str, "Documents: column of a table, or field of JSON, that names each text. Default: by usual names."
    )
