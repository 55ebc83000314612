"""The page for producers is true: its program runs as it stands, with the vendor's own SDK, and prints what the page says."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import pytest
import yaml

from tests.cloud.fixtures import Served
from tests.invoking import SETTINGS, operator_environment
from tests.readme import ROOT, read
from tests.working import REQUESTS, RESULTS, at_work

PAGE = read("events/PRODUCERS.md")


def _block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.mark.enable_socket
@pytest.mark.filterwarnings("ignore:Call to deprecated .*_messages:DeprecationWarning")
def test_the_program_prints_what_the_page_says(
    cloud: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sends, subscribes, matches and drops repeats: each result is published twice, since the first answer is lost."""
    environment = operator_environment(cloud) | {
        "ALIBABA_CLOUD_REGION_ID": SETTINGS["FC_REGION"],
        "ALIBABA_CLOUD_ACCOUNT_ID": SETTINGS["FC_ACCOUNT_ID"],
        "REQUEST_QUEUE": REQUESTS,
        "RESULT_TOPIC": RESULTS,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for attempt in (1, 3):  # each first one is lost, so that each is published again
        cloud.faults.add(operation="SMQ.PublishMessage", nth=attempt, cut="after")
    names: dict[str, Any] = {"__name__": "__main__"}
    with at_work(cloud):
        exec(compile(_block("python"), "events/PRODUCERS.md", "exec"), names)

    names["subscribe"]("orders-results")  # again, as at its next start

    with closing(names["account"].get_client().http.conn):
        assert capsys.readouterr().out == _block("text")
    assert len(cloud.world.journal("SMQ.PublishMessage")) == 4
    assert not names["waiting"]


def test_the_tags_to_filter_by_are_the_kinds_of_results() -> None:
    """The list of filter tags on the page is the schema's."""
    (listed,) = re.findall(r"the last word of `type`: (.*?)\.\n", PAGE, re.DOTALL)
    schema = (ROOT / "events" / "schema" / "result.json").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"vpcaccess\\\\\.\((.*?)\)", schema)

    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(kinds.split("|"))


def test_the_names_are_those_of_the_stack() -> None:
    """The queue and the topic are called as the template calls them."""
    text = (ROOT / "template.yml").read_text(encoding="utf-8")
    resources = yaml.safe_load(text)["Resources"]

    for resource, ending in (("RequestQueue", "requests"), ("ResultTopic", "results")):
        assert f"`<FunctionName>-{ending}`" in PAGE
        assert f"-{ending}" in str(resources[resource]["Properties"])
