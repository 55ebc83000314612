"""Clients of Alibaba Cloud: signing (pure), one transport, one call loop, one module a product."""
