"""The plan: pure decisions from what is asked, what is there and what policy allows."""

from typing import Any

import pytest

from shared.access.plan import Create, Decision, Keep, Present, Refuse, Replace, Wanted, decide, name_of, plan
from shared.model.access import NAMED, ORIGIN_TAG, OWNER_TAG, REQUESTED, Replaced, VpcAccess
from shared.settings import Settings, load
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
    assert isinstance(decide(Wanted(wanted), Present(there), settings), expected)


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
        pytest.param(WANTED, [THERE._replace(port=80, tags=())], "NameTaken", "(owner: none)", id="nobodys-name"),
        pytest.param(
            WANTED,
            [THERE._replace(port=80, tags=((OWNER_TAG, "team-b"),))],
            "NameTaken",
            "team-b",
            id="other-teams-name",
        ),
        pytest.param(WANTED, [THERE._replace(port=80)], "NameInUse", "ON_CONFLICT=replace", id="our-name-elsewhere"),
        pytest.param(WANTED, [THERE._replace(name="other")], "TargetTaken", "use that name", id="target"),
    ],
)
def test_refusals_say_how_to_lift_them(
    wanted: VpcAccess, there: list[VpcAccess], reason: str, lift: str, settings: Settings
) -> None:
    """Every refusal carries a fixed word and the way out."""
    decision = decide(Wanted(wanted), Present(there), settings)

    assert isinstance(decision, Refuse)
    assert decision.reason == reason
    assert lift in decision.text


@pytest.mark.parametrize(
    ("announced", "origin"),
    [pytest.param(False, "requested", id="request"), pytest.param(True, "announced", id="announced-backend")],
)
def test_created_entries_carry_our_marks(announced: bool, origin: str, settings: Settings) -> None:
    """The owner and where the entry comes from are added to the tags that were asked for."""
    decision = decide(Wanted(WANTED._replace(tags=(("env", "prod"),)), announced), Present(), settings)

    assert isinstance(decision, Create)
    assert decision.access.tags == (("env", "prod"), (OWNER_TAG, "team-a"), (ORIGIN_TAG, origin))


@pytest.mark.parametrize(
    ("changes", "there", "drift"),
    [
        pytest.param({}, {}, (), id="same"),
        pytest.param({"description": "new"}, {}, ("Description",), id="description"),
        pytest.param({"vpc_target_host_name": "a.example"}, {}, ("VpcTargetHostName",), id="host"),
        pytest.param({"tags": (("env", "prod"),)}, {}, ("Tag",), id="tag"),
        pytest.param({}, {"description": "old"}, (), id="description-not-asked-for"),
        pytest.param({}, {"vpc_target_host_name": "a.example"}, (), id="host-not-asked-for"),
        pytest.param({}, {"tags": (*OURS, ("env", "prod"))}, (), id="tag-not-asked-for"),
    ],
)
def test_keeping_names_what_differs(
    changes: dict[str, Any], there: dict[str, Any], drift: tuple[str, ...], settings: Settings
) -> None:
    """A kept entry reports the fields that were asked for differently; what was not asked for does not count."""
    decision = decide(Wanted(WANTED._replace(**changes)), Present([THERE._replace(**there)]), settings)

    assert isinstance(decision, Keep)
    assert decision.drift == drift


@pytest.mark.parametrize(
    ("second", "words", "detail"),
    [
        pytest.param(Wanted(WANTED), ["create", "keep"], 0, id="the-same-twice"),
        pytest.param(Wanted(WANTED._replace(port=8081)), ["create", "refuse"], "ClaimedInBatch", id="same-name"),
        pytest.param(Wanted(WANTED._replace(name="b")), ["create", "refuse"], "ClaimedInBatch", id="same-target"),
        pytest.param(Wanted(WANTED._replace(name="b", port=8081)), ["create", "create"], None, id="unrelated"),
        pytest.param(Wanted(WANTED._replace(name="b"), any_name=True), ["create", "keep"], 0, id="any-name-will-do"),
        pytest.param(
            Wanted(WANTED._replace(port=8081), any_name=True),
            ["create", "refuse"],
            "ClaimedInBatch",
            id="any-name-but-not-any-target",
        ),
    ],
)
def test_records_of_one_batch_are_settled_in_the_plan(
    second: Wanted, words: list[str], detail: int | str | None, settings: Settings
) -> None:
    """The first record to claim a name or target has it; one that it serves shares its answer, another is refused."""
    decisions = plan(dict(enumerate([Wanted(WANTED), second])), Present(), settings)

    assert [name_of(decision) for decision in decisions.values()] == words
    assert _detail(decisions[1]) == detail


def test_sharing_names_what_differs(settings: Settings) -> None:
    """A record that shares another's entry reports the fields that the other one asks for differently."""
    decisions = plan(
        dict(enumerate([Wanted(WANTED), Wanted(WANTED._replace(description="mine"))])), Present(), settings
    )

    assert decisions[1] == Keep(WANTED._replace(description="mine"), same_as=0, drift=("Description",))


@pytest.mark.parametrize(
    ("second", "what"),
    [
        pytest.param(WANTED._replace(port=8081), "the name 'orders'", id="name"),
        pytest.param(WANTED._replace(name="b"), f"i-1:8080 in {VPC}", id="target"),
    ],
)
def test_a_rival_is_told_what_it_lost_and_to_whom(second: VpcAccess, what: str, settings: Settings) -> None:
    """The refusal names what both records want, and what the first one asks for with it."""
    decision = plan({3: Wanted(WANTED), 5: Wanted(second)}, Present(), settings)[5]

    assert isinstance(decision, Refuse)
    assert f"claims {what} (as 'orders' for i-1:8080 in {VPC})" in decision.text


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        pytest.param(WANTED._replace(port=8081), [THERE], Replace, id="ours-moves"),
        pytest.param(WANTED._replace(vpc_target_host_name="a.example"), [THERE], Replace, id="ours-new-host"),
        pytest.param(WANTED._replace(description="new"), [THERE], Keep, id="a-description-cannot-be-changed"),
        pytest.param(WANTED._replace(port=8081), [THERE._replace(tags=())], Refuse, id="made-by-hand"),
        pytest.param(
            WANTED._replace(port=8081), [THERE._replace(tags=((OWNER_TAG, "team-b"),))], Refuse, id="other-team"
        ),
        pytest.param(
            WANTED._replace(vpc_target_host_name="a.example"), [THERE._replace(tags=())], Keep, id="foreign-host"
        ),
        pytest.param(WANTED._replace(port=22), [THERE], Refuse, id="policy-comes-first"),
        pytest.param(
            WANTED._replace(port=8081), [THERE, THERE._replace(name="b", port=8081)], Refuse, id="target-of-another"
        ),
    ],
)
def test_replacing_is_for_our_own_entries_only(wanted: VpcAccess, there: list[VpcAccess], expected: type) -> None:
    """With ON_CONFLICT=replace our entry moves; nobody else's is touched, and policy still decides first."""
    wanted = wanted._replace(replaces=Replaced(THERE.target))
    decision = decide(Wanted(wanted), Present(there), load({**SETTINGS, "ON_CONFLICT": "replace"}))

    assert isinstance(decision, expected)
    if isinstance(decision, Replace):
        assert decision.access.vpc_access_id == "id-1"
        assert decision.access.owner == "team-a"


@pytest.mark.parametrize("other", ["orders", "made-by-hand"])
def test_an_announced_backend_is_served_by_an_entry_of_any_name(other: str, settings: Settings) -> None:
    """A notice leaves the name to us, so an entry that opens the target already is kept."""
    decision = decide(Wanted(WANTED, any_name=True), Present([THERE._replace(name=other)]), settings)

    assert decision == Keep(THERE._replace(name=other))


def _detail(decision: Decision) -> int | str | None:
    if isinstance(decision, Keep):
        return decision.same_as
    return decision.reason if isinstance(decision, Refuse) else None


@pytest.mark.parametrize("order", [1, -1])
def test_a_kept_entry_is_not_moved_by_the_same_batch(order: int) -> None:
    """One record keeps our entry, another wants its name elsewhere: the first to come has it, the other is refused."""
    moved = WANTED._replace(port=8443, replaces=Replaced(THERE.target))
    records = [Wanted(WANTED), Wanted(moved)][::order]
    decisions = plan(dict(enumerate(records)), Present([THERE]), load({**SETTINGS, "ON_CONFLICT": "replace"}))

    assert name_of(decisions[0]) in ("keep", "replace")
    assert _detail(decisions[1]) == "ClaimedInBatch"


SEVERAL = [
    pytest.param([THERE, THERE._replace(name="a", tags=())], {}, THERE, id="the-name-asked-for"),
    pytest.param(
        [THERE._replace(tags=()), THERE._replace(name="a")], {}, THERE._replace(tags=()), id="the-name-before-ours"
    ),
    pytest.param(
        [THERE._replace(name="b"), THERE._replace(name="a", tags=())],
        {"any_name": True},
        THERE._replace(name="b"),
        id="ours",
    ),
    pytest.param(
        [THERE._replace(name="b"), THERE._replace(name="a")],
        {"any_name": True},
        THERE._replace(name="a"),
        id="first-by-name",
    ),
]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("there", "how", "kept"), SEVERAL)
def test_which_of_several_names_of_one_target_counts(
    there: list[VpcAccess], how: dict[str, bool], kept: VpcAccess, order: int, settings: Settings
) -> None:
    """The name asked for, else ours, else the first by name; the order of the list does not matter."""
    assert decide(Wanted(WANTED, **how), Present(there[::order]), settings) == Keep(kept)


@pytest.mark.parametrize("order", [1, -1])
def test_a_refusal_names_the_same_entry_in_any_order(order: int, settings: Settings) -> None:
    """A request by name is refused for the entry of ours that has its target, not for whichever came last."""
    there = [THERE._replace(name="b"), THERE._replace(name="a", tags=())][::order]
    decision = decide(Wanted(WANTED), Present(there), settings)

    assert isinstance(decision, Refuse)
    assert "under the name 'b'" in decision.text


@pytest.mark.parametrize(
    ("instance_id", "allowed", "reason"),
    [
        pytest.param("10.0.0.7", None, None, id="private"),
        pytest.param("172.31.255.1", None, None, id="private-172"),
        pytest.param("192.168.1.1", None, None, id="private-192"),
        pytest.param("172.32.0.1", None, "AddressNotAllowed", id="just-outside"),
        pytest.param("8.8.8.8", None, "AddressNotAllowed", id="public"),
        pytest.param("2001:db8::1", None, "AddressNotAllowed", id="ipv6"),
        pytest.param("8.8.8.8", "8.8.8.0/24", None, id="allowed-by-the-operator"),
        pytest.param("fd00::1", "fd00::/8", None, id="ipv6-allowed-by-the-operator"),
        pytest.param("10.0.0.7", "none", "AddressNotAllowed", id="no-addresses-at-all"),
        pytest.param("127.0.0.1", "0.0.0.0/0", "NotATarget", id="loopback"),
        pytest.param("169.254.169.254", "0.0.0.0/0", "NotATarget", id="link-local"),
        pytest.param("100.100.100.200", "0.0.0.0/0", "NotATarget", id="metadata"),
        pytest.param("224.0.0.1", "0.0.0.0/0", "NotATarget", id="multicast"),
        pytest.param("0.0.0.0", "0.0.0.0/0", "NotATarget", id="unspecified"),
        pytest.param("255.255.255.255", "0.0.0.0/0", "NotATarget", id="broadcast"),
        pytest.param("::1", "::/0", "NotATarget", id="ipv6-loopback"),
        pytest.param("::", "::/0", "NotATarget", id="ipv6-unspecified"),
        pytest.param("fe80::0:1", "::/0", "NotATarget", id="ipv6-link-local"),
        pytest.param("ff02::1", "::/0", "NotATarget", id="ipv6-multicast"),
        pytest.param("::ffff:a00:1", "::/0", "NotATarget", id="ipv4-mapped"),
        pytest.param("2002:7f00:1::", "::/0", "NotATarget", id="ipv4-in-6to4"),
        pytest.param("2001:0:4136:e378:8000:63bf:3fff:fdd2", "::/0", "NotATarget", id="ipv4-in-teredo"),
    ],
)
def test_an_address_is_a_target_only_where_policy_says_so(
    instance_id: str, allowed: str | None, reason: str | None
) -> None:
    """Addresses of no backend are refused whatever the setting says, all others outside ALLOWED_ADDRESSES."""
    changes = {} if allowed is None else {"ALLOWED_ADDRESSES": allowed}
    decision = decide(Wanted(WANTED._replace(instance_id=instance_id)), Present(), load({**SETTINGS, **changes}))

    assert (decision.reason if isinstance(decision, Refuse) else None) == reason


SEEN, OTHER = Replaced(THERE.target), Replaced(("vpc-x", "i-9", 1))
NEAR = {"vpc": ("vpc-x", "i-1", 8080), "instance": (VPC, "i-9", 8080), "port": (VPC, "i-1", 8081)}


@pytest.mark.parametrize(
    ("changes", "expected", "says"),
    [
        pytest.param({"port": 8443, "replaces": SEEN}, Replace, "", id="what-it-saw-is-there"),
        pytest.param({"port": 8443}, Refuse, "does not say what it replaces", id="it-does-not-say"),
        pytest.param({"port": 8443, "replaces": OTHER}, Refuse, "made when it opened something else", id="it-is-late"),
        *(
            pytest.param(
                {"port": 8443, "replaces": Replaced(target)},
                Refuse,
                "made when it opened something else",
                id=f"another-{part}",
            )
            for part, target in NEAR.items()
        ),
        pytest.param({"replaces": OTHER}, Keep, "", id="what-it-asks-for-is-there"),
        pytest.param({}, Keep, "", id="nothing-to-replace"),
        pytest.param({"vpc_target_host_name": "a.b", "replaces": SEEN}, Replace, "", id="host"),
        pytest.param({"vpc_target_host_name": "a.b"}, Keep, "", id="host-without-saying"),
        pytest.param(
            {"vpc_target_host_name": "a.b", "replaces": Replaced(THERE.target, "old")}, Keep, "", id="host-that-is-late"
        ),
    ],
)
def test_a_replacement_names_what_it_replaces(changes: dict[str, Any], expected: type, says: str) -> None:
    """Compare and set: a message that comes late or twice undoes nothing newer; the refusal says what to send instead."""
    decision = decide(
        Wanted(WANTED._replace(**changes)), Present([THERE]), load({**SETTINGS, "ON_CONFLICT": "replace"})
    )

    assert isinstance(decision, expected)
    if isinstance(decision, Refuse):
        assert decision.reason == "Superseded"
        assert says in decision.text
        assert '"InstanceId": "i-1", "Port": 8080' in decision.text


def test_a_host_is_not_changed_where_nothing_may_be_replaced(settings: Settings) -> None:
    """With ON_CONFLICT=refuse a request that says what it saw hears that the host differs, and nothing moves."""
    decision = decide(Wanted(WANTED._replace(vpc_target_host_name="a.b", replaces=SEEN)), Present([THERE]), settings)

    assert decision == Keep(THERE, drift=("VpcTargetHostName",))


def test_an_announcement_moves_our_entry_without_saying_what_it_saw() -> None:
    """What it asks for was just looked up, so it is never late: it needs no Replaces."""
    decision = decide(
        Wanted(WANTED._replace(vpc_id="vpc-2"), any_name=True),
        Present([THERE]),
        load({**SETTINGS, "ON_CONFLICT": "replace", "ALLOWED_VPC_IDS": "*"}),
    )

    assert isinstance(decision, Replace)


@pytest.mark.parametrize(
    ("template", "name", "reserved"),
    [
        pytest.param("{owner}-{instance_id}-{port}", "team-a-i-victim01-8080", True, id="another-instance"),
        pytest.param("{owner}-{instance_id}-{port}", "team-a-i-1-8081", True, id="another-port"),
        pytest.param("{owner}-{instance_id}-{port}", "team-a-lb-1-8080", True, id="a-balancer"),
        pytest.param("{owner}-{instance_id}-{port}", "team-a-i-1-8080", False, id="its-own"),
        pytest.param("{owner}-{instance_id}-{port}", "team-b-i-victim01-8080", False, id="another-owner"),
        pytest.param("{owner}-{instance_id}-{port}", "orders-i-victim01-8080", False, id="a-name-of-their-own"),
        pytest.param("{owner}-{instance_id}-{port}", "team-a-web-8080", False, id="no-instance-in-it"),
        pytest.param("{owner}-{instance_id}-{port}", "team-a-i-2-8080-web", False, id="more-than-the-template-makes"),
        pytest.param("{instance_id}.{port}@{vpc_id}", f"i-1.8080@{VPC}", False, id="own-in-a-template-with-a-vpc"),
        pytest.param("{instance_id}.{port}@{vpc_id}", "i-1.8080@vpc-2", True, id="another-vpc"),
        pytest.param("{port}/{instance_id}/{port}", "8080/i-2/8080", True, id="a-field-twice"),
        pytest.param("{port}/{instance_id}/{port}", "8080/i-2/81", False, id="what-the-template-cannot-make"),
    ],
)
def test_names_that_the_template_makes_are_kept_for_their_instance(template: str, name: str, *, reserved: bool) -> None:
    """Nobody takes the name that another instance's announcement will need."""
    decision = decide(Wanted(WANTED._replace(name=name)), Present(), load({**SETTINGS, "NAME_TEMPLATE": template}))

    assert (isinstance(decision, Refuse) and decision.reason == "NameReserved") == reserved


STANDS = WANTED.marked("team-a", NAMED)


@pytest.mark.parametrize(
    ("wanted", "there", "allowed", "expected"),
    [
        pytest.param(WANTED, [], "", Create, id="no-names"),
        pytest.param(WANTED, [], f"{VPC}:orders", "NameReserved", id="a-request-for-a-name-of-tags"),
        pytest.param(WANTED, [], f"{VPC}:invoices", Create, id="of-another-name"),
        pytest.param(WANTED, [STANDS._replace(port=80)], "", "NameReserved", id="made-for-a-tag-before"),
        pytest.param(STANDS, [], f"{VPC}:orders", Create, id="what-stands-for-it"),
        pytest.param(STANDS, [], "", Create, id="what-stands-for-it-until-names-are-off"),
    ],
)
def test_a_name_of_tags_is_theirs(
    wanted: VpcAccess, there: list[VpcAccess], allowed: str, expected: type | str
) -> None:
    """A request gets neither a name that ALLOWED_NAMES leaves to tags nor one that was made for a tag; its bearer does."""
    loaded = load({**SETTINGS, "ALLOWED_NAMES": allowed, "ON_CONFLICT": "replace"})
    decision = decide(Wanted(wanted), Present(there), loaded)

    if isinstance(expected, type):
        assert isinstance(decision, expected)
        assert decision.access.owner == "team-a"
        assert decision.access.origin == (wanted.origin or REQUESTED)
    else:
        assert isinstance(decision, Refuse)
        assert (decision.reason, "ALLOWED_NAMES" in decision.text) == (expected, True)
