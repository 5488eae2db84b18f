"""Who may open the app, which folders it may read, and what its pages may load."""
