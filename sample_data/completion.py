"""What every sample study needs once its folder is there: embeddings and a fit."""

from prospector_core import Study
from prospector_core.errors import EmbeddingError

__all__ = ["complete"]


def complete(folder, say, name="sample study", fitting="finding concepts, fitting the kernel"):
    """Embed and fit a sample study, or only what is missing of it.

    Parameters: folder; say, function(text, done, total); name, of the sample in an error; fitting, words
    while it is fitted. Returns Study. Raises EmbeddingError.
    """
    study = Study.open(folder)
    todo = [datum for datum in study.data if not study.is_embedded(datum)]

    def tell(datum, done, total):
        say(f"embedding {datum.name}", todo.index(datum) + done / total, len(todo))

    failed = study.embed(progress=tell)
    if failed:
        raise EmbeddingError(f"the {name} could not be embedded: " + "; ".join(failed.values()))
    if study.view is None:
        say(fitting, 0, None)
        study.fit()
    return study
