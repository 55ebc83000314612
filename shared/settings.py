"""The function's settings, read from its environment. All mistakes are reported together, by variable name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from shared.cloud import endpoints
from shared.errors import SettingsError
from shared.log import LEVELS
from shared.model.access import VpcAccess
from shared.model.backend import TARGET_ID

_TEMPLATE_FIELDS = ("owner", "instance_id", "port", "vpc_id")
_MAX_PORT = 65_535
REGION = ("FC_REGION", "ALIBABA_CLOUD_REGION_ID")  # of Function Compute, elsewhere
ACCOUNT = ("FC_ACCOUNT_ID", "ALIBABA_CLOUD_ACCOUNT_ID")
_ARN = "arn:"
_SNS_TOPIC = r"arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
"""A standard topic: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""


NO_RELEASE_QUEUE = "RELEASE_QUEUE is missing: the name of the SMQ queue that holds scheduled releases"
NO_NAMES_QUEUE = "NAMES_QUEUE is missing: the name of the SMQ queue that named_backends hears on"


class PortRange(NamedTuple):
    """An inclusive range of ports."""

    first: int
    last: int


class AllowedName(NamedTuple):
    """Names that tags may claim in a VPC; in ``pattern`` a ``*`` stands for any characters."""

    vpc_id: str
    pattern: str


class Settings(NamedTuple):
    """What the operator decided. Field names are the environment variables' in lower case; see ``VARIABLES``."""

    owner: str
    allowed_vpc_ids: frozenset[str] | None  # None: every VPC ("*")
    allowed_ports: tuple[PortRange, ...]
    allowed_addresses: tuple[str, ...]  # networks in CIDR notation
    result_topic: str
    result_encoding: str
    port_tag: str
    name_template: str
    name_tag: str
    allowed_names: tuple[AllowedName, ...]
    named_backends: str
    names_queue: str
    on_conflict: str
    hook_on_failure: str
    verify_target: bool
    release_mode: str
    release_delay_seconds: int
    release_origin: str
    release_queue: str
    release_max_per_run: int
    reconcile_mode: str
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

    @property
    def keeps_names(self) -> bool:
        """Tell whether the tag NAME_TAG counts: somebody has to allow names before any can be claimed."""
        return self.named_backends != "off" and bool(self.allowed_names)

    @property
    def moves_names(self) -> bool:
        """Tell whether names are made and moved, so that ``named_backends`` has to hear of what happens."""
        return self.keeps_names and self.named_backends == "apply" and not self.dry_run

    def reserves(self, name: str, vpc_id: str | None = None) -> bool:
        """Tell whether ``name`` belongs to tags, in ``vpc_id`` if one is given. What NAME_TEMPLATE makes never does."""
        return any(
            vpc_id in (None, allowed.vpc_id) and _fits(name, allowed.pattern) for allowed in self.allowed_names
        ) and not _pattern_of(self.name_template, self.owner).fullmatch(name)

    def may_be_called(self, access: VpcAccess) -> bool:
        """Tell whether its name may be given to ``access``: those that NAME_TEMPLATE makes belong to their instance."""
        made = _pattern_of(self.name_template, self.owner).fullmatch(access.name)
        fields = {
            "instance_id": access.instance_id,
            "port": str(access.port),
            "vpc_id": access.vpc_id,
            "owner": self.owner,
        }
        return made is None or all(fields[name] == value for name, value in made.groupdict().items())


@lru_cache(maxsize=8)
def _pattern_of(template: str, owner: str) -> re.Pattern[str]:
    """Return the regular expression of the names that a template makes, with a group for each of its fields."""
    parts, seen = list[str](), set[str]()
    forms = {"instance_id": TARGET_ID, "port": "[0-9]{1,5}", "vpc_id": "vpc-[A-Za-z0-9]+"}
    for text, field in re.findall(r"([^{]*)(?:\{(\w+)\})?", template):
        parts.append(re.escape(text))
        if field in seen:
            parts.append(f"(?P={field})")
        elif field:
            seen.add(field)
            parts.append(f"(?P<{field}>{forms.get(field, re.escape(owner))})")
    return re.compile("".join(parts))


def _fits(name: str, pattern: str) -> bool:
    """Tell whether there are characters for each ``*``. Each part is taken where it stands first, so nothing is tried twice.

    A regular expression tries all ways to share a name among the stars: seconds for a pattern with eight of them.
    """
    first, *parts = pattern.split("*")
    if not parts:
        return name == first
    *middle, last = parts
    if not (name.startswith(first) and name[len(first) :].endswith(last)):
        return False
    rest = name[len(first) : len(name) - len(last)]
    for part in filter(None, middle):
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


class Variable(NamedTuple):
    """One environment variable: its default (None: required) and what it means, for the table in functions/SETTINGS.md."""

    name: str
    default: str | None
    meaning: str


VARIABLES = (
    Variable("OWNER", None, "our mark: the value of the tag `vpc-access-owner` on every entry that is ours"),
    Variable("ALLOWED_VPC_IDS", None, "VPCs in which something may be opened: a comma list, or `*`"),
    Variable("ALLOWED_PORTS", None, "ports that may be opened: `80,443,8000-8999`"),
    Variable(
        "ALLOWED_ADDRESSES",
        "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
        "networks whose addresses a request may name in place of an instance; `none` for no address at all",
    ),
    Variable(
        "RESULT_TOPIC",
        None,
        "name of the SMQ topic that gets one message for each record; with the SNS extra also the ARN of an Amazon SNS "
        "topic",
    ),
    Variable(
        "RESULT_ENCODING",
        "base64",
        "how SMQ gets a result: `base64` (which the vendor's SDKs decode) or `plain`; SNS always gets plain JSON",
    ),
    Variable(
        "PORT_TAG",
        "apigateway-port",
        "tag by which an instance or load balancer asks to be opened; its value is a port, a comma list of ports, or "
        "`listener`",
    ),
    Variable("NAME_TEMPLATE", "{owner}-{instance_id}-{port}", "name of the entry for an announced backend"),
    Variable(
        "NAME_TAG",
        "apigateway-name",
        "tag by which an instance asks to stand for a name, beside `PORT_TAG`; instances that share a name stand by for each "
        "other",
    ),
    Variable(
        "ALLOWED_NAMES",
        "none",
        "names that the tag may claim, by VPC: a comma list of `vpc-id:pattern`, such as `vpc-1:orders-*`; with `none` the tag is "
        "ignored",
    ),
    Variable(
        "NAMED_BACKENDS",
        "plan",
        "what `named_backends` does about such names: `off`, `plan` (it only tells), or `apply`: make them, and point them to "
        "another instance when theirs has ended",
    ),
    Variable("NAMES_QUEUE", "", "name of the SMQ queue that `named_backends` hears on"),
    Variable(
        "ON_CONFLICT",
        "refuse",
        "`refuse`, or `replace` an entry of ours whose target changed, if the request names that target in `Replaces`",
    ),
    Variable(
        "HOOK_ON_FAILURE",
        "continue",
        "answer to an Auto Scaling hook if an instance is refused or rejected: `continue` puts it into service all the "
        "same, `abandon` lets Auto Scaling release the new instances",
    ),
    Variable(
        "VERIFY_TARGET",
        "false",
        "`true`: also look up the instance of a request; it must exist and be in the VPC that the request names",
    ),
    Variable(
        "RELEASE_MODE",
        "report",
        "what `release_vpc_access` does about an entry whose backend is gone: `off`, `report` what it would release, or "
        "`apply`",
    ),
    Variable("RELEASE_DELAY_SECONDS", "3600", "how long after a backend's end its entries are released, 0 to 86400"),
    Variable(
        "RELEASE_ORIGIN",
        "announced",
        "`announced`: only entries made for announced backends are released; `any`: requested ones, too",
    ),
    Variable("RELEASE_QUEUE", "", "name of the SMQ queue that holds scheduled releases; `release_vpc_access` needs it"),
    Variable(
        "RELEASE_MAX_PER_RUN",
        "10",
        "if a sweep finds more entries to release than this, and than 30 % of what could be released at all, it schedules none "
        "of them, 0 to 10000",
    ),
    Variable(
        "RECONCILE_MODE",
        "plan",
        "what `reconcile_vpc_access` does on its timer: `off`, `plan` (it only tells), or `apply`: authorize what is tagged and "
        "missing, and schedule releases",
    ),
    Variable("DRY_RUN", "false", "`true`: plan and report, but write and publish nothing"),
    Variable("CONCURRENCY", "8", "how many records of a batch are processed at once, 1 to 64"),
    Variable(
        "MAX_CALLS_PER_SECOND",
        "10",
        "most calls of one API operation in a second; the function slows down further when it is throttled",
    ),
    Variable("APIGATEWAY_ENDPOINT", "", "`https://apigateway.<region>.aliyuncs.com`; `apigateway-vpc.…` inside a VPC"),
    Variable(
        "ECS_ENDPOINT",
        "",
        "`https://ecs.<region>.aliyuncs.com`; in a few regions another host",
    ),
    Variable(
        "SLB_ENDPOINT",
        "",
        "`https://slb.<region>.aliyuncs.com`; in many regions `https://slb.aliyuncs.com`",
    ),
    Variable(
        "ESS_ENDPOINT",
        "",
        "`https://ess.<region>.aliyuncs.com`; in many regions `https://ess.aliyuncs.com`",
    ),
    Variable("SMQ_ENDPOINT", "", "`https://<account>.mns.<region>.aliyuncs.com`"),
    Variable("SNS_ENDPOINT", "", "`https://sns.<region>.amazonaws.com`, if `RESULT_TOPIC` is an ARN"),
    Variable("LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `OFF`"),
)
ENDPOINTS = tuple(variable.name for variable in VARIABLES if variable.name.endswith("_ENDPOINT"))
"""Variables that say where a product is reached, for whoever has another place than the vendor's."""


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError that names every variable in need of attention."""
    return _Reader(environment).read()


class _Reader:
    """Reads variable by variable and collects the problems instead of stopping at the first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment, self._problems = environment, dict[str, str]()  # one a variable, however often it is read
        self._defaults = {variable.name: variable.default for variable in VARIABLES}

    def read(self) -> Settings:
        region, account = self._region(), self._given(*ACCOUNT)[1]
        settings = Settings(
            owner=self._matching(
                "OWNER", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, '.', '_' or '-'"
            ),
            allowed_vpc_ids=self._vpc_ids("ALLOWED_VPC_IDS"),
            allowed_ports=self._ports("ALLOWED_PORTS"),
            allowed_addresses=self._networks("ALLOWED_ADDRESSES"),
            result_topic=self._matching(
                "RESULT_TOPIC",
                rf"[A-Za-z0-9][A-Za-z0-9-]{{0,254}}|{_SNS_TOPIC}",
                "the name of an SMQ topic (letters, digits and '-') or the ARN of a standard Amazon SNS topic",
            ),
            result_encoding=self._choice("RESULT_ENCODING", ("base64", "plain")),
            port_tag=self._text("PORT_TAG"),
            name_template=self._template("NAME_TEMPLATE"),
            name_tag=self._text("NAME_TAG"),
            allowed_names=self._names("ALLOWED_NAMES"),
            named_backends=self._choice("NAMED_BACKENDS", ("plan", "off", "apply")),
            names_queue=self._queue("NAMES_QUEUE"),
            on_conflict=self._choice("ON_CONFLICT", ("refuse", "replace")),
            hook_on_failure=self._choice("HOOK_ON_FAILURE", ("continue", "abandon")),
            verify_target=self._switch("VERIFY_TARGET"),
            release_mode=self._choice("RELEASE_MODE", ("report", "off", "apply")),
            release_delay_seconds=int(self._number("RELEASE_DELAY_SECONDS", 0, 86_400, whole=True)),
            release_origin=self._choice("RELEASE_ORIGIN", ("announced", "any")),
            release_queue=self._queue("RELEASE_QUEUE"),
            release_max_per_run=int(self._number("RELEASE_MAX_PER_RUN", 0, 10_000, whole=True)),
            reconcile_mode=self._choice("RECONCILE_MODE", ("plan", "off", "apply")),
            dry_run=self._switch("DRY_RUN"),
            concurrency=int(self._number("CONCURRENCY", 1, 64, whole=True)),
            max_calls_per_second=self._number("MAX_CALLS_PER_SECOND", 0.5, 10_000),
            apigateway_endpoint=self._endpoint("APIGATEWAY_ENDPOINT", endpoints.derived("apigateway", region)),
            ecs_endpoint=self._endpoint("ECS_ENDPOINT", endpoints.derived("ecs", region)),
            slb_endpoint=self._endpoint("SLB_ENDPOINT", endpoints.derived("slb", region)),
            ess_endpoint=self._endpoint("ESS_ENDPOINT", endpoints.derived("ess", region)),
            smq_endpoint=self._smq_endpoint(account, region),
            sns_endpoint=self._endpoint("SNS_ENDPOINT", ""),
            log_level=self._choice("LOG_LEVEL", tuple(LEVELS)),
            region_id=region,
            account_id=account,
        )
        if settings.keeps_names and not settings.names_queue:
            self._problems.setdefault("NAMES_QUEUE", NO_NAMES_QUEUE)
        if self._problems:
            raise SettingsError(list(self._problems.values()))
        return settings

    def _complain(self, name: str, problem: str) -> None:
        """Note what is wrong with a variable, as the rest of a sentence that begins with its name."""
        self._problems.setdefault(name, f"{name} {problem}")

    def _given(self, *names: str) -> tuple[str, str]:
        """Return the first of these variables that is set, and its value; the last one and "" if none is."""
        found = [(name, value) for name in names if (value := (self._environment.get(name) or "").strip())]
        return found[0] if found else (names[-1], "")

    def _region(self) -> str:
        name, region = self._given(*REGION)
        if not region:
            self._complain(
                name, "is missing: the region to work in, such as cn-hangzhou (Function Compute gives FC_REGION)"
            )
        elif problem := endpoints.region_problem(region):
            self._complain(name, f"is {region!r} but {problem}")
        return region

    def _text(self, name: str) -> str:
        value = (self._environment.get(name) or "").strip() or self._defaults[name] or ""
        if not value and self._defaults[name] is None:
            meaning = next(variable.meaning for variable in VARIABLES if variable.name == name)
            self._complain(name, f"is missing: {meaning}")
        return value

    def _matching(self, name: str, pattern: str, rule: str) -> str:
        value = self._text(name)
        if value and not re.fullmatch(pattern, value):
            self._complain(name, f"is {value!r} but must be {rule}")
        return value

    def _queue(self, name: str) -> str:
        return self._matching(
            name, r"[A-Za-z0-9][A-Za-z0-9-]{0,119}", "the name of an SMQ queue: letters, digits and '-'"
        )

    def _choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._text(name)
        folded = value.upper() if choices[0].isupper() else value.lower()
        if folded not in choices:
            self._complain(name, f"is {value!r} but must be one of {', '.join(choices)}")
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
            self._complain(name, f"is {value!r} but must be {kind} from {lowest:g} to {highest:g}")
            return lowest
        return number

    def _list(self, name: str) -> list[str]:
        value = self._text(name)
        items = [item for part in value.split(",") if (item := part.strip())]
        if value and not items:
            self._complain(name, f"is {value!r}, which names nothing: at least one is needed")
        return items

    def _vpc_ids(self, name: str) -> frozenset[str] | None:
        if (self._environment.get(name) or "").strip() == "*":
            return None
        ids = frozenset(self._list(name))
        wrong = sorted(item for item in ids if not item.startswith("vpc-"))
        if wrong:
            self._complain(name, f"has {', '.join(wrong)} but VPC ids start with 'vpc-' (or use * for every VPC)")
        return ids

    def _ports(self, name: str) -> tuple[PortRange, ...]:
        ranges, wrong = list[PortRange](), list[str]()
        for part in self._list(name):
            found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part)
            first = int(found.group(1)) if found else 0
            last = int(found.group(2) or first) if found else 0
            if not 1 <= first <= last <= _MAX_PORT:
                wrong.append(repr(part))
            ranges.append(PortRange(first, last))
        if wrong:
            needed = "ports or ranges from 1 to 65535, such as 80,8000-8999"
            self._complain(name, f"has {', '.join(wrong)} but needs {needed}")
        return tuple(ranges)

    def _names(self, name: str) -> tuple[AllowedName, ...]:
        if self._text(name).lower() == "none":
            return ()
        found = [re.fullmatch(r"(vpc-[A-Za-z0-9]{1,60}):([\w.*-]{1,128})", part) for part in self._list(name)]
        if not all(found):
            self._complain(
                name,
                f"is {self._text(name)!r} but needs names by VPC, such as vpc-1:orders-*, of letters, digits, '.', '_', '-' "
                "and * for any of them, or none",
            )
        return tuple(AllowedName(one[1], one[2]) for one in found if one)

    def _networks(self, name: str) -> tuple[str, ...]:
        if self._text(name).lower() == "none":
            return ()
        parts = self._list(name)
        wrong = [repr(part) for part in parts if not _is_network(part)]
        if wrong:
            self._complain(name, f"has {', '.join(wrong)} but needs networks such as 10.0.0.0/8, or none")
        return tuple(parts)

    def _template(self, name: str) -> str:
        value = self._text(name)
        fields = "|".join(_TEMPLATE_FIELDS)
        if not re.fullmatch(rf"(?:[^{{}}]|\{{(?:{fields})\}})+", value):
            allowed = ", ".join(f"{{{field}}}" for field in _TEMPLATE_FIELDS)
            self._complain(name, f"is {value!r} but may use only {allowed}")
        elif "{instance_id}" not in value or "{port}" not in value:
            self._complain(name, f"is {value!r} but names must be unique: use {{instance_id}} and {{port}}")
        return value

    def _smq_endpoint(self, account: str, region: str) -> str:
        """Return SMQ's endpoint; results that go to Amazon SNS need none, so then it may stay unknown."""
        if account.isascii() and account.isdigit():
            return self._endpoint("SMQ_ENDPOINT", endpoints.derived_smq(account, region))
        given = self._endpoint("SMQ_ENDPOINT", "")
        if not given and not self._text("RESULT_TOPIC").startswith(_ARN):
            self._complain("SMQ_ENDPOINT", "cannot be derived: set it, or ALIBABA_CLOUD_ACCOUNT_ID to its digits")
        return given

    def _endpoint(self, name: str, derived: str) -> str:
        value = (self._environment.get(name) or "").strip().rstrip("/")
        if value and (problem := endpoints.endpoint_problem(value)):
            self._complain(name, f"is {value!r} but {problem}")
        return value or derived


def _is_network(text: str) -> bool:
    from ipaddress import ip_network  # httpx has loaded it anyway

    try:
        ip_network(text)
    except ValueError:
        return False
    return True
