"""Keeps a living backend for every name that instances claim."""
