"""Who works here."""

import getpass
import os

__all__ = ["default_author"]


def default_author() -> str:
    """PROSPECTOR_AUTHOR, else the system's name of the user, else "unknown"."""
    try:
        name = os.environ.get("PROSPECTOR_AUTHOR") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run without user names
        name = ""
    return " ".join(name.split())[:60] or "unknown"
