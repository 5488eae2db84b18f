"""Slides: tiles of tissue on a slide that is zoomed into."""
