"""Fixtures of the whole suite. Sockets are off (pytest-socket); a test that needs loopback is marked ``enable_socket``.

Property tests draw the same examples in every run, so that no commit fails for an example that is not its own. A seed or
a profile of the command line lets them draw others: ``make fuzz``, or ``--hypothesis-seed=7`` to see a failure again.
"""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.cloud.fixtures", "tests.invoking", "tests.deployed", "tests.running"]

PINNED, EXPLORE = "pinned", "explore"
settings.register_profile(PINNED, derandomize=True, database=None)
settings.register_profile(EXPLORE, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile that the command line asks for; a seed means nothing to a pinned one."""
    seeded = config.getoption("--hypothesis-seed") is not None
    settings.load_profile(config.getoption("--hypothesis-profile") or (EXPLORE if seeded else PINNED))
