"""The words that a record may hold. What is none of them never reaches it: an allow-list, since no list of secrets is whole.

Codes, names of fields and states are told word by word. ``InvalidFrobnicator`` becomes ``Invalid…``: the family is what
matters, and whoever has asked sees the whole code on the terminal.
"""

from __future__ import annotations

import re

from tests.cloud.cloudapi.published import CLOUDAPI
from tests.cloud.ecs.published import ECS
from tests.cloud.ess.published import ESS
from tests.cloud.slb.published import SLB

HIDDEN = "…"
_LONGEST = 80
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\.")
# Of the vendor's lists of codes (https://developer.aliyun.com/ask/278265,
# https://help.aliyun.com/en/api-gateway/traditional-api-gateway/support/control-openapi-error-code-table,
# https://www.alibabacloud.com/help/doc-detail/27501.html), of the fields of its answers, of states, and of our errors.
_TEXT = """
access account accurate action active advance already api app apis area argument at attribute auth authorized available
backend balance balancer been being bind body bucket busy by cancelled cannot catalog certificate charge check cidr closed
code commit config conflict connected connection content count create created credential credentials current data date
default definition definitions deleted denied dependency deploy description detail details disabled disk doing done
doubtful dry duplicate empty enable entity entry error errors exceed exceeded exceeds exist exists expired fail failed
failure field finished flow for forbidden format found frequent full gateway given group handle header hidden host http
https id idempotent ids illegal image in inactive incomplete incorrect info init instance instances internal invalid ip is
item its json key large lb length level lifecycle limit limited list listener load lock locked login long malformed mandatory
many match max maximum member message messages method min minimum mismatch missing mod modify mqs msg name network
never no nonce not number object of off on only open operation operator ops order out over overdue page param parameter
parse partial path pending permission plain plugin policy port ports present private processing product protocol
queue quota ram range rate receipt refused region reject rejected release released repeat repeated request required reset
resource resources result results retry role rule rules run running sdk security sent server service services set short
sign signature size slb smq specified stage state status stop stopped string success suspended tag tags target task tea
temporary text the throttled throttling time timeout timestamp to token too topic total type unauthorized unavailable
unable unfinished unique unknown unreadable unresponsive unsupported update updating url use used user uid using valid
value verify version violation virtual visible vpc waiting was with without write wrong xml zero zone
stamp skewed insufficient mismatched digest degist recently lock dir overload busy arrears concurrent conflict
needed transient permanent settings cloud unexpected refusal answer client exception response mns
ecs slb ess invalid eni nlb alb classic
"""
_OPERATIONS = (CLOUDAPI, ECS, ESS, SLB)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


KNOWN = frozenset(_TEXT.split()) | {word for names in _OPERATIONS for name in names for word in _words(name)} | {"."}


def told(text: str) -> str:
    """Return what a record may hold of a text of the cloud: its known words, ``…`` for the others, nothing of an odd text."""
    if len(text) > _LONGEST or not re.fullmatch(r"[A-Za-z.]*", text):
        return HIDDEN
    kept = [word if word.lower() in KNOWN else HIDDEN for word in _WORD.findall(text)]
    return re.sub(f"{HIDDEN}+", HIDDEN, "".join(kept))
