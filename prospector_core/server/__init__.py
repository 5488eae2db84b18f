"""A server for a department: its settings, who may look at or edit which study, and the record of what was done."""

from .record import Record, read_record
from .roles import EDITOR, VIEWER, StudyRule
from .settings import OpenId, Proxy, ServerSettings, read_settings

__all__ = ["EDITOR", "OpenId", "Proxy", "Record", "ServerSettings", "StudyRule", "VIEWER", "read_record", "read_settings"]
