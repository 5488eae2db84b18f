"""Where app.py, pages and sample_data lie: beside this package in a clone, in a wheel in prospector_app."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

__all__ = ["app_script", "sample_data"]

_TOP = Path(__file__).resolve().parents[1]


def app_script() -> Path | None:
    """Return app.py, or None where it was not installed."""
    return next(
        (path for path in (_TOP / "app.py", _TOP / "prospector_app" / "app.py") if path.exists()), None
    )


def sample_data() -> ModuleType:
    """Return our package ``sample_data``, also in a program where another of that name is installed."""
    if (_TOP / "prospector_app").is_dir():
        return import_module("prospector_app.sample_data")
    if str(_TOP) not in sys.path:
        sys.path.insert(0, str(_TOP))
    return import_module("sample_data")
