"""The page at ``/_cloud/``: what is in the stand-in and what happens in it, to look at and to try."""
