"""Mutants: one small fault at a time in the modules that decide, and whether a test notices."""
