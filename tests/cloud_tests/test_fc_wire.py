"""Functions and triggers as documents: the template's words become what the local Function Compute does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.core import Switches
from tests.cloud.fc import (
    AsyncConfig,
    EventBridgeTrigger,
    FunctionConfig,
    HttpTrigger,
    QueueTrigger,
    Retry,
    TimerTrigger,
    TopicTrigger,
)
from tests.cloud.fc.wire import parse_function, parse_trigger

DESTINATION = "acs:mns:cn-hangzhou:1234567890123456:/queues/dead/messages"
QUEUE_CONFIG: dict[str, Any] = {
    "triggerEnable": True,
    "asyncInvocationType": True,
    "eventRuleFilterPattern": "{}",
    "eventSourceConfig": {
        "eventSourceType": "MNS",
        "eventSourceParameters": {
            "sourceMNSParameters": {"RegionId": "cn-hangzhou", "QueueName": "in", "IsBase64Decode": False}
        },
    },
    "eventSinkConfig": {"deliveryOption": {"eventSchema": "RawData", "concurrency": 1}},
    "runOptions": {
        "mode": "event-streaming",
        "errorsTolerance": "ALL",
        "retryStrategy": {"PushRetryStrategy": "EXPONENTIAL_DECAY_RETRY"},
        "deadLetterQueue": {"Arn": DESTINATION},
        "batchWindow": {"CountBasedWindow": 10, "TimeBasedWindow": 5},
    },
}
RULE_CONFIG: dict[str, Any] = {
    **QUEUE_CONFIG,
    "eventRuleFilterPattern": '{"source":["acs.ecs"]}',
    "eventSourceConfig": {"eventSourceType": "Default"},
}


def _trigger(kind: str, config: Any, **more: str) -> dict[str, Any]:
    return {"triggerName": "t", "triggerType": kind, "triggerConfig": config, **more}


def test_a_function_in_the_vendors_words(tmp_path: Path) -> None:
    """Every key of the document arrives in its place, whether written as in a template or as in the API."""
    document = {
        "FunctionName": "f",
        "serviceName": "s",
        "Code": str(tmp_path),
        "Handler": "main.run",
        "InstanceLifecycleConfig": {"Initializer": {"Handler": "main.init", "Timeout": 20}},
        "EnvironmentVariables": {"OWNER": "team", "DRY_RUN": 1},
        "Timeout": 30,
        "MemorySize": 256,
        "maxInstances": 2,
        "freeze": False,
        "roleActions": ["mns:PublishMessage"],
        "extraPaths": ["lib"],
        "asyncInvokeConfig": {
            "maxAsyncRetryAttempts": 1,
            "maxAsyncEventAgeInSeconds": 60,
            "destinationConfig": {"onFailure": {"destination": DESTINATION}},
        },
        "triggers": [_trigger("timer", {"cronExpression": "@every 4m"})],
    }
    assert parse_function(document, Switches()) == FunctionConfig(
        name="f",
        service="s",
        code=tmp_path,
        handler="main.run",
        initializer="main.init",
        initialization_timeout=20,
        runtime=sys.executable,
        environment={"OWNER": "team", "DRY_RUN": "1"},
        timeout=30,
        memory=256,
        max_instances=2,
        freeze=False,
        role_actions=frozenset({"mns:PublishMessage"}),
        extra_paths=(Path("lib"),),
        async_config=AsyncConfig(max_retry_attempts=1, max_event_age=60, on_failure=DESTINATION),
        triggers=(TimerTrigger("t", cron_expression="@every 4m"),),
    )


@pytest.mark.parametrize("as_text", [False, True], ids=["object", "json-text"])
@pytest.mark.parametrize(
    ("document", "trigger"),
    [
        pytest.param(
            _trigger("timer", {"cronExpression": "0 0 4 * * *", "enable": False, "payload": "p"}),
            TimerTrigger("t", payload="p", cron_expression="0 0 4 * * *", enabled=False),
            id="timer",
        ),
        pytest.param(
            _trigger(
                "mns_topic",
                {"notifyContentFormat": "JSON", "notifyStrategy": "BACKOFF_RETRY", "filterTag": "x"},
                sourceArn="acs:mns:cn-hangzhou:1234567890123456:/topics/news",
                invocationRole="acs:ram::1234567890123456:role/r",
            ),
            TopicTrigger("t", "news", "JSON", "x"),
            id="topic",
        ),
        pytest.param(
            _trigger("http", {"authType": "function", "methods": ["GET"], "disableURLInternet": False}),
            HttpTrigger("t", "function", ("GET",)),
            id="http",
        ),
        pytest.param(
            _trigger("eventbridge", QUEUE_CONFIG),
            QueueTrigger(
                name="t",
                queue="in",
                batch_size=10,
                batch_window=5,
                event_schema="RawData",
                decode_base64=False,
                retry=Retry.named("EXPONENTIAL_DECAY_RETRY"),
                tolerate_errors=True,
                dead_letter_queue="dead",
            ),
            id="queue",
        ),
        pytest.param(
            _trigger("eventbridge", RULE_CONFIG),
            EventBridgeTrigger(
                name="t",
                pattern={"source": ["acs.ecs"]},
                retry=Retry.named("EXPONENTIAL_DECAY_RETRY"),
                dead_letter_queue="dead",
            ),
            id="rule",
        ),
    ],
)
def test_a_trigger_in_the_vendors_words(document: dict[str, Any], trigger: Any, as_text: bool) -> None:
    """Each kind of trigger is understood, its config as an object or, as the API takes it, as JSON text."""
    if as_text:
        document = {**document, "triggerConfig": json.dumps(document["triggerConfig"])}
    assert parse_trigger(document, Switches()) == trigger


@pytest.mark.parametrize("kind", ["MNS", "Default"])
@pytest.mark.parametrize(
    ("switch", "value", "asynchronous"),
    [
        pytest.param("true-is-sync", True, False, id="sync-true"),
        pytest.param("true-is-sync", False, True, id="sync-false"),
        pytest.param("true-is-async", True, True, id="async-true"),
        pytest.param("true-is-async", False, False, id="async-false"),
        pytest.param("true-is-sync", None, False, id="sync-absent"),
        pytest.param("true-is-async", None, False, id="async-absent"),
    ],
)
def test_what_async_invocation_type_means_is_a_switch(
    kind: str, switch: str, value: bool | None, asynchronous: bool
) -> None:
    """The vendor's pages contradict each other; without the key a trigger is synchronous under both readings."""
    config = {**(QUEUE_CONFIG if kind == "MNS" else RULE_CONFIG), "asyncInvocationType": value}
    if value is None:
        del config["asyncInvocationType"]
    trigger: Any = parse_trigger(_trigger("eventbridge", config), Switches(fc_async_invocation_type=switch))
    assert trigger.asynchronous is asynchronous


@pytest.mark.parametrize("strategy", ["BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"])
def test_the_default_retry_strategy_is_a_switch(strategy: str) -> None:
    """A trigger that names no strategy gets the switch's; the two are 3 and 176 retries."""
    config = {"eventSourceConfig": {"eventSourceType": "Default"}}
    trigger: Any = parse_trigger(_trigger("eventbridge", config), Switches(fc_default_retry=strategy))
    assert trigger.retry == Retry.named(strategy)
    assert len(trigger.retry.waits) == {"BACKOFF_RETRY": 3, "EXPONENTIAL_DECAY_RETRY": 176}[strategy]
    assert max(trigger.retry.waits) <= 512


def _changed(path: str, value: Any) -> dict[str, Any]:
    """Return the queue trigger's document with one value changed, or removed for None."""
    config = json.loads(json.dumps(QUEUE_CONFIG))
    *parents, key = path.split(".")
    place = config
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[key]
    else:
        place[key] = value
    return _trigger("eventbridge", config)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param({}, "trigger.triggerName is missing", id="empty"),
        pytest.param(_trigger("oss", {}), "triggerType is timer, mns_topic, eventbridge, http, not 'oss'", id="type"),
        pytest.param(_trigger("timer", []), "triggerConfig is an object", id="no-object"),
        pytest.param(_trigger("timer", {}), "triggerConfig.cronExpression is missing", id="missing"),
        pytest.param(
            _trigger("timer", {"cronExpression": "x", "enabled": True}), "unknown keys: enabled", id="misspelt"
        ),
        pytest.param(_trigger("timer", {"cronExpression": "x"}, Sourcearn="x"), "unknown keys: sourcearn", id="outer"),
        pytest.param(_trigger("mns_topic", {}, sourceArn="acs:mns:x"), "SourceArn is acs:mns:", id="source-arn"),
        pytest.param(_changed("runOptions.batchWindow.countBasedWindow", 5), "unknown keys: countBased", id="case"),
        pytest.param(_changed("runOptions.batchWindow.CountBasedWindow", 10_001), "1 to 10000", id="count"),
        pytest.param(_changed("runOptions.batchWindow.TimeBasedWindow", 16), "0 to 15 seconds", id="window"),
        pytest.param(_changed("runOptions.retryStrategy.PushRetryStrategy", "NEVER"), "PushRetry", id="strategy"),
        pytest.param(_changed("eventSinkConfig.deliveryOption.eventSchema", "Raw"), "eventSchema is", id="schema"),
        pytest.param(_changed("eventSourceConfig.eventSourceType", "Kafka"), "Default and MNS", id="source-type"),
        pytest.param(
            _changed("eventSourceConfig.eventSourceParameters.sourceMNSParameters.QueueName", None),
            "sourceMNSParameters.QueueName is missing",
            id="queue-name",
        ),
    ],
)
def test_a_mistake_in_a_trigger_is_named(document: dict[str, Any], reason: str) -> None:
    """What the real thing would ignore or refuse later is refused at once, with its place."""
    with pytest.raises(ValueError, match=reason):
        parse_trigger(document, Switches())


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        pytest.param({"FunctionName": None}, ValueError, "function.functionName is missing", id="name"),
        pytest.param({"Enviroment": {}}, ValueError, "unknown keys: enviroment", id="misspelt"),
        pytest.param({"Runtime": "python3.99"}, LookupError, r"python3\.99", id="runtime"),
        pytest.param(
            {"InstanceLifecycleConfig": {"Initializer": {"Handler": "a.b", "Time": 1}}},
            ValueError,
            "initializer has unknown keys: time",
            id="inner",
        ),
    ],
)
def test_a_mistake_in_a_function_is_named(changes: dict[str, Any], error: type[Exception], reason: str) -> None:
    """A function's document is read as strictly."""
    document = {"FunctionName": "f", "code": ".", **changes}
    with pytest.raises(error, match=reason):
        parse_function({key: value for key, value in document.items() if value is not None}, Switches())
