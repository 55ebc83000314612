"""API Gateway's control plane, CloudAPI 2016-07-14."""

from tests.cloud.cloudapi.api import GatewayApi
from tests.cloud.cloudapi.entry import GatewayEntry
from tests.cloud.cloudapi.product import CloudApiProduct

__all__ = ["CloudApiProduct", "GatewayApi", "GatewayEntry"]
