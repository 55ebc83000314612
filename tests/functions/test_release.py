"""``python -m functions release`` on the stand-in: the checks it shows, what it asks, what it removes and what it never does."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from tests.cloud.fixtures import TEMPORARY, Served
from tests.cloud.seeds import remove, seed
from tests.invoking import VPC, operator_environment, request
from tests.running import on_a_terminal

pytestmark = pytest.mark.enable_socket

GONE, ALIVE = "i-bp1example0001", "i-bp1example0002"
NAME = "orders-prod"
OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "requested"}]
API = {"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": NAME}
OTHER_API = {**API, "ApiId": "661877242a4b4f3a84a56b7c3570e4a7"}


def _entry(**changes: Any) -> dict[str, Any]:
    return request(**{"Tag": OURS, "Description": "orders", **changes})


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with the result topic, an instance that lives, and a requested entry whose instance is gone."""
    topic = {"TopicName": "vpc-access-results", "Subscriptions": {"to-results": "results"}}
    seed(cloud.app, {"topics": [topic], "instances": [{"InstanceId": ALIVE, "VpcId": VPC}], "vpc_accesses": [_entry()]})
    return cloud


def run(cloud: Served, *arguments: str, command: str = "release", **changes: str) -> Result:
    """Run a command where nobody is at a terminal."""
    environment = {**operator_environment(cloud), "COLUMNS": "200", **changes}
    return CliRunner().invoke(main, [command, *arguments], env=environment)


def names(cloud: Served) -> list[str]:
    """Return the names of all authorizations."""
    return [entry["Name"] for entry in cloud.products["CloudAPI"].state()["vpc_accesses"]]


def results(cloud: Served) -> list[dict[str, Any]]:
    """Return the result messages that arrived."""
    found = cloud.products["SMQ"].receive("results", 16)
    return [json.loads(b64decode(message.body, validate=True)) for message in found]


def test_what_is_gone_and_unused_is_released(served: Served, tmp_path: Path) -> None:
    """Each check is shown, the entry goes, its result is published, and the request on standard output makes it again."""
    done = run(served, NAME, "--yes")
    undo = tmp_path / "undo.json"
    undo.write_text(done.stdout)

    assert (done.exit_code, names(served)) == (0, []), done.output
    assert [line.split()[0] for line in done.stderr.splitlines()].count("ok") == 5
    (told,) = results(served)
    assert (told["type"], told["data"]["Source"], told["data"]["Name"]) == ("vpcaccess.released", "operator", NAME)
    assert told["data"]["Because"] == "released by hand with `python -m functions release`"
    assert told["data"]["Undo"] == json.loads(done.stdout) == {**request(), "Description": "orders"}
    assert run(served, str(undo), command="run").exit_code == 0
    assert names(served) == [NAME]


KEPT = [
    pytest.param({"apis": [API]}, "InUse", "--although-in-use", id="in-use"),
    pytest.param({"instances": [{"InstanceId": GONE, "VpcId": VPC}]}, "Alive", "--although-alive", id="alive"),
    pytest.param(
        {"vpc_accesses": [_entry(InstanceId="10.0.0.7")]}, "NotAnInstance", "--although-alive", id="an-address"
    ),
    pytest.param(
        {"instances": [{"InstanceId": GONE, "VpcId": VPC}], "apis": [API]},
        "Alive, InUse",
        "--although-alive --although-in-use",
        id="alive-and-in-use",
    ),
]


@pytest.mark.parametrize(("world", "reason", "flags"), KEPT)
def test_what_is_alive_or_used_is_kept(served: Served, world: dict[str, Any], reason: str, flags: str) -> None:
    """A check that does not hold keeps the entry; every reason is named at once, with the flag that lifts it."""
    seed(served.app, world)
    done = run(served, NAME, "--yes")

    assert (done.exit_code, names(served), done.stdout) == (3, [NAME], "")
    assert done.stderr.splitlines()[-1] == f"kept: {reason}: {flags} would release it all the same"
    assert (results(served), served.world.journal("CloudAPI.RemoveVpcAccess")) == ([], [])


@pytest.mark.parametrize(("world", "reason", "flags"), KEPT)
def test_a_flag_lifts_what_it_names(served: Served, world: dict[str, Any], reason: str, flags: str) -> None:
    """With the flags the same entry goes. What they lifted is shown, and its result says so."""
    seed(served.app, world)
    done = run(served, NAME, "--yes", *flags.split())

    assert (done.exit_code, names(served)) == (0, []), done.output
    assert " ".join(done.stderr.split()).count("lifted by --although") == len(flags.split())
    (told,) = results(served)
    assert all(f"{word} (--although" in told["data"]["Because"] for word in reason.split(", "))
    assert ("API Gateway named APIs" in done.stderr) == ("apis" in world)


@pytest.mark.parametrize("flag", ["--although-in-use", "--although-alive"])
def test_a_flag_lifts_nothing_else(served: Served, flag: str) -> None:
    """Each flag lifts its own check only."""
    seed(served.app, {"instances": [{"InstanceId": GONE, "VpcId": VPC}], "apis": [API]})

    assert (run(served, NAME, "--yes", flag).exit_code, names(served)) == (3, [NAME])


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        pytest.param([_entry(Tag=None)], "NotOurs", id="nobody's"),
        pytest.param([_entry(Tag=[{**OURS[0], "Value": "team-b"}])], "NotOurs", id="foreign"),
    ],
)
def test_what_is_not_ours_is_never_released(served: Served, entries: list[dict[str, Any]], reason: str) -> None:
    """No flag lifts the check of the owner, and none is offered; nothing else is asked then."""
    seed(served.app, {"vpc_accesses": entries})
    done = run(served, NAME, "--yes", "--although-alive", "--although-in-use")

    assert (done.exit_code, names(served)) == (3, [NAME])
    assert done.stderr.splitlines()[-1] == f"kept: {reason}"
    assert served.world.journal("ECS.DescribeInstances") == []


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        pytest.param("named", f"if an instance carries the tag apigateway-name={NAME}, it is made again", id="named"),
        pytest.param("requested", "if its backend carries the tag apigateway-port, it is made again", id="requested"),
    ],
)
def test_what_makes_an_entry_again_is_said(served: Served, origin: str, said: str) -> None:
    """Before a question about an entry whose backend lives: the tag to take off depends on where the entry comes from."""
    marks = [OURS[0], {**OURS[1], "Value": origin}]
    seed(served.app, {"instances": [{"InstanceId": GONE, "VpcId": VPC}], "vpc_accesses": [_entry(Tag=marks)]})
    done = run(served, NAME, "--yes", "--although-alive", ALLOWED_NAMES=f"{VPC}:orders-*")

    assert (done.exit_code, names(served)) == (0, []), done.output
    assert said in done.stderr


def test_a_name_is_taken_exactly(served: Served) -> None:
    """A name that is only like another one removes nothing, and what to check is said."""
    done = run(served, "orders", "--yes")

    assert (done.exit_code, names(served)) == (1, [NAME])
    assert "no authorization has exactly the name 'orders', so nothing was done" in done.stderr


@pytest.mark.parametrize(
    "arguments", [pytest.param((), id="nobody-to-ask"), pytest.param(("--dry-run", "--yes"), id="dry-run")]
)
def test_without_a_yes_nothing_is_done(served: Served, arguments: tuple[str, ...]) -> None:
    """Where nobody can be asked, and in a dry run, the checks are shown and that nothing was done is said."""
    done = run(served, NAME, *arguments)

    assert (done.exit_code, names(served), done.stdout) == (0 if arguments else 1, [NAME], "")
    assert "nothing was done" in done.stderr.splitlines()[-1]
    assert "the backend is proven to be gone" in done.stderr


def test_a_dry_run_tells_what_would_be_kept(served: Served) -> None:
    """A dry run by the setting ends with the code of what would be."""
    seed(served.app, {"apis": [API]})

    assert run(served, NAME, "--yes", DRY_RUN="1").exit_code == 3


@pytest.mark.parametrize(
    ("answer", "code", "left"), [pytest.param("y", 0, [], id="yes"), pytest.param("n", 1, [NAME], id="no")]
)
def test_one_question_after_the_checks(served: Served, answer: str, code: int, left: list[str]) -> None:
    """At a terminal the checks come first, then the question; after a yes they are made once more."""
    ended, shown = on_a_terminal(["release", NAME], operator_environment(served), answer)

    assert (ended, names(served)) == (code, left), shown
    assert shown.index("proven to be gone") < shown.index(f"release {NAME}? [y/N]")
    assert len(served.world.journal("CloudAPI.DescribePlugins")) == (1 if left else 2)


@pytest.mark.parametrize(
    ("happens", "code", "said"),
    [
        pytest.param({"apis": [OTHER_API]}, 3, "something changed after you were asked", id="used-by-another"),
        pytest.param({"vpc_accesses": [_entry(Port=8081)]}, 3, "something changed", id="made-anew"),
        pytest.param(None, 0, "somebody else removed it meanwhile", id="removed"),
    ],
)
def test_what_changes_while_a_person_thinks_counts(
    served: Served, happens: dict[str, Any] | None, code: int, said: str
) -> None:
    """A yes is about what was shown: what changed before it was given releases nothing, with whatever flags."""
    seed(served.app, {"apis": [API]})

    def asked() -> None:
        seed(served.app, happens) if happens else remove(served.app, {"vpc_accesses": [NAME]})

    ended, shown = on_a_terminal(["release", NAME, "--although-in-use"], operator_environment(served), "y", asked=asked)

    assert (ended, said in " ".join(shown.split())) == (code, True), shown
    assert served.world.journal("CloudAPI.RemoveVpcAccess") == []


@pytest.mark.parametrize(
    ("denied", "done", "code"),
    [
        pytest.param("apigateway:DescribeVpcAccesses", False, 1, id="find"),
        pytest.param("apigateway:DescribePlugins", False, 1, id="use"),
        pytest.param("apigateway:RemoveVpcAccess", False, 1, id="remove"),
        pytest.param("ecs:DescribeInstances", False, 1, id="life"),
        pytest.param("mns:PublishMessage", True, 1, id="tell"),
    ],
)
def test_a_missing_permission_is_named(served: Served, denied: str, done: bool, code: int) -> None:
    """Without a right nothing is removed and the action is named; where only the telling fails, that is said."""
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({denied})))
    ended = run(served, NAME, "--yes")

    assert (ended.exit_code, names(served)) == (code, [] if done else [NAME]), ended.output
    assert denied in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    ("denied", "flag"),
    [
        pytest.param("ecs:DescribeInstances", "--although-alive", id="life"),
        pytest.param("apigateway:DescribeBackendList", "--although-in-use", id="use"),
    ],
)
def test_a_flag_lifts_a_check_that_cannot_be_made(served: Served, denied: str, flag: str) -> None:
    """What may not be looked up is lifted by the flag of its check as a no would be, and by no other."""
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({denied})))
    other = ({"--although-alive", "--although-in-use"} - {flag}).pop()

    assert (run(served, NAME, "--yes", other).exit_code, names(served)) == (1, [NAME])
    done = run(served, NAME, "--yes", flag)
    assert (done.exit_code, names(served)) == (0, []), done.output
    assert results(served)[0]["data"]["Because"].endswith(f"although NotKnown ({flag})")


def test_what_could_not_be_told_can_be_told_later(served: Served, tmp_path: Path) -> None:
    """If the result cannot be published, the line that is printed lets the function publish it later, under the same id."""
    served.faults.set([{"operation": "SMQ.PublishMessage", "status": 403, "code": "AccessDenied", "times": 9}])
    ended = run(served, NAME, "--yes")
    served.faults.set([])
    saved = tmp_path / "told.json"
    saved.write_text(ended.stderr.splitlines()[-1])

    assert (ended.exit_code, names(served), results(served)) == (1, [], [])
    again = run(served, str(saved), "--function", "release_vpc_access", command="run")
    (told,) = results(served)
    assert (again.exit_code, told["type"]) == (0, "vpcaccess.released")
    assert told["data"]["Undo"] == json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("rule", "code", "left"),
    [
        pytest.param({"cut": "after", "nth": 1}, 0, [], id="answer-lost"),
        pytest.param({"cut": "before", "nth": 1}, 4, [NAME], id="call-lost"),
        pytest.param(
            {"status": 400, "code": "DependencyViolationVpcAccess", "nth": 1}, 3, [NAME], id="in-use-after-all"
        ),
    ],
)
def test_a_removal_in_doubt_is_looked_at(served: Served, rule: dict[str, Any], code: int, left: list[str]) -> None:
    """After a lost answer the gateway is looked at, nothing is removed twice, and the undo request is there in any case."""
    served.faults.set([{"operation": "CloudAPI.RemoveVpcAccess", **rule}])
    ended = run(served, NAME, "--yes")

    assert (ended.exit_code, names(served)) == (code, left), ended.output
    assert json.loads(ended.stdout)["Name"] == NAME
    assert ("it is not known whether it is removed" in ended.stderr) == (code == 4)


def test_nothing_is_cut_at_80_columns(served: Served) -> None:
    """Whatever the width, the entry's name, target and id are whole, and lines keep to the width."""
    (entry,) = served.products["CloudAPI"].state()["vpc_accesses"]
    shown = run(served, NAME, "--dry-run", COLUMNS="80").stderr

    for text in (NAME, f"{GONE}:8080 in {VPC}", entry["VpcAccessId"]):
        assert any(text in line for line in shown.splitlines())
    assert max(map(len, shown.splitlines())) <= 80
