"""The napari plugin: slides, maps, concepts and edits in napari.

Nothing heavy is imported before it is needed.
"""
