"""`prospector napari`: a napari window with the review open."""

from pathlib import Path

__all__ = ["register", "run", "start"]

NAME, WIDGET = "prospector-heads", "Review"


def register():
    """Make the plugin known to napari where the package has no metadata installed (a plain checkout)."""
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    manager.discover()
    if NAME not in manager:
        manager.register(PluginManifest.from_file(Path(__file__).parent / "napari.yaml"))


def start(study=None, datum=None):
    """Open a window with the plugin's widget: (viewer, widget). ``study``: folder, opened at ``datum``."""
    import napari

    register()
    viewer = napari.Viewer(title="Prospector")
    _, widget = viewer.window.add_plugin_dock_widget(NAME, WIDGET)
    if study is not None:
        widget.open_study(study, datum)
    return viewer, widget


def run(study=None, datum=None):
    """The same, until the window is closed."""
    import napari

    start(study, datum)
    napari.run()
