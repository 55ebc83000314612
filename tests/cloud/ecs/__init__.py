"""ECS 2014-05-26: the instances and their tags."""

from tests.cloud.ecs.instances import Instance
from tests.cloud.ecs.product import EcsProduct

__all__ = ["EcsProduct", "Instance"]
