"""The plan: pure decisions from what is asked, what is there and what policy allows."""

from typing import Any

import pytest

from shared.plan import Create, Decision, Keep, Present, Refuse, decide, plan, word
from shared.settings import Settings, load
from shared.vpcaccess import OWNER_TAG, VpcAccess
from tests.invoking import SETTINGS, VPC

OURS = ((OWNER_TAG, "team-a"),)
WANTED = VpcAccess("orders", VPC, "i-1", 8080)
THERE = WANTED._replace(tags=OURS, vpc_access_id="id-1")


@pytest.fixture
def settings() -> Settings:
    """The settings of the suite: team-a, one VPC, ports 80, 443 and 8000-8999."""
    return load(SETTINGS)


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        pytest.param(WANTED, [], Create, id="nothing-there"),
        pytest.param(WANTED, [THERE], Keep, id="ours-as-asked"),
        pytest.param(WANTED, [THERE._replace(tags=())], Keep, id="made-by-hand-as-asked"),
        pytest.param(WANTED, [THERE._replace(name="other", instance_id="i-9")], Create, id="unrelated"),
        pytest.param(WANTED, [THERE._replace(name="Orders", port=8081)], Create, id="names-differ-by-case"),
    ],
)
def test_what_is_there_decides(wanted: VpcAccess, there: list[VpcAccess], expected: type, settings: Settings) -> None:
    """An entry with both keys is kept whoever made it; without a clash the entry is created."""
    assert isinstance(decide(wanted, Present(there), settings), expected)


@pytest.mark.parametrize(
    ("wanted", "there", "reason", "lift"),
    [
        pytest.param(WANTED._replace(vpc_id="vpc-other"), [], "VpcNotAllowed", "ALLOWED_VPC_IDS", id="vpc"),
        pytest.param(WANTED._replace(port=22), [], "PortNotAllowed", "ALLOWED_PORTS", id="port"),
        pytest.param(
            WANTED._replace(port=22),
            [THERE._replace(port=22)],
            "PortNotAllowed",
            "ALLOWED_PORTS",
            id="port-open-already",
        ),
        pytest.param(WANTED, [THERE._replace(port=80, tags=())], "NameTaken", "by hand", id="foreign-name"),
        pytest.param(
            WANTED,
            [THERE._replace(port=80, tags=((OWNER_TAG, "team-b"),))],
            "NameTaken",
            "team-b",
            id="other-teams-name",
        ),
        pytest.param(WANTED, [THERE._replace(port=80)], "NameTaken", "choose another name", id="our-name-elsewhere"),
        pytest.param(WANTED, [THERE._replace(name="other")], "TargetTaken", "use that name", id="target"),
    ],
)
def test_refusals_say_how_to_lift_them(
    wanted: VpcAccess, there: list[VpcAccess], reason: str, lift: str, settings: Settings
) -> None:
    """Every refusal carries a fixed word and the way out."""
    decision = decide(wanted, Present(there), settings)

    assert isinstance(decision, Refuse)
    assert decision.reason == reason
    assert lift in decision.text


def test_created_entries_carry_our_mark(settings: Settings) -> None:
    """The owner's tag is added to the tags that were asked for."""
    decision = decide(WANTED._replace(tags=(("env", "prod"),)), Present(), settings)

    assert isinstance(decision, Create)
    assert decision.access.tags == (("env", "prod"), (OWNER_TAG, "team-a"))


@pytest.mark.parametrize(
    ("changes", "drift"),
    [
        pytest.param({}, (), id="same"),
        pytest.param({"description": "new"}, ("Description",), id="description"),
        pytest.param({"vpc_target_host_name": "a.example"}, ("VpcTargetHostName",), id="host"),
        pytest.param({"tags": (("env", "prod"),)}, ("Tag",), id="tag"),
    ],
)
def test_keeping_names_what_differs(changes: dict[str, Any], drift: tuple[str, ...], settings: Settings) -> None:
    """A kept entry reports the fields that were asked for differently; what was not asked for does not count."""
    decision = decide(WANTED._replace(**changes), Present([THERE]), settings)

    assert isinstance(decision, Keep)
    assert decision.drift == drift


@pytest.mark.parametrize(
    ("second", "words", "detail"),
    [
        pytest.param(WANTED, ["create", "keep"], 0, id="the-same-twice"),
        pytest.param(WANTED._replace(port=8081), ["create", "refuse"], "ClaimedInBatch", id="same-name"),
        pytest.param(WANTED._replace(name="b"), ["create", "refuse"], "ClaimedInBatch", id="same-target"),
        pytest.param(WANTED._replace(name="b", port=8081), ["create", "create"], None, id="unrelated"),
    ],
)
def test_records_of_one_batch_are_settled_in_the_plan(
    second: VpcAccess, words: list[str], detail: int | str | None, settings: Settings
) -> None:
    """The first record to claim a name or target has it; an equal one shares its answer, another is refused."""
    decisions = plan([WANTED, second], Present(), settings)

    assert [word(decision) for decision in decisions] == words
    assert _detail(decisions[1]) == detail


def _detail(decision: Decision) -> int | str | None:
    if isinstance(decision, Keep):
        return decision.same_as
    return decision.reason if isinstance(decision, Refuse) else None
