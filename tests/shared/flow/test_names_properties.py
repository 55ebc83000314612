"""Whatever happens to the instances of a name: it has a living backend, its published APIs go there, and hooks are answered.

Left out of the worlds, because nothing can be known then: a message of the names queue that is lost for good together with
an API that fails, where the gateway tells the entry's target for each API (``listed_target=entry``); a change that shows
only after more looks than one invocation makes; APIs that use the name by a backend object, where those are neither listed
(``apis_by_backend=hidden``) nor tasks tell of what has not followed (``unfinished_rows=hidden``); and the second delivery of
a hook's message to an instance of the function that has just begun, since nothing in the cloud says what a name opened
before.
"""

from __future__ import annotations

from hypothesis import example, given, settings

from tests.names_stage import play
from tests.names_worlds import IDS, TARGET, Step, World, worlds

FIRST, SECOND, THIRD, FOURTH = IDS
NO_LOOK = (("operation", "CloudAPI.DescribeVpcAccesses"), ("status", 400), ("code", "Throttling.User"))
NO_ANSWER = (("operation", "CloudAPI.ModifyVpcAccessAndUpdateApis"), ("cut", "after"))
SECOND_CUT = (("operation", "CloudAPI.ModifyVpcAccessAndUpdateApis"), ("cut", "before"), ("nth", 2))


@settings(max_examples=60, deadline=None)
@given(worlds())
@example(World((Step("leave", (TARGET,)),)))
@example(World((Step("leave", (TARGET, SECOND), seconds=0), Step("stop", (TARGET,))), running=IDS))
# while the first look of a hook fails its name moves, and its API fails to follow at first
@example(World((Step("leave", (TARGET,), seconds=0, fault=NO_LOOK), Step("start", (SECOND,))), IDS[:3], failures=2))
@example(World((Step("stop", (TARGET,), seconds=200, fault=NO_ANSWER), Step("start", (FIRST,))), IDS[:3]))
@example(World((Step("vanish", (TARGET,), "late", 0), Step("wait", seconds=0, fault=SECOND_CUT)), failures=2))
def test_a_name_has_a_living_backend_whatever_happens(world: World) -> None:
    """At rest name and APIs go to a living candidate; it moved only off what had ended, told once; no hook waits too long."""
    assert play(world).broken == []
