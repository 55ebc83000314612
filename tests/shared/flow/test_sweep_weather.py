"""A sweep in bad weather: whatever is lost, odd, late or done twice, nothing goes that must stay and nothing is done twice.

It never raises, schedules nothing from a part of the view, and the next sweep in fair weather goes on.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from functions.reconcile_vpc_access.index import work as reconcile
from shared import log
from shared.access.sweep import RELEASE, Item, Sweep
from shared.flow.reconcile import carry_out
from shared.model.access import VpcAccess
from tests.bench import sweep as bench
from tests.cloud import odd
from tests.invoking import VPC, Answer, Invoker, new_invoker, request
from tests.shared.flow.test_reconcile import EARLIER, OURS, TIMER, closing, made_entry, made_instance, told

LIVING, MISSING, LOST = 1, 2, 3
BALANCER = {
    "LoadBalancerId": "lb-bp1living1",
    "VpcId": VPC,
    "ListenerPorts": [80],
    "Tags": {"apigateway-port": "listener"},
}
NAMES = {
    LIVING: "team-a-i-bp1sweep0001-8080",
    MISSING: "team-a-i-bp1sweep0002-8080",
    LOST: "team-a-i-bp1sweep0003-8080",
    "balancer": "team-a-lb-bp1living1-80",
    "lost balancer": "team-a-lb-bp1lost1-80",
}
GOAL = {NAMES[LIVING], NAMES[MISSING], NAMES["balancer"]}
GONE = {NAMES[LOST], NAMES["lost balancer"]}
LOOKS = {  # of each operation that only looks: how many calls of it a sweep of this world makes
    "CloudAPI.DescribeVpcAccesses": 2,
    "CloudAPI.DescribeApisByVpcAccess": 2,
    "CloudAPI.DescribeBackendList": 1,
    "CloudAPI.DescribeBackendInfo": 1,
    "CloudAPI.DescribePlugins": 1,
    "ECS.DescribeInstances": 6,
    "SLB.DescribeLoadBalancers": 3,
    "SLB.DescribeLoadBalancerListeners": 2,
    "SLB.DescribeLoadBalancerAttribute": 1,
}


def a_world(sweeping: Invoker) -> None:
    """One backend of each sort: open and living, tagged and not open, open and gone, twice of each product."""
    lost = request(Name=NAMES["lost balancer"], InstanceId="lb-bp1lost1", Port=80, Tag=OURS, CreatedTime=EARLIER)
    backend = {"BackendId": "b1", "BackendName": "other", "BackendModels": []}
    sweeping.given(
        instances=[made_instance(LIVING), made_instance(MISSING)],
        load_balancers=[BALANCER],
        entries=[made_entry(LIVING), made_entry(LOST), lost],
        backends=[backend],
    )


def names(sweeping: Invoker) -> set[str]:
    """Return the names of the entries at the gateway."""
    return {entry["Name"] for entry in sweeping.accesses()}


def scheduled(sweeping: Invoker) -> Counter[str]:
    """Take what is in the release queue, and count it by name."""
    sweeping.clock.advance(3600.0)
    smq, found = sweeping.served.products["SMQ"], Counter[str]()
    while messages := smq.receive("releases", 16):
        for message in messages:
            smq.delete("releases", message.receipt_handle)
            found[json.loads(b64decode(message.body))["Release"]["Name"]] += 1
    return found


def answers(sweeping: Invoker) -> dict[str, str]:
    """Return the names that results granted, by the results' ids."""
    granted = ("vpcaccess.authorized", "vpcaccess.unchanged")
    return {message["id"]: message["data"]["Name"] for message in sweeping.messages() if message["type"] in granted}


def fair(sweeping: Invoker) -> Answer:
    """Sweep in fair weather."""
    sweeping.served.faults.set([])
    sweeping.before = sweeping.after = lambda _: None
    return sweeping(TIMER, timeout=600.0)


def test_fair_weather(sweeping: Invoker) -> None:
    """Undisturbed, a sweep makes what is missing, schedules what is gone, and tells each once."""
    a_world(sweeping)
    fair(sweeping)

    assert names(sweeping) == GOAL | GONE
    assert scheduled(sweeping) == Counter(GONE)
    assert sorted(answers(sweeping).values()) == sorted({NAMES[MISSING], NAMES["balancer"]})
    assert closing(sweeping)["event"] == "sweep completed"
    calls = Counter(sweeping.calls())
    assert {operation: calls[operation] for operation in LOOKS} == LOOKS


COMMON: list[dict[str, Any]] = [
    {"status": 503, "code": "ServiceUnavailable"},
    {"status": 400, "code": "UnheardOf"},
    {"cut": "after"},
    {"body": "truncated"},
    *({"odd": form} for form in ("only-request-id", "counted-empty", "null-items", "endless")),
]
RARE: list[dict[str, Any]] = [
    {"status": 400, "code": "Throttling.User"},
    {"status": 403, "code": "NoPermission"},
    {"body": "html"},
    *({"odd": form} for form in odd.FORMS if form not in odd.KEYED),
    *(
        {"odd": form, "key": key}
        for form in odd.KEYED
        for key in ("TotalCount", "InstanceId", "Tags", "VpcId", "Status")
    ),
]
CASES = [
    pytest.param(
        {"operation": operation, **which, **effect},
        id="-".join(map(str, (operation, *which.values(), *effect.values()))),
    )
    for operation, most in LOOKS.items()
    for which in ({}, *({"nth": number} for number in range(1, most + 1)))
    for effect in (COMMON if which else [*COMMON[:4], *RARE])
]


@pytest.mark.parametrize("fault", CASES)
def test_no_answer_of_a_look_lets_a_living_one_go(sweeping: Invoker, fault: dict[str, Any]) -> None:
    """Whatever goes wrong with one look-up, only what is gone is scheduled, nothing is made twice, and the next sweep ends it."""
    a_world(sweeping)
    sweeping.given(faults=[fault])
    sweeping(TIMER, timeout=600.0)
    first = scheduled(sweeping)

    assert set(first) <= (set() if closing(sweeping).get("problems") else GONE)
    assert names(sweeping) <= GOAL | GONE
    fair(sweeping)
    assert names(sweeping) == GOAL | GONE
    assert set(scheduled(sweeping)) == GONE
    assert set(answers(sweeping).values()) == GOAL - {NAMES[LIVING]}
    assert closing(sweeping)["event"] == "sweep completed"


@pytest.mark.parametrize("keys", [{"denied": ["slb:DescribeLoadBalancerAttribute"]}, {"unseen": ["lb-bp1lost1"]}])
def test_a_balancer_that_cannot_be_looked_up_makes_it_a_partial_view(sweeping: Invoker, keys: dict[str, Any]) -> None:
    """Where the look-up of one backend fails, none is taken for gone: what is wrong may be wrong for all."""
    a_world(sweeping)
    sweeping.given(permissions=[keys])
    sweeping(TIMER, timeout=600.0)

    assert scheduled(sweeping) == Counter()
    assert "slb:DescribeLoadBalancerAttribute" in " ".join(closing(sweeping)["problems"])


def test_an_instance_that_the_list_by_tag_leaves_out_is_known_by_its_id(sweeping: Invoker) -> None:
    """What the look-up of our own entries shows to be tagged is not told as untagged."""
    a_world(sweeping)
    sweeping.given(faults=[{"operation": "ECS.DescribeInstances", "nth": 1, "odd": "counted-empty"}])
    answer = sweeping(TIMER, timeout=600.0)

    assert not [line for line in told(answer) if line[1].startswith("drift")]
    assert set(scheduled(sweeping)) == GONE


def test_an_empty_list_by_tag_releases_nothing(sweeping: Invoker) -> None:
    """Releases come from look-ups by id alone, so a list that is empty or cut costs creations only."""
    a_world(sweeping)
    sweeping.given(
        instances=[made_instance(number) for number in range(10, 30)], entries=[made_entry(n) for n in range(10, 30)]
    )
    sweeping.given(faults=[{"operation": "ECS.DescribeInstances", "nth": 1, "odd": "counted-empty"}])
    sweeping(TIMER, timeout=600.0)

    assert set(scheduled(sweeping)) == GONE


def test_tokens_that_go_round_in_a_circle_end(sweeping: Invoker) -> None:
    """A listing whose second page names its first as the next one is no list."""
    sweeping.given(instances=[made_instance(number) for number in range(1, 301)])
    odd_page = {"operation": "ECS.DescribeInstances", "odd": "endless", "from": 3, "every": 2}
    sweeping.given(faults=[odd_page])
    sweeping(TIMER, timeout=600.0)

    assert "DescribeInstances" in " ".join(closing(sweeping)["problems"])
    assert len(sweeping.calls("ECS.DescribeInstances")) < 20


@pytest.mark.parametrize("how", ["removed", "made"])
@pytest.mark.parametrize("operation", ["DescribeVpcAccesses", "DescribeInstances", "DescribeLoadBalancers"])
def test_pages_that_shift_while_they_are_read(sweeping: Invoker, operation: str, how: str) -> None:
    """What comes and goes between two pages costs a living backend nothing, and the next sweep makes it right."""
    every = range(1, 251)
    balancers = [{**BALANCER, "LoadBalancerId": f"lb-bp1shift{n:04}"} for n in range(1, 251)]
    sweeping.given(
        instances=[made_instance(n) for n in every],
        load_balancers=balancers,
        entries=[made_entry(n) for n in every],
    )
    done = list[str]()

    def shift(call: str) -> None:
        if call != operation or done:
            return
        done.append(call)
        cloud = sweeping.served.products
        if how == "made":
            sweeping.given(
                instances=[made_instance(900)],
                entries=[made_entry(901)],
                load_balancers=[{**BALANCER, "LoadBalancerId": "lb-bp1new1"}],
            )
            return
        cloud["ECS"].remove(made_instance(7)["InstanceId"])
        cloud["SLB"].remove("lb-bp1shift0007")
        entry = made_entry(9)
        cloud["CloudAPI"].entries.remove("1234567890123456", VPC, entry["InstanceId"], entry["Port"])

    sweeping.after = shift
    sweeping(TIMER, timeout=600.0)
    dead = {made_entry(number)["Name"] for number in (7, 901)}

    assert set(scheduled(sweeping)) <= dead
    fair(sweeping)
    fair(sweeping)
    assert closing(sweeping)["event"] == "sweep completed"
    assert len(names(sweeping)) == len(sweeping.accesses()) == (500 if how == "removed" else 503) - (how == "removed")


def test_entries_that_never_hold_still_are_told(sweeping: Invoker) -> None:
    """If an entry goes each time while pages are read, nothing is planned on what was seen, and the next sweep goes on."""
    sweeping.given(instances=[made_instance(n) for n in range(1, 151)], entries=[made_entry(n) for n in range(1, 151)])
    left = iter(range(1, 151))

    def remove_one(operation: str) -> None:
        if operation == "DescribeVpcAccesses":
            entry = made_entry(next(left))
            gateway = sweeping.served.products["CloudAPI"]
            gateway.entries.remove("1234567890123456", VPC, entry["InstanceId"], entry["Port"])

    sweeping.after = remove_one
    sweeping(TIMER, timeout=600.0)

    assert "entries were removed each time" in json.dumps(closing(sweeping))
    assert not sweeping.calls("CloudAPI.SetVpcAccess")
    fair(sweeping)
    assert closing(sweeping)["event"] == "sweep completed"


@pytest.mark.parametrize("duplicate", ["error", "overwrite"])
@pytest.mark.parametrize("number", range(1, 22))
def test_two_sweeps_at_once_do_nothing_twice(sweeping: Invoker, duplicate: str, number: int) -> None:
    """A second sweep that begins and ends at any call of the first one: one entry each, one id for each result."""
    a_world(sweeping)
    sweeping.given(duplicate=duplicate)
    other, calls = sweeping.doing(sweeping.work), 0

    def meanwhile(_: str) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            other(TIMER, timeout=600.0)

    sweeping.before = meanwhile
    sweeping(TIMER, timeout=600.0)

    assert calls >= number
    assert names(sweeping) == GOAL | GONE
    assert len(sweeping.accesses()) == len(GOAL | GONE)
    assert sorted(answers(sweeping).values()) == sorted(GOAL - {NAMES[LIVING]})
    assert set(scheduled(sweeping)) == GONE


@pytest.mark.parametrize("on_conflict", ["refuse", "replace"])
def test_a_name_that_is_taken_meanwhile_is_not_moved(sweeping: Invoker, on_conflict: str) -> None:
    """A sweep never changes an entry, also where ON_CONFLICT lets events do so."""
    a_world(sweeping)
    sweeping.configure(ON_CONFLICT=on_conflict)
    elsewhere = {**made_entry(MISSING), "InstanceId": "i-bp1elsewhere"}

    def take(call: str) -> None:
        if call == "DescribePlugins":
            sweeping.given(entries=[elsewhere])

    sweeping.before = take
    sweeping(TIMER, timeout=600.0)

    assert "CloudAPI.ModifyVpcAccessAndUpdateApis" not in sweeping.calls()
    (entry,) = [entry for entry in sweeping.accesses() if entry["Name"] == NAMES[MISSING]]
    assert entry["InstanceId"] == "i-bp1elsewhere"


@pytest.mark.parametrize("target_check", ["off", "on"])
def test_an_instance_that_goes_between_plan_and_apply(sweeping: Invoker, target_check: str) -> None:
    """Whether or not the gateway notices, the sweep ends, and what it opened for nobody is scheduled by the next."""
    a_world(sweeping)
    sweeping.given(target_check=target_check)

    def delete(call: str) -> None:
        if call == "DescribePlugins":
            sweeping.served.products["ECS"].remove(made_instance(MISSING)["InstanceId"])

    sweeping.before = delete
    sweeping(TIMER, timeout=600.0)
    first = scheduled(sweeping)
    fair(sweeping)

    assert set(first) == GONE
    assert set(scheduled(sweeping)) == GONE | (names(sweeping) & {NAMES[MISSING]})


def test_no_entries_and_no_backends(sweeping: Invoker) -> None:
    """An empty account is a sweep that is complete."""
    sweeping(TIMER)
    assert closing(sweeping)["event"] == "sweep completed"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({**TIMER, "payload": "\u0000{nonsense"}, id="text"),
        pytest.param({**TIMER, "payload": None}, id="null"),
        pytest.param({**TIMER, "payload": {"mode": "apply", "deep": [[[1]]]}}, id="object"),
        pytest.param({**TIMER, "payload": "9" * 100_000}, id="long"),
        pytest.param({**TIMER, "payload": "-1"}, id="negative"),
        pytest.param({**TIMER, "payload": "١٠"}, id="other-digits"),
        pytest.param({**TIMER, "triggerTime": 7, "triggerName": ""}, id="no-time-no-name"),
        pytest.param([TIMER, TIMER], id="twice"),
        pytest.param([TIMER, {"Name": 7}], id="with-something-else"),
    ],
)
def test_a_timer_is_a_timer_whatever_its_payload(sweeping: Invoker, event: Any) -> None:
    """Nonsense in the payload changes nothing, and one event is one sweep."""
    a_world(sweeping)
    answer = sweeping(event, timeout=600.0)

    assert answer.error is None
    assert [line["event"] for line in sweeping.lines()].count("sweep started") <= 1


@pytest.mark.parametrize(
    "event", [b"", b"\xff\xfe", b"[", b"null", b"7", b'"text"', b"{}", b"[[[]]]", {"payload": "x"}, request()], ids=repr
)
def test_what_is_no_timer_is_told_and_never_raised(sweeping: Invoker, event: Any) -> None:
    """Anything else that comes in is an answer in the log: nobody delivers it again."""
    assert sweeping(event).error is None
    assert sweeping.calls() == [] or set(sweeping.calls()) == {"SMQ.PublishMessage"}


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0, 20.0, 40.0])
def test_time_that_runs_out_loses_nothing(sweeping: Invoker, seconds: float) -> None:
    """A sweep that ends early has told what it made, says what is left, and the next ones do that."""
    sweeping.given(instances=[made_instance(number) for number in range(1, 401)])
    sweeping.configure(MAX_CALLS_PER_SECOND="10")
    answer = sweeping(TIMER, timeout=seconds)
    made = names(sweeping)

    assert answer.error is None
    assert set(answers(sweeping).values()) == made
    assert len(made) < 400
    assert closing(sweeping)["event"] == "sweep incomplete"
    assert [line for line in told(answer) if line[0] == "failed"][1:] == []
    fair(sweeping)
    assert len(names(sweeping)) == len(sweeping.accesses()) == 400
    assert closing(sweeping)["event"] == "sweep completed"


def test_a_sweep_ends_at_four_fifths_of_its_time(sweeping: Invoker) -> None:
    """What is under way then ends within the rest, and nothing new begins."""
    sweeping.given(instances=[made_instance(number) for number in range(1, 901)])
    sweeping.configure(MAX_CALLS_PER_SECOND="1")
    began, moments = sweeping.clock.now(), list[float]()
    sweeping.before = lambda call: moments.append(sweeping.clock.now() - began) if call == "SetVpcAccess" else None
    sweeping(TIMER, timeout=600.0)

    assert 380 < max(moments) < 600
    assert set(answers(sweeping).values()) == names(sweeping)


def test_what_could_not_be_told_is_not_complete(sweeping: Invoker) -> None:
    """A result that did not reach its topic makes the sweep incomplete."""
    a_world(sweeping)
    sweeping.given(faults=[{"operation": "SMQ.PublishMessage", "nth": 1, "status": 403, "code": "AccessDenied"}])
    sweeping(TIMER, timeout=600.0)

    assert closing(sweeping)["event"] == "sweep incomplete"
    assert closing(sweeping)["untold"] == 1


@pytest.mark.parametrize("lost", ["CloudAPI.SetVpcAccess", "SMQ.SendMessage"])
def test_a_right_that_is_lost_on_the_way(sweeping: Invoker, lost: str) -> None:
    """What was done before is told, what could not be done is told, and the next sweep does it."""
    a_world(sweeping)
    sweeping.given(faults=[{"operation": lost, "from": 2, "status": 403, "code": "NoPermission"}])
    answer = sweeping(TIMER, timeout=600.0)

    assert [line[0] for line in told(answer)].count("failed") == 1
    assert closing(sweeping)["event"] == "sweep incomplete"
    fair(sweeping)
    assert names(sweeping) == GOAL | GONE
    assert set(answers(sweeping).values()) == GOAL - {NAMES[LIVING]}
    assert set(scheduled(sweeping)) == GONE


def test_a_key_that_is_lost_on_the_way(sweeping: Invoker) -> None:
    """What was made before is in the summary, though nothing more can be done."""
    sweeping.given(instances=[made_instance(number) for number in range(1, 151)])
    key, seen = sweeping.credentials, 0
    engine = sweeping.configure()

    def lose(call: str) -> None:
        nonlocal seen
        seen += call == "PublishMessage"
        if seen == 100:
            sweeping.credentials = key._replace(access_key_id="", access_key_secret="")

    sweeping.after = lose
    answer = sweeping(TIMER, timeout=600.0)
    assert engine is sweeping.engine

    assert [line[0] for line in told(answer)].count("authorized") == 100
    assert answer.error is None


@pytest.mark.parametrize("part", [0.02, 0.2])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_whatever_is_lost_three_sweeps_come_to_the_same_end(
    sweeping: Invoker, number: int, part: float, concurrency: str
) -> None:
    """Of 300 instances and 300 entries each is as it should be, though calls are throttled, cut and answered oddly."""
    size = 300
    sweeping.configure(CONCURRENCY=concurrency)
    sweeping.given(**bench.world(size), faults=bench.bad_weather(number, part))
    for _ in range(bench.RUNS):
        sweeping(TIMER, timeout=600.0)
        sweeping.clock.advance(3600)
        if not (left := bench.missing(sweeping.served, size)):
            break

    assert left == []
    assert set(answers(sweeping).values()) == {entry["Name"] for entry in sweeping.accesses()[-3:]}
    sweeping.served.faults.set([])


@pytest.mark.parametrize(
    "instance",
    [
        ",".join(f"lb-bp{number}" for number in range(12)),
        "i-not.an.id",
        "i-",
        "lb-" + "x" * 100,
        "i-\u00e9",
        'i-1","i-2',
    ],
)
def test_an_id_that_is_none_spoils_no_look_up(sweeping: Invoker, instance: str) -> None:
    """What somebody wrote into an entry with our mark is not asked for, and everything else is as ever."""
    a_world(sweeping)
    sweeping.given(entries=[request(Name="odd", InstanceId=instance, Tag=OURS, CreatedTime=EARLIER)])
    sweeping(TIMER, timeout=600.0)

    assert closing(sweeping)["event"] == "sweep completed"
    assert set(scheduled(sweeping)) == GONE


def test_an_entry_that_no_message_can_hold_costs_the_others_nothing(sweeping: Invoker) -> None:
    """What cannot be scheduled is told, and everything else is."""
    entry = VpcAccess("first", VPC, "i-bp1gone1", 80, vpc_access_id="id-1", created_time=EARLIER)
    entries = (entry._replace(description="x" * 70_000), entry._replace(name="second", port=443))
    plan = Sweep(tuple(Item(RELEASE, entry) for entry in entries))
    answer = sweeping.doing(lambda records, run: (carry_out(plan, records[0], run), []))(TIMER)

    assert [(line[0], line[2]) for line in told(answer)] == [("failed", "first"), ("scheduled", "second")]
    assert scheduled(sweeping) == Counter(["second"])


LOSSES = [
    {**effect, **which}
    for effect in [*COMMON, *RARE]
    for which in ({}, {"nth": 1}, {"nth": 2}, {"rate": 0.5, "seed": 7})
]
WRITES = ("CloudAPI.SetVpcAccess", "SMQ.PublishMessage", "SMQ.SendMessage")
STORMS = st.lists(st.tuples(st.sampled_from((*LOOKS, *WRITES)), st.sampled_from(LOSSES)), min_size=1, max_size=4)


@rounds(max_examples=60, deadline=None)
@given(STORMS, st.sampled_from(["error", "overwrite"]), st.sampled_from([0, 2]), st.sampled_from(["present", "absent"]))
def test_a_storm_of_losses_lets_no_living_one_go(
    storm: list[tuple[str, dict[str, Any]]], duplicate: str, reads: int, vpc_access_id: str
) -> None:
    """Whatever goes wrong together, in either world: nothing goes that lives, nothing is made twice, all is told in the end."""
    sweeping = new_invoker(duplicate=duplicate, visible_after_reads=reads, vpc_access_id=vpc_access_id).doing(reconcile)
    a_world(sweeping)
    rules = [
        {"operation": operation, **loss} for operation, loss in storm if "odd" not in loss or "SMQ" not in operation
    ]
    sweeping.given(faults=rules)
    answer = sweeping(TIMER, timeout=600.0)
    first, problems = scheduled(sweeping), closing(sweeping).get("problems")
    fair(sweeping)
    granted = answers(sweeping)
    second = scheduled(sweeping)
    log.configure()

    assert answer.error is None
    assert set(first) <= (set() if problems else GONE)
    assert set(second) == GONE
    assert Counter(entry["Name"] for entry in sweeping.accesses()) == Counter(GOAL | GONE)
    assert sorted(granted.values()) == sorted(GOAL - {NAMES[LIVING]})
