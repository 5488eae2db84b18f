"""Everything that draws: tile routes, overlay images, plotly figures and the slide viewer."""

__all__: list[str] = []
