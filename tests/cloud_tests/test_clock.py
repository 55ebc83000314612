"""The cloud's clock can be wrong for its callers, and it can jump ahead without them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from alibabacloud_cloudapi20160714.client import Client
from alibabacloud_cloudapi20160714.models import DescribeVpcAccessesRequest
from fc2 import Client as FunctionClient
from fc2 import FcError
from mns.account import Account
from mns.mns_exception import MNSExceptionBase
from mns.queue import Message
from Tea.exceptions import TeaException

from tests.cloud.core import CloudClock
from tests.cloud.fixtures import Served
from tests.sdk import config_of

HOUR = 3600.0


def _gateway(cloud: Served) -> object:
    return Client(config_of(cloud.endpoint, cloud.credential)).describe_vpc_accesses(DescribeVpcAccessesRequest())


def _queue(cloud: Served) -> object:
    key = cloud.credential
    account = Account(cloud.endpoint, key.access_key_id, key.access_key_secret, "")
    try:
        return account.get_queue("q").send_message(Message("x"))
    finally:
        account.get_client().close_connection()


def _function(cloud: Served) -> object:
    key = cloud.credential
    client = FunctionClient(
        endpoint=cloud.endpoint, accessKeyID=key.access_key_id, accessKeySecret=key.access_key_secret
    )
    return client.create_service(f"s{time.monotonic_ns()}")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # the vendor's SDK
@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        pytest.param(_gateway, TeaException, id="gateway"),
        pytest.param(_queue, MNSExceptionBase, id="queue"),
        pytest.param(_function, FcError, id="function-compute"),
    ],
)
def test_callers_need_not_jump_with_the_clock(
    cloud: Served, call: Callable[[Served], object], refusal: type[Exception]
) -> None:
    """An hour ahead, the vendor's clients are served as before; a clock that is wrong by an hour refuses them."""
    cloud.products["SMQ"].create_queue("q")
    cloud.world.clock.advance(HOUR)
    call(cloud)
    cloud.world.clock.skew = HOUR
    with pytest.raises(refusal):
        call(cloud)


def test_a_jump_is_no_wrong_clock() -> None:
    """Both move the cloud's time; only a wrong one moves what dates are compared with."""
    clock = CloudClock()
    clock.advance(HOUR)
    clock.skew = -60
    assert clock.now() - time.time() == pytest.approx(HOUR - 60, abs=5)
    assert clock.signing_now() - time.time() == pytest.approx(-60, abs=5)
