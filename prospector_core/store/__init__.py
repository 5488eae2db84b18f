"""What is kept on disk, and how: whole or not at all, checked when read, known by what is in it."""
