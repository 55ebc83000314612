"""Functions and triggers as documents, in the vendor's names: what a template or an API call would say.

Names: <https://help.aliyun.com/zh/ros/developer-reference/aliyun-fc3-function>,
<https://www.alibabacloud.com/help/en/ros/developer-reference/aliyun-fc3-trigger>, PyPI ``ros-cdk-fc3`` 1.15.0
(``AsyncInvokeConfig``) and, for ``TriggerConfig``, whose mixed case is real, PyPI ``alibabacloud_fc20230330`` 4.8.3. The
outer names may be written as in a template (``FunctionName``) or as in the API (``functionName``). An unknown key is
refused, because the real service ignores a misspelt one silently.
What only the stand-in knows: ``code`` (a path), ``serviceName``, ``pythonExecutable``, ``extraPaths``,
``maxInstances``, ``roleActions``, ``freeze``, ``triggers``, ``asyncInvokeConfig``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cloud.fc.config import AsyncConfig, FunctionConfig, find_python
from tests.cloud.fc.triggers.config import (
    HTTP_METHODS,
    EventBridgeTrigger,
    HttpTrigger,
    QueueTrigger,
    Retry,
    TimerTrigger,
    TopicTrigger,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.core import Switches
    from tests.cloud.fc.triggers.config import Trigger

_MISSING = object()


class Document:
    """A JSON object read key by key; ``end`` refuses what nobody asked for, inner objects included.

    ``fold_case`` takes ``FunctionName`` for ``functionName``. Every mistake is a ValueError that names its place.
    """

    def __init__(self, value: Any, place: str, *, fold_case: bool = False) -> None:
        self._place, self._fold_case = place, fold_case
        self._inner: list[Document] = []
        try:
            self._left = {self._fold(key): item for key, item in value.items()}
        except AttributeError as error:
            raise ValueError(f"{place} is an object, not {value!r}") from error

    def take(self, key: str, *, default: Any = _MISSING) -> Any:
        """Return and remove a value; without a default it must be there."""
        value = self._left.pop(key, default)
        if value is _MISSING:
            raise ValueError(f"{self._place}.{key} is missing")
        return value

    def inner(self, key: str) -> Document:
        """Return the object under a key, an empty one if there is none."""
        document = Document(self._left.pop(key, {}), f"{self._place}.{key}", fold_case=self._fold_case)
        self._inner.append(document)
        return document

    def ignore(self, *keys: str) -> None:
        """Accept keys that make no difference here."""
        for key in keys:
            self._left.pop(key, None)

    def end(self) -> None:
        """Refuse the keys that are left."""
        if self._left:
            raise ValueError(f"{self._place} has unknown keys: {', '.join(sorted(self._left))}")
        for document in self._inner:
            document.end()

    def _fold(self, key: str) -> str:
        return key[:1].lower() + key[1:] if self._fold_case else key


def parse_function(value: Any, switches: Switches) -> FunctionConfig:
    """Return the function that a document describes; ValueError or LookupError tells what is wrong."""
    document = Document(value, "function", fold_case=True)
    initializer = document.inner("instanceLifecycleConfig").inner("initializer")
    runtime = document.take("runtime", default="")
    actions = document.take("roleActions", default=None)
    executable = document.take("pythonExecutable", default="") or (find_python(runtime) if runtime else "")
    config = FunctionConfig(
        name=document.take("functionName"),
        service=document.take("serviceName", default=""),
        code=Path(document.take("code")),
        handler=document.take("handler", default="index.handler"),
        initializer=initializer.take("handler", default=""),
        environment={key: str(item) for key, item in document.take("environmentVariables", default={}).items()},
        timeout=document.take("timeout", default=60),
        initialization_timeout=initializer.take("timeout", default=60),
        memory=document.take("memorySize", default=512),
        max_instances=document.take("maxInstances", default=100),
        freeze=document.take("freeze", default=True),
        role_actions=None if actions is None else frozenset(actions),
        extra_paths=tuple(Path(path) for path in document.take("extraPaths", default=[])),
        async_config=_async_config(document.inner("asyncInvokeConfig")),
        triggers=tuple(parse_trigger(trigger, switches) for trigger in document.take("triggers", default=[])),
        runtime=executable or sys.executable,
    )
    document.end()
    return config


def parse_trigger(value: Any, switches: Switches) -> Trigger:
    """Return the trigger that a document describes; ``TriggerConfig`` is an object or, as in the API, its JSON."""
    document = Document(value, "trigger", fold_case=True)
    name, kind = document.take("triggerName"), document.take("triggerType")
    raw = document.take("triggerConfig", default={})
    config = Document(json.loads(raw) if isinstance(raw, str) else raw, f"trigger {name}.triggerConfig")
    source = document.take("sourceArn", default="")
    document.ignore("invocationRole", "description", "qualifier", "functionName")
    document.end()
    parsers: dict[str, Callable[[], Trigger]] = {
        "timer": lambda: _timer(name, config),
        "mns_topic": lambda: _topic(name, config, source),
        "eventbridge": lambda: _eventbridge(name, config, switches),
        "http": lambda: _http(name, config),
    }
    if kind not in parsers:
        raise ValueError(f"trigger {name}: triggerType is {', '.join(parsers)}, not {kind!r}")
    trigger = parsers[kind]()
    config.end()
    return trigger


def _timer(name: str, config: Document) -> TimerTrigger:
    return TimerTrigger(
        name,
        payload=config.take("payload", default=""),
        cron_expression=config.take("cronExpression"),
        enabled=config.take("enable", default=True),
    )


def _topic(name: str, config: Document, source: str) -> TopicTrigger:
    found = re.fullmatch(r"acs:mns:[^:]*:[^:]*:/topics/([^/]+)", source)
    if not found:
        raise ValueError(f"trigger {name}: SourceArn is acs:mns:<region>:<account>:/topics/<name>, not {source!r}")
    config.ignore("notifyStrategy")  # delivery into the asynchronous queue never fails here
    return TopicTrigger(
        name,
        topic=found.group(1),
        content_format=config.take("notifyContentFormat", default="STREAM"),
        filter_tag=config.take("filterTag", default=""),
    )


def _http(name: str, config: Document) -> HttpTrigger:
    config.ignore("disableURLInternet")
    return HttpTrigger(
        name,
        auth_type=config.take("authType", default="anonymous"),
        methods=tuple(config.take("methods", default=HTTP_METHODS)),
    )


def _eventbridge(name: str, config: Document, switches: Switches) -> EventBridgeTrigger | QueueTrigger:
    source, options = config.inner("eventSourceConfig"), config.inner("runOptions")
    kind = source.take("eventSourceType")
    dead_letter = options.inner("deadLetterQueue").take("Arn", default="")
    synchronous = config.take("asyncInvocationType", default=None)  # what true means is open, hence the switch
    common: dict[str, Any] = {
        "name": name,
        "pattern": json.loads(config.take("eventRuleFilterPattern", default="{}")),
        "enabled": config.take("triggerEnable", default=True),
        "asynchronous": synchronous is not None
        and synchronous is (switches.fc_async_invocation_type != "true-is-sync"),
        "retry": Retry.named(
            options.inner("retryStrategy").take("PushRetryStrategy", default=switches.fc_default_retry)
        ),
        "dead_letter_queue": dead_letter.partition("queues/")[2].partition("/")[0],
    }
    if kind == "Default":
        _only_for_queues(config, options)
        return EventBridgeTrigger(**common)
    if kind != "MNS":
        raise ValueError(f"trigger {name}: the stand-in has the eventSourceType Default and MNS, not {kind!r}")
    delivery, window = config.inner("eventSinkConfig").inner("deliveryOption"), options.inner("batchWindow")
    parameters = source.inner("eventSourceParameters").inner("sourceMNSParameters")
    parameters.ignore("RegionId")
    delivery.ignore("concurrency")
    return QueueTrigger(
        **common,
        queue=parameters.take("QueueName"),
        decode_base64=parameters.take("IsBase64Decode", default=True),
        streaming=options.take("mode", default="event-streaming") == "event-streaming",
        batch_size=window.take("CountBasedWindow", default=1),
        batch_window=window.take("TimeBasedWindow", default=0),
        event_schema=delivery.take("eventSchema", default="CloudEvents"),
        tolerate_errors=options.take("errorsTolerance", default="NONE") == "ALL",
    )


def _only_for_queues(config: Document, options: Document) -> None:
    """Accept what the API asks for in every ``eventbridge`` trigger, though a rule makes no use of it."""
    config.ignore("eventSinkConfig")
    options.ignore("mode", "errorsTolerance", "batchWindow")


def _async_config(document: Document) -> AsyncConfig:
    destinations = document.inner("destinationConfig")
    document.ignore("asyncTask")
    return AsyncConfig(
        max_retry_attempts=document.take("maxAsyncRetryAttempts", default=3),
        max_event_age=document.take("maxAsyncEventAgeInSeconds", default=86_400),
        on_success=destinations.inner("onSuccess").take("destination", default=""),
        on_failure=destinations.inner("onFailure").take("destination", default=""),
        retry_wait=document.take("retryWait", default=1.0),
    )
