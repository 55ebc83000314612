"""What SMQ does with bodies, tags and delays, in queues and a topic that each question makes and drops."""

from __future__ import annotations

from base64 import b64decode

from shared.cloud.answers import xml_text
from tests.contract.account import PREFIX, Account
from tests.contract.question import Answer, Question
from tests.contract.replies import NotAsked, NotSeen, Reply, Unclear, allowed

_PUBLISH = "https://help.aliyun.com/en/mns/publishmessage-1"
_SEND = "https://help.aliyun.com/document_detail/35134.htm"
_TEXT = "vpc access contract"
_QUEUE = "a queue for a moment"
_TOPIC = "a topic and queues for a moment"
_DELAY = 2  # seconds
_FEW_LOOKS = 5
_SECOND = 1.0


def _document(element: str, **fields: str) -> bytes:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (
        f'<?xml version="1.0" encoding="utf-8"?><{element} xmlns="http://mns.aliyuncs.com/doc/v1/">{inner}</{element}>'
    ).encode()


def _need_smq(account: Account) -> None:
    if not (account.product.place.smq and account.product.place.account_id):
        raise NotAsked("set ALIBABA_CLOUD_ACCOUNT_ID")
    if account.smq_problem:
        raise Unclear(f"see that the region has SMQ and the account is right: {account.smq_problem}")


def _new(account: Account, kind: str, element: str) -> str:
    """Make a queue or a topic and return its name; it is dropped when the question ends."""
    _need_smq(account)
    name = f"{PREFIX}{account.run_id}-{account.port()}"
    path = f"/{kind}/{name}"
    account.ledger.note(f"SMQ's {path}", lambda: account.drop_of_smq(path))
    reply = allowed(f"PUT {kind} in SMQ", account.product.smq("PUT", path, _document(element)))
    if not reply.is_success:
        raise NotAsked(f"SMQ makes no {kind}: {reply.code}")
    return name


def _subscribed(account: Account, topic: str, tag: str = "") -> str:
    """Return a new queue that gets what is published, of one tag only if there is one."""
    queue, place = _new(account, "queues", "Queue"), account.product.place
    fields = {"Endpoint": f"acs:mns:{place.region_id}:{place.account_id}:queues/{queue}"}
    fields |= {"FilterTag": tag} if tag else {}
    document = _document("Subscription", **fields, NotifyContentFormat="SIMPLIFIED")
    subscription = f"/topics/{topic}/subscriptions/{queue}"
    reply = allowed("PUT subscriptions in SMQ", account.product.smq("PUT", subscription, document))
    if not reply.is_success:
        raise NotAsked(f"SMQ makes no subscription: {reply.code}")
    return queue


def _published(account: Account, topic: str, text: str, tag: str, *, base64: bool) -> Reply:
    return _read(allowed("PublishMessage in SMQ", account.caller.publish(topic, text, tag, base64=base64)))


def _sent(account: Account, queue: str, delay: int = 0) -> Reply:
    return _read(allowed("SendMessage in SMQ", account.caller.send(queue, _TEXT, delay), expected=("QueueNotExist",)))


def _read(reply: Reply) -> Reply:
    """Return a reply; raises Unclear if the product could not read that it is a success, and has perhaps sent again."""
    if reply.is_success and reply.read_as:
        raise Unclear("nobody knows how many messages there are: the answer to one could not be read")
    return reply


def _received(account: Account, queue: str) -> str | None:
    for _ in range(_FEW_LOOKS):
        if (body := account.caller.receive(queue)) is not None:
            return body
        account.clock.sleep(_SECOND)
    return None


def _plain(account: Account) -> Answer:
    topic = _new(account, "topics", "Topic")
    queue = _subscribed(account, topic)
    reply = _published(account, topic, f"<{_TEXT}>", "plain", base64=False)
    if not reply.is_success:
        encoded = _published(account, topic, _TEXT, "plain", base64=True)
        if not encoded.is_success:
            raise NotSeen(f"what is in Base64 is refused as well, with {encoded.code}: it is not about the encoding")
        return Answer("refused", {"smq_require_base64": "on"}, reply.why)
    body = _received(account, queue)
    evidence = {"arrived": body is not None, "as_sent": body == f"<{_TEXT}>"}
    return Answer("taken", {"smq_require_base64": "off"}, evidence)


def _base64(account: Account) -> Answer:
    topic = _new(account, "topics", "Topic")
    queue = _subscribed(account, topic)
    reply = _published(account, topic, _TEXT, "encoded", base64=True)
    if not reply.is_success:
        return Answer("refused", {}, reply.why)
    body = _received(account, queue)
    if body is None:
        return Answer("it does not arrive")
    if body == _TEXT:
        return Answer("decoded")
    try:
        as_sent = b64decode(body, validate=True).decode() == _TEXT
    except ValueError:
        as_sent = False
    return Answer("as it was sent" if as_sent else "in another form")


def _tags(account: Account) -> Answer:
    topic = _new(account, "topics", "Topic")
    everything, wanted = _subscribed(account, topic), _subscribed(account, topic, "wanted")
    for tag in ("other", "wanted"):
        reply = _published(account, topic, tag, tag, base64=True)
        if not reply.is_success:
            return Answer("refused", {}, reply.why)
    all_of_them = [_received(account, everything) is not None for _ in range(2)]
    first = _received(account, wanted)
    second = account.caller.receive(wanted)
    evidence = {"without_a_tag": sum(all_of_them), "with_the_tag": sum(body is not None for body in (first, second))}
    only = first is not None and second in {None, first}  # a message may come twice
    return Answer("that tag only" if only else "otherwise", {}, evidence)


def _delay(account: Account) -> Answer:
    queue = _new(account, "queues", "Queue")
    reply = _sent(account, queue, _DELAY)
    if not reply.is_success:
        return Answer("refused", {}, reply.why)
    if account.caller.receive(queue) is not None:
        return Answer("at once")
    account.clock.sleep(_DELAY + _SECOND)
    return Answer("when it is due" if _received(account, queue) is not None else "it does not arrive")


def _counts(account: Account) -> Answer:
    queue = _new(account, "queues", "Queue")
    reply = _sent(account, queue)
    if not reply.is_success:
        return Answer("refused", {}, reply.why)
    told = ""
    for looks in range(_FEW_LOOKS):
        attributes = allowed("GET queues in SMQ", account.product.smq("GET", f"/queues/{queue}"))
        told = xml_text(str(attributes.fields["Text"]), "ActiveMessages")
        if not told:
            raise Unclear("GetQueueAttributes does not tell ActiveMessages")
        if told == "1":
            return Answer("counted", {"smq_message_counts": "counted"}, {"looks": looks})
        account.clock.sleep(_SECOND)
    return Answer("zero" if told == "0" else "otherwise", {"smq_message_counts": "zero"} if told == "0" else {})


def _missing(account: Account) -> Answer:
    _need_smq(account)
    reply = _sent(account, f"{PREFIX}nothing-has-this-name")
    word = "QueueNotExist" if reply.code == "QueueNotExist" else "another answer"
    return Answer(word, {}, reply.why)


QUESTIONS = (
    Question(
        "smq-plain",
        "Does SMQ take a body that is not Base64, and does it arrive as it was sent?",
        _PUBLISH,
        _TOPIC,
        ("taken", "refused"),
        "taken",
        "it sends Base64 unless `RESULT_ENCODING=plain`",
        _plain,
        writes=True,
        settles=("smq_require_base64",),
    ),
    Question(
        "smq-base64",
        "Does a body in Base64 arrive as it was sent, by a subscription of the form SIMPLIFIED?",
        "https://www.alibabacloud.com/help/en/mns/notifycontentformat",
        _TOPIC,
        ("as it was sent", "decoded", "in another form", "refused", "it does not arrive"),
        "as it was sent",
        "events are read in either form",
        _base64,
        writes=True,
    ),
    Question(
        "smq-tags",
        "Does a subscription with a tag get messages of that tag only?",
        _PUBLISH,
        _TOPIC,
        ("that tag only", "otherwise", "refused"),
        "that tag only",
        "the tag of a result is the last word of its type",
        _tags,
        writes=True,
    ),
    Question(
        "smq-delay",
        "Does a delayed message show when it is due?",
        _SEND,
        _QUEUE,
        ("when it is due", "at once", "refused", "it does not arrive"),
        "when it is due",
        "a release that comes too early is looked at all the same",
        _delay,
        writes=True,
    ),
    Question(
        "smq-counts",
        "Does GetQueueAttributes count the messages of a queue, or say 0 as its page announces?",
        "https://alibabacloud.com/help/en/mns/getqueueattributes",
        _QUEUE,
        ("counted", "zero", "otherwise", "refused"),
        "counted",
        "a count of 0 proves nothing to it",
        _counts,
        writes=True,
        settles=("smq_message_counts",),
    ),
    Question(
        "smq-missing",
        "With which code is a message refused to a queue that is not there?",
        "https://www.alibabacloud.com/help/doc-detail/27501.html",
        "nothing: there is no such queue",
        ("QueueNotExist", "another answer"),
        "QueueNotExist",
        "it says which setting to correct, and tries again later",
        _missing,
        writes=True,
    ),
)
