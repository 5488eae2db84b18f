"""The layers of a viewer that were made here, each in its place above those it covers."""

__all__ = ["LayerStack", "ours"]


class LayerStack:
    """Layers by kind. ``order``: kinds from the lowest up.

    Parameters
    ----------
    viewer : ViewerModel
    """

    order = ()

    def __init__(self, viewer):
        self.viewer = viewer
        self._layers = {}
        self._busy = False  # while layers are changed from here

    def layer(self, kind):
        """The layer of a kind, or None if there is none (any more)."""
        layer = self._layers.get(kind)
        return layer if layer is not None and layer in self.viewer.layers else None

    def _put(self, kind, layer):
        """Add a layer in its place above those it covers."""
        self._busy = True
        try:
            data, options, type_ = layer
            active = self.viewer.layers.selection.active
            new = getattr(self.viewer, f"add_{type_}")(data, **options)
            below = [
                self.layer(other)
                for other in self.order[: self.order.index(kind)]
                if self.layer(other) is not None
            ]
            at = 1 + max((self.viewer.layers.index(each) for each in below), default=-1)
            if at < len(self.viewer.layers) - 1:
                self.viewer.layers.move(len(self.viewer.layers) - 1, at)
            self.viewer.layers.selection.active = active
        finally:
            self._busy = False
        self._layers[kind] = new
        return new

    def _remove(self, kind):
        layer = self.layer(kind)
        if layer is not None:
            active = self.viewer.layers.selection.active
            self.viewer.layers.remove(layer)
            if active is not layer:
                self.viewer.layers.selection.active = active
        self._layers.pop(kind, None)


def ours(layer):
    """Whether a layer was made here."""
    return "prospector" in layer.metadata
