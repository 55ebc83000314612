"""The locks under ``requirements/``: what each pins, and what is missing in one for a version of Python.

What a pinned release requires stands in ``requirements/metadata.json``, because no Python installs all of them:
``python -m tests.locks --write`` asks pip for it. ``tests/project/test_locks.py`` holds it against what is installed here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[1] / "requirements"
METADATA = FOLDER / "metadata.json"
WRITE = "run `python -m tests.locks --write`"
LOCKS = sorted(path.stem for path in FOLDER.glob("*.in"))
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}


class Release(TypedDict):
    """What a release says: the Pythons it is for ("" for all), and its requirements, with all extras and markers."""

    python: str
    requires: list[str]


def pins(text: str) -> list[Requirement]:
    """Return the pins of a lock's text: each a requirement of one version, perhaps with a marker."""
    return [Requirement(line.removesuffix(" \\")) for line in text.splitlines() if re.match(r"\w", line)]


def named(lock: str) -> list[Requirement]:
    """Return what ``NAME.in`` asks for, with the files that it includes."""
    lines = [
        line.partition("#")[0].strip() for line in (FOLDER / f"{lock}.in").read_text(encoding="utf-8").splitlines()
    ]
    included = [requirement for line in lines if line.startswith("-r") for requirement in named(line[3:-3])]
    return included + [Requirement(line) for line in lines if line and not line.startswith("-r")]


def environment(python: str, platform: str) -> dict[str, str]:
    """Return the values of environment markers for a minor version of CPython, such as "3.12", on one of PLATFORMS."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        **PLATFORMS[platform],
    }


def missing(
    lock: str, asked: list[Requirement], metadata: Mapping[str, Release], values: Mapping[str, str]
) -> list[str]:
    """Return, sentence by sentence, what a lock's text lacks where markers have these ``values``; nothing is chosen.

    Required is what is ``asked`` for and what each pinned release requires, with every extra that one of these names.
    """
    here = [pin for pin in pins(lock) if pin.marker is None or pin.marker.evaluate(values)]
    pinned = {canonicalize_name(pin.name): _version(pin) for pin in here}
    found = [f"{pin.name} is pinned twice" for pin in here if _version(pin) != pinned[canonicalize_name(pin.name)]]
    said = {
        name: metadata[f"{name}=={version}"] for name, version in pinned.items() if f"{name}=={version}" in metadata
    }
    found += [f"nothing is known of {name}=={pinned[name]}: {WRITE}" for name in pinned if name not in said]
    for name, release in said.items():
        if not SpecifierSet(release["python"]).contains(values["python_full_version"]):
            found.append(f"{name}=={pinned[name]} is for Python {release['python']}")
    extras: dict[str, set[str]] = {name: set() for name in pinned}
    known = -1
    while known < (known := sum(map(len, extras.values()))):  # an extra may name a further one
        required = [("requirements/*.in", requirement) for requirement in asked]
        for name, release in said.items():
            required += [(name, requirement) for requirement in _required(release, extras[name], values)]
        for _, requirement in required:
            extras.get(canonicalize_name(requirement.name), set()).update(requirement.extras)
    for who, requirement in required:
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{who} requires {requirement}, the lock has {version or 'none'}")
    return sorted(set(found))


def _required(release: Release, extras: Iterable[str], values: Mapping[str, str]) -> list[Requirement]:
    each = map(Requirement, release["requires"])
    chosen = [{**values, "extra": extra} for extra in ("", *extras)]
    return [one for one in each if one.marker is None or any(map(one.marker.evaluate, chosen))]


def _version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def releases() -> list[str]:
    """Return every release that a lock pins, as ``name==version``."""
    texts = ((FOLDER / f"{lock}.txt").read_text(encoding="utf-8") for lock in LOCKS)
    return sorted({f"{canonicalize_name(pin.name)}{pin.specifier}" for text in texts for pin in pins(text)})


def read() -> dict[str, Release]:
    """Return what the committed file says about each release."""
    document: dict[str, Release] = json.loads(METADATA.read_text(encoding="utf-8"))
    return document


def normal(requires: list[str]) -> list[str]:
    """Return requirements in one spelling and order."""
    return sorted(str(Requirement(text)) for text in requires)


def ask(wanted: list[str]) -> dict[str, Release]:
    """Ask pip for the metadata of releases, whatever Python they are for; two versions of a package are two questions."""
    answers: dict[str, Release] = {}
    left = wanted
    while left:
        now = {release.partition("==")[0]: release for release in left}
        left = [release for release in left if release not in now.values()]
        with TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
            options = ["--ignore-requires-python", "--no-build-isolation", "--use-pep517", "--report", str(report)]
            subprocess.run([*pip, *options, *now.values()], check=True)
            for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
                said = item["metadata"]
                release = Release(
                    python=said.get("requires_python", ""), requires=normal(said.get("requires_dist", []))
                )
                answers[f"{canonicalize_name(said['name'])}=={said['version']}"] = release
    return answers


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(
            "python -m tests.locks --write renews requirements/metadata.json; python -m pytest tests/project/test_locks.py checks"
        )
    METADATA.write_text(json.dumps(ask(releases()), indent=1, sort_keys=True) + "\n", encoding="utf-8")
