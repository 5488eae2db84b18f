"""Documents: sentences in the order of the text."""
