"""Compiled loops (numba). Pure arrays in, pure arrays out; nothing here knows about studies or files."""
