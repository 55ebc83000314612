"""What an earlier run left that was killed, or could not reach the cloud: found by its name, taken away with consent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from tests.contract.account import PORTS, PREFIX, Account, Entry
from tests.contract.replies import Unclear, answered

_OURS = re.compile(rf"{PREFIX}(?P<run>[0-9a-f]{{8}})-[0-9]{{5}}(-again)?")
"""The names that a run gives: whatever else begins so, such as the queues of tests/contract/recorder, is somebody's."""
_OF_PORT_RANGE = 65_536  # what the question `port-range` makes where it is taken
_MOST_PAGES = 100


class Leftover(NamedTuple):
    """Something of ours, and what takes it away."""

    what: str
    drop: Callable[[], None]


def found(account: Account, run_id: str = "") -> list[Leftover]:
    """Return what bears our name, of one run if it is named; raises Unclear if the lists cannot be read."""
    return [*_entries(account, run_id), *_of_smq(account, run_id)]


def is_ours(name: str, run_id: str = "") -> bool:
    """Tell whether a name is one that a run gives, that run if it is named."""
    fits = _OURS.fullmatch(name)
    return fits is not None and run_id in ("", fits["run"])


def listed(account: Account) -> Iterator[Mapping[str, Any]]:
    """Yield all authorizations of the account; raises Unclear if they cannot be listed."""
    for number in range(1, _MOST_PAGES + 1):
        reply = account.product.call("CloudAPI", "DescribeVpcAccesses", {"PageNumber": str(number), "PageSize": "100"})
        yield from answered(reply).rows("VpcAccessAttributes", "VpcAccessAttribute")
        if number * 100 >= reply.count("TotalCount"):
            return


def smq_problem(account: Account) -> str:
    """Return why SMQ cannot be asked in this region, "" if it answers or is not to be asked."""
    try:
        _of_smq(account, "")
    except Unclear as error:
        return str(error)
    return ""


def _entries(account: Account, run_id: str) -> Iterator[Leftover]:
    for row in listed(account):
        name, port = str(row.get("Name", "")), row.get("Port")
        if is_ours(name, run_id) and isinstance(port, int) and (port in PORTS or port == _OF_PORT_RANGE):
            entry = Entry(name, str(row.get("VpcId")), str(row.get("InstanceId")), port)
            yield Leftover(f"authorization {name}", partial(account.drop, entry))


def _of_smq(account: Account, run_id: str) -> list[Leftover]:
    if account.smq_problem or not account.product.place.smq:
        return []
    left = list[Leftover]()
    for kind in ("topics", "queues"):
        reply = account.product.smq("GET", f"/{kind}", prefix=f"{PREFIX}{run_id}")
        if not reply.is_success:
            raise Unclear(f"the {kind} of SMQ cannot be listed: {reply.code}")
        for name in re.findall(rf"/{kind}/([A-Za-z0-9-]+)<", str(reply.fields["Text"])):
            if is_ours(name, run_id):
                path = f"/{kind}/{name}"
                left.append(Leftover(f"SMQ's {path}", partial(account.drop_of_smq, path)))
    return left
