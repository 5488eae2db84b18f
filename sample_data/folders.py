"""Where sample studies lie."""

import os
import re
from pathlib import Path

import platformdirs

from prospector_core.store.removal import remove_folder

__all__ = ["clear", "sample_folder"]

_OF_A_STUDY = re.compile(
    r"study\.sqlite(-wal|-shm)?|embed\.lock|worker\.log|(embeddings\.zarr|fits|derived|graphs)/.*|exports/d[0-9a-f]{14}\.\w+|\.(stop|workers|prospector)-.*"
)


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


def clear(folder):
    """Remove a study to be built anew, if one is there.

    Raises StudyDamagedError where something else lies in the folder.
    """
    remove_folder(Path(folder), _OF_A_STUDY.fullmatch)
