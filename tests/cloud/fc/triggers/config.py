"""What can trigger a function, in the values that make a difference to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HTTP_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")


@dataclass(frozen=True)
class Retry:
    """A push retry strategy: after the first attempt, the waits in seconds before each further one.

    ``BACKOFF_RETRY`` is 3 retries 10 to 20 s apart (15 s here), ``EXPONENTIAL_DECAY_RETRY`` 176 retries up to 512 s
    apart: <https://www.alibabacloud.com/help/en/functioncompute/fc/advanced-features-of-triggers>
    """

    waits: tuple[float, ...]

    @classmethod
    def named(cls, strategy: str) -> Retry:
        """Return the strategy of that name; ValueError if there is none."""
        if strategy == "BACKOFF_RETRY":
            return cls((15.0,) * 3)
        if strategy == "EXPONENTIAL_DECAY_RETRY":
            return cls(tuple(min(2.0**n, 512.0) for n in range(176)))
        raise ValueError(f"PushRetryStrategy is BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY, not {strategy!r}")


@dataclass(frozen=True)
class QueueTrigger:
    """An SMQ queue as event source (``eventSourceType`` MNS).

    Sources: <https://www.alibabacloud.com/help/en/functioncompute/fc/mns-queue-triggers>,
    <https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-struct-runoptions>

    ``streaming`` hands over an array of up to ``batch_size`` messages that came within ``batch_window`` seconds, else
    one object per call. ``decode_base64`` is ``IsBase64Decode``. ``tolerate_errors`` ("ALL") goes on after the last
    retry, through ``dead_letter_queue`` if set; otherwise the stream blocks on the failing batch.
    """

    name: str
    queue: str
    streaming: bool = True
    batch_size: int = 1
    batch_window: float = 0.0
    event_schema: str = "CloudEvents"
    decode_base64: bool = True
    asynchronous: bool = False
    retry: Retry = field(default_factory=lambda: Retry.named("BACKOFF_RETRY"))
    tolerate_errors: bool = False
    dead_letter_queue: str = ""
    pattern: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True

    def __post_init__(self) -> None:
        if self.event_schema not in {"CloudEvents", "RawData"}:
            raise ValueError(f"eventSchema is CloudEvents or RawData, not {self.event_schema!r}")
        if not 1 <= self.batch_size <= 10_000:
            raise ValueError(f"CountBasedWindow is 1 to 10000, not {self.batch_size}")
        if not 0 <= self.batch_window <= 15:
            raise ValueError(f"TimeBasedWindow is 0 to 15 seconds, not {self.batch_window}")


@dataclass(frozen=True)
class TopicTrigger:
    """An SMQ topic (``mns_topic``): asynchronous, one message per call.

    Source: <https://help.aliyun.com/zh/functioncompute/fc/user-guide/mns-topic-triggers>
    """

    name: str
    topic: str
    content_format: str = "STREAM"
    filter_tag: str = ""
    enabled: bool = True

    def __post_init__(self) -> None:
        if self.content_format not in {"STREAM", "JSON"}:
            raise ValueError(f"notifyContentFormat is STREAM or JSON, not {self.content_format!r}")


@dataclass(frozen=True)
class EventBridgeTrigger:
    """A rule on an EventBridge bus (``eventSourceType`` Default: bus ``default``).

    Source: <https://help.aliyun.com/zh/functioncompute/fc/user-guide/configure-event-triggers-for-alibaba-cloud-services>
    """

    name: str
    pattern: Mapping[str, Any]
    bus: str = "default"
    asynchronous: bool = False
    retry: Retry = field(default_factory=lambda: Retry.named("BACKOFF_RETRY"))
    dead_letter_queue: str = ""
    enabled: bool = True


@dataclass(frozen=True)
class TimerTrigger:
    """A timer; nothing here watches the clock, it fires when told to.

    Source: <https://www.alibabacloud.com/help/en/functioncompute/fc/time-triggers>
    """

    name: str
    payload: str = ""
    cron_expression: str = "@every 10m"
    enabled: bool = True


@dataclass(frozen=True)
class HttpTrigger:
    """An HTTP trigger; ``auth_type`` anonymous or function (signed).

    Source: <https://www.alibabacloud.com/help/en/functioncompute/fc/http-trigger-invoking-function>
    """

    name: str
    auth_type: str = "anonymous"
    methods: tuple[str, ...] = HTTP_METHODS
    enabled: bool = True


Trigger = QueueTrigger | TopicTrigger | EventBridgeTrigger | TimerTrigger | HttpTrigger
