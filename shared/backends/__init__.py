"""Backends behind API Gateway: what their products and tags say."""
