"""Measurements, run by hand: figures that a test on a shared machine could not assert."""
