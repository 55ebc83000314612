"""From an instance's tag to the name that it stands for. Pure."""

from __future__ import annotations

import re

from shared.backends.rules import Unresolved, ports_of
from shared.model.access import NAMED, VpcAccess
from shared.model.backend import ECS, Backend
from shared.model.outcome import REFUSED, REJECTED
from shared.settings import Settings

_NAME = r"[\w.-]{1,128}"


def claim(backend: Backend, settings: Settings) -> VpcAccess | Unresolved:
    """Return the entry that a backend with the tag asks for, or why it cannot have it; nothing is looked up.

    Call it for backends that carry the tag ``NAME_TAG`` only. A fault of its tags costs this backend its claim, and never the
    name its target.
    """
    name, item = backend.tags[settings.name_tag], backend.instance_id
    if not ECS.is_id(item):
        return Unresolved(
            REFUSED,
            "NameTagUnsupported",
            f"{item} has the tag {settings.name_tag!r}, which is for ECS instances only: take it off, and name the load "
            "balancer in a request",
        )
    if not re.fullmatch(_NAME, name):
        return Unresolved(
            REJECTED,
            "InvalidNameTag",
            f"the tag {settings.name_tag!r} of {item} is {name[:64]!r}: give 1 to 128 letters, digits, '.', '_' or '-'",
        )
    if not settings.reserves(name, backend.vpc_id):
        return Unresolved(
            REFUSED,
            "NameNotAllowed",
            f"tags may not claim the name {name!r} in {backend.vpc_id or 'the classic network'}: add "
            f"`{backend.vpc_id or 'vpc-id'}:{name}` to the setting ALLOWED_NAMES, unless NAME_TEMPLATE makes such names",
        )
    ports = ports_of(backend.tags.get(settings.port_tag, ""))
    if len(ports) != 1:
        return Unresolved(
            REFUSED,
            "NameTagUnsupported",
            f"{item} asks for the name {name!r}, and a name opens one port: give the tag {settings.port_tag!r} one port from 1 "
            "to 65535",
        )
    return VpcAccess(name, backend.vpc_id, item, ports[0]).marked(settings.owner, NAMED)
