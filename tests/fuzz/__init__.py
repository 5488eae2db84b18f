"""`make fuzz`: files and studies as no program wrote them, read as the program reads them.

See ``python -m tests.fuzz --help``.
"""
