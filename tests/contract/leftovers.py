"""What an earlier run left that was killed, or could not reach the cloud: found by its name, taken away with consent."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.contract.account import PORTS, PREFIX, Account, Entry

_OF_PORT_RANGE = 65_536  # what the question `port-range` makes where it is taken
_MOST_PAGES = 100


class Leftover(NamedTuple):
    """Something of ours, and what takes it away."""

    what: str
    drop: Callable[[], None]


def found(account: Account, run_id: str = "") -> list[Leftover]:
    """Return what bears our name, of one run if it is named."""
    prefix = f"{PREFIX}{run_id}"
    return [*_entries(account, prefix), *_of_smq(account, prefix)]


def _entries(account: Account, prefix: str) -> list[Leftover]:
    left = list[Leftover]()
    for number in range(1, _MOST_PAGES + 1):
        reply = account.product.call("CloudAPI", "DescribeVpcAccesses", {"PageNumber": str(number), "PageSize": "100"})
        for row in reply.rows("VpcAccessAttributes", "VpcAccessAttribute"):
            name, port = str(row.get("Name", "")), row.get("Port")
            if name.startswith(prefix) and isinstance(port, int) and (port in PORTS or port == _OF_PORT_RANGE):
                entry = Entry(name, str(row.get("VpcId")), str(row.get("InstanceId")), port)
                left.append(Leftover(f"authorization {name}", partial(account.drop, entry)))
        if number * 100 >= reply.count("TotalCount"):
            break
    return left


def _of_smq(account: Account, prefix: str) -> list[Leftover]:
    if not account.product.place.smq:
        return []
    left = list[Leftover]()
    for kind in ("topics", "queues"):
        text = str(account.product.smq("GET", f"/{kind}", prefix=prefix).fields["Text"])
        for name in re.findall(rf"/{kind}/({re.escape(prefix)}[A-Za-z0-9-]*)<", text):
            path = f"/{kind}/{name}"
            left.append(Leftover(f"SMQ's {path}", partial(account.drop_of_smq, path)))
    return left
