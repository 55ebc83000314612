"""Work for several threads at once, and how it ends."""

from __future__ import annotations

import threading
import tracemalloc
from collections import Counter

import pytest

from shared.parallel import in_parallel

PATIENCE = 10.0  # seconds until a test gives up


@pytest.mark.parametrize("at_once", [1, 2, 16, 200])
@pytest.mark.parametrize("items", [0, 1, 2, 100])
def test_every_item_is_done_once_and_in_its_place(items: int, at_once: int) -> None:
    """Whatever the number of threads, each item is worked on once and the results are in the order of the items."""
    done = Counter[int]()
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            done[item] += 1
        return item * item

    assert in_parallel(work, range(items), at_once) == [item * item for item in range(items)]
    assert done == Counter(range(items))


def test_as_many_run_at_once_as_may() -> None:
    """Three work at the same time, the caller's thread among them, and never four."""
    together, seen = threading.Barrier(3, timeout=PATIENCE), set[int]()

    def work(_item: int) -> None:
        seen.add(threading.get_ident())
        together.wait()  # breaks if it is ever fewer

    in_parallel(work, range(9), 3)
    assert len(seen) == 3
    assert threading.get_ident() in seen


def test_an_error_ends_it_once_what_was_begun_is_done() -> None:
    """Nothing is begun after an error, what runs beside it is done first, and of two errors the first item's is raised."""
    begun: list[int] = []
    failed = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item:
            failed.set()
            raise ValueError(f"item {item}")
        assert failed.wait(PATIENCE)
        raise ValueError("the first item")

    with pytest.raises(ValueError, match="the first item"):
        in_parallel(work, range(50), 2)
    assert sorted(begun) == [0, 1]
    assert not any(thread.name.endswith("(take_turns)") for thread in threading.enumerate())


def test_what_waits_for_its_turn_takes_no_memory() -> None:
    """A hundred thousand items that wait cost less than ten bytes each: nothing is made for them before their turn."""
    peak = 0

    def work(_item: int) -> None:
        nonlocal peak
        peak = max(peak, tracemalloc.get_traced_memory()[1])
        raise ValueError("enough")

    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="enough"):
            in_parallel(work, range(100_000), 2)
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
