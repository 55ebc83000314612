"""The locks are complete for every Python, and they are installed as locks: nobody picks a version on the way."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import locks
from tests.made_up import pinned, wheel_of

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
RENEW = "run `make lock`"
INCLUDED = {"demo": "runtime", "dev": "demo", "fuzz": "runtime"}


def lock(name: str) -> str:
    """Return a lock's text."""
    return (locks.FOLDER / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("platform", locks.PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", locks.LOCKS)
def test_a_lock_is_complete(name: str, python: str, platform: str) -> None:
    """Every requirement of every pinned release is pinned with a version that fits, extras and markers included."""
    values = locks.environment(python, platform)

    assert locks.missing(lock(name), locks.named(name), locks.read(), values) == [], RENEW


@pytest.mark.parametrize(
    ("removed", "python", "said"),
    [
        pytest.param("h11", "3.12", "httpcore requires h11>=0.16, the lock has none", id="plain"),
        pytest.param("tomli", "3.10", 'coverage requires tomli; python_full_version <= "3.11.0a6"', id="of-an-extra"),
        pytest.param(
            "exceptiongroup", "3.10", 'anyio requires exceptiongroup>=1.0.2; python_version < "3.11"', id="marker"
        ),
        pytest.param("moto", "3.14", "requirements/*.in requires moto[sns,sqs], the lock has none", id="asked-for"),
    ],
)
def test_a_removed_requirement_is_missed(removed: str, python: str, said: str) -> None:
    """A lock without one of its packages is not complete, and who needs it is told."""
    without = "\n".join(line for line in lock("dev").splitlines() if not line.startswith(f"{removed}=="))
    found = locks.missing(without, locks.named("dev"), locks.read(), locks.environment(python, "linux"))

    assert [problem for problem in found if problem.startswith(said)]


@pytest.mark.parametrize(
    ("text", "asked", "said"),
    [
        pytest.param("a==1", "a", [], id="complete"),
        pytest.param("a==1", "a>1", ["requirements/*.in requires a>1, the lock has 1"], id="another-version"),
        pytest.param("a==1", "b", ["requirements/*.in requires b, the lock has none"], id="not-pinned"),
        pytest.param("a==1", "a[x]", ['a requires b[y]<2; extra == "x", the lock has none'], id="extra"),
        pytest.param("a==1\nb==1", "a[x]", ['b requires c; extra == "y", the lock has none'], id="extra-of-an-extra"),
        pytest.param("a==1\nb==2", "a[x]", ['a requires b[y]<2; extra == "x", the lock has 2'], id="extra-outdated"),
        pytest.param("a==1\na==2", "a", ["a is pinned twice"], id="twice"),
        pytest.param("a==1\na==2 ; python_version < '3.12'", "a", [], id="for-another-python"),
        pytest.param("c==1", "c", ["c==1 is for Python <3.12"], id="not-for-this-python"),
        pytest.param("c==2", "c", [f"nothing is known of c==2: {locks.WRITE}"], id="without-metadata"),
    ],
)
def test_what_is_missing_is_found_without_choosing(text: str, asked: str, said: list[str]) -> None:
    """Versions, extras of extras and Pythons are compared with what the lock has, and with nothing else."""
    metadata: dict[str, locks.Release] = {
        "a==1": {"python": "", "requires": ['b[y]<2; extra == "x"', 'never; python_version < "3.12"']},
        "a==2": {"python": "", "requires": []},
        "b==1": {"python": ">=3.8", "requires": ['c; extra == "y"']},
        "b==2": {"python": "", "requires": []},
        "c==1": {"python": "<3.12", "requires": []},
    }

    assert locks.missing(text, [Requirement(asked)], metadata, locks.environment("3.12", "linux")) == said


def test_every_pinned_release_has_its_metadata() -> None:
    """The file of what releases require is about those that the locks pin, and about no other."""
    assert sorted(locks.read()) == locks.releases(), locks.WRITE


def test_the_metadata_is_that_of_what_is_installed() -> None:
    """Of every pinned release that is installed here, the file says what its own metadata say."""
    known, compared = locks.read(), 0
    for distribution in importlib.metadata.distributions():
        release = f"{canonicalize_name(distribution.metadata['Name'])}=={distribution.version}"
        if release in known:
            compared += 1
            assert known[release]["requires"] == locks.normal(distribution.requires or []), f"{release}: {locks.WRITE}"
            assert known[release]["python"] == (distribution.metadata.get_all("Requires-Python") or [""])[0], (
                f"{release}: {locks.WRITE}"
            )
    assert compared > 80


@pytest.mark.parametrize(("name", "other"), INCLUDED.items())
def test_locks_agree(name: str, other: str) -> None:
    """What one lock pins, the lock that includes it pins alike: what is tested is what is deployed."""
    assert set(map(str, locks.pins(lock(other)))) <= set(map(str, locks.pins(lock(name)))), RENEW


class SetUp:
    """``requirements/install.py`` beside made-up locks, with the wheels for them, far from any network."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder / "requirements", folder / "venv"
        self.folder.mkdir()
        shutil.copy(locks.FOLDER / "install.py", self.folder)
        self.environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder)}
        self.write("build", wheel_of(self.folder, name="builder"))

    def write(self, name: str, *wheels: Path, includes: str = "") -> None:
        """Write a lock of these wheels."""
        (self.folder / f"{name}.txt").write_text("".join(map(pinned, wheels)))
        (self.folder / f"{name}.in").write_text(f"-r {includes}.in\n" if includes else "")

    def start(self, name: str, place: Path | None = None) -> subprocess.Popen[str]:
        """Start it for one of the locks."""
        command = [sys.executable, str(self.folder / "install.py"), str(place or self.place), name]
        out, err = subprocess.PIPE, subprocess.STDOUT
        return subprocess.Popen(command, env=self.environment, stdout=out, stderr=err, text=True)


@pytest.fixture
def set_up(tmp_path: Path) -> SetUp:
    """A set-up of made-up packages: ``dev`` has what ``demo`` has, and what ``fuzz`` needs is in no lock."""
    set_up = SetUp(tmp_path)
    made_up = wheel_of(set_up.folder, "made_up.py")
    set_up.write("demo", made_up)
    set_up.write("dev", made_up, includes="demo")
    set_up.write("fuzz", wheel_of(set_up.folder, name="fuzzer", requires="another>=2"))
    return set_up


def test_a_set_up_is_interrupted_started_twice_and_incomplete(set_up: SetUp) -> None:
    """Ctrl-C gives one line and 130, two runs at once complete it together, a lock that misses something does not pass."""
    run = set_up.start("dev")
    assert run.stdout is not None
    first = run.stdout.readline()
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate()
    assert run.returncode == 130, first + said
    assert said.strip() == "ended by Ctrl-C; the next make takes the set-up from here"

    both = [set_up.start("dev") for _ in range(2)]
    said = "".join(run.communicate()[0] for run in both)
    assert [run.returncode for run in both] == [0, 0], said
    assert said.count("making a virtual environment") <= 1, said  # none if Ctrl-C came after it had been made
    for line in ("1 package of requirements/build.txt, about 5 s", "dev.txt", "waiting"):
        assert said.count(line) == 1, said
    assert subprocess.run([set_up.place / "bin" / "python", "-c", "import made_up"], check=False).returncode == 0
    assert set_up.start("demo").communicate()[0] == ""  # it is part of what there is

    set_up.place.with_name("linked").symlink_to(set_up.place)  # as somebody has it who shares one
    run = set_up.start("fuzz", set_up.place.with_name("linked"))
    said, _ = run.communicate()
    assert run.returncode == 1
    assert "making a virtual" not in said
    assert "requirements/build.txt" not in said
    assert "fuzzer 1.0 requires another, which is not installed." in said
    assert said.endswith("linked: the lock is not complete, see above: CONTRIBUTING.md says how to renew it\n")


def test_a_place_that_cannot_be_written_to_is_told(set_up: SetUp) -> None:
    """Where no environment can be made, as in a read-only tree, one line says how to have it elsewhere."""
    run = set_up.start("demo", set_up.folder / "install.py" / "no" / "venv")
    said, _ = run.communicate()

    assert run.returncode == 1
    assert said.endswith("venv: cannot be made (Not a directory): name another place with VENV=/tmp/venv\n")
