"""Authorizations: plan, observe, apply."""
