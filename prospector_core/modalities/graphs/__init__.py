"""Cells and other graphs: tokens that come with features, and edges between them."""
