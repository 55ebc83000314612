"""``python -m functions settings``: what is in force, where it comes from, and never a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from functions._operator.settings import InForce, in_force, table
from shared.settings import VARIABLES
from tests.running import on_a_terminal

WHOLE = {
    "OWNER": "team-a",
    "ALLOWED_VPC_IDS": "*",
    "ALLOWED_PORTS": "80",
    "RESULT_TOPIC": "results",
    "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou",
    "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456",
}
SECRET, TOKEN = "a-secret-that-nobody-sees", "a-token-that-nobody-sees"
KEYS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "an-id",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
    "AWS_SECRET_ACCESS_KEY": SECRET[::-1],
}


def settings(environment: Mapping[str, str], *options: str) -> Result:
    """Run the command with these variables and none of our own."""
    ours = dict.fromkeys([variable.name for variable in VARIABLES])
    return CliRunner().invoke(main, ["settings", *options], env={**ours, **environment})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({}, InForce("OWNER", "team-a", "environment"), id="given"),
        pytest.param({}, InForce("CONCURRENCY", "8", "default"), id="default"),
        pytest.param({"CONCURRENCY": " 4 "}, InForce("CONCURRENCY", "4", "environment"), id="blanks"),
        pytest.param({"CONCURRENCY": " "}, InForce("CONCURRENCY", "8", "default"), id="blank-is-not-given"),
        pytest.param({}, InForce("RELEASE_QUEUE", "", "not set"), id="optional"),
        pytest.param(
            {}, InForce("SLB_ENDPOINT", "https://slb.aliyuncs.com", "derived from region"), id="derived-from-region"
        ),
        pytest.param(
            {},
            InForce(
                "SMQ_ENDPOINT",
                "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com",
                "derived from region and account",
            ),
            id="derived-from-account",
        ),
        pytest.param(
            {"ECS_ENDPOINT": "https://ecs-vpc.example"},
            InForce("ECS_ENDPOINT", "https://ecs-vpc.example", "environment"),
            id="given-endpoint",
        ),
        pytest.param({}, InForce("ALIBABA_CLOUD_REGION_ID", "cn-hangzhou", "environment"), id="region"),
        pytest.param({"FC_REGION": "cn-beijing"}, InForce("FC_REGION", "cn-beijing", "environment"), id="region-of-fc"),
        pytest.param({}, InForce("ALIBABA_CLOUD_SECURITY_TOKEN", "", "not set"), id="no-token"),
        pytest.param(KEYS, InForce("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "set, not shown", "environment"), id="secret"),
        pytest.param(KEYS, InForce("ALIBABA_CLOUD_ACCESS_KEY_ID", "set, not shown", "environment"), id="key"),
        pytest.param(
            {"CONCURRENCY": "many"},
            InForce(
                "CONCURRENCY", "many", "environment", "CONCURRENCY is 'many' but must be a whole number from 1 to 64"
            ),
            id="wrong",
        ),
        pytest.param(
            {"ALIBABA_CLOUD_REGION_ID": ""},
            InForce(
                "ALIBABA_CLOUD_REGION_ID",
                "",
                "missing",
                "ALIBABA_CLOUD_REGION_ID is missing: the region to work in, such as cn-hangzhou (Function Compute gives FC_REGION)",
            ),
            id="no-region",
        ),
    ],
)
def test_each_setting_says_where_it_comes_from(changes: dict[str, str], line: InForce) -> None:
    """Value, origin and problem of a setting, in an environment that is whole otherwise."""
    assert line in in_force({**WHOLE, **changes})


def test_every_setting_is_shown_once() -> None:
    """All variables, the region and the account, and the keys."""
    names = [line.variable for line in in_force(WHOLE)]

    assert len(names) == len(set(names)) == len(VARIABLES) + 5
    assert {variable.name for variable in VARIABLES} <= set(names)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="in-its-own"),
        pytest.param({"OWNER": SECRET, "RESULT_TOPIC": TOKEN}, id="in-another"),
        pytest.param({"CONCURRENCY": SECRET}, id="in-one-that-is-wrong-with-it"),
        pytest.param({"SMQ_ENDPOINT": f"https://user:{SECRET[:9]}@queue.example"}, id="in-a-url"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_secret_is_shown(changes: dict[str, str], form: tuple[str, ...]) -> None:
    """Whatever variable it was given to, it is neither in a value nor in what is said to be wrong with one."""
    done = settings({**WHOLE, **KEYS, **changes}, *form)

    assert "OWNER" in done.output
    assert [part for part in (SECRET, TOKEN, SECRET[::-1], SECRET[:9]) if part in done.output] == []


@pytest.mark.parametrize(
    ("environment", "code"),
    [pytest.param(WHOLE, 0, id="whole"), pytest.param({**WHOLE, "OWNER": ""}, 1, id="owner-is-missing")],
)
def test_the_exit_code_says_whether_they_are_right(environment: dict[str, str], code: int) -> None:
    """It ends with 1 if something is missing or wrong, and shows everything all the same, as text or as JSON."""
    text, lines = settings(environment), settings(environment, "--json")

    assert (text.exit_code, lines.exit_code) == (code, code)
    assert [line["variable"] for line in json.loads(lines.stdout) if line["problem"]] == ["OWNER"][:code]
    assert ("OWNER is missing" in text.stdout) is bool(code)


def test_it_fits_a_terminal() -> None:
    """In 80 columns no value is cut; what does not fit beside stands below."""
    code, shown = on_a_terminal(["settings"], WHOLE)

    assert code == 0
    assert "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com" in shown


def test_the_table_of_meanings_is_still_there() -> None:
    """`settings --markdown` prints what README.md has."""
    done = settings({}, "--markdown")

    assert (done.exit_code, done.stdout) == (0, f"{table()}\n")
