"""Documents: sentences or passages of a text."""
