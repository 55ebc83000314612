"""The local stand-in for Alibaba Cloud: one loopback port, every product the project talks to.

It imports neither ``shared`` nor ``functions`` (an import contract holds that): a verifier that
reused our signer would mirror its mistakes. What is proven, assumed and not emulated stands in
``tests/cloud/README.md``.
"""
