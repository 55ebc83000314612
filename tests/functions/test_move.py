"""``python -m functions move`` on the stand-in: what it shows and asks, what it sends, and that the function does the rest."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from shared.events.parsing import parse
from shared.model.records import Hint
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.invoking import VPC, operator_environment, request
from tests.running import on_a_terminal

pytestmark = pytest.mark.enable_socket

OLD, NEW, THIRD = "i-bp1example0001", "i-bp1example0002", "i-bp1example0003"
NAME = "orders-prod"
ALLOWED = {"ALLOWED_NAMES": f"{VPC}:orders-*", "COLUMNS": "200"}
TAGS = {"apigateway-port": "8080", "apigateway-name": NAME}
NAMED = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "named"}]
API = {"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": NAME}


def _instance(instance_id: str, **changes: Any) -> dict[str, Any]:
    return {"InstanceId": instance_id, "VpcId": VPC, "Tags": TAGS, **changes}


def _tagged(**tags: str) -> dict[str, Any]:
    return {"Tags": {**TAGS, **{f"apigateway-{name}": value for name, value in tags.items()}}}


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with a name that an API uses, its target, and an instance that stands by."""
    topic = {"TopicName": "vpc-access-results", "Subscriptions": {"to-results": "results"}}
    seed(
        cloud.app,
        {
            "topics": [topic],
            "queues": ["names"],
            "instances": [_instance(OLD), _instance(NEW)],
            "vpc_accesses": [request(Tag=NAMED)],
            "apis": [API],
        },
    )
    return cloud


def run(cloud: Served, *arguments: str, command: str = "move", **changes: str) -> Result:
    """Run a command where nobody is at a terminal."""
    environment = {**operator_environment(cloud), **ALLOWED, **changes}
    return CliRunner().invoke(main, [command, *arguments], env=environment)


def sent(cloud: Served) -> list[bytes]:
    """Return what stands in the names queue."""
    return [b64decode(message.body, validate=True) for message in cloud.products["SMQ"].receive("names", 16)]


def target(cloud: Served) -> str:
    """Return the instance that the name opens."""
    (entry,) = cloud.products["CloudAPI"].state()["vpc_accesses"]
    return str(entry["InstanceId"])


def test_a_wish_is_shown_and_sent_and_the_function_moves_the_name(served: Served, tmp_path: Path) -> None:
    """Nothing moves here. The function gets the wish from its queue, moves the name, and its result has the wish's id."""
    done = run(served, NAME, NEW, "--yes")
    (message,) = sent(served)

    assert (done.exit_code, target(served)) == (0, OLD), done.output
    assert [line.split()[0] for line in done.stderr.splitlines()][:5] == ["name", "opens", "standby", "would", "with"]
    assert f"{API['ApiId']} in stage RELEASE" in done.stderr
    request_id = done.stdout.strip()
    (record,) = parse(message)
    assert record.content == Hint(NAME, "cn-hangzhou", "python -m functions move", target=NEW, request=request_id)

    event = tmp_path / "message.json"
    event.write_bytes(message)
    assert run(served, str(event), "--function", "named_backends", command="run").exit_code == 0
    assert target(served) == NEW
    (told,) = served.products["SMQ"].receive("results", 16)
    result = json.loads(b64decode(told.body, validate=True))
    assert (result["type"], result["data"]["Cause"]) == ("vpcaccess.replaced", f"OnPurpose {request_id}")


def test_a_name_that_nothing_has_is_made_on_purpose(cloud: Served) -> None:
    """Nobody stands by for it yet: an instance that can have it is ready. Who uses it is not asked, and the wish is sent."""
    seed(cloud.app, {"queues": ["names"], "instances": [_instance(NEW)]})
    done = run(cloud, NAME, NEW, "--yes")

    words = [line.split()[0] for line in done.stderr.splitlines()]
    assert (done.exit_code, words[:5]) == (0, ["name", "opens", "ready", "would", "sent"]), done.output
    assert len(sent(cloud)) == 1


def test_two_wishes_have_two_ids(served: Served) -> None:
    """The same wish again is another wish, so a move back and forth has a result each time."""
    assert run(served, NAME, NEW, "--yes").stdout != run(served, NAME, NEW, "--yes").stdout


@pytest.mark.parametrize(
    ("instances", "world", "said"),
    [
        pytest.param([], {}, "no running instance i-bp1example0003 shows", id="not-there"),
        pytest.param([_instance(THIRD, Tags={})], {}, "no running instance i-bp1example0003 shows", id="untagged"),
        pytest.param([_instance(THIRD, Status="Stopped")], {}, "i-bp1example0003 is Stopped", id="stopped"),
        pytest.param([_instance(THIRD, **_tagged(port="22"))], {}, "PortNotAllowed", id="port-not-allowed"),
        pytest.param([_instance(THIRD, **_tagged(port="80,443"))], {}, "NameTagUnsupported", id="several-ports"),
        pytest.param([_instance(THIRD, VpcId="vpc-bp1example0002")], {}, "NameNotAllowed", id="other-vpc"),
        pytest.param(
            [_instance(THIRD)],
            {"scaling_instances": [{"InstanceId": THIRD, "ScalingGroupId": "asg-1", "LifecycleState": "Pending"}]},
            "Pending in its scaling group",
            id="not-in-service",
        ),
        pytest.param(
            [_instance(THIRD)],
            {"vpc_accesses": [request(Name="mine", InstanceId=THIRD, Tag=NAMED)]},
            "python -m functions release mine --although-alive",
            id="open-under-another-name",
        ),
    ],
)
def test_an_instance_that_may_not_have_the_name_is_refused(
    served: Served, instances: list[dict[str, Any]], world: dict[str, Any], said: str
) -> None:
    """The rule of the function is asked before anything is sent, and says why not and what to do."""
    seed(served.app, {"instances": instances, **world})
    done = run(served, NAME, THIRD, "--yes")

    assert (done.exit_code, done.stdout, sent(served)) == (3, "", []), done.output
    assert done.stderr.splitlines()[-1].startswith("refused: ")
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        pytest.param([{**NAMED[0], "Value": "team-b"}, NAMED[1]], "NameTaken", id="foreign"),
        pytest.param([NAMED[0], {**NAMED[1], "Value": "requested"}], "NameTaken", id="requested"),
    ],
)
def test_a_name_that_is_not_of_tags_is_refused(cloud: Served, marks: list[dict[str, str]], said: str) -> None:
    """Another's entry and a producer's never move, whoever wishes it."""
    seed(
        cloud.app,
        {"queues": ["names"], "instances": [_instance(OLD), _instance(NEW)], "vpc_accesses": [request(Tag=marks)]},
    )
    done = run(cloud, NAME, NEW, "--yes")

    assert (done.exit_code, sent(cloud)) == (3, []), done.output
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        pytest.param({"ALLOWED_NAMES": ""}, 1, f"add `vpc-id:{NAME}` to ALLOWED_NAMES", id="no-names-allowed"),
        pytest.param(
            {"ALLOWED_NAMES": f"{VPC}:web-*"}, 1, f"add `vpc-id:{NAME}` to ALLOWED_NAMES", id="other-names-allowed"
        ),
        pytest.param(
            {"NAMED_BACKENDS": "off"}, 1, "NAMED_BACKENDS is off, so no name moves: set it to apply", id="off"
        ),
        pytest.param(
            {"NAMED_BACKENDS": "plan"}, 1, "with NAMED_BACKENDS=plan no name moves: set it to apply", id="plan"
        ),
        pytest.param({"NAMES_QUEUE": ""}, 1, "NAMES_QUEUE is missing: the name of the SMQ queue", id="no-queue"),
        pytest.param({"NAMES_QUEUE": "no-such"}, 1, "Create the queue, or correct its name", id="queue-is-not-there"),
        pytest.param({"DRY_RUN": "1"}, 0, "in this dry run nothing was sent", id="dry-run"),
    ],
)
def test_settings_say_whether_anything_is_sent(served: Served, changes: dict[str, str], code: int, said: str) -> None:
    """What does not allow it is named with what to set; nothing is sent then."""
    done = run(served, NAME, NEW, "--yes", **changes)

    assert (done.exit_code, done.stdout, sent(served)) == (code, "", []), done.output
    assert said in done.stderr


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        pytest.param({}, 0, f"'{NAME}' opens {OLD} already", id="alive"),
        pytest.param({"Status": "Stopped"}, 3, f"(Stopped); by itself the name goes to {NEW}", id="ended"),
    ],
)
def test_a_name_that_opens_the_instance_needs_nothing(
    served: Served, changes: dict[str, Any], code: int, said: str
) -> None:
    """It is there already, or it is about to leave: a wish cannot keep it with what has ended."""
    seed(served.app, {"instances": [_instance(OLD, **changes)]})
    done = run(served, NAME, OLD, "--yes")

    assert (done.exit_code, sent(served)) == (code, []), done.output
    assert said in done.stderr


def test_where_nobody_can_be_asked_nothing_is_sent(served: Served) -> None:
    """Without --yes and without a terminal it is only shown."""
    done = run(served, NAME, NEW)

    assert (done.exit_code, sent(served)) == (1, [])
    assert "nobody is here to be asked: --yes sends it" in done.stderr


@pytest.mark.parametrize(
    ("answer", "code", "count"), [pytest.param("y", 0, 1, id="yes"), pytest.param("n", 1, 0, id="no")]
)
def test_one_question_after_what_would_happen(served: Served, answer: str, code: int, count: int) -> None:
    """At a terminal what would happen comes first, then the question."""
    environment = {**operator_environment(served), **ALLOWED, "COLUMNS": "80"}
    ended, shown = on_a_terminal(["move", NAME, NEW], environment, answer)

    assert (ended, len(sent(served))) == (code, count), shown
    assert shown.index(f"move to {NEW}:8080") < shown.index(f"have {NAME} opened to {NEW}? [y/N]")


def _told(cloud: Served, folder: Path) -> None:
    """Let the function handle what is in its queue, as its trigger does."""
    for number, message in enumerate(sent(cloud)):
        event = folder / f"{number}.json"
        event.write_bytes(message)
        assert run(cloud, str(event), "--function", "named_backends", command="run").exit_code == 0


def test_a_fleet_comes_under_a_name_as_the_page_says(cloud: Served, tmp_path: Path) -> None:
    """Two announced instances, an API that uses the first: the steps of functions/NAMES.md end with a target and a standby."""
    announced = [NAMED[0], {**NAMED[1], "Value": "announced"}]
    own = {instance: f"team-a-{instance}-8080" for instance in (OLD, NEW)}
    port_only = {"Tags": {"apigateway-port": "8080"}}
    seed(
        cloud.app,
        {
            "topics": [{"TopicName": "vpc-access-results", "Subscriptions": {}}],
            "queues": ["names", "releases"],
            "instances": [_instance(instance, **port_only) for instance in own],
            "vpc_accesses": [request(Name=name, InstanceId=one, Tag=announced) for one, name in own.items()],
            "apis": [{**API, "VpcName": own[OLD]}],
        },
    )

    seed(cloud.app, {"instances": [_instance(NEW)]})
    assert f"{NAME} → nothing · not {NEW} (TargetTaken)" in run(cloud, command="plan", NAMED_BACKENDS="plan").stdout
    assert run(cloud, own[NEW], "--although-alive", "--yes", command="release").exit_code == 0
    assert f"Missing: {NAME} → nothing · ready {NEW}" in run(cloud, command="plan", NAMED_BACKENDS="plan").stdout
    assert run(cloud, "--yes", command="apply").exit_code == 0
    _told(cloud, tmp_path)

    seed(cloud.app, {"apis": [API], "instances": [_instance(OLD)]})
    assert f"{NAME} → {NEW} running · not {OLD} (TargetTaken)" in run(cloud, command="list", COLUMNS="300").stdout
    assert run(cloud, own[OLD], "--although-alive", "--yes", command="release").exit_code == 0
    assert f"{NAME} → {NEW} running · standby {OLD}" in run(cloud, command="list", COLUMNS="300").stdout

    assert run(cloud, NAME, OLD, "--yes").exit_code == 0
    _told(cloud, tmp_path)
    assert target(cloud) == OLD
