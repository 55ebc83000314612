"""The whole page: its head, what can be done in it, and its parts as they are when it is opened."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tests.cloud.fc.triggers.config import TimerTrigger
from tests.cloud.page import happenings, world
from tests.cloud.page.markup import tag
from tests.cloud.page.section import clock, code
from tests.cloud.page.world import button

if TYPE_CHECKING:
    from tests.cloud.app import Cloud
    from tests.cloud.page.section import Section

EVENTS = Path(__file__).parents[3] / "events"
_NONE = ("schema",)  # folders that hold no events
_FAULT = '[{"operation": "CloudAPI.SetVpcAccess", "nth": 1, "status": 503, "code": "ServiceUnavailable"}]'


def files() -> dict[str, Path]:
    """Return the events that can be sent, by their names: ``ecs/running.json``."""
    found = sorted(path for path in EVENTS.glob("*/*") if path.is_file() and path.parent.name not in _NONE)
    return {path.relative_to(EVENTS).as_posix(): path for path in found}


def sections(cloud: Cloud) -> list[Section]:
    """Return the parts that change, in their order."""
    parts = (
        happenings.results,
        world.authorizations,
        world.instances,
        happenings.invocations,
        happenings.calls,
        world.queues,
        world.faults,
    )
    return [part(cloud) for part in parts]


def live(cloud: Cloud) -> dict[str, Any]:
    """Return what changes, for the page's script."""
    return {"clock": time(cloud), "sections": {section.id: section.live() for section in sections(cloud)}}


def time(cloud: Cloud) -> Markup:
    """Return the stand-in's time, and how far it has jumped ahead."""
    ahead = cloud.world.clock.ahead
    return tag("span", clock(cloud.world.clock.now()), " UTC", f", {ahead / 3600:.3g} h ahead" if ahead else "")


def page(cloud: Cloud) -> Markup:
    """Return the whole page."""
    parts = sections(cloud)
    tools = {"instances": _new_instance(cloud), "faults": _set_faults()}
    shown = [part.html(*filter(None, [tools.get(part.id)])) for part in parts]
    body = tag(
        "body",
        tag("a", "To the results", href="#results", class_="skip"),
        _header(cloud, parts),
        tag("noscript", tag("p", "Without JavaScript this is how things were when it was opened.", class_="notice")),
        tag("p", role="alert", id="problem", class_="notice", hidden=True),
        tag("main", _send(cloud), *shown),
        tag("footer", _about(cloud)),
        tag("script", src="page.js", defer=True),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", "Stand-in · VPC access authorizer"),
        tag("link", rel="icon", href="data:,"),
        tag("link", rel="stylesheet", href="page.css"),
    )
    return Markup("<!doctype html>\n") + tag("html", head, body, lang="en")


def _header(cloud: Cloud, parts: list[Section]) -> Markup:
    timers = [
        trigger.name
        for function in cloud["FC"].functions
        for trigger in function.config.triggers
        if isinstance(trigger, TimerTrigger) and trigger.enabled
    ]
    return tag(
        "header",
        tag(
            "div",
            tag("h1", "VPC access authorizer"),
            tag("p", "on the local stand-in for Alibaba Cloud"),
            class_="name",
        ),
        tag(
            "div",
            tag("span", time(cloud), id="clock"),
            button("An hour later", "hour", kind=""),
            *(button(f"Fire {name}", "timer", name) for name in timers),
            tag("span", "live", id="state", class_="live", role="status"),
            class_="tools",
        ),
        tag(
            "nav",
            tag("a", "Send", href="#send"),
            *(tag("a", part.title, href=f"#{part.id}") for part in parts),
            aria_label="Parts of the page",
        ),
    )


def _send(cloud: Cloud) -> Markup:
    grouped = groupby(files(), key=lambda name: name.partition("/")[0])
    options = [
        tag("optgroup", *(tag("option", name, value=name) for name in names), label=folder) for folder, names in grouped
    ]
    ways = [
        tag("option", "event bus", value="bus"),
        *(tag("option", f"queue {queue.name}", value=f"queue:{queue.name}") for queue in cloud["SMQ"].queues()),
        *(
            tag("option", f"function {each.config.key}", value=f"function:{each.config.key}")
            for each in cloud["FC"].functions
        ),
    ]
    body = tag("textarea", id="body", name="body", rows="12", spellcheck="false", autocomplete="off", required=True)
    return tag(
        "section",
        tag("h2", "Send an event", id="send-title"),
        tag(
            "form",
            tag("label", "Event", tag("select", tag("option", "your own", value=""), *options, id="file", name="file")),
            tag("label", "Way", tag("select", *ways, id="to", name="to")),
            tag("label", "Body", body, class_="wide"),
            tag("p", id="note", class_="about", hidden=True),
            tag("button", "Send", type="submit"),
            data_do="send",
        ),
        tag("div", id="way", role="status", aria_label="What became of it"),
        id="send",
        class_="card",
        aria_labelledby="send-title",
    )


def _new_instance(cloud: Cloud) -> Markup:
    vpcs = sorted({each["VpcAttributes"]["VpcId"] for each in cloud["ECS"].state()["instances"]} - {""})
    return tag(
        "form",
        tag("label", "VPC", tag("select", *(tag("option", vpc) for vpc in vpcs or ["vpc-bp1example0001"]), name="vpc")),
        tag("label", "Port tag", tag("input", type="text", name="port", value="8080", size="6", autocomplete="off")),
        tag(
            "label",
            "Name tag",
            tag("input", type="text", name="backend", size="10", placeholder="none", autocomplete="off"),
        ),
        tag("button", "Start a new instance", type="submit"),
        data_do="new",
        class_="row",
    )


def _set_faults() -> Markup:
    rules = tag("textarea", _FAULT, name="rules", rows="3", spellcheck="false", autocomplete="off", required=True)
    return tag(
        "form",
        tag("label", "Rules (tests/cloud/README.md lists them)", rules, class_="wide"),
        tag("span", tag("button", "Set", type="submit"), button("Clear", "clear"), class_="buttons"),
        data_do="faults",
    )


def _about(cloud: Cloud) -> Markup:
    keys = ", ".join(key.access_key_id for key in cloud.world.credentials.values() if not key.security_token)
    return tag(
        "p",
        "Account ",
        code(cloud.world.account_id),
        ", region ",
        code(cloud.world.region_id),
        ", key ",
        code(keys),
        ". What the stand-in proves, assumes and leaves out: ",
        code("tests/cloud/README.md"),
        ".",
    )
