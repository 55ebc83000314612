"""What the role in ``template.yml`` allows is what the function was seen to do over the whole corpus: no more, no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from shared.cloud.answers import RAM_ACTIONS
from shared.model.access import OWNER_TAG
from tests.cloud.fixtures import TEMPORARY
from tests.cloud.seeds import seed
from tests.deployed import allowed
from tests.events_table import EVENTS, FILES
from tests.invoking import VPC, Invoker, moving
from tests.registry.stack import ACCOUNT, REGION, REQUIRED, Stack

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "template.yml").read_text(encoding="utf-8")
STACKS = {mode: Stack(yaml.safe_load(TEXT), {**REQUIRED, "OnConflict": mode}) for mode in ("refuse", "replace")}
STACK = STACKS["replace"]  # its role has every right there is
MODIFY = "apigateway:ModifyVpcAccessAndUpdateApis"
WITHOUT_RESOURCE = {MODIFY}  # RAM has no resource level for these


def statements(mode: str) -> list[dict[str, Any]]:
    """Return the statements of the role's policy under OnConflict ``mode``."""
    document = STACKS[mode].properties("Role")["Policies"][0]["PolicyDocument"]
    return list(document["Statement"])


ROLE = STACK.properties("Role")
MEND = "an action stands in template.yml (Role), in RAM_ACTIONS of shared/cloud/answers.py, and in functions/README.md, Permissions"
STATEMENTS = statements("replace")


class Case(NamedTuple):
    """An event, whether an entry of ours is there before it, and VERIFY_TARGET."""

    event: bytes
    entry: bool = False
    verify: bool = False


def cases() -> list[Case]:
    """Return every sample event, and what the samples do not show: moving an entry of ours, verifying a target."""
    samples = [Case(path.read_bytes()) for path in FILES]
    moved = json.dumps(moving(Name="ours", Port=8081)).encode()
    load_balancer = (EVENTS / "manual" / "load-balancer.json").read_bytes()
    return [*samples, Case(moved, entry=True), Case(load_balancer, verify=True)]


@pytest.fixture
def corpus(invoke: Invoker) -> Invoker:
    """The function on the cloud that the samples are about."""
    seed(invoke.served.app, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    return invoke


def run(corpus: Invoker, mode: str, actions: set[str]) -> Iterator[str]:
    """Handle every case under OnConflict ``mode`` with the rights to ``actions``, each on the gateway as it was.

    Yields what the function said about it.
    """
    corpus.served.world.add_credential(replace(TEMPORARY, allowed=frozenset(actions)))
    ours = {"Name": "ours", "VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 8080}
    ours["Tag"] = [{"Key": OWNER_TAG, "Value": "team-a"}]
    for case in cases():
        corpus.served.products["CloudAPI"].clear()
        corpus.given(entries=[ours] if case.entry else [])
        corpus.configure(ON_CONFLICT=mode, VERIFY_TARGET=str(case.verify).lower())
        answer = corpus(case.event)
        yield json.dumps(answer.summary) + str(answer.error or "") + json.dumps(corpus.messages())


@pytest.mark.parametrize("mode", STACKS)
def test_role_allows_what_the_function_does(corpus: Invoker, mode: str) -> None:
    """The actions seen by the stand-in are the actions allowed, but for those that the platform uses."""
    list(run(corpus, mode, allowed(STACKS[mode])))
    seen = {entry.action for entry in corpus.served.world.journal()}
    assert seen == allowed(STACKS[mode]), MEND


@pytest.mark.parametrize("mode", STACKS)
def test_nothing_is_denied_to_the_role(corpus: Invoker, mode: str) -> None:
    """With the role's rights alone, no call over the whole corpus is refused for want of a permission."""
    said = "".join(run(corpus, mode, allowed(STACKS[mode])))
    assert not re.search("Forbidden|NoPermission|AccessDenied|RAM action", said.replace("lacks the RAM action", ""))


@pytest.mark.parametrize("action", sorted(allowed(STACK)))
def test_missing_action_is_named(corpus: Invoker, action: str) -> None:
    """Take one action away, and the answer or the log of some sample names it."""
    told = (said + corpus.logged.getvalue() for said in run(corpus, "replace", allowed(STACK) - {action}))
    assert any(action in text for text in told)


def test_entries_are_moved_only_where_they_may_be_replaced() -> None:
    """Under ``refuse`` the right to move entries is denied, which no other policy of the role can undo; nothing else differs."""
    denied = [statement for statement in statements("refuse") if statement["Effect"] == "Deny"]
    assert [statement["Action"] for statement in denied] == [[MODIFY]]
    assert allowed(STACKS["replace"]) - allowed(STACKS["refuse"]) == {MODIFY}
    assert [{**statement, "Effect": "Allow"} for statement in statements("refuse")] == statements("replace")


def test_code_knows_the_actions_by_name() -> None:
    """The actions that hints can name are the actions of the role."""
    assert set(RAM_ACTIONS.values()) >= allowed(STACK), MEND


def test_role_is_for_function_compute_only() -> None:
    """Nobody but Function Compute may take the role on."""
    document = ROLE["AssumeRolePolicyDocument"]
    assert document["Statement"] == [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["fc.aliyuncs.com"]}}
    ]
    assert "PolicyAttachments" not in ROLE


@pytest.mark.parametrize("statement", [pytest.param(each, id=each["Action"][0]) for each in STATEMENTS])
def test_statement_is_as_narrow_as_ram_supports(statement: dict[str, Any]) -> None:
    """No action is a pattern; resources are of this region and account, ``*`` only where RAM knows nothing narrower."""
    assert statement["Effect"] == "Allow"
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
    lines = TEXT[TEXT.index("PolicyDocument:\n            Version") : TEXT.index("# --- the function ---")].splitlines()
    comment: list[str] = []
    statements: list[tuple[str, str]] = []
    for line in lines:
        if line.strip().startswith("#"):
            comment.append(line)
        elif line.strip().startswith("- Effect"):
            statements.append((" ".join(comment), ""))
            comment = []
        elif statements:
            statements[-1] = (statements[-1][0], statements[-1][1] + line)
    wide = [(why, body) for why, body in statements if "*" in body]
    assert len(wide) == 5
    assert all("https://" in why for why, _ in wide)


def test_platform_writes_to_our_own_log_and_dead_letters() -> None:
    """The two actions of the platform are for this function's log store and its queue of dead letters alone."""
    resources = {statement["Action"][0]: statement["Resource"] for statement in STATEMENTS}
    log = STACK.properties("Function")["LogConfig"]
    assert resources["log:PostLogStoreLogs"] == [
        f"acs:log:{REGION}:{ACCOUNT}:project/{log['Project']}/logstore/{log['Logstore']}"
    ]
    destination = STACK.properties("AsyncInvocations")["DestinationConfig"]["OnFailure"]["Destination"]
    assert resources["mns:SendMessage"] == [destination]
