"""Parts of the page of a datum, named for what they do; other pages use some of them too."""
