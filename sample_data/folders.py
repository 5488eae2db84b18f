"""Where sample studies lie."""

import os
from pathlib import Path

import platformdirs

__all__ = ["sample_folder"]


def sample_folder(name="sample"):
    """Folder of a sample study: in ``studies`` of a source checkout, else in the user's data folder.

    ``PROSPECTOR_STUDIES`` names another folder of studies.
    """
    if os.environ.get("PROSPECTOR_STUDIES"):
        return Path(os.environ["PROSPECTOR_STUDIES"]) / name
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "Makefile").exists():
        return checkout / "studies" / name
    return Path(platformdirs.user_data_dir("prospector")) / "studies" / name
