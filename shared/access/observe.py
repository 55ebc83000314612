"""Look at what is there, with no more calls than it takes to be sure.

Both keys of an entry matter: its name and its target. While the first page holds all entries, one call
answers both for any number of requests. Beyond that, all pages are read if that is cheaper than two exact look-ups
for each request. Pages shift while they are read when somebody removes an entry, and then one can be missed; so a
sweep counts only if the number of entries never fell and it saw at least as many as there were at its beginning.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from shared.access.plan import Present
from shared.clock import Clock
from shared.cloud.apigateway import PAGE_SIZE, ApiGateway, Page
from shared.errors import Doubtful
from shared.model.access import VpcAccess
from shared.parallel import in_parallel

_REMEMBERED, _NOTED = 60.0, 3_600.0  # seconds
_SWEEPS = 3

Target = tuple[str, str, int]


class Recent:
    """What this instance wrote within the last minute and has not seen since; kept between invocations, shared by threads.

    Of each entry only name and target are kept: an instance can write thousands in a minute.

    A new entry may take a while to show in DescribeVpcAccesses, and a gateway that overwrites would let the next request
    take its name or target meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._by_name: dict[str, tuple[float, Target]] = {}  # the oldest first
        self._by_target: dict[Target, str] = {}
        self._noted: dict[str, float] = {}  # the oldest first

    def note(self, what: str) -> None:
        """Remember for an hour that something was done; an instance that has just begun knows of nothing."""
        now = self._clock.monotonic()
        self._noted.pop(what, None)
        self._noted[what] = now
        while now - next(iter(self._noted.values())) > _NOTED:
            del self._noted[next(iter(self._noted))]

    def forget(self, what: str) -> None:
        """Forget a note."""
        self._noted.pop(what, None)

    def noted_after(self, beginning: str) -> list[str]:
        """Return the rest of each note of the last minute that begins so."""
        return [what[len(beginning) :] for what in self._noted if what.startswith(beginning) and self.noted(what)]

    def noted(self, what: str, within: float = _REMEMBERED) -> bool:
        """Tell whether it was noted within so many seconds, a minute if nothing is said and an hour at most."""
        return self._clock.monotonic() - self._noted.get(what, -within) < within

    def wrote(self, access: VpcAccess) -> None:
        """Remember an entry that was just made."""
        target = access.target
        with self._lock:
            self._forget(access.name)
            self._by_name[access.name] = (self._clock.monotonic(), target)
            self._by_target[target] = access.name

    def saw(self, present: Present) -> None:
        """Forget what shows by now: from here on the gateway is the state."""
        if self._by_name:
            with self._lock:
                for name in present.names:
                    self._forget(name)

    def rival(self, access: VpcAccess) -> VpcAccess | None:
        """Return an entry that has the name or the target of ``access``, but not both, and does not show yet."""
        with self._lock:
            self._forget_the_old()
            _, target = self._by_name.get(access.name, (0.0, access.target))
            name = self._by_target.get(access.target, access.name)
        if target != access.target:
            return VpcAccess(access.name, *target)
        return VpcAccess(name, *target) if name != access.name else None

    def _forget_the_old(self) -> None:
        now = self._clock.monotonic()
        while self._by_name:
            name, (written, _) = next(iter(self._by_name.items()))
            if now - written < _REMEMBERED:
                return
            self._forget(name)

    def _forget(self, name: str) -> None:
        _, target = self._by_name.pop(name, (0.0, None))
        if target is not None and self._by_target.get(target) == name:
            del self._by_target[target]


def everything(gateway: ApiGateway, at_once: int) -> list[VpcAccess]:
    """Return every entry, read until no page can have shifted; raises Doubtful if they never hold still, and ``call``'s errors."""
    for _ in range(_SWEEPS):
        entries = _swept(gateway, gateway.page(), at_once)
        if entries is not None:
            return entries
    raise Doubtful("DescribeVpcAccesses", "PagesShifted", 200, "entries were removed each time while the list was read")


def _swept(gateway: ApiGateway, first: Page, at_once: int) -> list[VpcAccess] | None:
    """Return the entries of all pages, None if one may have been missed."""
    pages = -(-first.total // PAGE_SIZE)
    swept = [first, *in_parallel(gateway.page, range(2, pages + 1), at_once)]
    entries = {entry.name: entry for page in swept for entry in page.entries}
    return list(entries.values()) if min(page.total for page in swept) >= first.total <= len(entries) else None


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
        swept = _swept(gateway, first, at_once)
        if swept is not None:
            return Present(swept)
    found = in_parallel(lambda access: list(gateway.matching([access])), asked, at_once)
    return Present(entry for entries in found for entry in entries)
