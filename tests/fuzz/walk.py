"""Everything that a study is opened for, in one walk: what a stranger's study must survive."""

import tempfile
from pathlib import Path

from prospector_core.study.branches import branches_of
from prospector_core.study.concept_search import default_settings

__all__ = ["walk"]


def walk(path, refit=True):
    """Open a study and look at all of it. The first error is raised after the rest was tried."""
    from prospector_core import Study
    from prospector_core.exporters import export
    from prospector_core.study.rebuild import rebuild_fits

    study = Study.open(path)
    errors = []

    def attempt(look):
        try:
            return look()
        except Exception as error:
            errors.append(error)
            return None

    def of_datum(datum):
        attempt(lambda: study.graph(datum))
        attempt(lambda: study.kind.places(study, datum))
        attempt(lambda: study.prospect(datum))
        attempt(lambda: study.explain(datum, 0))
        attempt(lambda: study.concepts_of(datum))
        attempt(lambda: study.uncertainty(datum, 3))

    try:
        for look in (
            lambda: study.sources,
            lambda: [each.label for each in study.data],
            lambda: study.curation.state,
            lambda: study.curation.chronicle(),
            lambda: study.fits(),
            lambda: study.view,
            lambda: study.concepts(),
            lambda: study.jobs(),
            lambda: study.queue.jobs(),
            lambda: study.curation.pending(),
            lambda: study.settings,
            lambda: study.embedded(),
            lambda: study.predictions(),
            lambda: branches_of(study),
            lambda: study.evidence(),
            lambda: study.colours(),
            lambda: default_settings(study),
        ):
            attempt(look)
        for datum in attempt(lambda: study.data[:2]) or ():
            of_datum(datum)
        with tempfile.TemporaryDirectory() as out:
            for format in ("csv", *list(study.kind.exports)[:1]):
                attempt(lambda format=format: export(study, format, Path(out) / format))
        if refit:
            attempt(lambda: rebuild_fits(study))
            attempt(lambda: study.refit())
    finally:
        study.database.close()
    if errors:
        # one that is no error of ours first
        from prospector_core.errors import ProspectorError

        raise next((each for each in errors if not isinstance(each, ProspectorError)), errors[0])
