"""Auto Scaling, ESS 2014-08-28: scaling groups with their instances, and the hooks that these wait for."""

from tests.cloud.ess.actions import Action
from tests.cloud.ess.members import ScalingInstance
from tests.cloud.ess.product import EssProduct

__all__ = ["Action", "EssProduct", "ScalingInstance"]
