"""pydantic's core without its package: the same classes, and a schema of the forms that the package knows."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic_core
import pytest
from pydantic_core import core_schema

from shared.events import core
from shared.events.request import ACCESS_REQUEST

FORMS = {
    "int": core_schema.IntSchema,
    "str": core_schema.StringSchema,
    "list": core_schema.ListSchema,
    "nullable": core_schema.NullableSchema,
    "typed-dict": core_schema.TypedDictSchema,
    "typed-dict-field": core_schema.TypedDictField,
    "function-after": core_schema.AfterValidatorFunctionSchema,
    "function-before": core_schema.BeforeValidatorFunctionSchema,
    "no-info": core_schema.NoInfoValidatorFunctionSchema,
}


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a schema that has a type."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for value in schema.values():
            yield from nodes(value)


def test_the_classes_are_those_of_the_package() -> None:
    """Whoever loads pydantic as well, as commands do, gets the same core: an error of one is an error of the other."""
    assert core.SchemaValidator is pydantic_core.SchemaValidator
    assert core.ValidationError is pydantic_core.ValidationError
    assert core.PydanticCustomError is pydantic_core.PydanticCustomError


@pytest.mark.parametrize("held", [pytest.param("_pydantic_core.cpython-27.so", id="another-python"), None])
def test_package_for_another_python_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str | None) -> None:
    """Where the zip was built for another version its core is not found, and the error says what to do."""
    if held is not None:
        (tmp_path / "pydantic_core").mkdir()
        (tmp_path / "pydantic_core" / "__init__.py").touch()
        (tmp_path / "pydantic_core" / held).touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(ModuleNotFoundError, match="build the package for its version"):
        runpy.run_path(core.__file__)


def test_each_part_of_the_schema_has_a_form_of_the_package() -> None:
    """A key that the core does not know would be passed over in silence; the package's types say which it knows."""
    found = list(nodes(ACCESS_REQUEST))
    assert len(found) > 30
    for node in found:
        form: Any = FORMS[node["type"]]
        assert form.__required_keys__ <= node.keys() <= form.__annotations__.keys(), node
