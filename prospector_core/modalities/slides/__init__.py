"""Slides: tiles of tissue on a grid."""
