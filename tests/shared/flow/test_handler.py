"""One invocation end to end: what is published, what is logged, when the platform is asked to deliver again."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.fc.triggers.config import QueueTrigger
from tests.cloud.fc.triggers.queue import QueuePump
from tests.cloud.fc.triggers.triggered import Delivery
from tests.cloud.fc.wire import parse_trigger
from tests.deployed import template
from tests.invoking import VPC, Invoker, queue_event, request, state_change

CASES = Path(__file__).parents[2] / "cases"
READ, WRITE, PUBLISH = "CloudAPI.DescribeVpcAccesses", "CloudAPI.SetVpcAccess", "SMQ.PublishMessage"
LOOK_UP = "ECS.DescribeInstances"


def _seed(invoke: Invoker, **entry: Any) -> None:
    document = {"Name": "orders-prod", "VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 8080, **entry}

    invoke.given(entries=[document])


def _instances(invoke: Invoker, *instances: dict[str, Any]) -> None:

    invoke.given(instances=list(instances))


def test_a_request_is_authorized_and_answered(invoke: Invoker) -> None:
    """One read, one write, one message: the id of the answer is the id at the gateway and in the summary."""
    whole = request(Description="orders", VpcTargetHostName="orders.example", Tag=[{"Key": "env", "Value": "prod"}])
    answer = invoke(queue_event(json.dumps(whole)))
    (message,), (entry,) = invoke.messages(), invoke.accesses()

    assert invoke.calls() == [READ, WRITE, PUBLISH]
    assert message["type"] == "vpcaccess.authorized"
    assert message["subject"] == "orders-prod"
    assert message["data"] == {
        "SourceMessageId": "C6DB60D1574661357FA2272700000001",
        "Source": "smq-queue",
        "InvocationId": "req-1",
        "Name": "orders-prod",
        "VpcId": VPC,
        "InstanceId": "i-bp1example0001",
        "Port": 8080,
        "VpcAccessId": entry["VpcAccessId"],
        "RequestId": message["data"]["RequestId"],
    }
    assert answer.result["vpc_access_id"] == entry["VpcAccessId"]
    assert (entry["Description"], entry["VpcTargetHostName"]) == ("orders", "orders.example")
    assert entry["Tags"]["TagInfo"] == [
        {"Key": "env", "Value": "prod"},
        {"Key": "vpc-access-owner", "Value": "team-a"},
        {"Key": "vpc-access-origin", "Value": "requested"},
    ]


def test_the_same_event_answers_the_same_for_ever(invoke: Invoker) -> None:
    """A redelivered message keeps its entry, its VpcAccessId and its result id; only one write is made."""
    event = queue_event(json.dumps(request()))
    for _ in range(3):
        invoke(event)
    messages = invoke.messages()

    assert [message["type"] for message in messages] == ["vpcaccess.authorized"] + ["vpcaccess.unchanged"] * 2
    assert len({message["id"] for message in messages}) == 1
    assert len({message["data"]["VpcAccessId"] for message in messages}) == 1
    assert invoke.calls(WRITE) == [WRITE]


def test_the_result_id_does_not_depend_on_the_batch(invoke: Invoker) -> None:
    """The same message alone, first or last of a batch has one result id; another message has another."""
    body = json.dumps(request(Port=22))
    alone, other = queue_event(body), queue_event(body, first=2)
    for event in (alone, other + alone, alone + other):
        invoke(event)
    ids = [(message["data"]["SourceMessageId"][-1], message["id"]) for message in invoke.messages()]

    assert len(set(ids)) == 2
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("event", "kind", "reason", "words"),
    [
        pytest.param(
            {"Name": "x"},
            "rejected",
            "InvalidRecord",
            ("VpcId is missing", "InstanceId is missing", "Port is missing"),
            id="three-missing",
        ),
        pytest.param(request(Prot=1), "rejected", "InvalidRecord", ("'Prot'", "did you mean Port?"), id="misspelt"),
        pytest.param(
            request(Port=0),
            "rejected",
            "InvalidRecord",
            ("Port is out of range: give a port from 1 to 65535",),
            id="port-zero",
        ),
        pytest.param(request(Port=65_536), "rejected", "InvalidRecord", ("Port is out of range",), id="port-beyond"),
        pytest.param(request(Port=True), "rejected", "InvalidRecord", ("Port", "whole number"), id="port-true"),
        pytest.param(request(Port="eighty"), "rejected", "InvalidRecord", ("Port", "whole number"), id="port-word"),
        pytest.param(
            request(InstanceId="web"), "rejected", "InvalidRecord", ("InstanceId", "i-…", "IP address"), id="instance"
        ),
        pytest.param(request(VpcId="web"), "rejected", "InvalidRecord", ("VpcId", "vpc-"), id="vpc"),
        pytest.param(request(Name="a\nb"), "rejected", "InvalidRecord", ("Name", "control characters"), id="newline"),
        pytest.param(
            request(Tag=[{"Key": "vpc-access-owner", "Value": "me"}]),
            "rejected",
            "InvalidRecord",
            ("reserved",),
            id="owner-tag",
        ),
        pytest.param(
            request(Tag=[{"Key": "a"}, {"Key": "a"}]), "rejected", "InvalidRecord", ("twice",), id="tag-twice"
        ),
        pytest.param([1], "rejected", "InvalidRecord", ("JSON object", "a number"), id="number"),
        pytest.param({"foo": 1}, "rejected", "InvalidRecord", ("not recognised", "foo"), id="unknown"),
        pytest.param(request(Port=22), "refused", "PortNotAllowed", ("ALLOWED_PORTS",), id="port-22"),
        pytest.param(request(VpcId="vpc-other"), "refused", "VpcNotAllowed", ("ALLOWED_VPC_IDS",), id="foreign-vpc"),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_fix(
    invoke: Invoker, event: Any, kind: str, reason: str, words: tuple[str, ...]
) -> None:
    """A malformed or forbidden request gets one answer that names the field or setting; nothing is read or opened."""
    invoke(event)
    (message,) = invoke.messages()

    assert message["type"] == f"vpcaccess.{kind}"
    assert message["data"]["ReasonCode"] == reason
    for word in words:
        assert word in message["data"]["Reason"]
    assert "Original" in message["data"]
    assert invoke.calls() == [PUBLISH]


@pytest.mark.parametrize("instance_id", ["i-bp1example0001", "lb-bp1example0001", "alb-example", "10.0.0.7", "fd00::7"])
def test_every_kind_of_instance_id_is_accepted(invoke: Invoker, instance_id: str) -> None:
    """Instances, load balancers and the addresses of allowed networks can be authorized."""
    invoke.configure(ALLOWED_ADDRESSES="10.0.0.0/8,fd00::/8")
    assert invoke(request(InstanceId=instance_id)).result["outcome"] == "authorized"


@pytest.mark.parametrize("port", [8080, "8080"])
def test_a_port_may_be_text(invoke: Invoker, port: object) -> None:
    """Producers that send the port as text are understood."""
    assert invoke(request(Port=port)).result["outcome"] == "authorized"


def test_one_bad_record_costs_nobody_else(invoke: Invoker) -> None:
    """In a batch the good are authorized, the bad answered, in the order of input, and nothing is raised."""
    bodies = [
        "not json",
        json.dumps(request()),
        b64encode(json.dumps(request(Name="b", Port=80)).encode()).decode(),
        "{}",
    ]
    answer = invoke(queue_event(*bodies))

    assert [result["outcome"] for result in answer.results] == ["rejected", "authorized", "authorized", "rejected"]
    assert len(invoke.messages()) == 4


def test_a_record_that_cannot_be_done_now_is_raised_after_the_others(invoke: Invoker) -> None:
    """One failing write in a batch: the others are done and answered, the failing one says it will be retried."""
    invoke.given(faults=[{"operation": WRITE, "nth": 2, "status": 403, "code": "NoPermission"}])
    answer = invoke([request(), request(Name="b", Port=80), request(Name="c", Port=443)])
    kinds = {message["subject"]: message for message in invoke.messages()}

    assert "1 of 3 records can succeed when delivered again: NoPermission (1)" in str(answer.error)
    assert "apigateway:SetVpcAccess" in str(answer.error)
    assert {name: message["type"] for name, message in kinds.items()} == {
        "orders-prod": "vpcaccess.authorized",
        "b": "vpcaccess.failed",
        "c": "vpcaccess.authorized",
    }
    assert kinds["b"]["data"]["WillRetry"] is True


def test_a_later_success_is_no_repeat_of_the_failure(invoke: Invoker) -> None:
    """Failed and authorized answers of one message differ in id, so a consumer that drops repeats sees both."""
    invoke.given(faults=[{"operation": WRITE, "nth": 1, "status": 403, "code": "NoPermission"}])
    event = queue_event(json.dumps(request()))
    assert invoke(event).error
    assert not invoke(event).error
    first, second = invoke.messages()

    assert (first["type"], second["type"]) == ("vpcaccess.failed", "vpcaccess.authorized")
    assert first["id"] != second["id"]


def test_a_lost_result_is_published_by_the_redelivery(invoke: Invoker) -> None:
    """When publishing fails after the write, the event is due again; the redelivery keeps the entry and answers."""
    invoke.given(faults=[{"operation": PUBLISH, "nth": 1, "status": 403, "code": "AccessDenied"}])
    event = queue_event(json.dumps(request()))
    error = invoke(event).error
    assert error is not None
    assert "mns:PublishMessage" in str(error)
    assert invoke.messages() == []
    invoke(event)
    (message,) = invoke.messages()

    assert message["data"]["VpcAccessId"] == invoke.accesses()[0]["VpcAccessId"]
    assert invoke.calls(WRITE) == [WRITE]


def test_equal_records_of_one_batch_share_one_write(invoke: Invoker) -> None:
    """The same request in three messages is written once and answered three times with the same VpcAccessId."""
    invoke(queue_event(*[json.dumps(request())] * 3))
    messages = invoke.messages()

    assert [message["type"] for message in messages] == ["vpcaccess.authorized"] + ["vpcaccess.unchanged"] * 2
    assert len({message["data"]["VpcAccessId"] for message in messages}) == 1
    assert len({message["id"] for message in messages}) == 3
    assert invoke.calls(WRITE) == [WRITE]


def test_a_notice_is_resolved_by_tag(invoke: Invoker) -> None:
    """A tagged instance is authorized under the name of the template, once for each port of its tag."""
    _instances(invoke, {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080, 443"}})
    answer = invoke(state_change())

    assert [result["name"] for result in answer.results] == [
        "team-a-i-bp1example0001-8080",
        "team-a-i-bp1example0001-443",
    ]
    assert invoke.calls() == [LOOK_UP, READ, WRITE, PUBLISH, WRITE, PUBLISH]
    assert {message["data"]["SourceMessageId"] for message in invoke.messages()} == {
        "acs.ecs/70c0414c-b260-4923-b584-0001"
    }


@pytest.mark.parametrize(
    ("event", "reason", "calls"),
    [
        pytest.param(state_change(state="Stopped"), "state", [], id="stopped"),
        pytest.param(state_change(instance_id="i-bp1example0002"), "untagged", [LOOK_UP], id="untagged"),
        pytest.param([], "empty", [], id="empty-batch"),
    ],
)
def test_what_is_none_of_our_business_is_ignored(invoke: Invoker, event: Any, reason: str, calls: list[str]) -> None:
    """Ignored events cost no call that the event alone makes needless, and publish nothing."""
    _instances(invoke, {"InstanceId": "i-bp1example0002", "VpcId": VPC, "Tags": {"name": "db"}})
    answer = invoke(event)

    assert (answer.result["outcome"], answer.result["reason"]) == ("ignored", reason)
    assert invoke.calls() == calls


@pytest.mark.parametrize(
    ("instance", "reason"),
    [
        pytest.param({"VpcId": "", "Tags": {"apigateway-port": "80"}}, "ClassicNetwork", id="classic"),
        pytest.param({"VpcId": VPC, "Tags": {"apigateway-port": "http"}}, "InvalidPortTag", id="port-name"),
        pytest.param({"VpcId": VPC, "Tags": {"apigateway-port": "0"}}, "InvalidPortTag", id="port-zero"),
        pytest.param({"VpcId": VPC, "Tags": {"apigateway-port": "22"}}, "PortNotAllowed", id="policy"),
        pytest.param({"VpcId": "vpc-other", "Tags": {"apigateway-port": "80"}}, "VpcNotAllowed", id="vpc-policy"),
    ],
)
def test_an_announced_backend_that_cannot_be_authorized_says_why(
    invoke: Invoker, instance: dict[str, Any], reason: str
) -> None:
    """A tag or network that does not fit is answered with a reason, and nothing is opened."""
    _instances(invoke, {"InstanceId": "i-bp1example0001", **instance})
    invoke(state_change())
    (message,) = invoke.messages()

    assert message["data"]["ReasonCode"] == reason
    assert not invoke.accesses()


def test_a_dry_run_writes_and_publishes_nothing(invoke: Invoker) -> None:
    """With DRY_RUN the plan is the answer and the stand-in sees reads only."""
    invoke.configure(DRY_RUN="true")
    _seed(invoke, Name="other", Port=443)
    answer = invoke([request(), request(Port=22), request(Name="b", Port=443), {"Name": "x"}])

    assert [(result["outcome"], result["reason"]) for result in answer.results] == [
        ("planned", "create"),
        ("planned", "refuse: PortNotAllowed"),
        ("planned", "refuse: TargetTaken"),
        ("rejected", "InvalidRecord"),
    ]
    assert not [entry for entry in invoke.served.world.journal() if entry.write]
    assert invoke.messages() == []


def test_entries_beyond_the_first_page_are_seen(invoke: Invoker) -> None:
    """Among 250 entries the one in question is found, whichever of the two ways of looking is cheaper."""
    for number in range(250):
        _seed(invoke, Name=f"entry-{number}", InstanceId=f"i-{number}", Port=80)
    one = invoke(request(Name="entry-249", InstanceId="i-249", Port=80))
    invoke.served.world.journal.clear()
    many = invoke([request(Name=f"entry-{n}", InstanceId=f"i-{n}", Port=80) for n in range(100, 250)])

    assert one.result["outcome"] == "unchanged"
    assert many.summary["counts"] == {"unchanged": 150}
    assert len(invoke.calls(READ)) == 3


def test_results_can_be_plain(invoke: Invoker) -> None:
    """RESULT_ENCODING=plain puts the JSON itself into the message."""
    invoke.configure(RESULT_ENCODING="plain")
    invoke(request(Name="a<b>&\"'"))
    (message,) = invoke.served.products["SMQ"].receive("results", 1)

    assert json.loads(message.body)["subject"] == "a<b>&\"'"


def test_the_log_has_one_line_a_record(invoke: Invoker) -> None:
    """Each record leaves one line with request id, message id, outcome, calls and waits; none breaks in two."""
    invoke(queue_event(json.dumps(request()), json.dumps(request(Name="a\nb"))))
    lines = [line for line in invoke.lines() if line["event"] == "record"]

    assert [line["outcome"] for line in lines] == ["authorized", "rejected"]
    assert lines[0]["message_id"] == "C6DB60D1574661357FA2272700000001"
    assert lines[0]["calls"] == 2
    assert all(line["request_id"] == "req-1" for line in invoke.lines())


def test_a_concurrent_batch_keeps_the_order(invoke: Invoker) -> None:
    """With 8 threads every record is written once and reported at its own place."""
    invoke.configure(CONCURRENCY="8")
    answer = invoke([request(Name=f"n-{port}", Port=port) for port in range(8000, 8060)])

    assert [result["name"] for result in answer.results] == [f"n-{port}" for port in range(8000, 8060)]
    assert len(invoke.accesses()) == 60
    assert len(invoke.messages()) == 60


def test_a_message_too_large_for_smq_is_cut(invoke: Invoker) -> None:
    """The answer to a huge rejected message fits SMQ's 64 KB and says that the original was cut."""
    invoke(queue_event(json.dumps(request(Description="x" * 100_000))))
    (message,) = invoke.messages()

    assert message["data"]["OriginalTruncated"] is True
    assert message["type"] == "vpcaccess.rejected"


def test_an_element_that_looks_like_http_does_not_stop_redelivery(invoke: Invoker) -> None:
    """In a raw batch, a hostile element in the form of an HTTP request leaves the others their retry."""
    http = json.loads((Path(__file__).parents[3] / "events" / "http" / "post.json").read_text(encoding="utf-8"))
    invoke.given(faults=[{"operation": WRITE, "nth": 2, "status": 403, "code": "NoPermission"}])

    assert invoke([http, request(Name="b", Port=80)]).error


def test_a_batch_that_does_not_fit_the_time_goes_on_at_redelivery(invoke: Invoker) -> None:
    """What fits is done and answered, the rest is raised as out of time; redeliveries finish it without a second write."""
    event = queue_event(*[json.dumps(request(Name=f"n-{port}", Port=port)) for port in range(8000, 8040)])
    invoke.before = lambda _: invoke.clock.advance(0.4)
    deliveries, done = 0, []
    while True:
        deliveries += 1
        answer = invoke(event, timeout=30)
        done.append(len(invoke.accesses()))
        if answer.error is None:
            break
        assert "OutOfTime" in str(answer.error)
        assert deliveries < 5

    assert done == sorted(set(done)), "every delivery makes progress"
    assert done[0] < 40 == done[-1]
    assert len(invoke.calls(WRITE)) == 40
    assert len({message["data"]["SourceMessageId"] for message in invoke.messages()}) == 40


def test_what_policy_decides_is_answered_though_the_gateway_is_down(invoke: Invoker) -> None:
    """When the look at the gateway fails, only the requests that need it wait for another delivery."""
    invoke.given(faults=[{"operation": READ, "status": 503, "code": "ServiceUnavailable"}])
    error = invoke([request(Port=22), request(), {}]).error

    assert "1 of 3 records" in str(error)
    assert sorted(message["type"] for message in invoke.messages()) == [
        "vpcaccess.failed",
        "vpcaccess.refused",
        "vpcaccess.rejected",
    ]


@pytest.mark.parametrize("code", ["InvalidAction.NotFound", "Whatever"])
def test_a_refused_look_at_the_gateway_is_nobodys_rejection(invoke: Invoker, code: str) -> None:
    """The list holds nothing of a request, so its refusal (a wrong endpoint, a proxy) keeps every record due."""
    invoke.given(faults=[{"operation": READ, "status": 404, "code": code}])

    assert invoke(queue_event(json.dumps(request()))).error


def test_case_14_a_permission_code_of_another_spelling_rejects_nothing(invoke: Invoker) -> None:
    """The gateway answers `Forbidden`: the record failed and is due again, and its result says so."""
    event = (CASES / "14-permission-codes.event.json").read_bytes()
    invoke.given(faults=json.loads((CASES / "14-permission-codes.faults.json").read_text(encoding="utf-8")))
    error = invoke(event).error
    (message,) = invoke.messages()

    assert "Allow the RAM action apigateway:SetVpcAccess" in str(error)
    assert (message["type"], message["data"]["WillRetry"]) == ("vpcaccess.failed", True)
    invoke.given(faults=[])
    assert invoke(event).result["outcome"] == "authorized"


class _Triggered:
    """The function as its trigger sees it; ``events`` are those it was handed."""

    name = "set-vpc-access"

    def __init__(self, invoke: Invoker) -> None:
        self._invoke, self.events = invoke, list[bytes]()

    def deliver(self, event: bytes, *, asynchronous: bool) -> Delivery:
        assert not asynchronous
        self.events.append(event)
        return Delivery.FAILED if self._invoke(event).error is not None else Delivery.DONE

    def lose(self, queue: str, why: str) -> None:
        raise AssertionError(f"{queue}: {why}")


def test_the_template_s_trigger_ends_what_nobody_can_explain(invoke: Invoker) -> None:
    """A queue's messages carry no count of deliveries; the trigger counts: four of them, then the dead letters."""
    trigger = parse_trigger(template().properties("RequestTrigger"), invoke.served.world.switches)
    assert isinstance(trigger, QueueTrigger)
    smq = invoke.served.products["SMQ"]
    for queue in (trigger.queue, trigger.dead_letter_queue):
        smq.create_queue(queue, VisibilityTimeout=360)
    smq.send(trigger.queue, json.dumps(request()))
    invoke.given(faults=[{"operation": WRITE, "status": 400, "code": "NeverHeardOf"}])
    function = _Triggered(invoke)
    pump = QueuePump(invoke.served.world, smq, trigger, function)
    while pump.step():
        invoke.clock.advance(20)

    assert len(function.events) == 4
    assert [message["type"] for message in invoke.messages()] == ["vpcaccess.failed"] * 4
    assert len(invoke.calls(WRITE)) == 4
    (dead,) = smq.receive(trigger.dead_letter_queue, 16)
    assert json.loads(dead.body)[0]["data"]["messageBody"] == json.dumps(request())
    assert smq.receive(trigger.queue, 16) == []


def test_an_answer_without_a_message_id_is_no_publication(invoke: Invoker) -> None:
    """A proxy's page with status 200 does not count as published: the record is due again."""
    invoke.given(faults=[{"operation": PUBLISH, "times": 3, "body": "html", "when": "before", "status": 200}])
    event = queue_event(json.dumps(request()))

    assert "NoMessageId" in str(invoke(event).error)
    assert not invoke(event).error
    assert len(invoke.messages()) == 1


def test_an_answer_says_what_it_is_about(invoke: Invoker) -> None:
    """An announced instance that is not found, and a target that does not exist, are told with what is known of them."""
    invoke.configure(VERIFY_TARGET="true")
    _instances(invoke, {"InstanceId": "i-bp1example0002", "VpcId": VPC})  # what can be seen proves what is not there
    invoke(json.dumps([state_change("i-bp1gone"), request()]).encode())
    by_type = {message["type"]: message for message in invoke.messages()}
    gone, untrue = by_type["vpcaccess.failed"], by_type["vpcaccess.refused"]

    assert gone["data"]["InstanceId"] == "i-bp1gone"
    assert "subject" not in gone
    assert (untrue["subject"], untrue["data"]["Port"]) == ("orders-prod", 8080)


def test_a_follower_does_not_carry_its_leaders_publishing_error(invoke: Invoker) -> None:
    """Of two equal messages the first result is lost; the second's answer says nothing of that."""
    invoke.given(faults=[{"operation": PUBLISH, "nth": 1, "status": 403, "code": "AccessDenied"}])
    assert invoke(queue_event(*[json.dumps(request())] * 2)).error
    (message,) = invoke.messages()

    assert message["type"] == "vpcaccess.unchanged"
    assert "Reason" not in message["data"]


def test_more_records_than_are_read_are_due_again(invoke: Invoker) -> None:
    """What was not even read is not taken for done."""
    stopped = [state_change(f"i-{number:04}", state="Stopped") for number in range(10)] * 1001

    assert "1 of 10001" in str(invoke(stopped[:10_002]).error)
