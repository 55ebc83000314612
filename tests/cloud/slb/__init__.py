"""SLB 2014-05-15: the classic load balancers, their listeners and their tags."""

from tests.cloud.slb.balancers import LoadBalancer
from tests.cloud.slb.product import SlbProduct

__all__ = ["LoadBalancer", "SlbProduct"]
