"""Releases the authorizations of backends that are gone."""
