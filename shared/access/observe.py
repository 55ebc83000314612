"""Look at what is there, with as few calls as being sure needs.

Both keys of an entry matter: its name and its target. While the first page holds all entries, one call
answers both for any number of requests. Beyond that, all pages are read if that is cheaper than two exact look-ups
for each request. Pages shift while they are read when somebody removes an entry, and then one can be missed; so a
sweep counts only if the number of entries never fell and it saw at least as many as there were at its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.access.plan import Present
from shared.cloud.apigateway import PAGE_SIZE, ApiGateway
from shared.model.access import VpcAccess
from shared.parallel import in_parallel


def observe(gateway: ApiGateway, asked: Sequence[VpcAccess], at_once: int) -> Present:
    """Return the entries that share a name or a target with one of ``asked``, and perhaps others.

    At most ``at_once`` calls run at the same time. Raises the errors of ``Session.call``.
    """
    if not asked:
        return Present()
    first = gateway.page()
    pages = -(-first.total // PAGE_SIZE)
    if len(first.entries) >= first.total:
        return Present(first.entries)
    if pages - 1 <= 2 * len(asked):
        swept = [first, *in_parallel(gateway.page, range(2, pages + 1), at_once)]
        entries = {entry.name: entry for page in swept for entry in page.entries}
        if min(page.total for page in swept) >= first.total <= len(entries):
            return Present(entries.values())
    found = in_parallel(lambda access: list(gateway.matching([access])), asked, at_once)
    return Present(entry for entries in found for entry in entries)
