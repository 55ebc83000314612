"""What an entry alone says about its release. Pure: nothing is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.model.access import ANNOUNCED, ORIGIN_TAG, REQUESTED, VpcAccess
from shared.model.backend import kind_of
from shared.settings import Settings


class Kept(NamedTuple):
    """An entry stays, because of ``reason`` (a short fixed word); ``used_by`` names what uses it."""

    reason: str
    text: str
    used_by: Sequence[str] = ()


def not_ours(entry: VpcAccess, settings: Settings) -> Kept | None:
    """Return why an entry is not ours to release."""
    if entry.owner == settings.owner:
        return None
    text = f"its owner is {entry.owner or 'nobody'}, not {settings.owner}: remove it by hand if it is not needed"
    return Kept("NotOurs", text)


def not_announced(entry: VpcAccess, settings: Settings) -> Kept | None:
    """Return why an entry is not released by itself: only what was made for an announced backend is.

    Any origin is one of those that requests and announcements leave, or none: whoever left another looks after the entry.
    """
    other = {value for key, value in entry.tags if key == ORIGIN_TAG} <= {ANNOUNCED, REQUESTED}
    if entry.origin == ANNOUNCED or (other and settings.release_origin == "any"):
        return None
    text = (
        f"its origin is {entry.origin or 'not known'}, not {ANNOUNCED}: only what was authorized for an announced backend is "
        f"released by itself. Release it with `python -m functions release NAME`{', or set RELEASE_ORIGIN=any' if other else ''}"
    )
    return Kept("NotAnnounced", text)


def not_an_instance(entry: VpcAccess) -> Kept | None:
    """Return why nothing can prove that what an entry opens is gone."""
    kind = kind_of(entry.instance_id)
    if kind is not None and kind.is_id(entry.instance_id):
        return None
    text = (
        f"{entry.instance_id} is neither an instance (i-…) nor a classic load balancer (lb-…), so nothing can prove that it "
        "is gone. If it is not needed: `python -m functions release NAME --although-alive`"
    )
    return Kept("NotAnInstance", text)


def not_identified(entry: VpcAccess) -> Kept | None:
    """Return why nothing tells an entry from a newer one of the same name and target."""
    if entry.vpc_access_id and entry.created_time:
        return None
    return Kept("Changed", "the gateway gives it no VpcAccessId or no CreatedTime, so it may be a newer one")


def not_alone(entry: VpcAccess, at_its_target: Iterable[VpcAccess]) -> Kept | None:
    """Return why an entry cannot be removed without another one: what opens the same target under another name."""
    others = [one for one in at_its_target if one.name != entry.name]
    if not others:
        return None
    names = ", ".join(sorted(repr(one.name) for one in others))
    text = f"{entry.target_text()} is authorized under the name {names}, too, and a removal goes by the target"
    return Kept("Changed" if all(one.owner == entry.owner for one in others) else "NotOurs", text)
