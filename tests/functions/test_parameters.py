"""A stack's parameters are checked before anything is built: by the template's rules, and by those of the settings."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from functions.__main__ import main
from functions._operator.deploy import TEMPLATE
from functions._operator.parameters import OF_DEPLOY, RULES, declared_in, problems_of

PARAMETERS = declared_in(TEMPLATE)
FOR_PEOPLE = {"Label", "Description", "Default", "AssociationProperty", "AssociationPropertyMetadata"}
WANTED = {"Owner": "team-a", "AllowedVpcIds": "vpc-bp1", "AllowedPorts": "80"}


def test_every_rule_of_the_template_is_known() -> None:
    """A keyword that the template begins to use is either a rule that is checked or for people only."""
    used = {keyword for parameter in PARAMETERS.values() for keyword in parameter}

    assert used - FOR_PEOPLE - {"ConstraintDescription"} == {rule for rule, _, _ in RULES}


@pytest.mark.parametrize("name", sorted(PARAMETERS.keys() - OF_DEPLOY))
def test_what_the_template_has_itself_is_right(name: str) -> None:
    """Each default, each allowed value and both ends of each range are taken."""
    parameter = PARAMETERS[name]
    ends = [parameter[end] for end in ("MinValue", "MaxValue", "Default") if parameter.get(end) not in (None, "")]
    values = [*ends, *parameter.get("AllowedValues", []), *filter(None, [WANTED.get(name)])]

    assert [problem for value in values for problem in problems_of({name: str(value)}, PARAMETERS)] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"Ownr": "a"}, "Ownr is no parameter of template.yml: did you mean Owner?", id="misspelt"),
        pytest.param({"OWNER": "a"}, "OWNER is no parameter of template.yml: did you mean Owner?", id="case"),
        pytest.param({"Xyz": "a"}, "Xyz is no parameter of template.yml, which lists them", id="unknown"),
        pytest.param({"CodeObject": "a"}, "CodeObject is not for -p: it follows from the code", id="of-deploy"),
        pytest.param({"Runtime": "python3.12"}, "Runtime is not for -p: --python-version gives it", id="runtime"),
        pytest.param({"Owner": "a b"}, "Owner is 'a b' but must be of the form ^[A-Za-z0-9]", id="pattern"),
        pytest.param({"Owner": "team-a\n"}, "Owner is 'team-a\\n' but must be of the form", id="line-break"),
        pytest.param(
            {"FunctionName": "A"}, "FunctionName is 'A' but must be 3 to 32 lower-case letters", id="pattern-in-words"
        ),
        pytest.param(
            {"OnConflict": "always"}, "OnConflict is 'always' but must be one of refuse, replace", id="values"
        ),
        pytest.param(
            {"ReleaseMode": "Off"}, "ReleaseMode is 'Off' but must be one of off, report, apply", id="case-of-a-value"
        ),
        pytest.param({"Timeout": "9"}, "Timeout is '9' but must be at least 10", id="too-low"),
        pytest.param({"Timeout": "301"}, "Timeout is '301' but must be at most 300", id="too-high"),
        pytest.param({"Timeout": "soon"}, "Timeout is 'soon' but must be a number", id="no-number"),
        pytest.param({"Timeout": "nan"}, "Timeout is 'nan' but must be a number", id="not-a-number"),
        pytest.param({"AllowedPorts": "80-"}, "AllowedPorts has '80-' but needs ports or ranges", id="ports"),
        pytest.param(
            {"AllowedPorts": "22", "AllowedVpcIds": "bp1"}, "AllowedVpcIds has bp1 but VPC ids start", id="vpcs"
        ),
        pytest.param({"NameTemplate": "{x}"}, "NameTemplate is '{x}' but may use only {owner}", id="name-template"),
        pytest.param(
            {"AllowedAddresses": "10.0.0.1/8"}, "AllowedAddresses has '10.0.0.1/8' but needs networks", id="networks"
        ),
    ],
)
def test_what_the_stack_would_not_take_is_told(given: dict[str, str], told: str) -> None:
    """One sentence a parameter: its name, what was given, and what it must be."""
    (problem,) = problems_of(given, PARAMETERS)

    assert problem.startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["-p", "Ownr=a", "-p", "Timeout=9"], ["did you mean Owner?", "at least 10"], id="all-at-once"),
        pytest.param(["-p", "Owner=a", "-p", "Owner=b"], ["Owner is given twice: keep one"], id="twice"),
    ],
)
def test_deploy_tells_it_before_it_does_anything(arguments: list[str], told: list[str]) -> None:
    """Wrong usage: no key was asked for, nothing was built and nothing was called."""
    environment = {"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou", "ALIBABA_CLOUD_ACCESS_KEY_ID": ""}
    done = CliRunner().invoke(main, ["deploy", "--bucket", "b", *arguments], env=environment)

    assert done.exit_code == 64
    assert [word for word in told if word not in done.stderr] == []
    assert "built" not in done.output
