"""An event of any source that the function understands, made from the files under ``events/``: one inside another as asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

EVENTS = Path(__file__).parents[2] / "events"
_REGION, _ACCOUNT = "cn-hangzhou", "1234567890123456"  # of the files
_ID = re.compile(r"\b(?:i|lb)-bp1(?:example|gone)[0-9]{4}\b")  # a backend's, in them
_MANUAL = "manual"
_ECS, _BALANCER = "i-", "lb-"
INSTANCE, STATE, REGION, ACCOUNT = "--instance", "--state", "--region", "--account"

Place = tuple[str | int, ...]


class Sample(NamedTuple):
    """What stands at ``place`` in a file under ``events/``; a text on the way there is JSON."""

    file: str
    place: Place = ()

    def read(self) -> Any:
        """Return it anew each time."""
        value = json.loads((EVENTS / self.file).read_text(encoding="utf-8"))
        for step in self.place:
            value = value[step]
        return json.loads(value) if isinstance(value, str) else value


class Content(NamedTuple):
    """An event that tells or asks something: its sample for each kind of backend, by how their ids begin.

    ``fields`` are those of the object at ``place`` that an option sets; ``many``: it may name several backends.
    """

    samples: Mapping[str, Sample]
    fields: Mapping[str, str] = {}
    place: Place = ()
    many: bool = False


_REQUEST = {"--name": "Name", "--vpc": "VpcId", INSTANCE: "InstanceId", "--port": "Port"}
CONTENTS: Mapping[str, Content] = {
    _MANUAL: Content({"": Sample("manual/authorize.json")}, {**_REQUEST, "--correlation": "Correlation"}),
    "schedule": Content({"": Sample("release/due-bare.json")}, _REQUEST, ("Release",)),
    "eventbridge/ecs": Content({_ECS: Sample("ecs/running.json")}, {STATE: "state"}, ("data",)),
    "eventbridge/ess-hook": Content({_ECS: Sample("ess/hook-via-eventbridge.json")}, many=True),
    "eventbridge/ess": Content({_ECS: Sample("ess/scale-out-success.json")}, many=True),
    "eventbridge/actiontrail": Content(
        {_ECS: Sample("actiontrail/run-instances.json"), _BALANCER: Sample("slb/create-load-balancer.json")}, many=True
    ),
    "cloudmonitor": Content({_ECS: Sample("cloudmonitor/running.json")}, {STATE: "state"}, ("content",)),
    "ess-hook": Content({_ECS: Sample("ess/hook-via-queue.json", (0, "data", "messageBody"))}, many=True),
    "actiontrail": Content(
        {
            _ECS: Sample("actiontrail/record-alone.json"),
            _BALANCER: Sample("slb/create-load-balancer.json", ("data",)),
        },
        many=True,
    ),
    "names": Content({"": Sample("names/hint.json")}, {"--name": "Name", INSTANCE: "InstanceId"}, ("NamedBackend",)),
    "timer": Content({"": Sample("reconcile/timer.json")}),
}
"""What can be innermost, by the name that it has in a record's ``source``."""


class Wrapper(NamedTuple):
    """What a trigger puts around a message: a sample, and where the message stands in it, as JSON text unless ``bare``.

    ``batch``: its trigger delivers a list.
    """

    sample: Sample
    place: Place
    batch: bool = False
    bare: bool = False


WRAPPERS: Mapping[str, Wrapper] = {
    "smq-queue": Wrapper(Sample("smq-queue/single.json"), ("data", "messageBody"), batch=True),
    "smq-topic": Wrapper(Sample("smq-topic/json.json"), ("Message",)),
    "eventbridge": Wrapper(Sample("eventbridge/own-bus.json"), ("data",), bare=True),
    "rocketmq": Wrapper(Sample("rocketmq/batch.json", (0,)), ("data", "body"), batch=True),
    "rabbitmq": Wrapper(Sample("rabbitmq/batch.json", (0,)), ("data", "body"), batch=True),
    "kafka": Wrapper(Sample("kafka/batch.json", (0,)), ("data", "value"), batch=True),
    "mqtt": Wrapper(Sample("mqtt/batch.json", (0,)), ("body",), batch=True),
    "http": Wrapper(Sample("http/post.json"), ("body",)),
    "http-async": Wrapper(Sample("http/post-async.json"), ("body",)),
    "api-gateway": Wrapper(Sample("api-gateway/post-plain.json"), ("body",)),
    "fc-destination": Wrapper(Sample("fc-destination/failed-request.json"), ("requestPayload",)),
}
"""What can stand around another event, by the name that it has in a record's ``source``."""


class Unmakeable(ValueError):
    """There is no such event; the text says what there is."""


def sources() -> list[str]:
    """Return the sources of one and of two parts; there are events of more, too."""
    inner = [*CONTENTS, *WRAPPERS]
    return sorted({*inner, *(f"{outer}/{name}" for outer in WRAPPERS for name in inner if name != _MANUAL)})


def make(source: str, values: Mapping[str, Any]) -> Any:
    """Return an event of ``source`` as JSON can hold it; raises Unmakeable.

    ``values`` are by the names of their options; ``--instance`` is a list of ids. What is not given stays as the files have it.
    """
    wrappers, name = _parts(source)
    inner = _content(name, values)
    texts = {
        example: values[option] for option, example in ((REGION, _REGION), (ACCOUNT, _ACCOUNT)) if values.get(option)
    }
    event = _with(inner, texts, None)
    for outer in reversed(wrappers):
        event = _wrapped(WRAPPERS[outer], event, texts)
    return event


def _parts(source: str) -> tuple[list[str], str]:
    """Return the wrappers of a source, outermost first, and the name of what is in them: the longest that there is."""
    names = source.split("/")
    for count in (2, 1):
        name = "/".join(names[-count:])
        if name in CONTENTS and (name != _MANUAL or names == [_MANUAL]):
            break
    else:
        count, name = 0, _MANUAL
    wrappers = names[: len(names) - count]
    unknown = [outer for outer in wrappers if outer not in WRAPPERS]
    if unknown:
        raise Unmakeable(
            f"there is no {unknown[-1]!r} in {source!r}: inside is one of {', '.join(CONTENTS)}, around it stand any of "
            f"{', '.join(WRAPPERS)}, outermost first, with / between them; around a request they stand alone (smq-queue)"
        )
    return wrappers, name


def _content(name: str, values: Mapping[str, Any]) -> Any:
    content = CONTENTS[name]
    given = {option: value for option, value in values.items() if value not in (None, ()) and option not in _EVERYWHERE}
    known = {*content.fields, *([] if "" in content.samples else [INSTANCE])}
    if wrong := [option for option in given if option not in known]:
        takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise Unmakeable(f"{name} says nothing of {', '.join(wrong)}: {takes}")
    instances = given.pop(INSTANCE, ())
    if len(instances) > 1 and not content.many:
        raise Unmakeable(f"{name} is about one backend: give {INSTANCE} once")
    kind = (
        "" if "" in content.samples else next((each for each in content.samples if _all_begin(instances, each)), None)
    )
    if kind is None:
        raise Unmakeable(
            f"{name} is about backends whose ids begin with {' or '.join(content.samples)}, all of one kind"
        )
    event = content.samples[kind].read()
    if kind:
        event = _with(event, {}, instances or None)
    elif instances:
        given[INSTANCE] = instances[0]
    told = event
    for step in content.place:
        told = told[step]
    told.update({content.fields[option]: value for option, value in given.items()})
    return event


_EVERYWHERE = (REGION, ACCOUNT)


def _all_begin(instances: Iterable[str], start: str) -> bool:
    return all(instance.startswith(start) for instance in instances)


def _with(value: Any, texts: Mapping[str, str], instances: Sequence[str] | None) -> Any:
    """Return a value with other texts in its texts, and with these backends in place of its own."""
    if isinstance(value, dict):
        return {key: _with(one, texts, instances) for key, one in value.items()}
    if isinstance(value, list):
        if instances and value and all(isinstance(one, str) and _ID.fullmatch(one) for one in value):
            return list(instances)
        return [_with(one, texts, instances) for one in value]
    if not isinstance(value, str):
        return value
    for example, text in texts.items():
        value = value.replace(example, text)
    return _ID.sub(instances[0], value) if instances else value


def _wrapped(wrapper: Wrapper, message: Any, texts: Mapping[str, str]) -> Any:
    event = _with(wrapper.sample.read(), texts, None)
    *way, last = wrapper.place
    holder = event
    for step in way:
        holder = holder[step]
    holder[last] = message if wrapper.bare else json.dumps(message)
    if "Content-Length" in event.get("headers", ()):
        event["headers"]["Content-Length"] = str(len(holder[last]))
    return [event] if wrapper.batch else event
