"""Pages of the app: one thin file a screen. They read state, call the core and hand figures to viewers."""
