"""API Gateway's control plane, CloudAPI 2016-07-14."""

from tests.cloud.cloudapi.entry import GatewayEntry
from tests.cloud.cloudapi.product import CloudApiProduct
from tests.cloud.cloudapi.uses import GatewayApi

__all__ = ["CloudApiProduct", "GatewayApi", "GatewayEntry"]
