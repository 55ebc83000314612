"""Authorizes API Gateway to reach backends: of those that somebody requests, and of those that appear."""
