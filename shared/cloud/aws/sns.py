"""Amazon SNS 2010-03-31: publishing to a standard topic, with an access key of AWS from the environment.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from shared.cloud.answers import Details, details, message_id, refusal
from shared.cloud.aws.sigv4 import sigv4
from shared.cloud.session import Session
from shared.cloud.signing import Credentials, canonical_query
from shared.cloud.transport import HttpRequest
from shared.errors import (
    AuthorizerError,
    CloudUnavailable,
    CredentialsExpired,
    OperatorNeeded,
    SettingsError,
)

VERSION = "2010-03-31"
_PUBLISH = "Publish"
_CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_DOMAINS = {"aws-cn": "amazonaws.com.cn"}  # https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and CommonErrors.html beside it; older spellings of the
# same codes with and without "Exception".
_THROTTLED = ("Throttl", "KMSThrottling", "RequestThrottled", "TooManyRequests", "RequestLimitExceeded")
_CREDENTIALS = ("ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "MissingAuthenticationToken")
_FINAL = ("InvalidParameter", "ValidationError")  # of the call itself: the message or its attributes
_HINTS = (
    (
        ("SignatureDoesNotMatch", "IncompleteSignature", "InvalidSecurity", "RequestExpired"),
        "Check that AWS_SECRET_ACCESS_KEY belongs to AWS_ACCESS_KEY_ID and that this machine's clock is right",
    ),
    (("AuthorizationError", "AccessDenied", "NotAuthorized"), "Allow sns:Publish on the topic to that access key"),
    (("NotFound",), "Create the topic, or correct RESULT_TOPIC"),
    (("KMS",), "Make the key of the encrypted topic usable for that access key (kms:GenerateDataKey, kms:Decrypt)"),
    (("OptInRequired",), "The AWS account has to be enabled for this service or region"),
)


class SnsTopic:
    """Publishes to one topic; SNS takes the JSON text as it is, up to 256 KB."""

    def __init__(self, session: Session, endpoint: str, topic_arn: str) -> None:
        self._session, self._endpoint, self._arn = session, endpoint, topic_arn
        self._host, self._region = endpoint.partition("://")[2], topic_arn.split(":")[3]

    def publish(self, message: str, tag: str) -> str:
        """Publish ``message`` and return its MessageId; a repeated attempt can publish it twice (at least once).

        ``tag`` becomes the attribute ``type``, which filter policies can use:
        https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
        """
        form = {"Action": "Publish", "Version": VERSION, "TopicArn": self._arn, "Message": message}
        attribute = {"Name": "type", "Value.DataType": "String", "Value.StringValue": tag}
        form |= {f"MessageAttributes.entry.1.{name}": value for name, value in attribute.items()}
        body = canonical_query(form.items()).encode()

        def sign(credentials: Credentials) -> HttpRequest:
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._session.clock.now()))
            headers = {"content-type": _CONTENT_TYPE, "host": self._host, "x-amz-date": moment}
            if credentials.security_token:
                headers["x-amz-security-token"] = credentials.security_token
            signed = sigv4("POST", "/", "", headers, body, region=self._region, service="sns", credentials=credentials)
            return HttpRequest("POST", self._endpoint, "/", {**headers, "authorization": signed.authorization}, body)

        return self._session.call(
            _PUBLISH,
            sign,
            lambda answer: message_id(_PUBLISH, answer.status, answer.body),
            repeatable=True,
            paced=False,
            read_error=error_of,
        )


def opener(topic_arn: str, endpoint: str, environment: Mapping[str, str]) -> Callable[[Session], SnsTopic]:
    """Return what makes the topic of an invocation; ``endpoint`` is "" unless it differs from the region's own.

    Raises SettingsError if there is no access key; it is read again at each invocation, as the function's own is.
    """
    credentials(environment)
    partition, region = topic_arn.split(":")[1], topic_arn.split(":")[3]
    where = endpoint or f"https://sns.{region}.{_DOMAINS.get(partition, 'amazonaws.com')}"
    return lambda session: SnsTopic(session._replace(credentials=lambda: credentials(environment)), where, topic_arn)


def credentials(environment: Mapping[str, str]) -> Credentials:
    """Return the access key of AWS; raises SettingsError.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html
    """
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    missing = [
        f"{name} is missing: a result topic of Amazon SNS needs an access key that may sns:Publish"
        for name, value in (("AWS_ACCESS_KEY_ID", key_id), ("AWS_SECRET_ACCESS_KEY", secret))
        if not value
    ]
    if missing:
        raise SettingsError(missing)
    return Credentials(key_id or "", secret or "", environment.get("AWS_SESSION_TOKEN") or "")


def error_of(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AuthorizerError:
    """Map an error answer of SNS to our tree, by ``Code`` first and status second."""
    code, message, request_id = details(status, headers, body)
    request_id = request_id or headers.get("x-amzn-requestid", "")
    told = (operation, code, status, message, request_id)
    if code.startswith(_THROTTLED) or status == 429:
        return CloudUnavailable(*told)
    if code.startswith(_CREDENTIALS):
        return CredentialsExpired(
            *told, hint="Check AWS_ACCESS_KEY_ID; a temporary key also needs its AWS_SESSION_TOKEN"
        )
    for codes, hint in _HINTS:
        if code.startswith(codes):
            return OperatorNeeded(*told, hint=hint)
    return refusal(operation, status, Details(code, message, request_id), final=code.startswith(_FINAL))
