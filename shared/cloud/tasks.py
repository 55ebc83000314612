"""API Gateway, CloudAPI 2016-07-14: how the published APIs fare that follow a change of their VPC access.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-describeupdatevpcinfotask
"""

from __future__ import annotations

from typing import NamedTuple

from shared.cloud.answers import Answer
from shared.cloud.apigateway import VERSION
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import CloudRefused

_SUCCESS = "success"  # the only word that the vendor's page prints; what the others are is not documented
_NOT_FOUND = "NotFound"  # CloudAPI's family of codes: https://help.aliyun.com/en/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table


class ApiUpdate(NamedTuple):
    """How an API fares in a task. ``api`` is such as "0123 in stage RELEASE", ``status`` and ``error`` as the gateway words them.

    A status that is not success does not tell an API that failed from one that has not followed yet. Neither does
    ``error``, which one that followed has, too.
    """

    api: str
    status: str
    error: str

    @property
    def is_done(self) -> bool:
        """Tell whether the API has followed."""
        return self.status.lower() == _SUCCESS


class Tasks:
    """The look-up of tasks."""

    def __init__(self, session: Session, endpoint: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)

    def updates(self, operation_id: str) -> tuple[ApiUpdate, ...]:
        """Return what the gateway tells of the task that ``Modified.operation_id`` names, which must not be "".

        An empty answer proves nothing. No page says what is told of an API that has not followed yet, of a task that no API
        is concerned by, or of one that the gateway does not know (yet, or any more). A ``NotFound…`` reads as empty, too.
        Raises the errors of ``Session.call``: Doubtful for an answer in no documented form, CloudRefused for other refusals
        of this id.
        """
        try:
            return self._service.call(
                "DescribeUpdateVpcInfoTask", {"OperationUid": operation_id}, _read, repeatable=True
            )
        except CloudRefused as error:
            if error.code.startswith(_NOT_FOUND):
                return ()
            raise


def _read(answer: Answer) -> tuple[ApiUpdate, ...]:
    return tuple(
        ApiUpdate(
            f"{row.identity('ApiUid')} in stage {row.identity('StageName')}",
            row.present_text("UpdateStatus"),
            row.text("ErrorMsg"),
        )
        for row in answer.rows("ApiUpdateVpcInfoResults", "ApiUpdateVpcInfoResult")
    )
