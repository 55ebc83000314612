"""``make contract``: what the vendor's pages leave open, asked of an account, or of the stand-in. Start at README.md."""
