"""pydantic's compiled core, without the package around it.

The package's Python is for those who write schemas with types: ``core_schema`` defines a hundred of them and brings
typing_extensions, which was a sixth of a cold start and 0.1 MB of the zip. A schema is a dict all the same.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

_PACKAGE, _COMPILED = "pydantic_core", "_pydantic_core"


def _compiled() -> ModuleType:
    """Load the extension from the package's folder; where pydantic is loaded as well, both have the same classes."""
    package = PathFinder.find_spec(_PACKAGE)
    spec: ModuleSpec | None = PathFinder.find_spec(_COMPILED, package.submodule_search_locations if package else None)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(
            f"{_PACKAGE} is not installed for this interpreter: build the package for its version", name=_COMPILED
        )
    module = spec.loader.create_module(spec)  # ``importlib.util`` would be two modules more
    assert module is not None
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError
else:
    _core = _compiled()
    PydanticCustomError, SchemaValidator = _core.PydanticCustomError, _core.SchemaValidator
    ValidationError = _core.ValidationError

__all__ = ["PydanticCustomError", "SchemaValidator", "ValidationError"]
