"""The pages for people are executed: their tables, commands, links and messages are those of the code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from functions.__main__ import main
from shared.cloud.answers import RAM_ACTIONS
from shared.events.parsing import parse
from shared.model.access import VpcAccess
from shared.settings import VARIABLES
from tests.bench.report import RATIOS, judged, samples
from tests.deployed import FUNCTIONS, statements, template
from tests.invoking import Invoker
from tests.readme import BLOCKS, HOW, PAGES, ROOT, block, read

README = read("README.md")
JSON_BLOCKS = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
LONGEST = 200
BY_DEPLOY = {"CodeBucket", "CodeObject", "Runtime"}


def said(pattern: str) -> list[object]:
    """Return a parameter for everything on the pages that fits ``pattern``, once a page."""
    found = ((page, each) for page in PAGES for each in sorted(set(re.findall(pattern, read(page)))))
    return [pytest.param(page, each, id=f"{page}-{each}") for page, each in found]


def anchors(page: str) -> set[str]:
    """Return the anchors of the headings of a page.

    https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
    """
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"```.*?```", "", read(page), flags=re.DOTALL))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def product() -> Iterator[Path]:
    """Yield the files whose comments and messages may send somebody to a page."""
    yield from (ROOT / "template.yml", ROOT / "Makefile", ROOT / ".ci" / "run")
    for folder in ("functions", "shared"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_the_first_page_is_for_the_first_hour() -> None:
    """README.md is not longer than a first hour has time for: what is for later stands on the other pages."""
    assert len(README.splitlines()) <= LONGEST


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """Each block between markers is what its code makes now."""
    assert block(name) == BLOCKS[name].make(), HOW


@pytest.mark.parametrize(("page", "name"), said(r"<!-- (\w+):begin"))
def test_a_block_stands_on_its_own_page_only(page: str, name: str) -> None:
    """No page keeps a copy of a block that is made on another one, and none has a block that nothing makes."""
    assert BLOCKS[name].page == page


def test_the_committed_results_are_whole() -> None:
    """`latest.json`, of which the tables are made, holds every ratio that somebody may look for."""
    document = json.loads((ROOT / "tests" / "bench" / "results" / "latest.json").read_text(encoding="utf-8"))

    assert document["ratios"].keys() == set(RATIOS)
    assert all(document[key] for key in ("machine", "versions", "date", "samples"))


def test_the_committed_goals_are_those_of_the_samples() -> None:
    """Ratios and goals follow from the samples; what is measured in rounds has its spread, and growth is not the peak."""
    document = json.loads((ROOT / "tests" / "bench" / "results" / "latest.json").read_text(encoding="utf-8"))
    goals = {goal["key"]: goal for goal in document["goals"]}

    assert (
        judged(samples(document), document.get("instructions", {}), document["zip_bytes"]).items() <= document.items()
    ), "python -m tests.bench --again"
    assert all(goal["low"] <= goal["value"] <= goal["high"] for key, goal in goals.items() if "zip" not in key)
    assert goals["batch_memory"]["value"] < goals["batch_peak"]["value"]


@pytest.mark.parametrize(("page", "target"), said(r"(?:`|\$ (?:\w+=\w+ )*)make ([a-z]+)"))
def test_every_make_target_exists(page: str, target: str) -> None:
    """Each `make X` that a page names is a target of the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), page


@pytest.mark.parametrize(("page", "line"), said(r"python -m functions ([a-z][^`|\n]*)"))
def test_every_command_exists(page: str, line: str) -> None:
    """Each `python -m functions X --option` that a page names is a command with that option."""
    name, *rest = line.split()
    command = main.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}

    assert {word for word in rest if word.startswith("-") and word != "-"} <= options, page


def test_every_parameter_of_the_stack_is_listed() -> None:
    """The page's table has every parameter with its default, but for the settings' and those that `deploy` gives."""
    document = yaml.safe_load((ROOT / "template.yml").read_text(encoding="utf-8"))
    settings = {variable.name.replace("_", "").lower() for variable in VARIABLES}
    others = {name for name in document["Parameters"] if name.lower() not in settings}
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (?:`([^`]+)`|none) \|", read("functions/README.md"), re.MULTILINE)

    assert dict(rows) == {name: str(document["Parameters"][name]["Default"]) for name in others - BY_DEPLOY}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_permission_of_a_role_is_listed(function: str) -> None:
    """The page's table of a role's permissions has exactly the actions that the template gives it."""
    page = read("functions/README.md")
    table = page[page.index(f"The role of `{function}`") :].split("\n\n", 2)[1]
    listed = re.findall(r"^\| (`[a-z]+:.*?) \|", table, re.MULTILINE)

    assert sorted(re.findall(r"`(.+?)`", " ".join(listed))) == sorted(
        action for statement in statements(template(), function) for action in statement["Action"]
    )


def test_every_trigger_is_listed() -> None:
    """The page's table of triggers has those of the template, each at its function."""
    rows = re.findall(
        r"^\| (?:`(\w+)`)? ?\| `([\w-]+)` \| (?:the queue|EventBridge|a timer)",
        read("functions/README.md"),
        re.MULTILINE,
    )
    listed: dict[str, list[str]] = {}
    for function, trigger in rows:
        listed.setdefault(function or list(listed)[-1], []).append(trigger)
    stack = template()
    names = {function: stack.properties(parts.function)["FunctionName"] for function, parts in FUNCTIONS.items()}
    found = stack.of_type("ALIYUN::FC3::Trigger")

    assert listed == {
        function: [each["TriggerName"] for each in found if each["FunctionName"] == name]
        for function, name in names.items()
    }


@pytest.mark.parametrize(("page", "link"), said(r"\]\((?!https?:)([^)]+)\)"))
def test_every_link_leads_somewhere(page: str, link: str) -> None:
    """A link to a file or a section of this project has its file and its heading."""
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page

    assert target.exists()
    assert not anchor or anchor in anchors(target.resolve().relative_to(ROOT.resolve()).as_posix())


@pytest.mark.parametrize("path", [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in product()])
def test_who_is_sent_to_a_page_finds_it(path: Path) -> None:
    """A comment or a message that names a README says which one, by its path."""
    named = re.findall(r"[\w/]*README\b(?:\.md)?", path.read_text(encoding="utf-8"))

    assert set(named) <= set(PAGES)


def test_the_request_message_is_understood() -> None:
    """The README's request parses into an authorization with all its fields."""
    (record,) = parse(JSON_BLOCKS[0].encode())

    assert isinstance(record.content, VpcAccess)
    assert record.content.tags == (("env", "prod"),)


def test_the_result_message_has_the_fields_of_a_real_one(invoke: Invoker) -> None:
    """The README's result has exactly the fields of the result that the README's request gives."""
    shown = json.loads(JSON_BLOCKS[1])
    invoke(json.loads(JSON_BLOCKS[0]))
    (message,) = invoke.messages()

    assert shown.keys() == message.keys()
    assert shown["data"].keys() == message["data"].keys()
    assert shown["type"] == message["type"]


def test_every_reason_is_listed() -> None:
    """Each reason code that a decision, a look-up or a check can give stands in the tables of reasons."""
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "shared" / "access").glob("*.py")))
    codes = {"QuotaExceeded", *re.findall(r'"([A-Z][a-z]+[A-Z][A-Za-z]+)",\n? *f?"', source)}
    codes -= {"NotFound", *RAM_ACTIONS}  # a family of the cloud's codes, names of operations
    codes |= set(re.findall(r'Kept\("([A-Za-z]+)"', source)) | {"InUse", "ReportOnly"}

    assert codes >= {"TargetTaken", "NameTaken", "VpcNotAllowed", "TargetNotShown", "Alive", "Changed"}
    reasons = read("functions/README.md").partition("## Reasons")[2]
    missing = [code for code in codes if f"`{code}`" not in reasons]
    assert missing == [], "add them to the tables of functions/README.md, Reasons"
