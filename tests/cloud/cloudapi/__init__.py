"""API Gateway's control plane, CloudAPI 2016-07-14."""

from tests.cloud.cloudapi.product import CloudApi
from tests.cloud.cloudapi.vpcaccess import VpcAccess

__all__ = ["CloudApi", "VpcAccess"]
