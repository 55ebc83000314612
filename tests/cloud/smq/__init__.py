"""SMQ (formerly MNS): queues, topics and subscriptions, HTTP API 2015-06-06.

:class:`Smq` is the product and, for the other parts of the stand-in, the Python API. Protocol:
https://help.aliyun.com/en/mns/developer-reference/request-protocol-description. Each module names the pages of its own
facts; what is assumed says so where it is done.
"""

from tests.cloud.smq.messages import Message, Property
from tests.cloud.smq.product import Smq
from tests.cloud.smq.queues import DlqPolicy
from tests.cloud.smq.topics import Publication, Subscription

__all__ = ["DlqPolicy", "Message", "Property", "Publication", "Smq", "Subscription"]
