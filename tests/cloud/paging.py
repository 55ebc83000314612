"""Tokens that stand for a place in a list; a client must hand them back as they are."""

from __future__ import annotations

import base64

from tests.cloud.parameters import invalid


def token(start: int, total: int) -> str:
    """Return the NextToken of a page that ends before ``start``; "" after the last one."""
    if start >= total:
        return ""
    return base64.urlsafe_b64encode(f"start={start}".encode()).decode().rstrip("=")


def start_of(token: str | None) -> int:
    """Return the place that a NextToken stands for; one that was never given is refused."""
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text.removeprefix("start="))
    except ValueError as error:
        raise invalid("NextToken") from error
