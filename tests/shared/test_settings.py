"""Settings: defaults, and every mistake named together with its fix."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import SettingsError
from shared.settings import VARIABLES, AllowedName, PortRange, load

MINIMAL = {
    "OWNER": "team-a",
    "ALLOWED_VPC_IDS": "vpc-1, vpc-2",
    "ALLOWED_PORTS": "80,8000-8999",
    "RESULT_TOPIC": "results",
    "FC_REGION": "cn-hangzhou",
    "FC_ACCOUNT_ID": "1234567890123456",
}


def test_defaults_follow_region_and_account() -> None:
    """With only the required variables, endpoints come from region and account and the rest from the table."""
    settings = load(MINIMAL)

    assert settings.allowed_vpc_ids == frozenset({"vpc-1", "vpc-2"})
    assert settings.allowed_ports == (PortRange(80, 80), PortRange(8000, 8999))
    assert settings.ecs_endpoint == "https://ecs-cn-hangzhou.aliyuncs.com"
    assert settings.smq_endpoint == "https://1234567890123456.mns.cn-hangzhou.aliyuncs.com"
    assert (settings.on_conflict, settings.dry_run, settings.concurrency) == ("refuse", False, 8)


def test_all_missing_settings_are_named_at_once() -> None:
    """An empty environment names every required variable in one error."""
    with pytest.raises(SettingsError) as caught:
        load({})

    required = {variable.name for variable in VARIABLES if variable.default is None}
    assert required == {"OWNER", "ALLOWED_VPC_IDS", "ALLOWED_PORTS", "RESULT_TOPIC"}
    for name in (*required, "ALIBABA_CLOUD_REGION_ID", "SMQ_ENDPOINT"):
        assert any(problem.startswith(name) for problem in caught.value.problems), name


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        pytest.param("OWNER", "team a", "letters, digits", id="owner-with-space"),
        pytest.param("ALLOWED_VPC_IDS", "i-1", "start with 'vpc-'", id="instance-for-vpc"),
        pytest.param("ALLOWED_PORTS", "80,http", "ports or ranges", id="port-name"),
        pytest.param("ALLOWED_PORTS", "0", "from 1 to 65535", id="port-zero"),
        pytest.param("ALLOWED_PORTS", "65536", "from 1 to 65535", id="port-too-high"),
        pytest.param("ALLOWED_PORTS", "90-80", "from 1 to 65535", id="range-backwards"),
        pytest.param("ALLOWED_PORTS", "8\u0660", "from 1 to 65535", id="foreign-digits"),
        pytest.param("ALLOWED_PORTS", ",", "names nothing", id="no-port"),
        pytest.param("ALLOWED_VPC_IDS", " , ,", "names nothing", id="no-vpc"),
        pytest.param("ALLOWED_VPC_IDS", "*,vpc-1", "use * for every VPC", id="star-and-vpc"),
        pytest.param("ALLOWED_VPC_IDS", "*,", "use * for every VPC", id="star-and-comma"),
        pytest.param("OWNER", "  ", "is missing", id="blank-owner"),
        pytest.param("RESULT_TOPIC", "a/b", "SMQ topic", id="topic-with-slash"),
        pytest.param("RESULT_ENCODING", "utf-8", "base64, plain", id="encoding"),
        pytest.param("ON_CONFLICT", "force", "refuse, replace", id="conflict"),
        pytest.param("DRY_RUN", "maybe", "true, false", id="dry-run"),
        pytest.param("CONCURRENCY", "0", "from 1 to 64", id="no-concurrency"),
        pytest.param("CONCURRENCY", "2.5", "whole number", id="half-a-thread"),
        pytest.param("MAX_CALLS_PER_SECOND", "nan", "0.5 to 10000", id="not-a-number"),
        pytest.param("NAME_TEMPLATE", "{owner}-{zone}-{port}", "{instance_id}", id="unknown-field"),
        pytest.param("NAME_TEMPLATE", "{owner.__class__}-{instance_id}-{port}", "may use only", id="attribute"),
        pytest.param("NAME_TEMPLATE", "{owner}", "unique", id="not-unique"),
        pytest.param("LOG_LEVEL", "loud", "DEBUG, INFO", id="log-level"),
        pytest.param("SMQ_ENDPOINT", "http://10.0.0.1", "use https", id="plain-http"),
        pytest.param("SMQ_ENDPOINT", "http://127.0.0.1.example.com", "use https", id="loopback-lookalike"),
        pytest.param("ECS_ENDPOINT", "https://ecs.example.com/path", "without a path", id="path"),
        pytest.param("APIGATEWAY_ENDPOINT", "ftp://example.com", "https://host", id="scheme"),
        pytest.param("APIGATEWAY_ENDPOINT", "https://user:pw@example.com", "https://host", id="user-info"),
        pytest.param(
            "ECS_ENDPOINT", "https://ecs.example.com:65536", "port from 1 to 65535", id="endpoint-port-too-high"
        ),
        pytest.param("ECS_ENDPOINT", "https://ecs.example.com:0", "port from 1 to 65535", id="endpoint-port-zero"),
        pytest.param("ECS_ENDPOINT", "http://127.0.0.1:99999", "port from 1 to 65535", id="loopback-port-too-high"),
        pytest.param("ECS_ENDPOINT", "https://ecs.example.com:", "https://host", id="endpoint-without-port"),
        pytest.param("ECS_ENDPOINT", "https://ecs.example.com:8\u0660", "https://host", id="endpoint-foreign-digits"),
        pytest.param("SLB_ENDPOINT", "https://a..b", "valid host name", id="empty-label"),
        pytest.param("SLB_ENDPOINT", "https://.example.com", "valid host name", id="first-label-empty"),
        pytest.param("SLB_ENDPOINT", "https://example.com.", "valid host name", id="last-label-empty"),
        pytest.param("SLB_ENDPOINT", f"https://{'a' * 64}.com", "valid host name", id="long-label"),
        pytest.param("SLB_ENDPOINT", f"https://{'a.' * 127}com", "valid host name", id="long-name"),
        pytest.param("SLB_ENDPOINT", "https://-a.example.com", "valid host name", id="leading-hyphen"),
        pytest.param("SLB_ENDPOINT", "https://a-.example.com", "valid host name", id="trailing-hyphen"),
        pytest.param("ESS_ENDPOINT", "https://ess example.com", "https://host", id="space"),
        pytest.param("ESS_ENDPOINT", "https://ess.example.com\n.x", "https://host", id="line-break"),
        pytest.param("ESS_ENDPOINT", "http://127.0.0.256", "use https", id="no-such-address"),
        pytest.param("ESS_ENDPOINT", "https://", "https://host", id="no-host"),
    ],
)
def test_a_wrong_setting_names_itself_and_the_fix(name: str, value: str, fix: str) -> None:
    """One wrong variable gives one problem that starts with its name and says what would be right."""
    with pytest.raises(SettingsError) as caught:
        load({**MINIMAL, name: value})

    (problem,) = caught.value.problems
    assert problem.startswith(name)
    assert fix in problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"FC_REGION": "hangzhou"}, "FC_REGION is 'hangzhou' but must be the id of a region", id="region"),
        pytest.param({"FC_REGION": "evil.example/"}, "FC_REGION is 'evil.example/'", id="another-host"),
        pytest.param(
            {"FC_REGION": "", "ALIBABA_CLOUD_REGION_ID": "hangzhou"},
            "ALIBABA_CLOUD_REGION_ID is 'hangzhou' but must be the id of a region, such as cn-hangzhou",
            id="region-outside-of-function-compute",
        ),
        pytest.param({"FC_ACCOUNT_ID": "my-account/"}, "SMQ_ENDPOINT cannot be derived", id="account"),
    ],
)
def test_an_endpoint_is_derived_from_what_can_be_part_of_one(changes: dict[str, str], problem: str) -> None:
    """A region or account that is not one is reported by its own name, once, instead of becoming part of a host."""
    with pytest.raises(SettingsError) as caught:
        load({**MINIMAL, **changes})

    (told,) = caught.value.problems
    assert told.startswith(problem)


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="empty"),
        pytest.param({**MINIMAL, "FC_ACCOUNT_ID": "", "RESULT_TOPIC": ""}, id="read-twice"),
        pytest.param({**MINIMAL, "ALLOWED_PORTS": "http,0,65536", "ALLOWED_VPC_IDS": "a,b"}, id="several-in-a-list"),
        pytest.param(
            {**dict.fromkeys((variable.name for variable in VARIABLES), "?"), "FC_REGION": "?"}, id="all-wrong"
        ),
    ],
)
def test_a_variable_is_told_once(environment: dict[str, str]) -> None:
    """However much is wrong with a variable and however often it is read, one problem says it."""
    with pytest.raises(SettingsError) as caught:
        load(environment)

    told = [problem.split()[0] for problem in caught.value.problems]
    assert sorted(set(told)) == sorted(told)


def test_all_wrong_parts_of_a_list_are_told() -> None:
    """The one problem of a list names each part that is wrong."""
    with pytest.raises(SettingsError, match="ALLOWED_PORTS has 'http', '0' but needs ports"):
        load({**MINIMAL, "ALLOWED_PORTS": "80,http,0"})


def test_a_blank_setting_is_as_good_as_none() -> None:
    """Spaces count as not set, so that the default holds."""
    assert load({**MINIMAL, "PORT_TAG": "  "}).port_tag == "apigateway-port"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://a-b.example.com:65535",
        "https://10.0.0.1:443",
        f"https://{'a' * 63}.com",
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:9",
        "https://apigateway-vpc.cn-hangzhou.aliyuncs.com/",
    ],
)
def test_loopback_may_be_plain_and_the_rest_is_https(endpoint: str) -> None:
    """The stand-in's address and any https host are accepted, a final slash is dropped."""
    assert load({**MINIMAL, "APIGATEWAY_ENDPOINT": endpoint}).apigateway_endpoint == endpoint.rstrip("/")


def test_a_star_allows_every_vpc_and_nothing_else_does() -> None:
    """Deny by default: only `*` opens all VPCs."""
    assert load({**MINIMAL, "ALLOWED_VPC_IDS": "*"}).allows_vpc("vpc-any")
    assert not load(MINIMAL).allows_vpc("vpc-any")


@pytest.mark.parametrize(
    ("port", "allowed"), [(80, True), (81, False), (7999, False), (8000, True), (8999, True), (9000, False)]
)
def test_port_ranges_are_inclusive(port: int, *, allowed: bool) -> None:
    """The ends of a range belong to it, their neighbours do not."""
    assert load(MINIMAL).allows_port(port) is allowed


def _is_reserved(pattern: str, name: str) -> bool:
    return load(MINIMAL)._replace(allowed_names=(AllowedName("vpc-1", pattern),)).reserves(name)


@example("ab*ba", "aba")  # no character is shared
@given(st.text("ab*", max_size=7), st.text("ab\n", max_size=9))
def test_a_star_stands_for_any_characters(pattern: str, name: str) -> None:
    """A name is allowed exactly if there is something to put in the place of each star, or nothing."""
    expression = ".*".join(map(re.escape, pattern.split("*")))

    assert _is_reserved(pattern, name) == (re.fullmatch(expression, name, re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("name", "fits"), [pytest.param("a" * 50, True, id="fits"), pytest.param("a" * 50 + "b", False, id="does-not")]
)
def test_not_all_ways_to_share_a_name_among_stars_are_tried(name: str, *, fits: bool) -> None:
    """A name is judged at once: of 24 stars there are more ways than can be tried within hours."""
    assert _is_reserved("*a" * 24, name) == fits
