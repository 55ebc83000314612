"""What a role in ``template.yml`` allows is what its function was seen to do over the whole corpus: no more, no less."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from functions._operator import catalogue
from shared.cloud.answers import RAM_ACTIONS
from shared.events.naming import naming_message
from shared.model import records
from shared.model.access import ORIGIN_TAG, OWNER_TAG
from shared.model.records import Hint, Hook, Leaving
from tests.cloud.fixtures import TEMPORARY
from tests.cloud.seeds import seed
from tests.deployed import FUNCTIONS, allowed, dead_letters, statements, template
from tests.events_table import EVENTS, FILES
from tests.invoking import VPC, Answer, Invoker, moving, queue_event, request, state_change
from tests.registry.stack import ACCOUNT, REGION

TEXT = (Path(__file__).resolve().parents[2] / "template.yml").read_text(encoding="utf-8")
SET, SEND, PUBLISH = "apigateway:SetVpcAccess", "mns:SendMessage", "mns:PublishMessage"
TASK, USERS = "apigateway:DescribeUpdateVpcInfoTask", "apigateway:DescribeApisByVpcAccess"
HEARTBEAT = "ess:RecordLifecycleActionHeartbeat"
MODIFY, REMOVE = "apigateway:ModifyVpcAccessAndUpdateApis", "apigateway:RemoveVpcAccess"
WITHOUT_RESOURCE = {  # RAM has no resource level for these, or none that is known
    MODIFY,
    REMOVE,
    "apigateway:DescribeApisByVpcAccess",
    "apigateway:DescribeBackendList",
    "apigateway:DescribeBackendInfo",
    "apigateway:DescribePlugins",
    "apigateway:DescribeUpdateVpcInfoTask",
}
NAMES = {"ALLOWED_NAMES": f"{VPC}:orders-*"}
NAMED = {"apigateway-port": "8080", "apigateway-name": "orders-prod"}
MEND = (
    "an action stands in template.yml (the function's role), in RAM_ACTIONS of shared/cloud/answers.py, and in "
    "functions/README.md, Permissions"
)


class Held(NamedTuple):
    """What is held of one function's role: the actions that it has only if a parameter says so, and what is played."""

    conditional: set[str]
    parameter: str
    without: str
    with_: str
    play: Callable[[Invoker, dict[str, str]], Iterator[Answer]]

    def actions(self, function: str, mode: str) -> set[str]:
        """Return the actions of the role under this value of the parameter."""
        return allowed(template(**{self.parameter: mode}), function)


def authorizing(corpus: Invoker, mode: dict[str, str]) -> Iterator[Answer]:
    """Handle every sample event, each on the gateway as it was, and what they do not show: moving, verifying, and a name."""
    corpus.configure(**mode, **NAMES)
    gateway = corpus.served.products["CloudAPI"]
    ours = {"Name": "ours", "VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 8080}
    ours["Tag"] = [{"Key": OWNER_TAG, "Value": "team-a"}]
    for path in FILES:
        gateway.clear()
        yield corpus(path.read_bytes())
    gateway.clear()
    corpus.given(entries=[ours])
    yield corpus(moving(Name="ours", Port=8081))
    gateway.clear()
    corpus.configure(**mode, VERIFY_TARGET="true")
    yield corpus((EVENTS / "manual" / "load-balancer.json").read_bytes())
    corpus.configure(**mode, **NAMES)
    corpus.given(instances=[{"InstanceId": "i-bp1named0001", "VpcId": VPC, "Tags": NAMED}])
    yield corpus(state_change("i-bp1named0001"))


def taking_back(corpus: Invoker, mode: dict[str, str]) -> Iterator[Answer]:
    """Handle every sample event; among them are ends, and releases that are due, of instances and of a load balancer."""
    corpus.configure(**mode)
    for path in FILES:
        yield corpus(path.read_bytes())


def sweeping(corpus: Invoker, mode: dict[str, str]) -> Iterator[Answer]:
    """Handle every sample event, and sweep over what is tagged by the thousand, and over two backends that are gone."""
    corpus.configure(**mode)
    gateway = corpus.served.products["CloudAPI"]
    for path in FILES:
        yield corpus(path.read_bytes())
    gateway.clear()
    tags = [{"Key": OWNER_TAG, "Value": "team-a"}, {"Key": ORIGIN_TAG, "Value": "announced"}]
    corpus.given(
        instances=[
            {"InstanceId": f"i-bp1many{n:04}", "VpcId": VPC, "Tags": {"apigateway-port": "0"}} for n in range(1_000)
        ],
        entries=[request(Name=item, InstanceId=item, Tag=tags) for item in ("i-bp1gone0001", "lb-bp1gone0001")],
        backends=[{"BackendId": "b-1", "BackendName": "another"}],
    )
    yield corpus({"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": ""}, timeout=600.0)


def keeping_names(corpus: Invoker, mode: dict[str, str]) -> Iterator[Answer]:
    """Handle every sample event; give a name to an instance, move it when that ends, with an API and a hook; and many claim it."""
    corpus.configure(**mode, **NAMES)
    for path in FILES:
        yield corpus(path.read_bytes())
    first, second = "i-bp1named0001", "i-bp1named0002"
    both = [{"InstanceId": item, "VpcId": VPC, "Tags": NAMED} for item in (first, second)]
    corpus.given(instances=both[:1])
    yield corpus(queue_event(naming_message(Hint("orders-prod", "cn-hangzhou", "test", first))))
    corpus.given(instances=[{**both[0], "Status": "Stopped"}, both[1]])
    corpus.given(apis=[{"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": "orders-prod"}])
    hook = {"LifecycleHookId": "ash-bp1named", "LifecycleActionToken": "token-named", "InstanceIds": [first]}
    corpus.given(hooks=[hook])
    leaving = Leaving(Hook("ash-bp1named", "token-named"), "SCALE_IN", (first,), "cn-hangzhou", "")
    yield corpus(queue_event(naming_message(records.Held(leaving, int(corpus.clock.now())))))
    many = [{"InstanceId": f"i-bp1many{n:04}", "VpcId": VPC, "Tags": NAMED} for n in range(1_000)]
    corpus.given(instances=many)
    yield corpus(queue_event(naming_message(Hint("orders-prod", "cn-hangzhou", "test"))))


HELD = {
    "set_vpc_access": Held({MODIFY}, "OnConflict", "refuse", "replace", authorizing),
    "release_vpc_access": Held({REMOVE}, "ReleaseMode", "report", "apply", taking_back),
    "reconcile_vpc_access": Held({SET, SEND, PUBLISH}, "ReconcileMode", "plan", "apply", sweeping),
    "named_backends": Held(
        {SET, MODIFY, SEND, TASK, USERS, HEARTBEAT}, "NamedBackends", "plan", "apply", keeping_names
    ),
}
MODES = [
    pytest.param(function, mode, id=f"{function}-{mode}")
    for function, held in HELD.items()
    for mode in (held.without, held.with_)
]
STATEMENTS = [
    pytest.param(function, statement, id=f"{function}-{statement['Action'][0]}")
    for function, held in HELD.items()
    for statement in statements(template(**{held.parameter: held.with_}), function)
]


@pytest.fixture
def corpus(invoke: Invoker) -> Invoker:
    """The cloud that the samples are about, before any function."""
    seed(invoke.served.app, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    return invoke


def run(corpus: Invoker, function: str, mode: str, actions: set[str]) -> Iterator[str]:
    """Let a function play its part under ``mode`` with the rights to ``actions``; yield what it said about each event."""
    corpus.served.world.add_credential(replace(TEMPORARY, allowed=frozenset(actions)))
    player = replace(corpus, work=catalogue.work(function), engine=None)
    setting = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", HELD[function].parameter).upper()
    for answer in HELD[function].play(player, {setting: mode}):
        yield json.dumps(answer.summary) + str(answer.error or "") + json.dumps(player.messages())


@pytest.mark.parametrize(("function", "mode"), MODES)
def test_role_allows_what_the_function_does(corpus: Invoker, function: str, mode: str) -> None:
    """The actions seen by the stand-in are the actions allowed, but for those that the platform uses."""
    actions = HELD[function].actions(function, mode)
    list(run(corpus, function, mode, actions))
    seen = {entry.action for entry in corpus.served.world.journal()}
    assert seen == actions, MEND


@pytest.mark.parametrize(("function", "mode"), MODES)
def test_nothing_is_denied_to_the_role(corpus: Invoker, function: str, mode: str) -> None:
    """With the role's rights alone, no call over the whole corpus is refused for want of a permission."""
    said = "".join(run(corpus, function, mode, HELD[function].actions(function, mode)))
    assert not re.search("Forbidden|NoPermission|AccessDenied|RAM action", said.replace("lacks the RAM action", ""))


@pytest.mark.parametrize(
    ("function", "action"),
    [
        pytest.param(function, action, id=f"{function}-{action}")
        for function, held in HELD.items()
        for action in sorted(held.actions(function, held.with_))
    ],
)
def test_missing_action_is_named(corpus: Invoker, function: str, action: str) -> None:
    """Take one action away, and the answer or the log of some sample names it."""
    held = HELD[function]
    played = run(corpus, function, held.with_, held.actions(function, held.with_) - {action})
    assert any(action in said + corpus.logged.getvalue() for said in played)


@pytest.mark.parametrize("function", HELD)
def test_write_that_is_not_every_stacks_is_denied_unless_asked_for(function: str) -> None:
    """What not every stack writes is denied by default, which no other policy of the role can undo; nothing else differs."""
    held = HELD[function]
    without, with_ = (statements(template(**{held.parameter: mode}), function) for mode in (held.without, held.with_))
    assert statements(template(), function) == without
    denied = [statement["Action"] for statement in without if statement["Effect"] == "Deny"]
    assert {action for actions in denied for action in actions} == held.conditional
    assert held.actions(function, held.with_) - held.actions(function, held.without) == held.conditional
    assert [{**statement, "Effect": "Allow"} for statement in without] == with_


@pytest.mark.parametrize(
    ("action", "functions"),
    [
        pytest.param(SET, ["set_vpc_access", "reconcile_vpc_access", "named_backends"], id="set"),
        pytest.param(MODIFY, ["set_vpc_access", "named_backends"], id="modify"),
        pytest.param(REMOVE, ["release_vpc_access"], id="remove"),
    ],
)
def test_write_is_its_functions_own(action: str, functions: list[str]) -> None:
    """Who may make, move and take away is counted, so what reaches another function cannot make it do that."""
    assert [name for name, held in HELD.items() if action in held.actions(name, held.with_)] == functions


def test_code_knows_the_actions_by_name() -> None:
    """The actions that hints can name are the actions of the roles."""
    assert set(RAM_ACTIONS.values()) == set().union(*(held.actions(name, held.with_) for name, held in HELD.items())), (
        MEND
    )


def test_every_role_is_held() -> None:
    """No function of the code goes without a role that this file looks at."""
    assert HELD.keys() == FUNCTIONS.keys() == set(catalogue.names())


@pytest.mark.parametrize("function", HELD)
def test_role_is_for_function_compute_only(function: str) -> None:
    """Nobody but Function Compute may take a role on."""
    role = template().properties(FUNCTIONS[function].role)
    assert role["AssumeRolePolicyDocument"]["Statement"] == [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["fc.aliyuncs.com"]}}
    ]
    assert "PolicyAttachments" not in role


@pytest.mark.parametrize(("function", "statement"), STATEMENTS)
def test_statement_is_as_narrow_as_ram_supports(function: str, statement: dict[str, Any]) -> None:
    """No action is a pattern; resources are of this region and account, ``*`` only where RAM knows nothing narrower."""
    assert statement["Effect"] == "Allow", function
    assert not any("*" in action for action in statement["Action"])
    if set(statement["Action"]) <= WITHOUT_RESOURCE:
        assert statement["Resource"] == ["*"]
        return
    product = statement["Action"][0].partition(":")[0]
    for resource in statement["Resource"]:
        assert resource.startswith(f"acs:{product}:{REGION}:{ACCOUNT}:")
        assert product not in ("mns", "log") or "*" not in resource


def test_wide_statements_have_a_source() -> None:
    """Each statement with a ``*`` in its resource is preceded by a comment that says why and where that is written."""
    comment: list[str] = []
    found: list[tuple[str, str]] = []
    for part in re.findall(r"PolicyDocument:\n +Version: '1'\n(.*?)\n(?=\n|  \w)", TEXT, re.DOTALL):
        for line in part.splitlines():
            if line.strip().startswith("#"):
                comment.append(line)
            elif line.strip().startswith("- Effect"):
                found.append((" ".join(comment), ""))
                comment = []
            elif found:
                found[-1] = (found[-1][0], found[-1][1] + line)
    wide = [(why, body) for why, body in found if "*" in body]
    assert len(found) == len(STATEMENTS)
    assert len(wide) == sum("*" in str(each.values[1]) for each in STATEMENTS)
    assert all("https://" in why for why, _ in wide)


@pytest.mark.parametrize("function", HELD)
def test_platform_writes_to_our_own_log_and_dead_letters(function: str) -> None:
    """The actions of the platform are for the log store of this stack, and for its queue of dead letters if calls go there."""
    stack, parts = template(), FUNCTIONS[function]
    log = stack.properties(parts.function)["LogConfig"]
    *others, logging = statements(stack, function)
    if (letters := dead_letters(stack, function)) is not None:
        assert (others[-1]["Action"], others[-1]["Resource"]) == ([SEND], [letters])
    assert logging["Action"] == ["log:PostLogStoreLogs"]
    assert logging["Resource"] == [f"acs:log:{REGION}:{ACCOUNT}:project/{log['Project']}/logstore/{log['Logstore']}"]
