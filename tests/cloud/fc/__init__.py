"""A local Function Compute: functions run in child processes as the real one runs them (see tests/cloud/README.md)."""

from tests.cloud.fc.api import FunctionCompute
from tests.cloud.fc.config import AsyncConfig, FunctionConfig, find_python
from tests.cloud.fc.triggers.config import (
    EventBridgeTrigger,
    HttpTrigger,
    QueueTrigger,
    Retry,
    TimerTrigger,
    TopicTrigger,
    Trigger,
)

__all__ = [
    "AsyncConfig",
    "EventBridgeTrigger",
    "FunctionCompute",
    "FunctionConfig",
    "HttpTrigger",
    "QueueTrigger",
    "Retry",
    "TimerTrigger",
    "TopicTrigger",
    "Trigger",
    "find_python",
]
