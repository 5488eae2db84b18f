"""Sample studies for the tests that walk through them."""

import shutil

from prospector_core.study import Study
from sample_data import build_sample, sample_folder

__all__ = ["sample_study"]


def sample_study(name, folder):
    """A sample study as it is built, in a folder of the test's own: Study.

    Where `make sample` built it and nobody did anything to it since, it is copied, which saves half a minute.
    """
    built = sample_folder(name)
    if (built / "study.sqlite").exists():
        study = Study.open(built)
        untouched = [entry.action for entry in study.curation.history()] == ["fit"] and len(study.fits()) == 1
        whole = len(study.embedded()) == len(study.data)
        study.database.close()
        if untouched and whole:
            shutil.copytree(built, folder)
    return build_sample(name, folder)
