"""``template.yml`` without the cloud: against the vendor's registry, our own rules, the code, and the stand-in."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions._operator import catalogue
from functions._operator.build import RUNTIMES
from shared import settings
from shared.cloud import endpoints
from shared.events.fields import text_of
from shared.events.parsing import parse
from shared.model.records import Appeared, Changed, Ended
from tests.cloud.core import ManualClock, Switches, World
from tests.cloud.fc.triggers.config import EventBridgeTrigger, QueueTrigger, Retry, TimerTrigger, Trigger
from tests.cloud.fc.triggers.pattern import matches
from tests.cloud.fc.triggers.queue import QueuePump
from tests.cloud.fc.triggers.triggered import Delivery
from tests.cloud.fc.wire import parse_trigger
from tests.cloud.fixtures import new_cloud
from tests.deployed import FUNCTIONS, create_queues
from tests.invoking import VPC, Invoker, request, state_change
from tests.logstore import LogStore, index_of, written
from tests.registry import charts
from tests.registry.check import Template
from tests.registry.stack import ACCOUNT, REGION, REQUIRED, WHOLE, Stack

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "template.yml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
REGISTRY = json.loads((ROOT / "tests" / "registry" / "registry.json").read_text(encoding="utf-8"))
API_RATE = 50  # calls per second and user; https://help.aliyun.com/document_detail/342760.htm
OUR_RATE = 40  # below this, so that a person or another tool of the account is not throttled because of us
MOST_RULES = 10  # on the default bus; https://help.aliyun.com/zh/functioncompute/fc/user-guide/configure-event-triggers-for-alibaba-cloud-services
MEND_SETTING = (
    "a setting has a Variable and a field in shared/settings.py, and in template.yml a parameter, in its group under Metadata, "
    "and a line in EnvironmentVariables; afterwards run `python -m tests.readme --write`"
)
PER_FUNCTION = ("Function", "ConcurrencyConfig", "AsyncInvokeConfig")  # resource types that each function has one of
MAX_WAIT_SECONDS = (
    20.0  # seconds; https://www.alibabacloud.com/help/en/functioncompute/fc/advanced-features-of-triggers
)
MAX_TRIGGERED_SECONDS = 300  # seconds; https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-queue-triggers


def stack(document: Mapping[str, Any] = DOCUMENT, **parameters: Any) -> Stack:
    """Return the stack that a template makes with these parameters."""
    return Stack(document, {**WHOLE, **parameters})


def triggers(of: Stack, switches: Switches | None = None) -> dict[str, Trigger]:
    """Read every trigger as strictly as the local Function Compute does; ValueError for what it does not know."""
    found = [parse_trigger(each, switches or Switches()) for each in of.of_type("ALIYUN::FC3::Trigger")]
    return {trigger.name: trigger for trigger in found}


def environment(of: Stack, function: str = "set_vpc_access") -> dict[str, str]:
    """Return a function's environment variables as Function Compute hands them over."""
    given = of.properties(FUNCTIONS[function].function)["EnvironmentVariables"]
    return {name: str(value) for name, value in given.items()}


def own_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the registry cannot see: maps that it does not look into, and keys outside of resources."""
    known = {
        "": {"ROSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Resources", "Outputs"},
        "Parameters": {"Type", "Label", "Description", "Default", "AllowedPattern", "AllowedValues", "MinValue"}
        | {"MaxValue", "ConstraintDescription", "AssociationProperty", "AssociationPropertyMetadata"},
        "Outputs": {"Description", "Value", "Condition"},
    }
    for key in document.keys() ^ known[""]:
        yield f"top level: {key}"
    for section in ("Parameters", "Outputs"):
        for name, item in document.get(section, {}).items():
            for key in item.keys() - known[section]:
                yield f"{section}.{name}: {key}"
            for text in ("Label", "Description", "ConstraintDescription"):
                if text in item and item[text].keys() != {"en", "zh-cn"}:
                    yield f"{section}.{name}.{text}: not in both languages"
            if {"Parameters": "Type", "Outputs": "Value"}[section] not in item:
                yield f"{section}.{name}: incomplete"
    for group in document["Metadata"]["ALIYUN::ROS::Interface"]["ParameterGroups"]:
        if group["Label"]["default"].keys() != {"en", "zh-cn"}:
            yield "a group's label is not in both languages"
    if document["Description"].keys() != {"en", "zh-cn"}:
        yield "the description is not in both languages"
    if document["Parameters"]["CodeObject"]["AssociationPropertyMetadata"] != {"BucketName": "${CodeBucket}"}:
        yield "the picker of the code does not know its bucket"
    if stack(document).properties("DeadLetterAlarm")["Resources"][0].keys() != {"userId", "region", "queue"}:
        yield "dimensions of the dead letters' metric"
    for trigger in stack(document).of_type("ALIYUN::FC3::Trigger"):
        sink = trigger["TriggerConfig"].get("eventSinkConfig")
        if trigger["TriggerType"] == "eventbridge" and sink != {"deliveryOption": {"eventSchema": "CloudEvents"}}:
            yield f"{trigger['TriggerName']} does not deliver CloudEvents"
    yield from charts.problems(stack(document).properties("Dashboard"))
    wanted = {each.name for each in settings.VARIABLES} - {*settings.ENDPOINTS}
    for function in FUNCTIONS:
        for name in environment(stack(document), function).keys() ^ wanted:
            yield f"{function}, {name}: {MEND_SETTING}"
    triggers(stack(document))


def broken(document: Mapping[str, Any]) -> bool:
    """Tell whether any check of this file finds a template wrong; the first problem is enough."""
    try:
        return any(True for _ in chain(Template(document, REGISTRY).problems(), own_problems(document)))
    except (KeyError, ValueError, TypeError, AttributeError):
        return True


def test_template_fits_the_registry() -> None:
    """Types, properties, required ones, shapes, bounds, values, patterns and references are the vendor's."""
    assert list(Template(DOCUMENT, REGISTRY).problems()) == []


def test_template_fits_our_own_rules() -> None:
    """What the registry does not look into is right too: triggers, environment, parameters, outputs, languages."""
    assert list(own_problems(DOCUMENT)) == []


def test_template_may_be_sent() -> None:
    """The template stays below the limit of ROS for a template's size."""
    assert FILE.stat().st_size < 524_288  # https://www.alibabacloud.com/help/doc-detail/28854.htm


def test_extract_holds_what_the_template_uses() -> None:
    """The committed extract has the template's types, no more, from one version of the vendor's packages."""
    used = {resource["Type"] for resource in DOCUMENT["Resources"].values()}
    assert REGISTRY["resources"].keys() == used, "run `python -m tests.registry.extract`"
    assert len(set(REGISTRY["source"].values())) == 1


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every key in a template that somebody else has named, not we."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))
    if isinstance(value, dict):
        for key, item in value.items():
            ours = path in {("Parameters",), ("Resources",), ("Outputs",), ("Conditions",)} or path[-1:] == ("Fn::Sub",)
            if not ours:
                yield (*path, key)
            yield from places(item, (*path, key))


def misspelt(path: tuple[Any, ...]) -> dict[str, Any]:
    """Return the template with one key misspelt; what is not on the way to it is the template's own."""
    document = dict(DOCUMENT)
    holder: Any = document
    for step in path[:-1]:
        holder[step] = copy.copy(holder[step])
        holder = holder[step]
    holder[f"{path[-1]}x"] = holder.pop(path[-1])
    return document


def test_every_key_matters() -> None:
    """Whichever one key of the template is misspelt, a check of this file notices."""
    unnoticed = [".".join(map(str, path)) for path in places(DOCUMENT) if not broken(misspelt(path))]
    assert unnoticed == []


def change(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """Return an edit of the template's resources that sets the value at ``path``."""

    def edit(document: dict[str, Any]) -> None:
        holder: Any = document["Resources"]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to

    return edit


def output_condition(document: dict[str, Any]) -> None:
    """Make an output depend on a condition that there is not."""
    document["Outputs"]["NamesQueue"]["Condition"] = "Always"


def condition_of_conditions(document: dict[str, Any]) -> None:
    """Make a condition depend on one that there is not."""
    document["Conditions"]["TellsOfNames"]["Fn::And"][0] = "Always"


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        pytest.param(change("ResultTopic", "Type", to="ALIYUN::MNS::Topicc"), "unknown type", id="type"),
        pytest.param(change("ResultTopic", "Properties", to={}), "TopicName is missing", id="required"),
        pytest.param(change("LogStore", "Properties", "TTL", to="90"), "not a number", id="text-for-number"),
        pytest.param(change("LogStore", "Properties", "TTL", to=True), "not a number", id="boolean-for-number"),
        pytest.param(change("LogStore", "Properties", "TTL", to=4000), "range is 1 to 3650", id="range"),
        pytest.param(change("LogStore", "Properties", "LogstoreName", to="ab"), "length is 3 to 63", id="length"),
        pytest.param(change("LogProject", "Properties", "Name", to="a_b c"), "does not match", id="pattern"),
        pytest.param(
            change("RefusedAlarm", "Properties", "Detail", "Configuration", "GroupConfiguration", "Type", to="none"),
            "not one of",
            id="value",
        ),
        pytest.param(
            change("Function", "Properties", "Timeout", to={"Ref": "LogLevel"}), "not a number", id="parameter"
        ),
        pytest.param(change("Function", "Properties", "Role", to={"Ref": "Rôle"}), "refers to Rôle", id="ref"),
        pytest.param(
            change("Function", "Properties", "Role", to={"Fn::GetAtt": ["Role", "ARN"]}), "Role.ARN", id="attribute"
        ),
        pytest.param(change("Function", "Properties", "Role", to={"Fn::GetAtt": ["No", "Arn"]}), "of No", id="get-att"),
        pytest.param(change("Function", "Properties", "Role", to={"Fn::Sub": "${No}"}), "refers to No", id="sub"),
        pytest.param(change("Function", "Properties", "Role", to={"Fn::Subs": "a"}), "unknown function", id="function"),
        pytest.param(change("Function", "DependsOn", to="Logs"), "depends on Logs", id="depends-on"),
        pytest.param(change("DeadLetterAlarm", "Condition", to="Always"), "unknown condition", id="condition"),
        pytest.param(output_condition, "unknown condition", id="condition-of-an-output"),
        pytest.param(condition_of_conditions, "unknown condition", id="condition-of-conditions"),
    ],
)
def test_mistake_is_named(edit: Callable[[dict[str, Any]], None], problem: str) -> None:
    """Each kind of mistake is told with its place."""
    document = copy.deepcopy(DOCUMENT)
    edit(document)
    assert any(problem in found for found in Template(document, REGISTRY).problems())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_environment_makes_valid_settings(function: str) -> None:
    """Each function starts with what the template gives it; where products are reached follows from the region."""
    loaded = settings.load({**environment(stack(), function), "FC_REGION": REGION, "FC_ACCOUNT_ID": ACCOUNT})
    assert loaded.result_topic == "set-vpc-access-results"
    assert loaded.release_queue == stack().properties("ReleaseQueue")["QueueName"]
    assert loaded.ess_endpoint == "https://ess.aliyuncs.com"


def test_functions_share_their_environment() -> None:
    """What is set for one function is set for all; only the pace is each one's own."""
    given = {**REQUIRED, **{name: "1" for name in DOCUMENT["Parameters"] if name not in REQUIRED}}
    of = Stack(DOCUMENT, {**given, "MaxCallsPerSecond": 11, "BackgroundCallsPerSecond": 3})
    first, *others = (environment(of, function) for function in FUNCTIONS)
    assert first["MAX_CALLS_PER_SECOND"] == "11"
    assert others == [{**first, "MAX_CALLS_PER_SECOND": "3"}] * 3


def test_parameters_default_to_the_settings_defaults() -> None:
    """An operator who leaves a parameter alone gets what the code does by itself."""
    defaults = {variable.name: variable.default for variable in settings.VARIABLES if variable.default}
    given = environment(Stack(DOCUMENT, REQUIRED))
    assert {name: given.get(name) for name in defaults} == defaults, MEND_SETTING


def test_environment_fits_function_compute() -> None:
    """All variables together stay below 4 KB with room for long lists of VPCs and ports."""
    vpcs = ",".join(f"vpc-bp1example{number:010}" for number in range(50))
    size = sum(len(f"{name}={value}") for name, value in environment(stack(AllowedVpcIds=vpcs)).items())
    assert (
        size < 4096
    )  # FC_* ones not counted; https://help.aliyun.com/zh/functioncompute/fc/user-guide/environment-variables


@pytest.mark.parametrize("name", catalogue.names())
def test_handlers_are_in_the_code(name: str) -> None:
    """Handler and initializer name functions of the function's file at the zip's root."""
    function = stack().properties(FUNCTIONS[name].function)
    handlers = [function["Handler"], function["InstanceLifecycleConfig"]["Initializer"]["Handler"]]
    assert [handler.partition(".")[0] for handler in handlers] == [name, name]
    index = import_module(f"functions.{name}.index")
    assert all(callable(getattr(index, handler.partition(".")[2])) for handler in handlers)


def test_every_function_is_whole() -> None:
    """Each function of the stack is one of the code's, and differs from the others in what has to be its own only."""
    assert FUNCTIONS.keys() == set(catalogue.names())
    assert [len(stack().of_type(f"ALIYUN::FC3::{kind}")) for kind in PER_FUNCTION] == [len(FUNCTIONS)] * 3
    own = ("FunctionName", "Description", "Handler", "InstanceLifecycleConfig", "Role", "EnvironmentVariables")
    first, *others = (stack().properties(parts.function) for parts in FUNCTIONS.values())
    for function in others:
        apart = own + ("Timeout",) * (function["Handler"] == "reconcile_vpc_access.handler")
        assert {**function, **{key: first[key] for key in apart}} == first
        assert all(function[key] != first[key] for key in apart)


def test_one_sweep_at_a_time() -> None:
    """A sweep has ten minutes and one instance, ends before the next begins, and is not repeated if it fails."""
    parts = FUNCTIONS["reconcile_vpc_access"]
    assert (
        stack().properties(parts.function)["Timeout"]
        == 600
        < 60 * DOCUMENT["Parameters"]["ReconcileMinutes"]["MinValue"]
    )
    assert stack().properties(parts.instances)["ReservedConcurrency"] == 1
    asynchronous = stack().properties(parts.asynchronous)
    assert asynchronous["MaxAsyncRetryAttempts"] == 0
    assert asynchronous["MaxAsyncEventAgeInSeconds"] <= 60 * DOCUMENT["Parameters"]["ReconcileMinutes"]["MinValue"]
    assert "DestinationConfig" not in asynchronous


def test_timer_fires_the_sweep() -> None:
    """The timer belongs to the function that reconciles and is enabled; how often it fires is a parameter."""
    (timer,) = [each for each in triggers(stack(ReconcileMinutes=45)).values() if isinstance(each, TimerTrigger)]
    (trigger,) = [each for each in stack().of_type("ALIYUN::FC3::Trigger") if each["TriggerType"] == "timer"]
    assert (timer.name, timer.enabled, timer.payload) == ("reconcile", True, "45")
    assert trigger["FunctionName"] == stack().properties("ReconcileFunction")["FunctionName"]
    assert trigger["TriggerConfig"]["cronExpression"] == "@every 60m"


def test_offered_runtimes_are_built_for() -> None:
    """The runtimes that an operator can choose are those that there is a build for."""
    assert DOCUMENT["Parameters"]["Runtime"]["AllowedValues"] == [f"python{version}" for version in RUNTIMES]


def test_api_rate_holds() -> None:
    """With the defaults all instances of all functions together leave room in the account's API rate."""
    given = stack()
    most = {
        each["FunctionName"]: each["ReservedConcurrency"] for each in given.of_type("ALIYUN::FC3::ConcurrencyConfig")
    }
    rates = {
        each["FunctionName"]: float(each["EnvironmentVariables"]["MAX_CALLS_PER_SECOND"])
        for each in given.of_type("ALIYUN::FC3::Function")
    }
    assert most.keys() == rates.keys()
    assert sum(most[name] * rate for name, rate in rates.items()) < OUR_RATE < API_RATE


def test_default_bus_has_room_for_the_rules() -> None:
    """All rules on the default bus together are no more than the fewest that a page of the vendor allows."""
    rules = [each.name for each in triggers(stack()).values() if isinstance(each, EventBridgeTrigger)]
    assert len(rules) <= MOST_RULES
    assert rules == ["instances", "balancers", "ended-instances", "ended-balancers", "stopped-instances"]


def test_names_fit_whatever_the_function_is_called() -> None:
    """The longest name of a function that the parameter allows leaves every derived name within its limit."""
    longest = "a" * 32
    pattern = DOCUMENT["Parameters"]["FunctionName"]["AllowedPattern"]
    assert re.fullmatch(pattern, longest)
    assert not re.fullmatch(pattern, f"{longest}a")
    given = stack(FunctionName=longest)
    resources = REGISTRY["resources"]
    for name, resource in DOCUMENT["Resources"].items():
        properties = given.properties(name)
        for key, shape in resources[resource["Type"]]["properties"].items():
            if key.endswith("Name") and key in properties and "length" in shape:
                least, most = shape["length"]
                assert least <= len(properties[key]) <= (most or 512), f"{name}.{key}"
    ids = [region for region in endpoints.REGIONS if "internal" not in region]  # those are the vendor's own
    region = max(map(len, ids)) - len(REGION)  # how much longer a region's id can be
    assert all(len(role["RoleName"]) + region <= 64 for role in given.of_type("ALIYUN::RAM::Role"))
    assert all(len(function["FunctionName"]) <= 64 for function in given.of_type("ALIYUN::FC3::Function"))
    assert len(given.properties("LogProject")["Name"]) <= 63
    assert all(len(queue["QueueName"]) <= 120 for queue in given.of_type("ALIYUN::MNS::Queue"))  # the strictest limit
    assert all(len(alarm["Detail"]["DisplayName"]) <= 64 for alarm in given.of_type("ALIYUN::SLS::Alert"))
    for search in given.of_type("ALIYUN::SLS::Savedsearch"):
        assert all(3 <= len(search["Detail"][key]) <= 63 for key in ("SavedsearchName", "DisplayName"))


FED = {"requests": "RequestQueue", "hooks": "HookQueue", "releases": "ReleaseQueue", "names": "NamesQueue"}
"""Trigger → the queue that it takes from."""


@pytest.mark.parametrize(
    ("name", "size", "letters"),
    [
        pytest.param("requests", 100, "set-vpc-access-dead-letters", id="requests"),
        pytest.param("hooks", 100, "set-vpc-access-dead-letters", id="hooks"),
        pytest.param("releases", 10, "", id="releases"),
        pytest.param("names", 10, "", id="names"),
    ],
)
def test_messages_come_in_batches(name: str, size: int, letters: str) -> None:
    """A queue's messages come untouched and in batches, are tried again, and never block the queue."""
    trigger = triggers(stack())[name]
    assert isinstance(trigger, QueueTrigger)
    assert (trigger.queue, trigger.dead_letter_queue) == (f"set-vpc-access-{name}", letters)
    assert (trigger.streaming, trigger.tolerate_errors, trigger.decode_base64) == (True, True, False)
    assert (trigger.batch_size, trigger.batch_window, len(trigger.retry.waits)) == (size, 1, 3)


def test_only_what_can_be_replayed_is_a_dead_letter() -> None:
    """What fails for those that release and keep names is found again by looking, so their triggers keep no dead letters."""
    kinds = (QueueTrigger, EventBridgeTrigger)
    found = {each.name: each.dead_letter_queue for each in triggers(stack()).values() if isinstance(each, kinds)}
    assert {name for name, letters in found.items() if not letters} == {
        "releases",
        "ended-instances",
        "ended-balancers",
        "stopped-instances",
        "names",
    }


def test_release_is_scheduled_in_its_queue() -> None:
    """Scheduled messages wait each for its own time: the queue adds none, and keeps them for longer than the longest delay."""
    queue = stack().properties("ReleaseQueue")
    assert "DelaySeconds" not in queue
    assert queue["MessageRetentionPeriod"] > DOCUMENT["Parameters"]["ReleaseDelaySeconds"]["MaxValue"] * 2


@pytest.mark.parametrize("reading", ["true-is-sync", "true-is-async"])
def test_triggers_call_synchronously(reading: str) -> None:
    """Whatever ``asyncInvocationType`` means, every trigger calls synchronously: only then do their retries work."""
    found = triggers(stack(), Switches(fc_async_invocation_type=reading))
    kinds = (QueueTrigger, EventBridgeTrigger)
    assert {each.asynchronous for each in found.values() if isinstance(each, kinds)} == {False}


def test_hook_names_its_queue() -> None:
    """The stack gives out what a lifecycle hook has to name, in the form that Auto Scaling wants; the page shows the same."""
    arn = f"acs:mns:{REGION}:{ACCOUNT}:queue/{stack().properties('HookQueue')['QueueName']}"
    assert stack().output("HookNotificationArn") == arn
    assert f"--NotificationArn {arn}\n" in (ROOT / "functions" / "README.md").read_text(encoding="utf-8")


TIMEOUTS = [DOCUMENT["Parameters"]["Timeout"][key] for key in ("MinValue", "Default", "MaxValue")]


@pytest.mark.parametrize("name", FED)
@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_message_stays_hidden_while_it_is_worked_on(name: str, timeout: int) -> None:
    """Whatever Timeout is, a message is hidden for longer than all attempts of the trigger, their starts and waits take."""
    given = stack(Timeout=timeout)
    trigger = triggers(given)[name]
    assert isinstance(trigger, QueueTrigger)
    waits = len(trigger.retry.waits)
    attempt = timeout + given.properties("Function")["InstanceLifecycleConfig"]["Initializer"]["Timeout"]
    longest = (1 + waits) * attempt + waits * MAX_WAIT_SECONDS + trigger.batch_window
    assert timeout <= MAX_TRIGGERED_SECONDS
    assert given.properties(FED[name])["VisibilityTimeout"] > longest
    assert given.output("VisibilityTimeout") == given.properties(FED[name])["VisibilityTimeout"]


@dataclass
class Slow:
    """A function that takes all its time and then fails, as Function Compute's trigger sees it."""

    world: World
    seconds: float
    name: str = "slow"
    deliveries: int = 0

    def deliver(self, event: bytes, *, asynchronous: bool) -> Delivery:
        """Let the time pass and fail."""
        del event, asynchronous
        self.deliveries += 1
        self.world.clock.advance(self.seconds)
        return Delivery.FAILED

    def lose(self, queue: str, why: str) -> None:
        """Fail: its dead letter fits the queue."""
        raise AssertionError(f"{queue}: {why}")


@pytest.mark.parametrize("name", FED)
@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_slow_message_comes_to_an_end(name: str, timeout: int) -> None:
    """In a day, a message that takes the whole time of each attempt comes four times and is then a dead letter, if it may."""
    given = stack(Timeout=timeout)
    trigger = triggers(given)[name]
    assert isinstance(trigger, QueueTrigger)
    app = new_cloud(World(clock=ManualClock()))
    smq, clock = app["SMQ"], app.world.clock
    create_queues(smq, given)
    start = given.properties("Function")["InstanceLifecycleConfig"]["Initializer"]["Timeout"]
    slow = Slow(app.world, timeout + start)
    pump = QueuePump(
        app.world, smq, replace(trigger, retry=Retry((MAX_WAIT_SECONDS,) * len(trigger.retry.waits))), slow
    )
    smq.send(trigger.queue, json.dumps(request()))
    over = clock.now() + 86_400
    while clock.now() < over:
        if not pump.step():
            clock.advance(10)
    letters = smq.receive("set-vpc-access-dead-letters", 16)
    pump.close()
    app.close()
    assert (slow.deliveries, len(letters)) == (4, bool(trigger.dead_letter_queue))


def event_files() -> list[Any]:
    """Return a parameter for every sample event that is JSON."""
    found = [*sorted((ROOT / "events").glob("*/*.json"))]
    return [pytest.param(path, id=f"{path.parent.name}-{path.stem}") for path in found if path.parent.name != "schema"]


def test_stack_without_names_has_nothing_for_them() -> None:
    """Whoever allows no name, or switches them off, gets neither function, role, queue, triggers nor an alarm and its search."""
    without = [stack(AllowedNames="none"), stack(NamedBackends="off")]
    only = {name for name in DOCUMENT["Resources"] if not without[0].has(name) and stack().has(name)}
    kinds = sorted(DOCUMENT["Resources"][name]["Type"].rpartition("::")[2] for name in only)
    assert kinds == sorted(("Queue", "Role", *PER_FUNCTION, "Trigger", "Trigger", "Alert", "Savedsearch"))
    assert all(not of.has(name) for of in without for name in only)
    assert {name for name, each in DOCUMENT["Outputs"].items() if each.get("Condition") == "KeepsNames"} == {
        "NamesQueue",
        "NamedFunctionName",
    }
    for of, function, parts in (
        (of, name, each) for of in without for name, each in FUNCTIONS.items() if of.has(each.role)
    ):
        rights = of.properties(parts.role)["Policies"][0]["PolicyDocument"]["Statement"]
        about_names = [each["Effect"] for each in rights if each["Resource"][0].endswith("-names/messages")]
        assert about_names == ["Deny"], function


def test_one_decides_about_names() -> None:
    """The function that keeps names has one instance, and only its queue reaches it."""
    parts = FUNCTIONS["named_backends"]
    assert stack().properties(parts.instances)["ReservedConcurrency"] == 1
    name = stack().properties(parts.function)["FunctionName"]
    reached = [each["TriggerName"] for each in stack().of_type("ALIYUN::FC3::Trigger") if each["FunctionName"] == name]
    assert reached == ["names"]


STATE_CHANGES = frozenset({"ecs:Instance:StateChange"})
BALANCER_RECORDS = frozenset({"slb:ActionTrail:ApiCall", "slb:ActionTrail:ConsoleOperation"})


@pytest.mark.parametrize("path", event_files())
@pytest.mark.parametrize(
    ("name", "types", "wanted"),
    [
        pytest.param("instances", STATE_CHANGES, Appeared, id="instances"),
        pytest.param("balancers", BALANCER_RECORDS, Appeared, id="balancers"),
        pytest.param("ended-instances", STATE_CHANGES, Ended, id="ended-instances"),
        pytest.param("ended-balancers", BALANCER_RECORDS, Ended, id="ended-balancers"),
    ],
)
def test_filter_lets_through_what_the_function_acts_on(
    path: Path, name: str, types: frozenset[str], wanted: type[Appeared | Ended]
) -> None:
    """A filter takes the sample events of its types that the function acts on, and those that only the function can judge.

    These are state changes whose data has no state, and calls that have failed.
    """
    trigger = triggers(stack())[name]
    assert isinstance(trigger, EventBridgeTrigger)
    raw = path.read_bytes()
    try:
        event = json.loads(raw)
    except ValueError:
        event = None
    single = isinstance(event, dict) and event.get("type") in types
    acted_on = any(isinstance(record.content, wanted) for record in parse(raw))
    unsure = types == STATE_CHANGES and not text_of(event, "data", "state")
    unsure |= wanted is Ended and bool(text_of(event, "data", "errorCode"))
    assert (isinstance(event, dict) and matches(trigger.pattern, event)) == (single and (acted_on or unsure))


@pytest.mark.parametrize("path", event_files())
def test_stopped_instance_reaches_the_function_that_releases_once(path: Path) -> None:
    """Of two triggers exactly one takes a notice that an instance has stopped, wherever in it the state stands."""
    kinds = [triggers(stack())[name] for name in ("stopped-instances", "ended-instances")]
    try:
        event = json.loads(path.read_bytes())
    except ValueError:
        event = None
    if not isinstance(event, dict) or event.get("type") not in STATE_CHANGES:
        event = {}
    states = [each.content.state for each in parse(path.read_bytes()) if isinstance(each.content, Changed)]
    taken = [isinstance(kind, EventBridgeTrigger) and matches(kind.pattern, event) for kind in kinds]
    if states == ["Stopped"] and event:
        assert sum(taken) == 1
    else:
        assert not taken[0]


NAME = "team-a-i-bp1example0001-8080"
OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]


def found_by(alarm: str, invoke: Invoker) -> list[dict[str, Any]]:
    """Return the log lines that an alarm's query finds, by fields that the index has."""
    configuration = stack().properties(alarm)["Detail"]["Configuration"]
    store = LogStore(index_of(stack().properties("LogIndex")), written(invoke.lines()))
    found = store.find(configuration["QueryList"][0]["Query"])
    return [{name.removeprefix("message."): value for name, value in row.items()} for row in found]


@pytest.mark.parametrize(
    ("alarm", "outcome", "changes"),
    [
        pytest.param("RefusedAlarm", "refused", {"Port": 22}, id="refused"),
        pytest.param("FailedAlarm", "failed", {}, id="failed"),
        pytest.param("FailedAlarm", "authorized", {}, id="fine"),
    ],
)
def test_alarms_look_for_lines_that_the_code_writes(
    invoke: Invoker, alarm: str, outcome: str, changes: dict[str, Any]
) -> None:
    """An alarm's query finds the log lines of its outcome and no others."""
    if outcome == "failed":
        invoke.served.faults.add(operation="CloudAPI.SetVpcAccess", status=503, code="ServiceUnavailable")
    invoke(request(**changes), timeout=10.0)
    wanted = [outcome] if alarm == f"{outcome.capitalize()}Alarm" else []
    assert [line["outcome"] for line in found_by(alarm, invoke)] == wanted


def test_an_alarm_tells_of_a_removal_that_nobody_is_told_of(releasing: Invoker) -> None:
    """A release whose result cannot be published has not failed, and has no dead letter: the line about the result counts."""
    gone, alive = "i-bp1example0001", "i-bp1example0002"
    releasing.configure(RESULT_TOPIC="not-there")
    releasing.given(
        entries=[request(Name=NAME, InstanceId=gone, Tag=OURS)], instances=[{"InstanceId": alive, "VpcId": VPC}]
    )
    releasing(state_change(gone, "Deleted"))
    releasing.due(3600.0)

    assert [line["event"] for line in found_by("FailedAlarm", releasing)] == ["result not published"]


@pytest.mark.parametrize(
    ("alarm", "before", "found"),
    [
        pytest.param("DeadInUseAlarm", True, 1, id="in-use"),
        pytest.param("RemovedInUseAlarm", False, 1, id="used-while-it-is-removed"),
        pytest.param("DeadInUseAlarm", None, 0, id="not-dead-in-use"),
        pytest.param("RemovedInUseAlarm", None, 0, id="not-removed-in-use"),
    ],
)
def test_alarms_tell_of_what_is_gone_and_used(releasing: Invoker, alarm: str, before: bool | None, found: int) -> None:
    """A dead backend that an API uses is told, and so is an API that begins to use it in the moment of the removal."""
    gone, alive = "i-bp1example0001", "i-bp1example0002"
    api = {"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": NAME}
    releasing.given(
        entries=[request(Name=NAME, InstanceId=gone, Tag=OURS)], instances=[{"InstanceId": alive, "VpcId": VPC}]
    )
    releasing(state_change(gone, "Deleted"))
    if before:
        releasing.given(apis=[api])
    if before is False:
        releasing.before = lambda operation: releasing.given(apis=[api] if operation == "RemoveVpcAccess" else [])
    releasing.due(3600.0)
    assert [line["name"] for line in found_by(alarm, releasing)] == [NAME] * found


GONE = [request(Name=f"gone-{n}", InstanceId=f"i-bp1gone{n:04}", Tag=OURS) for n in range(12)]


@pytest.mark.parametrize(
    ("entries", "denied", "told"),
    [
        pytest.param([], [], {"NoSweepAlarm"}, id="complete"),
        pytest.param(GONE, [], {"NoSweepAlarm", "HeldBackAlarm"}, id="too-many-gone"),
        pytest.param(GONE[:1], ["slb:DescribeLoadBalancers"], {"IncompleteAlarm"}, id="half-a-view"),
        pytest.param([], ["apigateway:DescribeVpcAccesses"], {"IncompleteAlarm"}, id="no-view"),
    ],
)
def test_alarms_tell_of_sweeps(
    sweeping: Invoker, entries: list[dict[str, Any]], denied: list[str], told: set[str]
) -> None:
    """Each alarm finds the line of a sweep that it is about: it completed, held back, or could not see everything."""
    sweeping.given(
        instances=[{"InstanceId": "i-bp1example0001", "VpcId": VPC}],
        entries=entries,
        permissions=[{"denied": denied}] if denied else [],
    )
    sweeping({"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": ""})
    alarms = ("NoSweepAlarm", "HeldBackAlarm", "IncompleteAlarm")
    assert {alarm: len(found_by(alarm, sweeping)) for alarm in alarms} == {
        alarm: int(alarm in told) for alarm in alarms
    }


@pytest.mark.parametrize(
    ("ended", "changes", "told"),
    [
        pytest.param("Running", {}, [], id="fine"),
        pytest.param("Stopped", {}, ["no candidate"], id="no-candidate"),
        pytest.param("Running", {"ALLOWED_PORTS": "80"}, ["drift"], id="drift"),
    ],
)
def test_alarm_tells_of_names(
    invoke: Invoker, naming: Invoker, ended: str, changes: dict[str, str], told: list[str]
) -> None:
    """The alarm finds the lines about names that only a person can help, and none about a name that is well."""
    tags = {"apigateway-port": "8080", "apigateway-name": "orders-prod"}
    instance = {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": tags}
    naming.given(instances=[instance])
    invoke(state_change("i-bp1example0001"))
    naming.due(queue="names")
    naming.given(instances=[{**instance, "Status": ended}])
    naming.configure(ALLOWED_NAMES=f"{VPC}:orders-*", **changes)
    naming(state_change("i-bp1example0001", "Stopped"))
    assert [line["event"] for line in found_by("NamesAlarm", naming)] == told


@pytest.mark.parametrize(
    "minutes", [DOCUMENT["Parameters"]["ReconcileMinutes"][key] for key in ("MinValue", "MaxValue")]
)
@pytest.mark.parametrize("takes", [0, 10])
@pytest.mark.parametrize("checked", [0.0, 0.5, 1.0])
def test_alarm_waits_for_two_intervals(minutes: int, takes: int, checked: float) -> None:
    """Neither a new stack nor one sweep that is missing raises the alarm; a timer that stops does, in its third interval."""
    detail = stack(ReconcileMinutes=minutes).properties("NoSweepAlarm")["Detail"]
    query, schedule = detail["Configuration"]["QueryList"][0], detail["Schedule"]
    assert (schedule["Interval"], schedule["RunImmediately"]) == (f"{minutes}m", False)
    back = int(query["Start"].removeprefix("-").removesuffix("m"))
    assert back <= 24 * 60  # https://www.alibabacloud.com/help/doc-detail/91784.htm

    def raised(sweeps: list[int]) -> list[float]:
        """Return when the alarm is raised if these sweeps complete, in minutes from the stack's beginning."""
        row, found = 0, []
        for check in range(1, 12):
            now = (check + checked) * minutes
            done = [sweep for sweep in sweeps if now - back <= sweep * minutes + takes <= now]
            row = 0 if done else row + 1
            if row >= detail["Configuration"]["Threshold"]:
                found.append(now)
        return found

    assert raised(list(range(1, 13))) == []
    assert raised([each for each in range(1, 13) if each != 5]) == []
    last = 3 * minutes + takes
    assert 2 * minutes <= raised([1, 2, 3])[0] - last <= 3 * minutes + 15


def test_alarms_of_sweeps_go_with_them() -> None:
    """Where nothing is swept nothing is missed."""
    alarms = [DOCUMENT["Resources"][name] for name in ("NoSweepAlarm", "HeldBackAlarm", "IncompleteAlarm")]
    assert [alarm["Condition"] for alarm in alarms] == ["Sweeps"] * 3
    assert [stack(ReconcileMode=mode).holds("Sweeps") for mode in ("off", "plan", "apply")] == [False, True, True]
