"""Where a product is reached in a region: one rule, and the exceptions that the vendor's own packages know.

The rule is ``<product>.<region>.aliyuncs.com`` (https://www.alibabacloud.com/help/en/openapi/endpoints). What differs from
it, and which regions there are, is taken from the endpoint maps of these packages of the vendor:

* alibabacloud_ecs20140526 7.11.8
* alibabacloud_slb20140515 3.3.31
* alibabacloud_ess20220222 1.13.3; its page says the same of the public regions:
  https://alibabacloud.com/help/en/auto-scaling/developer-reference/api-ess-2022-02-22-endpoint
* alibabacloud_cloudapi20160714 4.9.0. It calls the product ``cloudapi`` where its map ends; the hosts are ``apigateway``'s.
* alibabacloud_sts20150401 1.2.0

``tests/shared/cloud/test_endpoints.py`` asks those packages region by region. SMQ has no such package; its page knows no exception:
https://help.aliyun.com/en/mns/product-overview/regions-and-endpoints
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_MAX_PORT = 65_535
_MAX_HOST_CHARS = 253  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# An area of two letters, then words and numbers: ap-southeast-8. A zone has a letter at its end: cn-hangzhou-b, us-east-1a.
_FORM = r"[a-z]{2}(?:-(?:[a-z]{2,20}|[0-9]{1,2})){1,4}"


def _ids(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CENTRAL = _ids(  # one central host in almost every map
    "ap-northeast-2-pop cn-beijing-finance-pop cn-beijing-gov-1 cn-beijing-nu16-b01 cn-edge-1 cn-fujian "
    "cn-haidian-cm12-c01 cn-hangzhou-bj-b01 cn-hangzhou-internal-prod-1 cn-hangzhou-internal-test-1 "
    "cn-hangzhou-internal-test-2 cn-hangzhou-internal-test-3 cn-hangzhou-test-306 cn-hongkong-finance-pop "
    "cn-huhehaote-nebula-1 cn-shanghai-et15-b01 cn-shanghai-et2-b01 cn-shanghai-inner cn-shanghai-internal-test-1 "
    "cn-shenzhen-inner cn-shenzhen-st4-d01 cn-shenzhen-su18-b01 cn-wuhan cn-yushanfang cn-zhangbei cn-zhangbei-na61-b01 "
    "cn-zhangjiakou-na62-a01 cn-zhengzhou-nebula-1 eu-west-1-oxs rus-west-1-pop"
)
_PARTLY = _ids(  # Auto Scaling and SLB have a central host here, the others one of their own
    "ap-southeast-1 cn-beijing cn-hangzhou cn-hangzhou-finance cn-hongkong cn-north-2-gov-1 cn-qingdao cn-shanghai "
    "cn-shanghai-finance-1 cn-shenzhen cn-shenzhen-finance-1 us-east-1 us-west-1"
)
REGIONS = (
    _CENTRAL
    | _PARTLY
    | _ids(
        "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-3 ap-southeast-5 ap-southeast-6 "
        "ap-southeast-7 cn-beijing-finance-1 cn-chengdu cn-fuzhou cn-guangzhou cn-heyuan cn-heyuan-acdr-1 cn-huhehaote "
        "cn-nanjing cn-qingdao-nebula cn-wuhan-lr cn-wulanchabu cn-wulanchabu-gic-1 cn-zhangjiakou cn-zhengzhou-jva "
        "cn-zhongwei eu-central-1 eu-west-1 me-central-1 me-east-1 na-south-1 us-southeast-1"
    )
)
"""Every region that a map knows; another one may be newer than the maps."""

_ECS_ELSEWHERE = {
    "ecs.cn-qingdao-nebula.aliyuncs.com": _ids("cn-edge-1 cn-huhehaote-nebula-1 cn-zhengzhou-nebula-1"),
    "ecs.cn-zhangjiakou.aliyuncs.com": _ids("cn-zhangjiakou-na62-a01"),
    "ecs.cn-shenzhen-cloudstone.aliyuncs.com": _ids("eu-west-1-oxs"),
    "ecs.aliyuncs.com": _ids(
        "ap-northeast-2-pop cn-beijing-finance-pop cn-beijing-gov-1 cn-hangzhou-finance cn-hongkong-finance-pop "
        "cn-north-2-gov-1 cn-shanghai-inner cn-shenzhen-inner cn-wuhan cn-yushanfang cn-zhangbei rus-west-1-pop"
    ),
}
EXCEPTIONS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "apigateway": {"apigateway.aliyuncs.com": _CENTRAL - {"cn-shanghai-inner"} | {"cn-qingdao-nebula"}},
    "ecs": {
        **_ECS_ELSEWHERE,
        "ecs-cn-hangzhou.aliyuncs.com": (
            _CENTRAL.difference(*_ECS_ELSEWHERE.values())
            | {"cn-hangzhou", "cn-shanghai-finance-1", "cn-shenzhen-finance-1"}
        ),
    },
    "ess": {"ess.aliyuncs.com": _CENTRAL | _PARTLY | {"cn-beijing-finance-1", "cn-nanjing", "cn-qingdao-nebula"}},
    "slb": {
        "slb.aliyuncs.com": _CENTRAL - {"cn-huhehaote-nebula-1"} | _PARTLY,
        "slb-api.cn-qingdao-nebula.aliyuncs.com": _ids("cn-huhehaote-nebula-1"),
    },
    "sts": {"sts.aliyuncs.com": _CENTRAL | {"ap-south-1", "ap-southeast-2"}},
}
"""Product → host → the regions that it serves instead of a host by the rule."""


def derived(product: str, region: str) -> str:
    """Return the URL of ``product`` (``ecs``, ``ess``, …: the first word of its hosts) in ``region``."""
    for host, regions in EXCEPTIONS.get(product, {}).items():
        if region in regions:
            return f"https://{host}"
    return f"https://{product}.{region}.aliyuncs.com"


def derived_smq(account: str, region: str) -> str:
    """Return the URL of SMQ, which has a host for each account."""
    return f"https://{account}.mns.{region}.aliyuncs.com"


def region_problem(region: str) -> str:
    """Return what is wrong with the id of a region, as the end of a sentence that says what it must be; "" if nothing is."""
    if region in REGIONS or re.fullmatch(_FORM, region):
        return ""
    meant = region.strip().lower()
    near = [known for known in sorted(REGIONS, key=len) if meant and (meant in known or known in meant)]
    return f"must be the id of a region, such as {near[0] if near else 'cn-hangzhou'}"


def region_notice(region: str) -> str:
    """Return what to bear in mind about a region that no map knows, "" if one does."""
    if region in REGIONS:
        return ""
    return (
        f"the region {region} is in none of the vendor's endpoint maps: correct it if it is misspelt; if it is new, "
        "hosts are taken to be <product>.<region>.aliyuncs.com, and a variable *_ENDPOINT sets one that is not"
    )


def endpoint_problem(value: str) -> str:
    """Return what is wrong with the URL of an endpoint, as the end of a sentence that says what it must be; "" if nothing is.

    It is ``https://host[:port]``; plain http goes to this machine only, for requests carry the security token.
    """
    found = re.fullmatch(r"(https?)://([A-Za-z0-9.-]+|\[::1\])(?::([0-9]{1,5}))?", value)
    if not found:
        return "must be https://host[:port] without a path"
    scheme, host, port = found.groups()
    if port is not None and not 1 <= int(port) <= _MAX_PORT:
        return f"needs a port from 1 to {_MAX_PORT}, or none"
    if host != "[::1]" and (len(host) > _MAX_HOST_CHARS or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", host)):
        return "needs a valid host name: parts of 1 to 63 letters, digits and inner hyphens, with single dots between"
    if scheme == "http" and not _is_loopback(host):
        return "plain http is accepted for this machine (127.0.0.1) only: use https"
    return ""


def _is_loopback(host: str) -> bool:
    parts = host.split(".")
    return host in ("localhost", "[::1]") or (
        re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None and all(int(part) < 256 for part in parts)
    )
