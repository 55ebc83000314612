"""With VERIFY_TARGET: does the instance of a direct request exist, in the VPC that the request claims?

Producers choose VPC and instance freely; policy bounds the VPC they may name. This looks whether they told the truth.
What is proven not to exist is refused, not waited for: an invented id must not keep a whole batch from being finished.
What merely does not show is not refused for good: a permission may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.access.plan import against_policy
from shared.backends.lookup import Found, look_up, prove_absent
from shared.cloud.session import Session
from shared.errors import AuthorizerError
from shared.model.access import VpcAccess
from shared.model.backend import kind_of
from shared.model.outcome import FAILED, REFUSED, Job
from shared.model.records import Appeared
from shared.settings import Settings


def verify_targets(jobs: Sequence[Job], session: Session, settings: Settings) -> list[Job]:
    """Return the jobs; direct requests whose target is not as they claim are refused.

    One look-up for every 100 instances, and one for each load balancer: its API has no list.
    """
    asked = {number: access for number, job in enumerate(jobs) if (access := _direct(job, settings)) is not None}
    ids = {access.instance_id for access in asked.values() if kind_of(access.instance_id) is not None}
    found = look_up(sorted(ids), session, settings, opted_in=False)
    absent = prove_absent(sorted(ids - found.keys()), session, settings) if ids - found.keys() else {}
    now = session.clock.now()
    return [_verified(job, asked[n], found, absent, now) if n in asked else job for n, job in enumerate(jobs)]


def _direct(job: Job, settings: Settings) -> VpcAccess | None:
    """Return the access of a direct request that policy allows; an announced backend was looked up anyway."""
    if job.access is None or job.outcome is not None or isinstance(job.record.content, Appeared):
        return None
    return None if against_policy(job.access, settings) else job.access


def _verified(
    job: Job, access: VpcAccess, found: Found, absent: Mapping[str, bool | AuthorizerError], now: float
) -> Job:
    backend, proof = found.get(access.instance_id), absent.get(access.instance_id)
    if isinstance(backend, AuthorizerError):
        return job.failed(backend, now)
    if isinstance(proof, AuthorizerError):
        return job.failed(proof, now)
    kind = kind_of(access.instance_id)
    if kind is None:
        return job.ended(
            REFUSED,
            "TargetNotVerifiable",
            f"{access.instance_id} cannot be looked up: with VERIFY_TARGET=true only instances (i-…) and classic load "
            "balancers (lb-…) are authorized",
        )
    if backend is None and proof:
        return job.ended(
            REFUSED,
            "TargetNotFound",
            f"{access.instance_id} does not exist in this region: it was released, or is in another region; correct "
            "InstanceId, or send the request again if it was only just created",
        )
    if backend is None or not (backend.vpc_id or backend.classic):
        return job.ended(
            FAILED,
            "TargetNotShown",
            f"{access.instance_id} does not show, and nothing proves that it is gone: let the function's role see all "
            f"instances (RAM action {kind.action}), or wait until it shows",
        )
    if backend.vpc_id != access.vpc_id:
        there = f"in {backend.vpc_id}" if backend.vpc_id else "in the classic network"
        return job.ended(
            REFUSED,
            "WrongVpc",
            f"{access.instance_id} is {there}, not in {access.vpc_id}: correct VpcId and send it again",
        )
    return job
