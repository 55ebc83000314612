"""Endpoints: the table of exceptions is the vendor's, package by package and region by region."""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_openapi.utils import Utils

from shared import settings
from shared.cloud import endpoints

CASES = Path(__file__).parents[2] / "cases"
PACKAGES = {  # product → the vendor's package for it
    "apigateway": "alibabacloud_cloudapi20160714",
    "ecs": "alibabacloud_ecs20140526",
    "ess": "alibabacloud_ess20220222",
    "slb": "alibabacloud_slb20140515",
    "sts": "alibabacloud_sts20150401",
}
NEWER = "xx-newer-1"  # of the right form, in no map
MEND = (
    "shared/cloud/endpoints.py follows the vendor's packages: change EXCEPTIONS, REGIONS and the versions named there"
)


@cache
def client(product: str, region: str) -> Any:
    """Return the vendor's own client, which has chosen its endpoint."""
    made = importlib.import_module(f"{PACKAGES[product]}.client").Client
    return made(Config(access_key_id="test-id", access_key_secret="test-secret", region_id=region))


def vendors_map(product: str) -> dict[str, str]:
    """Return region → host, as the package has them."""
    found: dict[str, str] = client(product, "cn-hangzhou")._endpoint_map
    return found


@pytest.mark.parametrize("product", PACKAGES)
def test_every_host_is_the_vendors(product: str) -> None:
    """In every region of every map, and in one of none, the vendor's client would ask the same host."""
    regions = {*endpoints.REGIONS, *vendors_map(product), NEWER}
    if product == "apigateway":
        regions &= vendors_map(product).keys()  # beyond its map the package asks `cloudapi.<region>`, which no page has
    hosts = {region: endpoints.derived(product, region) for region in regions}
    assert hosts == {region: f"https://{client(product, region)._endpoint}" for region in regions}, MEND


@pytest.mark.parametrize("product", PACKAGES)
def test_table_holds_exceptions_only(product: str) -> None:
    """Each row is in the vendor's map, says something else than the rule, and is the only one for its region."""
    rows = [(region, host) for host, regions in endpoints.EXCEPTIONS[product].items() for region in regions]
    ruled = {region: Utils.get_endpoint_rules(product, region, "regional", "", "") for region, _ in rows}
    assert dict(rows) == {region: vendors_map(product)[region] for region, _ in rows}, MEND
    assert [row for row in rows if ruled[row[0]] == row[1]] == []
    assert len(rows) == len(ruled)


def test_regions_are_those_of_the_maps() -> None:
    """A region is known if any map has it."""
    assert frozenset[str]().union(*map(vendors_map, PACKAGES)) == endpoints.REGIONS, MEND


@pytest.mark.parametrize("product", PACKAGES)
def test_source_beside_the_table_is_the_one_installed(product: str) -> None:
    """The version named beside the table is the one that was asked."""
    assert f"* {PACKAGES[product]} {version(PACKAGES[product])}" in str(endpoints.__doc__), MEND


def test_every_product_has_a_witness() -> None:
    """No exception stands in the table that no package is asked for."""
    assert endpoints.EXCEPTIONS.keys() == PACKAGES.keys()


def environment_of(name: str) -> dict[str, str]:
    """Return the variables of a file of cases."""
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_main_region_is_reached_at_its_hosts() -> None:
    """In cn-hangzhou three products of five have a host that is not by the rule."""
    loaded = settings.load(environment_of("01-endpoints.env"))
    assert (loaded.apigateway_endpoint, loaded.ecs_endpoint, loaded.slb_endpoint, loaded.ess_endpoint) == (
        "https://apigateway.cn-hangzhou.aliyuncs.com",
        "https://ecs-cn-hangzhou.aliyuncs.com",
        "https://slb.aliyuncs.com",
        "https://ess.aliyuncs.com",
    )
    assert loaded.smq_endpoint == "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com"


@pytest.mark.parametrize(
    "name", ["APIGATEWAY_ENDPOINT", "ECS_ENDPOINT", "SLB_ENDPOINT", "ESS_ENDPOINT", "SMQ_ENDPOINT"]
)
def test_setting_beats_the_table(name: str) -> None:
    """What the operator sets is used, and the other products stay where they are."""
    given = environment_of("01-endpoints.env")
    derived = settings.load(given)
    loaded = settings.load({**given, name: "https://inside.example.com"})
    assert loaded._asdict() == derived._asdict() | {name.lower(): "https://inside.example.com"}


@pytest.mark.parametrize("region", sorted(endpoints.REGIONS))
def test_known_region_passes_in_silence(region: str) -> None:
    """Nothing is said about a region of the maps, whatever the form of its id."""
    assert endpoints.region_problem(region) == ""
    assert endpoints.region_notice(region) == ""


@pytest.mark.parametrize(
    "region",
    [
        pytest.param(NEWER, id="of-another-area"),
        pytest.param("ap-southeast-8", id="with-a-number"),
        pytest.param("cn-hangzhou-finance-2", id="of-finance"),
        pytest.param("cn-hangzou", id="misspelt"),
    ],
)
def test_newer_region_passes_with_a_word(region: str) -> None:
    """A region that no map has may be newer than the maps: it is used, and both ways out are told."""
    assert endpoints.region_problem(region) == ""
    notice = endpoints.region_notice(region)
    assert region in notice
    assert [way for way in ("correct it if it is misspelt", "*_ENDPOINT") if way not in notice] == []


@pytest.mark.parametrize(
    ("region", "meant"),
    [
        pytest.param("hangzhou", "cn-hangzhou", id="without-area"),
        pytest.param("shanghai", "cn-shanghai", id="another-without-area"),
        pytest.param("CN-Hangzhou", "cn-hangzhou", id="capitals"),
        pytest.param("cn-hangzhou\n", "cn-hangzhou", id="line-break"),
        pytest.param("cn-hangzhou-b", "cn-hangzhou", id="zone"),
        pytest.param("us-east-1a", "us-east-1", id="zone-with-number"),
        pytest.param("oss-cn-hangzhou", "cn-hangzhou", id="of-a-bucket"),
        pytest.param("cn-hangzhou.aliyuncs.com", "cn-hangzhou", id="host"),
        pytest.param("cn_hangzhou", "cn-hangzhou", id="underscore"),
        pytest.param("evil.example/", "cn-hangzhou", id="another-host"),
        pytest.param("cn-hangzho\u00fc", "cn-hangzhou", id="foreign-letter"),
        pytest.param("cn-" + "a" * 200, "cn-hangzhou", id="long"),
        pytest.param("", "cn-hangzhou", id="empty"),
    ],
)
def test_what_is_no_region_is_refused(region: str, meant: str) -> None:
    """What has not the form of a region is told together with one that may have been meant."""
    assert endpoints.region_problem(region) == f"must be the id of a region, such as {meant}"
