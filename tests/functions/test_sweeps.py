"""``python -m functions plan`` and ``apply`` on the stand-in: what they show, and that they do what was shown or nothing."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from functions._operator import exits
from functions._operator.sweeps import end
from shared import settings
from shared.access.sweep import CREATE, Item, Sweep
from shared.model.access import VpcAccess
from tests.cloud.fixtures import Served
from tests.cloud.seeds import permit, remove, seed
from tests.invoking import SETTINGS, VPC, operator_environment, request

pytestmark = pytest.mark.enable_socket

OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
TAGGED, GONE = "i-bp1sweep0001", "i-bp1sweep0002"


def _name(instance: str) -> str:
    return f"team-a-{instance}-8080"


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with an instance that asks to be opened, and an entry of ours whose instance is gone."""
    topic = {"TopicName": "vpc-access-results", "Subscriptions": {"to-results": "results"}}
    instance = {"InstanceId": TAGGED, "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}
    entry = request(Name=_name(GONE), InstanceId=GONE, Tag=OURS)
    seed(cloud.app, {"topics": [topic], "queues": ["releases"], "instances": [instance], "vpc_accesses": [entry]})
    return cloud


def run(cloud: Served, *arguments: str, **changes: str) -> Result:
    """Run a command where nobody is at a terminal."""
    return CliRunner().invoke(
        main,
        list(arguments),
        env={**operator_environment(cloud), "COLUMNS": "200", "RELEASE_DELAY_SECONDS": "0", **changes},
    )


def names(cloud: Served) -> list[str]:
    """Return the names of all authorizations."""
    return sorted(entry["Name"] for entry in cloud.products["CloudAPI"].state()["vpc_accesses"])


def planned(cloud: Served) -> Any:
    """Return the plan as JSON."""
    return json.loads(run(cloud, "plan", "--format", "json").stdout)


def test_a_plan_shows_what_would_be_done_and_does_nothing(served: Served) -> None:
    """Each change has a row, the counts a line, and the exit code says that there are changes."""
    done = run(served, "plan")
    lines = [line.split() for line in done.stdout.splitlines()]

    assert done.exit_code == 2, done.output
    assert ["create", _name(TAGGED), f"{TAGGED}:8080", "in", VPC] in lines
    assert ["release", _name(GONE), f"{GONE}:8080", "in", VPC, GONE, "is", "gone"] in lines
    assert "1 to create · 1 to release" in done.stdout
    assert names(served) == [_name(GONE)]
    assert not [entry for entry in served.world.journal() if entry.write]


def test_a_plan_for_programs_and_one_for_a_pull_request(served: Served) -> None:
    """JSON has every change with its target; Markdown is a table that no name can break."""
    seed(served.app, {"vpc_accesses": [request(Name="a|b", InstanceId="i-bp1sweep0003", Tag=OURS)]})
    whole = planned(served)
    markdown = run(served, "plan", "--format", "markdown").stdout

    assert whole["summary"] == "1 to create · 2 to release"
    assert [(item["what"], item["name"]) for item in whole["items"]] == [
        ("create", _name(TAGGED)),
        ("release", "a|b"),
        ("release", _name(GONE)),
    ]
    assert f"**1 to create · 2 to release** (checksum `{whole['checksum']}`)" in markdown
    assert "| release | a\\|b |" in markdown


def test_what_was_planned_is_applied(served: Served) -> None:
    """With the plan's checksum the entry is made and told, and the release goes to the queue; nothing is removed."""
    done = run(served, "apply", "--checksum", planned(served)["checksum"])

    assert done.exit_code == 0, done.output
    assert names(served) == [_name(TAGGED), _name(GONE)]
    (message,) = served.products["SMQ"].receive("releases", 16)
    assert message.body
    assert len(served.products["SMQ"].receive("results", 16)) == 1
    assert planned(served)["counts"] == {"release": 1, "keep": 1}


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        pytest.param(
            {"instances": [TAGGED]},
            ["--checksum", "PLANNED"],
            "something changed since",
            id="changed",
        ),
        pytest.param({}, [], "nobody is here to be asked", id="nobody-to-ask"),
        pytest.param({}, ["--yes", "--checksum", ""], "not ''", id="empty-checksum"),
    ],
)
def test_nothing_else_is_applied(served: Served, change: dict[str, Any], arguments: list[str], said: str) -> None:
    """A plan that is not the one with the checksum is shown and not done; without a checksum somebody has to say yes."""
    checksum = planned(served)["checksum"]
    remove(served.app, change)
    done = run(served, "apply", *(checksum if argument == "PLANNED" else argument for argument in arguments))

    assert done.exit_code == 1
    assert said in done.output
    assert names(served) == [_name(GONE)]


def test_a_higher_limit_for_once(served: Served) -> None:
    """More ends than the setting allows are held back, unless --release-max says otherwise."""
    held = run(served, "plan", RELEASE_MAX_PER_RUN="0")
    done = run(served, "apply", "--yes", "--release-max", "1", RELEASE_MAX_PER_RUN="0")

    assert "1 held back" in held.stdout
    assert held.exit_code == 2
    assert done.exit_code == 0, done.output
    assert len(served.products["SMQ"].receive("releases", 16)) == 1


def test_a_plan_with_a_higher_limit_has_its_checksum(served: Served) -> None:
    """What was planned with --release-max is applied with it, and refused without it."""
    planning = run(served, "plan", "--format", "json", "--release-max", "1", RELEASE_MAX_PER_RUN="0")
    checksum = json.loads(planning.stdout)["checksum"]
    without = run(served, "apply", "--checksum", checksum, RELEASE_MAX_PER_RUN="0")
    done = run(served, "apply", "--checksum", checksum, "--release-max", "1", RELEASE_MAX_PER_RUN="0")

    assert without.exit_code == 1
    assert "--release-max" in without.output
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    "tagged", [pytest.param(True, id="and-something-is-made"), pytest.param(False, id="and-nothing-else")]
)
def test_what_is_held_back_is_not_done(served: Served, tagged: bool) -> None:
    """Where releases are held back apply does not end as if it had done all, nor with the code that only plan has."""
    if not tagged:
        seed(served.app, {"instances": [{"InstanceId": "i-bp1sweep0009", "VpcId": VPC}]})
        remove(served.app, {"instances": [TAGGED]})
    done = run(served, "apply", "--yes", RELEASE_MAX_PER_RUN="0")

    assert done.exit_code == 3, done.output
    assert (_name(TAGGED) in names(served)) == tagged


def test_releases_that_are_not_scheduled_are_not_asked_about(served: Served) -> None:
    """With RELEASE_MODE=report there is nothing to say yes to, so nobody is asked."""
    remove(served.app, {"instances": [TAGGED]})
    seed(served.app, {"instances": [{"InstanceId": "i-bp1sweep0009", "VpcId": VPC}]})
    done = run(served, "apply", RELEASE_MODE="report")

    assert done.exit_code == 0, done.output
    assert "nothing is scheduled with RELEASE_MODE=report" in done.output
    assert "applying" not in done.output


def test_what_there_was_no_time_for_is_told() -> None:
    """A change without an outcome was not begun: apply ends with the code of what can succeed later."""
    access = VpcAccess(_name(TAGGED), VPC, TAGGED, 8080)
    with pytest.raises(exits.Later, match="1 of 1 changes were not begun"):
        end(Sweep((Item(CREATE, access),)), [], settings.load(SETTINGS))


def test_a_dry_run_applies_nothing(served: Served) -> None:
    """With DRY_RUN=true the command shows what it would make, asks nobody, and writes, schedules and publishes nothing."""
    done = run(served, "apply", DRY_RUN="true")

    assert done.exit_code == 0
    assert "planned" in done.stdout
    assert not [call.operation for call in served.world.journal() if call.write]


def test_only_one_vpc(served: Served) -> None:
    """With --vpc what is elsewhere is neither shown nor done."""
    done = run(served, "plan", "--vpc", "vpc-another")

    assert done.exit_code == 0
    assert "nothing is tagged, and nothing is open" in done.stdout


def test_a_part_of_the_view_is_an_error(served: Served) -> None:
    """What could not be read is named with the permission, and nothing is to be scheduled."""
    permit(served.world, {"denied": ["ecs:DescribeInstances"]})
    done = run(served, "plan")

    assert done.exit_code == 1
    assert "ecs:DescribeInstances" in done.output
    assert "to release" not in done.stdout


def test_what_only_another_mode_would_do_is_no_change(served: Served) -> None:
    """With RELEASE_MODE=report nothing is scheduled, so a plan that has only releases has nothing to do."""
    remove(served.app, {"instances": [TAGGED]})
    seed(served.app, {"instances": [{"InstanceId": "i-bp1sweep0009", "VpcId": VPC}]})

    assert run(served, "plan").exit_code == 2
    assert run(served, "plan", RELEASE_MODE="report").exit_code == 0


NAMED = [OURS[0], {"Key": "vpc-access-origin", "Value": "named"}]
ALLOWED = {"ALLOWED_NAMES": f"{VPC}:orders-*", "COLUMNS": "160"}


def _claims(instance_id: str, name: str, **changes: Any) -> dict[str, Any]:
    tags = {"apigateway-port": "8080", "apigateway-name": name}
    return {"InstanceId": instance_id, "VpcId": VPC, "Tags": tags, **changes}


def _of_a_name(cloud: Served, *instances: dict[str, Any], target: str | None = "i-1") -> None:
    """Let there be nothing but instances that claim ``orders-prod``, and its entry if it has a target."""
    topic = {"TopicName": "vpc-access-results", "Subscriptions": {"to-results": "results"}}
    entries = [request(Name="orders-prod", InstanceId=target, Tag=NAMED)] if target else []
    seed(
        cloud.app,
        {"topics": [topic], "queues": ["names"], "instances": list(instances), "vpc_accesses": entries},
    )


TARGET, STANDBY = _claims("i-1", "orders-prod"), _claims("i-2", "orders-prod")


@pytest.mark.parametrize(
    ("instances", "target", "code", "why"),
    [
        pytest.param([TARGET, STANDBY], "i-1", 0, "orders-prod → i-1 running · standby i-2", id="as-it-should-be"),
        pytest.param(
            [{**TARGET, "Status": "Stopped"}, STANDBY],
            "i-1",
            2,
            "Stopped: orders-prod → i-1 stopped · standby i-2",
            id="to-move",
        ),
        pytest.param(
            [{**TARGET, "Status": "Stopped"}],
            "i-1",
            0,
            "NoCandidate: Stopped: orders-prod → i-1 stopped",
            id="nowhere-to-go",
        ),
        pytest.param([TARGET], None, 2, "Missing: orders-prod → nothing · ready i-1", id="to-make"),
        pytest.param(
            [{**TARGET, "Status": "Stopped"}],
            None,
            0,
            "orders-prod → nothing · not i-1 (Stopped)",
            id="nobody-runs-yet",
        ),
    ],
)
def test_a_plan_shows_names_with_their_candidates(
    cloud: Served, instances: list[dict[str, Any]], target: str | None, code: int, why: str
) -> None:
    """Each name has a row in every form. It is a change only if it would be made or moved: a name alone is looked at."""
    _of_a_name(cloud, *instances, target=target)
    done = run(cloud, "plan", **ALLOWED)
    whole = json.loads(run(cloud, "plan", "--format", "json", **ALLOWED).stdout)
    (item,) = whole["items"]

    assert done.exit_code == code, done.output
    assert done.stdout.splitlines()[1].endswith(why)
    assert ": ".join(filter(None, [item.get("reason"), item["text"]])) == why
    assert (whole["summary"], whole["counts"]) == ("1 name to look at", {"name": 1})
    assert why.replace("_", "\\_") in run(cloud, "plan", "--format", "markdown", **ALLOWED).stdout


def test_a_plan_of_names_is_whole_at_80_columns(cloud: Served) -> None:
    """No id is cut or broken, however many stand by."""
    ids = [f"i-bp1example{number:04}" for number in range(1, 9)]
    _of_a_name(cloud, *(_claims(one, "orders-prod") for one in ids), target=ids[0])
    shown = run(cloud, "plan", **{**ALLOWED, "COLUMNS": "80"}).stdout

    assert max(map(len, shown.splitlines())) <= 80
    assert [one for one in ids if one not in shown] == []


@pytest.mark.parametrize(
    ("moves", "code", "count"), [pytest.param("apply", 0, 1, id="apply"), pytest.param("plan", 0, 0, id="plan")]
)
def test_a_name_is_handed_to_the_function_that_moves_it(cloud: Served, moves: str, code: int, count: int) -> None:
    """`apply` sends its name only, and only where names move: the entry stays as it is until the function has looked."""
    _of_a_name(cloud, {**TARGET, "Status": "Stopped"}, STANDBY)
    done = run(cloud, "apply", "--yes", NAMED_BACKENDS=moves, **ALLOWED)
    messages = cloud.products["SMQ"].receive("names", 16)

    assert (done.exit_code, len(messages)) == (code, count), done.output
    assert [json.loads(b64decode(message.body))["NamedBackend"] for message in messages] == [
        {"Name": "orders-prod"}
    ] * count
    assert cloud.products["CloudAPI"].state()["vpc_accesses"][0]["InstanceId"] == "i-1"


@pytest.mark.parametrize(
    ("instances", "target"),
    [
        pytest.param([TARGET], None, id="to-make"),
        pytest.param([{**TARGET, "Status": "Stopped"}, STANDBY], "i-1", id="to-move"),
    ],
)
def test_what_the_function_does_not_allow_is_told_before_it_is_sent(
    cloud: Served, tmp_path: Path, instances: list[dict[str, Any]], target: str | None
) -> None:
    """The operator's ALLOWED_NAMES may be wider than the function's, which decides: it makes and moves nothing, as was said."""
    _of_a_name(cloud, *instances, target=target)
    before = cloud.products["CloudAPI"].state()["vpc_accesses"]
    done = run(cloud, "apply", "--yes", NAMED_BACKENDS="apply", **ALLOWED)
    (message,) = cloud.products["SMQ"].receive("names", 16)
    event = tmp_path / "message.json"
    event.write_bytes(b64decode(message.body))
    narrower = {"NAMED_BACKENDS": "apply", "ALLOWED_NAMES": f"{VPC}:carts"}
    heard = run(cloud, "run", str(event), "--function", "named_backends", **narrower)
    after = cloud.products["CloudAPI"].state()["vpc_accesses"]
    wider = run(cloud, "run", str(event), "--function", "named_backends", NAMED_BACKENDS="apply", **ALLOWED)

    assert "named_backends decides by its own ALLOWED_NAMES" in done.stderr
    assert "by its own ALLOWED_NAMES" in " ".join(run(cloud, "apply", "--help").stdout.split())
    assert after == before, heard.output
    assert cloud.products["CloudAPI"].state()["vpc_accesses"] != before, wider.output


def test_nothing_is_said_of_the_function_where_no_name_moves(cloud: Served) -> None:
    """A name that is as it should be is only looked at, whatever the function allows."""
    _of_a_name(cloud, TARGET, STANDBY, target="i-1")

    assert "ALLOWED_NAMES" not in run(cloud, "apply", "--yes", NAMED_BACKENDS="apply", **ALLOWED).output
