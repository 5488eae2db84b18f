"""A server for a department: its settings, its roles, and the record of what was done.

Roles say who may look at or edit which study.
"""

from .record import Line, Record, read_record
from .roles import EDITOR, VIEWER, StudyRule
from .secrets_file import check_secrets
from .settings import OpenId, Proxy, ServerSettings, is_loopback, streamlit_options
from .settings_file import read_settings

__all__ = [
    "EDITOR",
    "Line",
    "OpenId",
    "Proxy",
    "Record",
    "ServerSettings",
    "StudyRule",
    "VIEWER",
    "check_secrets",
    "is_loopback",
    "read_record",
    "read_settings",
    "streamlit_options",
]
