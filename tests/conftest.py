"""Fixtures of the whole suite. Sockets are off (pytest-socket); a test that needs loopback is marked ``enable_socket``."""

pytest_plugins = ["tests.cloud.fixtures", "tests.invoking", "tests.deployed"]
