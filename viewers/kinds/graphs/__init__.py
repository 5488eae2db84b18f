"""Cells and token graphs: points where they lie."""
