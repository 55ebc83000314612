"""A mistake at the terminal is told once, in words that say where it is cured; it is never passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.settings import ENDPOINTS
from tests.running import Run

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[2]
EVENT = "events/manual/authorize.json"


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        pytest.param(["--cloud", "foo", EVENT], {}, "'foo' is neither local nor real", id="cloud"),
        pytest.param(["--cloud", "http://127.0.0.1:99999", EVENT], {}, "needs a port from 1 to 65535", id="cloud-port"),
        pytest.param(
            ["--doctor", "--deny", "apigateway:SetVpcAcces"], {}, "'apigateway:SetVpcAcces' is not one of", id="deny"
        ),
        pytest.param([EVENT], {"FC_REGION": "hangzhou"}, "FC_REGION is 'hangzhou' but must be the id of", id="region"),
        pytest.param(
            [EVENT],
            {"ALIBABA_CLOUD_REGION_ID": "hangzhou"},
            "ID is 'hangzhou' but must be the id of",
            id="region-of-terminal",
        ),
    ],
)
def test_mistake_is_told_once(run: Run, arguments: list[str], environment: dict[str, str], said: str) -> None:
    """One line names what is wrong, nothing is done, and no traceback is shown."""
    printed = run(*arguments, **environment)
    assert printed.code != 0
    assert printed.err.count(said) == 1
    assert "Traceback" not in printed.err
    assert "CloudAPI" not in printed.out


def test_place_may_end_in_a_slash(run: Run) -> None:
    """A stand-in's URL is taken with a slash at its end, as a browser gives it."""
    printed = run("--cloud", "http://127.0.0.1:9/", "--doctor")
    assert "no answer" in printed.out


def test_unknown_region_is_used_with_a_warning(run: Run) -> None:
    """A region that no map knows costs a warning on standard error; what is printed for programs stays whole."""
    printed = run("--json", EVENT, FC_REGION="xx-newer-1")
    (warning,) = map(json.loads, printed.err.splitlines())
    assert printed.code == 0, printed.err
    assert (warning["level"], warning["event"], warning["region"]) == ("WARNING", "region not known", "xx-newer-1")
    assert json.loads(printed.out)["counts"] == {"authorized": 1}


REAL = {  # settings of a function that works somewhere, at an address where nobody is
    "OWNER": "team-a",
    "ALLOWED_VPC_IDS": "vpc-bp1example0001",
    "ALLOWED_PORTS": "8080",
    "RESULT_TOPIC": "results",
    **dict.fromkeys(ENDPOINTS, "http://127.0.0.1:9"),
    "FC_REGION": "cn-hangzhou",
}


@pytest.mark.parametrize("event", [EVENT, "events/smq-queue/batch.json", "events/ecs/running.json"])
def test_missing_key_is_told_at_the_terminal(run: Run, event: str) -> None:
    """Whatever the event holds, a missing key is told once and as what it is, with the variables to set."""
    printed = run("--cloud", "real", event, **REAL)
    told = printed.all
    assert printed.code == 1
    assert told.count("no credentials: give the function a role, or set ALIBABA_CLOUD_ACCESS_KEY_ID") == 1
    assert "delivered again" not in told
    assert "Traceback" not in told
