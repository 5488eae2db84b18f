"""Who may open the app, and which folders it may read."""
