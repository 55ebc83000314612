"""Where results go: one protocol, two kinds of topic. The name of an SMQ topic, or the ARN of an Amazon SNS topic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from shared.cloud.session import Session
from shared.cloud.smq import SmqTopic
from shared.errors import SettingsError
from shared.settings import Settings


class ResultTopic(Protocol):
    """Takes result messages."""

    def publish(self, message: str) -> str:
        """Publish JSON text at least once and return the topic's MessageId; raises AuthorizerError."""


def opener(settings: Settings, environment: Mapping[str, str]) -> Callable[[Session], ResultTopic]:
    """Return what makes the result topic of an invocation; raises SettingsError.

    ``environment`` holds the access key of AWS where the topic is Amazon's. That part of the code is an extra:
    a hybrid user builds it in, everybody else does not carry it.
    """
    if not settings.sends_to_sns:
        return lambda session: SmqTopic(
            session, settings.smq_endpoint, settings.result_topic, base64=settings.result_encoding == "base64"
        )
    try:
        from shared.cloud.aws import sns
    except ModuleNotFoundError as error:
        raise SettingsError(
            [
                (
                    f"RESULT_TOPIC is {settings.result_topic!r}, but this package was built without Amazon SNS: build it "
                    "with `python -m functions build --with-sns`, or name an SMQ topic"
                )
            ]
        ) from error
    return sns.opener(settings.result_topic, settings.sns_endpoint, environment)
