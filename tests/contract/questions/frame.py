"""What the gateway makes of a request before it looks at the operation: dates, nonces, signed headers, parameters."""

from __future__ import annotations

from tests.contract.account import Account
from tests.contract.question import Answer, Question
from tests.contract.replies import NotAsked, NotSeen, Reply, answered

_SIGNATURE = "https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature"
_CODES = "https://developer.aliyun.com/ask/278265"
_OFF = 16 * 60.0  # seconds; 15 minutes are allowed
_PAGE = {"PageNumber": "1", "PageSize": "1"}
_READ = "a read"
_MOST_IN_A_BURST = 200


def _word(reply: Reply, *expected: str) -> Answer:
    """Return whether a request was taken; what is refused to every request of this key was refused to the first one."""
    word = "accepted" if answered(reply, expected).is_success else "refused"
    return Answer(word, {}, reply.why)


def _ahead(account: Account) -> Answer:
    answer = _word(account.product.other(ahead=_OFF).call("CloudAPI", "DescribeVpcAccesses", _PAGE))
    return answer._replace(switches={"future_dates": "accept" if answer.word == "accepted" else "refuse"})


def _behind(account: Account) -> Answer:
    return _word(account.product.other(ahead=-_OFF).call("CloudAPI", "DescribeVpcAccesses", _PAGE))


def _used_nonce(account: Account) -> Answer:
    request = account.product.request("DescribeVpcAccesses", _PAGE)
    first = account.product.raw(request)
    if not first.is_success:
        raise NotSeen(f"the first request was refused with {first.code}")
    return _word(account.product.raw(request), "SignatureNonceUsed")


def _unsigned_content_type(account: Account) -> Answer:
    request = account.product.request("DescribeVpcAccesses", _PAGE)
    return _word(account.product.raw(request._replace(headers={**request.headers, "content-type": "application/json"})))


def _unknown_parameter(account: Account) -> Answer:
    return _word(account.call("CloudAPI", "DescribeVpcAccesses", {**_PAGE, "VpcAccessContract": "1"}))


def _retry_after(account: Account) -> Answer:
    """Ask for plug-ins, which nothing of the product's honest path needs, until the gateway has had enough."""
    if not account.given.provoke_throttling:
        raise NotAsked("give --provoke-throttling: other callers of the account are throttled, too, for a moment")
    for calls in range(1, _MOST_IN_A_BURST + 1):
        reply = account.product.raw(account.product.request("DescribePlugins", _PAGE))
        if not reply.is_success and not reply.is_throttled:
            raise NotAsked(f"allow your key the call DescribePlugins: it was refused with {reply.code}")
        if not reply.is_success:
            waits = "x-acs-retry-after" in {name.lower() for name in reply.headers}
            word = "present" if waits else "absent"
            return Answer(word, {"retry_after": word}, {"code": reply.code, "status": reply.status, "calls": calls})
    raise NotSeen(f"{_MOST_IN_A_BURST} calls in a row were not throttled: there is nothing to see")


QUESTIONS = (
    Question(
        "future-date",
        "Is a request refused whose date is more than 15 minutes ahead?",
        _SIGNATURE,
        _READ,
        ("accepted", "refused"),
        "accepted",
        "its dates are those of its clock, and the doctor tells if that is wrong",
        _ahead,
        settles=("future_dates",),
        alone=True,
    ),
    Question(
        "past-date",
        "With which code is a request refused whose date is 16 minutes old?",
        _CODES,
        _READ,
        ("accepted", "refused"),
        "refused",
        "it takes every code about time for a wrong clock, and tries again later",
        _behind,
        alone=True,
    ),
    Question(
        "used-nonce",
        "With which code is a request refused that comes twice?",
        _CODES,
        "two reads",
        ("accepted", "refused"),
        "refused",
        "every attempt has a nonce of its own",
        _used_nonce,
        alone=True,
    ),
    Question(
        "unsigned-content-type",
        "Is a request refused whose content-type is not among the signed headers?",
        _SIGNATURE,
        _READ,
        ("accepted", "refused"),
        "refused",
        "it sends none, and signs the one that it sends with a form",
        _unsigned_content_type,
        alone=True,
    ),
    Question(
        "unknown-parameter",
        "Is a parameter refused that the operation does not have?",
        "",
        _READ,
        ("accepted", "refused"),
        "refused",
        "it sends documented parameters only",
        _unknown_parameter,
    ),
    Question(
        "retry-after",
        "Does a throttled answer say in x-acs-retry-after how long to wait?",
        "",
        "up to 200 reads in a row",
        ("present", "absent"),
        "absent",
        "it follows the header, and has its own waits if there is none",
        _retry_after,
        settles=("retry_after",),
        alone=True,
    ),
)
