"""What the vendor's error codes mean, by families: one table, the first row that fits decides. Pure.

Final is only what the vendor documents as a fault of the request itself. What somebody can cure names its cure,
whatever the exact spelling, so those rows look for words anywhere in a code and come before the final ones. A code that
no row knows is not final either (``answers.error_of``). Loaded with the first error; nothing else needs it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.errors import CloudRefused, CloudUnavailable, CredentialsExpired, Doubtful, OperatorNeeded

Kind = type[CloudUnavailable] | type[Doubtful] | type[CredentialsExpired] | type[OperatorNeeded] | type[CloudRefused]

PERMISSION = "a RAM permission is missing"  # the hint names the action
TARGET = "target"  # the place is the setting that names the topic or queue of the call

_KEY_ID = (
    "Check ALIBABA_CLOUD_ACCESS_KEY_ID; a temporary key also needs its ALIBABA_CLOUD_SECURITY_TOKEN. "
    "In Function Compute both come from the function's role"
)
_TOKEN = "Fresh temporary credentials are needed; in Function Compute they come from the function's role"  # noqa: S105 - a text
_SECRET = "The signature was refused: check that ALIBABA_CLOUD_ACCESS_KEY_SECRET belongs to the access key id in use"  # noqa: S105 - a text
_CLOCK = "The clocks differ by more than 15 minutes: correct this machine's time"
_ACCOUNT = (
    "The account or its access key is blocked, in arrears, or has not opened the service: see the console's notice"
)
_ENDPOINT = "Whoever answered does not know this call: check the region and the *_ENDPOINT settings"


class Family(NamedTuple):
    """Codes with one meaning. ``codes`` is a regular expression for their beginning, ``hint`` what the operator has to do.

    ``place`` is where that is done, if any other call would meet the same refusal.
    """

    kind: Kind
    codes: str
    hint: str = ""
    place: str = ""


FAMILIES: tuple[Family, ...] = (
    # Denied before anything was done. https://developer.aliyun.com/ask/278265, for SMQ
    # https://alibabacloud.com/help/en/mns/developer-reference/flow-limiting-policy and
    # https://help.aliyun.com/knowledge_detail/128343.html; ConcurrencyLockTimeout is retried by the vendor's own
    # https://github.com/aliyun/terraform-provider-alicloud
    Family(
        CloudUnavailable,
        r"Throttling|Rejected\.Throttling|TooManyRequests|QpsLimitExceeded|ConcurrencyLockTimeout|SignatureNonceUsed",
    ),
    # It may have been done. RepeatedCommit is retried by the same provider (resource_alicloud_api_gateway_app.go), the
    # last two stand in the list of ECS: https://github.com/AlibabaCloudDocs/ecs, "Call methods/Response results"
    Family(Doubtful, r"ServiceUnavailable|Internal(Server)?Error|RepeatedCommit|UnknownError|OperationConflict"),
    # The caller, whatever the product: https://developer.aliyun.com/ask/278265
    Family(CredentialsExpired, r"(?i)(invalid|missing)accesskeyid", _KEY_ID, "credentials"),
    Family(CredentialsExpired, r"(?i).*securitytoken", _TOKEN, "credentials"),
    Family(OperatorNeeded, r"(?i).*(signature|credential)", _SECRET, "credentials"),
    Family(OperatorNeeded, r"(?i).*(timestamp|timeexpired|dateheader|tooskewed)", _CLOCK, "clock"),
    # The account's state. https://help.aliyun.com/document_detail/48054.html; "UserNotFound" is CloudAPI's own.
    Family(
        OperatorNeeded,
        r"(?i).*(accesskey|account|balance(?!r)|arrear|overdue|debt|suspend|inactiv|riskcontrol|verification|realname"
        r"|notopen|unopen|not(yet)?(activ|enabl|purchas|subscri)|user(not(found|exist)|disabl|status))|invaliduser",
        _ACCOUNT,
        "account",
    ),
    # CloudAPI's template "Forbidden%s" (403, "Not allowed to operate on the specified %s") with a word of our calls; any
    # other code that begins so is a permission. Table of templates: https://help.aliyun.com/en/api-gateway/
    # traditional-api-gateway/support/control-openapi-error-code-table
    Family(CloudRefused, r"Forbidden(Vpc|Instance|Port|Name|Resource)"),
    Family(
        OperatorNeeded,
        r"(?i)forbidden|.*(permission|accessdenied|accessforbidden|privilege|subuser|ramrole|authenticat"
        r"|(un|not|no|user)-?authori[sz]|auth(ori[sz]ation)?(fail|error|denied|header))",
        PERMISSION,
    ),
    # Where results go. https://www.alibabacloud.com/help/doc-detail/27501.html
    Family(OperatorNeeded, r"TopicNotExist", "Create it, or correct RESULT_TOPIC", TARGET),
    Family(OperatorNeeded, r"QueueNotExist", "Create it, or correct the *_QUEUE setting that names it", TARGET),
    # Nobody's request is wrong if the API, its version or the region is. https://developer.aliyun.com/ask/278265
    Family(
        OperatorNeeded,
        r"Invalid(Api|Action|Product|Version|VersionHeader|Region|RegionId|Protocol|RequestURL)(\.|$)"
        r"|Unsupported(HTTPMethod|Operation)|MethodNotAllowed",
        _ENDPOINT,
    ),
    # Final. CloudAPI's templates, a parameter or resource in the place of %s (the table named above) ...
    Family(CloudRefused, r"(Repeated|Duplicate|Missing|Invalid|NotFound|DependencyViolation|ExceedLimit)[A-Z]"),
    # ... with "Missing…" and "Invalid…" for all products: https://developer.aliyun.com/ask/278265
    Family(CloudRefused, r"UnsupportedParameter|IdempotentParameterMismatch"),
    # A hook that is over: https://www.alibabacloud.com/help/tc/auto-scaling/developer-reference/
    # api-ess-2014-08-28-completelifecycleaction
    Family(CloudRefused, r"LifecycleHookIdAndLifecycleActionToken\.Invalid"),
    # ECS: it would have been allowed, and was only tried. https://www.alibabacloud.com/help/doc-detail/25506.htm
    Family(CloudRefused, r"DryRunOperation"),
    # Function Compute: https://www.alibabacloud.com/help/en/function-compute/latest/error-codes
    Family(CloudRefused, r"(Service|Function|Version|Alias)NotFound|PathNotSupported|EntityTooLarge"),
    # SMQ: no message, or none of ours any more; a document it cannot read. https://www.alibabacloud.com/help/ja/mns/error-codes
    Family(CloudRefused, r"MessageNotExist|ReceiptHandleError|MalformedXML"),
)


def family(code: str) -> Family | None:
    """Return the family of a code, None if the vendor documents no such code."""
    return next((row for row in FAMILIES if re.match(row.codes, code)), None)


def cured_at(code: str) -> str:
    """Return where a refusal is cured that any other call would meet too, "" if it is one of this call alone.

    ``TARGET`` stands for the setting that names where the call sends to.
    """
    row = family(code)
    return row.place if row else ""
