"""Who may look and what a page may do: what stands before every page, tile and message of the app."""
