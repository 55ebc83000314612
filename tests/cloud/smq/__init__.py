"""SMQ (formerly MNS): queues, topics and subscriptions, HTTP API 2015-06-06.

:class:`Smq` is the product and, for the other parts of the stand-in, the Python API. Facts come from
``reference/topic-and-fc.md`` sections 1, 6 and 8; what is assumed says so where it is done.
"""

from tests.cloud.smq.messages import Message, Property
from tests.cloud.smq.product import Smq
from tests.cloud.smq.queues import DlqPolicy
from tests.cloud.smq.topics import Publication, Subscription

__all__ = ["DlqPolicy", "Message", "Property", "Publication", "Smq", "Subscription"]
