"""The function's settings, read from its environment. All mistakes are reported together, by variable name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from shared.errors import SettingsError
from shared.log import LEVELS

_TEMPLATE_FIELDS = ("owner", "instance_id", "port", "vpc_id")
_HIGHEST_PORT = 65_535
_LONGEST_HOST = 253  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ARN = "arn:"
_SNS_TOPIC = r"arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
"""A standard topic: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""


class PortRange(NamedTuple):
    """An inclusive range of ports."""

    first: int
    last: int


class Settings(NamedTuple):
    """What the operator decided. Field names are the environment variables' in lower case; see ``VARIABLES``."""

    owner: str
    allowed_vpc_ids: frozenset[str] | None  # None: every VPC ("*")
    allowed_ports: tuple[PortRange, ...]
    result_topic: str
    result_encoding: str
    port_tag: str
    name_template: str
    on_conflict: str
    hook_on_failure: str
    verify_target: bool
    dry_run: bool
    concurrency: int
    max_calls_per_second: float
    apigateway_endpoint: str
    ecs_endpoint: str
    slb_endpoint: str
    ess_endpoint: str
    smq_endpoint: str
    sns_endpoint: str
    log_level: str
    region_id: str
    account_id: str

    @property
    def sends_to_sns(self) -> bool:
        """Tell whether the result topic is one of Amazon SNS."""
        return self.result_topic.startswith(_ARN)

    def allows_port(self, port: int) -> bool:
        """Tell whether policy lets ``port`` be opened."""
        return any(first <= port <= last for first, last in self.allowed_ports)

    def allows_vpc(self, vpc_id: str) -> bool:
        """Tell whether policy lets something in ``vpc_id`` be opened."""
        return self.allowed_vpc_ids is None or vpc_id in self.allowed_vpc_ids


class Variable(NamedTuple):
    """One environment variable: its default (None: required) and what it means, for the README's table."""

    name: str
    default: str | None
    meaning: str


VARIABLES = (
    Variable("OWNER", None, "our mark: entries get the tag `vpc-access-owner=<OWNER>`, others are never touched"),
    Variable("ALLOWED_VPC_IDS", None, "VPCs in which something may be opened: a comma list, or `*`"),
    Variable("ALLOWED_PORTS", None, "ports that may be opened: `80,443,8000-8999`"),
    Variable(
        "RESULT_TOPIC",
        None,
        "name of the SMQ topic that gets one message per record; with the SNS extra also the ARN of an Amazon SNS topic",
    ),
    Variable(
        "RESULT_ENCODING",
        "base64",
        "`base64` (what the vendor's SDKs decode) or `plain` body in SMQ; SNS gets plain JSON",
    ),
    Variable(
        "PORT_TAG",
        "apigateway-port",
        "tag that opts an instance or load balancer in; its value is a port, a comma list of ports, or `listener`",
    ),
    Variable("NAME_TEMPLATE", "{owner}-{instance_id}-{port}", "name of entries made from notices"),
    Variable("ON_CONFLICT", "refuse", "`refuse`, or `replace` an entry of ours whose target changed"),
    Variable(
        "HOOK_ON_FAILURE",
        "continue",
        "answer to an Auto Scaling hook when an instance is refused for good: `continue` puts it into service all the "
        "same, `abandon` lets Auto Scaling release the new instances",
    ),
    Variable(
        "VERIFY_TARGET",
        "false",
        "`true`: look up the instance of direct requests too; it must exist, in the VPC they claim",
    ),
    Variable("DRY_RUN", "false", "`true`: plan and report, write nothing, publish nothing"),
    Variable("CONCURRENCY", "8", "records worked on at once inside one batch, 1 to 64"),
    Variable("MAX_CALLS_PER_SECOND", "10", "ceiling per API operation; gives way to throttling by itself"),
    Variable("APIGATEWAY_ENDPOINT", "", "`https://apigateway.<region>.aliyuncs.com`; `apigateway-vpc.…` inside a VPC"),
    Variable("ECS_ENDPOINT", "", "`https://ecs.<region>.aliyuncs.com`"),
    Variable("SLB_ENDPOINT", "", "`https://slb.<region>.aliyuncs.com`"),
    Variable("ESS_ENDPOINT", "", "`https://ess.<region>.aliyuncs.com`"),
    Variable("SMQ_ENDPOINT", "", "`https://<account>.mns.<region>.aliyuncs.com`"),
    Variable("SNS_ENDPOINT", "", "`https://sns.<region>.amazonaws.com`, if RESULT_TOPIC is an ARN"),
    Variable("LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `OFF`"),
)


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError that names every variable in need of attention."""
    return _Reader(environment).read()


class _Reader:
    """Reads variable by variable and collects the problems instead of stopping at the first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment, self._problems = environment, list[str]()
        self._defaults = {variable.name: variable.default for variable in VARIABLES}

    def read(self) -> Settings:
        region = self._environment.get("FC_REGION") or self._environment.get("ALIBABA_CLOUD_REGION_ID") or ""
        account = self._environment.get("FC_ACCOUNT_ID") or self._environment.get("ALIBABA_CLOUD_ACCOUNT_ID") or ""
        settings = Settings(
            owner=self._matching(
                "OWNER", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, '.', '_' or '-'"
            ),
            allowed_vpc_ids=self._vpc_ids("ALLOWED_VPC_IDS"),
            allowed_ports=self._ports("ALLOWED_PORTS"),
            result_topic=self._matching(
                "RESULT_TOPIC",
                rf"[A-Za-z0-9][A-Za-z0-9-]{{0,254}}|{_SNS_TOPIC}",
                "the name of an SMQ topic (letters, digits and '-') or the ARN of a standard Amazon SNS topic",
            ),
            result_encoding=self._choice("RESULT_ENCODING", ("base64", "plain")),
            port_tag=self._text("PORT_TAG"),
            name_template=self._template("NAME_TEMPLATE"),
            on_conflict=self._choice("ON_CONFLICT", ("refuse", "replace")),
            hook_on_failure=self._choice("HOOK_ON_FAILURE", ("continue", "abandon")),
            verify_target=self._switch("VERIFY_TARGET"),
            dry_run=self._switch("DRY_RUN"),
            concurrency=int(self._number("CONCURRENCY", 1, 64, whole=True)),
            max_calls_per_second=self._number("MAX_CALLS_PER_SECOND", 0.5, 10_000),
            apigateway_endpoint=self._endpoint(
                "APIGATEWAY_ENDPOINT", "https://apigateway.{region}.aliyuncs.com", region
            ),
            # https://www.alibabacloud.com/help/en/openapi/endpoints: <product>.<region>.aliyuncs.com
            ecs_endpoint=self._endpoint("ECS_ENDPOINT", "https://ecs.{region}.aliyuncs.com", region),
            slb_endpoint=self._endpoint("SLB_ENDPOINT", "https://slb.{region}.aliyuncs.com", region),
            ess_endpoint=self._endpoint("ESS_ENDPOINT", "https://ess.{region}.aliyuncs.com", region),
            smq_endpoint=self._smq_endpoint(region, account),
            sns_endpoint=self._endpoint("SNS_ENDPOINT", "", region),
            log_level=self._choice("LOG_LEVEL", tuple(LEVELS)),
            region_id=region,
            account_id=account,
        )
        if not re.fullmatch(r"[a-z0-9-]+", region):
            state = f"is {region!r} but must be" if region else "is missing:"
            self._problems.append(
                f"ALIBABA_CLOUD_REGION_ID {state} the region to work in, such as cn-hangzhou "
                "(in Function Compute FC_REGION gives it)"
            )
        if self._problems:
            raise SettingsError(self._problems)
        return settings

    def _text(self, name: str) -> str:
        value = (self._environment.get(name) or "").strip() or self._defaults[name] or ""
        if not value and self._defaults[name] is None:
            meaning = next(variable.meaning for variable in VARIABLES if variable.name == name)
            self._problems.append(f"{name} is missing: {meaning}")
        return value

    def _matching(self, name: str, pattern: str, rule: str) -> str:
        value = self._text(name)
        if value and not re.fullmatch(pattern, value):
            self._problems.append(f"{name} is {value!r} but must be {rule}")
        return value

    def _choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._text(name)
        folded = value.upper() if choices[0].isupper() else value.lower()
        if folded not in choices:
            self._problems.append(f"{name} is {value!r} but must be one of {', '.join(choices)}")
        return folded

    def _switch(self, name: str) -> bool:
        return self._choice(name, ("true", "false", "1", "0")) in ("true", "1")

    def _number(self, name: str, lowest: float, highest: float, *, whole: bool = False) -> float:
        value = self._text(name)
        try:
            number = int(value) if whole else float(value)
        except ValueError:
            number = -1
        if not lowest <= number <= highest:
            kind = "a whole number" if whole else "a number"
            self._problems.append(f"{name} is {value!r} but must be {kind} from {lowest:g} to {highest:g}")
            return lowest
        return number

    def _list(self, name: str) -> list[str]:
        value = self._text(name)
        items = [item for part in value.split(",") if (item := part.strip())]
        if value and not items:
            self._problems.append(f"{name} is {value!r}, which names nothing: at least one is needed")
        return items

    def _vpc_ids(self, name: str) -> frozenset[str] | None:
        if (self._environment.get(name) or "").strip() == "*":
            return None
        ids = frozenset(self._list(name))
        wrong = sorted(item for item in ids if not item.startswith("vpc-"))
        if wrong:
            self._problems.append(
                f"{name} has {', '.join(wrong)} but VPC ids start with 'vpc-' (or use * for every VPC)"
            )
        return ids

    def _ports(self, name: str) -> tuple[PortRange, ...]:
        ranges = []
        for part in self._list(name):
            found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
            first = int(found.group(1)) if found else 0
            last = int(found.group(2) or first) if found else 0
            if not 1 <= first <= last <= _HIGHEST_PORT:
                self._problems.append(
                    f"{name} has {part!r} but needs ports or ranges from 1 to 65535, such as 80,8000-8999"
                )
            ranges.append(PortRange(first, last))
        return tuple(ranges)

    def _template(self, name: str) -> str:
        value = self._text(name)
        fields = "|".join(_TEMPLATE_FIELDS)
        if not re.fullmatch(rf"(?:[^{{}}]|\{{(?:{fields})\}})+", value):
            allowed = ", ".join(f"{{{field}}}" for field in _TEMPLATE_FIELDS)
            self._problems.append(f"{name} is {value!r} but may use only {allowed}")
        elif "{instance_id}" not in value or "{port}" not in value:
            self._problems.append(f"{name} is {value!r} but names must be unique: use {{instance_id}} and {{port}}")
        return value

    def _smq_endpoint(self, region: str, account: str) -> str:
        """Return SMQ's endpoint; results that go to Amazon SNS need none, so then it may stay unknown."""
        elsewhere = not account and self._text("RESULT_TOPIC").startswith(_ARN)
        return self._endpoint(
            "SMQ_ENDPOINT", "" if elsewhere else "https://{account}.mns.{region}.aliyuncs.com", region, account
        )

    def _endpoint(self, name: str, pattern: str, region: str, account: str = "") -> str:
        value = (self._environment.get(name) or "").strip().rstrip("/")
        if not value:
            if "{account}" in pattern and not (account.isascii() and account.isdigit()):
                self._problems.append(f"{name} cannot be derived: set it, or ALIBABA_CLOUD_ACCOUNT_ID to its digits")
            return pattern.format(region=region, account=account)
        if problem := endpoint_problem(value):
            self._problems.append(f"{name} is {value!r} but {problem}")
        return value


def endpoint_problem(value: str) -> str:
    """Return what is wrong with the URL of an endpoint, as the end of a sentence that says what it must be; "" if nothing is.

    It is ``https://host[:port]``; plain http goes to this machine only, for requests carry the security token.
    """
    found = re.fullmatch(r"(https?)://([A-Za-z0-9.-]+|\[::1\])(?::([0-9]{1,5}))?", value)
    if not found:
        return "must be https://host[:port] without a path"
    scheme, host, port = found.groups()
    if port is not None and not 1 <= int(port) <= _HIGHEST_PORT:
        return f"needs a port from 1 to {_HIGHEST_PORT}, or none"
    if host != "[::1]" and (len(host) > _LONGEST_HOST or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", host)):
        return "needs a valid host name: parts of 1 to 63 letters, digits and inner hyphens, with single dots between"
    if scheme == "http" and not _is_loopback(host):
        return "plain http is accepted for this machine (127.0.0.1) only: use https"
    return ""


def _is_loopback(host: str) -> bool:
    parts = host.split(".")
    return host in ("localhost", "[::1]") or (
        re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None and all(int(part) < 256 for part in parts)
    )
