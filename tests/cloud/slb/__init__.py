"""SLB 2014-05-15: the classic load balancers and their tags."""

from tests.cloud.slb.product import LoadBalancer, SlbProduct

__all__ = ["LoadBalancer", "SlbProduct"]
