"""Tests of the stand-in `tests/cloud`: its own, and those of the vendor's clients that bear it witness."""
