"""What is deployed: the real zip for both runtimes, and the rules by which it is made."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import click
import pytest

from functions._operator import archive, catalogue, interpreters, wheels
from functions._operator.build import ROOT, Package, build, stage
from tests.made_up import wheel_of

LIMIT = 2_950_000  # bytes; seven tenths of it are pydantic's compiled core


FUNCTIONS = ROOT / "functions"


class Built(NamedTuple):
    """A package and the interpreter it is for."""

    package: Package
    interpreter: Path

    def names(self) -> list[str]:
        with ZipFile(self.package.archive) as packed:
            return packed.namelist()


@pytest.fixture
def built(package: Package) -> Built:
    """The package for one of Function Compute's runtimes."""
    return Built(package, interpreters.find(package.version))


def test_second_build_has_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Building again, elsewhere and later, gives the same zip."""
    again = build(tmp_path, built.package.version)
    assert again.digest == built.package.digest
    assert again.archive.read_bytes() == built.package.archive.read_bytes()


def test_zip_is_light(built: Built) -> None:
    """The zip stays under its limit, and the price list accounts for every file in it."""
    assert built.package.archive.stat().st_size < LIMIT
    with ZipFile(built.package.archive) as packed:
        files = sum(member.file_size for member in packed.infolist())
    assert sum(price.files for price in built.package.prices) == files
    assert {price.package for price in built.package.prices} >= {"pydantic_core", "httpx", "functions, shared"}


def test_zip_holds_the_function_and_nothing_else(built: Built) -> None:
    """The handler stands at the root; tests, commands, metadata and the operator's side are not in it."""
    names = built.names()
    assert {"set_vpc_access.py", "functions/__init__.py", "shared/flow/engine.py", "shared/access/plan.py"} <= set(
        names
    )
    tops = {name.split("/")[0] for name in names}
    assert not tops & {"tests", "bin", "anyio", "click", "rich", "fc2", "requests", "pip", "template.yml"}
    unwanted = [
        n for n in names if "_operator" in n or ".dist-info" in n or "/tests/" in n or "__main__" in n.split("/")[:2]
    ]
    assert unwanted == []


def test_extra_is_in_the_zip_on_request_only(native_package: Package, tmp_path: Path) -> None:
    """What publishes to Amazon SNS is left out unless it is asked for; a native build is for the running Python."""
    with_sns = build(tmp_path, interpreters.running(), native=True, with_sns=True)
    for package, has_it in ((with_sns, True), (native_package, False)):
        with ZipFile(package.archive) as packed:
            names = packed.namelist()
        assert ("shared/cloud/aws/sns.py" in names) is has_it
        tag = f"cpython-{interpreters.running().replace('.', '')}"
        assert f"__pycache__/set_vpc_access.{tag}.pyc" in names


def test_every_module_has_bytecode_that_its_runtime_accepts_unchecked(built: Built) -> None:
    """Each module comes with bytecode of the runtime's minor version that is used without looking at the source."""
    magic = subprocess.run(
        [built.interpreter, "-c", "import importlib.util, sys; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"],
        capture_output=True,
        check=True,
    ).stdout
    with ZipFile(built.package.archive) as packed:
        modules = [Path(name) for name in packed.namelist() if name.endswith(".py")]
        tag = f"cpython-{built.package.version.replace('.', '')}"
        compiled = {(module.parent / "__pycache__" / f"{module.stem}.{tag}.pyc").as_posix() for module in modules}
        bytecode = {name for name in packed.namelist() if name.endswith(".pyc")}
        assert compiled <= bytecode
        for name in bytecode:
            assert packed.read(name)[:8] == magic + b"\x01\x00\x00\x00", name


def test_sources_are_ours_only(built: Built) -> None:
    """Of what others wrote the zip has bytecode in the place of the source, where Python finds it; of ours it has both."""
    names = set(built.names())
    tops = {name.split("/")[0] for name in names if name.endswith(".py")}
    assert {"functions", "shared"} < tops
    assert all(
        top in {"functions", "shared"} or f"{top.removesuffix('.py')}" in catalogue.names(FUNCTIONS) for top in tops
    )
    assert {"httpx/_models.pyc", "idna/core.pyc"} <= names
    assert not any(name.startswith("httpx/__pycache__") for name in names)


def test_nothing_tells_where_it_was_built(built: Built) -> None:
    """No file names the folder of the build; tracebacks show the place of the code in Function Compute."""
    with ZipFile(built.package.archive) as packed:
        for name in packed.namelist():
            assert str(built.package.folder).encode() not in packed.read(name), name
        version = built.package.version.replace(".", "")
        assert b"/code/shared/access/plan.py" in packed.read(f"shared/access/__pycache__/plan.cpython-{version}.pyc")


def test_zip_runs_on_its_own(built: Built, tmp_path: Path) -> None:
    """Unpacked and without any other package in reach, the function starts and answers on its runtime."""
    with ZipFile(built.package.archive) as packed:
        packed.extractall(tmp_path)
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "import set_vpc_access as index, json, types\n"
        "index.initialize(None)\n"
        'answer = index.handler(b\'{"triggerTime":"2026-01-05T04:00:00Z","triggerName":"t","payload":""}\','
        " types.SimpleNamespace(request_id='r-1'))\n"
        "print(json.loads(answer)['counts'])\n"
    )
    settings = {
        "OWNER": "team-a",
        "ALLOWED_VPC_IDS": "*",
        "ALLOWED_PORTS": "80",
        "RESULT_TOPIC": "results",
        "DRY_RUN": "true",
        "FC_REGION": "cn-hangzhou",
        "FC_ACCOUNT_ID": "1234567890123456",
        "LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [built.interpreter, "-S", "-B", "-W", "error", "-c", program],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")
    assert done.stderr == ""


def test_packing_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    """Times, permissions and the order of creation leave no trace in a zip; a changed byte does."""
    digests = []
    for number, names in enumerate((["b.py", "a/c.py"], ["a/c.py", "b.py"], ["a/c.py", "b.py"])):
        folder = tmp_path / str(number)
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x = 1\n" if number < 2 else "x = 2\n")
            path.chmod(0o600 if number else 0o755)
        digests.append(archive.pack(folder, tmp_path / f"{number}.zip"))
    assert digests[0] == digests[1] != digests[2]
    with ZipFile(tmp_path / "0.zip") as packed:
        assert packed.namelist() == ["a/c.py", "b.py"]
        assert {oct(member.external_attr >> 16) for member in packed.infolist()} == {"0o100644"}


def test_module_that_does_not_compile_stops_the_build(tmp_path: Path) -> None:
    """A syntax error is told with its file instead of being shipped."""
    (tmp_path / "broken.py").write_text("def\n")
    with pytest.raises(click.ClickException, match=r"broken\.py"):
        archive.compile_bytecode(tmp_path, Path(sys.executable))


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        pytest.param("made_up/core.py", True, id="module"),
        pytest.param("made_up/data.pem", True, id="data"),
        pytest.param("made_up-1.0.dist-info/entry_points.txt", False, id="metadata"),
        pytest.param("made_up/tests/test_core.py", False, id="tests"),
        pytest.param("made_up/core.pyi", False, id="stub"),
        pytest.param("anyio/_core/_eventloop.py", False, id="asynchronous"),
        pytest.param("exceptiongroup/_exceptions.py", False, id="asynchronous-of-3.10"),
        pytest.param("pydantic/_internal/_model_construction.py", False, id="models"),
        pytest.param("pydantic_core/core_schema.py", False, id="types-of-schemas"),
        pytest.param("pydantic_core/_pydantic_core.abi3.so", True, id="core"),
    ],
)
def test_wheels_are_unpacked_without_what_is_never_used(member: str, kept: bool, tmp_path: Path) -> None:
    """A wheel's modules and data are kept, the listed rest is left out."""
    wheel = wheel_of(tmp_path, member)
    assert wheels.unpack(wheel, tmp_path / "out") == "made_up"
    assert (tmp_path / "out" / member).exists() is kept


def test_wheel_that_installs_elsewhere_is_refused(tmp_path: Path) -> None:
    """A wheel with scripts or headers would be unpacked wrongly, so the build stops."""
    wheel = wheel_of(tmp_path, "made_up-1.0.data/scripts/run")
    with pytest.raises(click.ClickException, match=r"made_up-1\.0\.data/scripts/run outside of site-packages"):
        wheels.unpack(wheel, tmp_path / "out")


def test_staging_leaves_nothing_of_the_last_build(tmp_path: Path) -> None:
    """A file that is gone from the sources is gone from the next package."""
    for name in ("functions/__init__.py", "functions/set_vpc_access/index.py", "shared/new.py"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text("")
    (tmp_path / "out" / "shared").mkdir(parents=True)
    (tmp_path / "out" / "shared" / "old.py").write_text("")
    owners = stage(tmp_path / "out", [wheel_of(tmp_path, "made_up/core.py")], tmp_path / "root")
    assert owners == {"made_up": "made_up"}
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.py"))
    assert found == ["functions/__init__.py", "made_up/core.py", "set_vpc_access.py", "shared/new.py"]


def fetch(requirement: str, folder: Path) -> list[Path]:
    """Fetch what a requirements file of one line asks for, into a cache in ``folder`` if there can be one."""
    requirements = folder / "runtime.txt"
    requirements.write_text(f"{requirement}\n")
    here, cache = Path(sys.executable), folder / "cache"
    return wheels.fetch(requirements, interpreters.running(), here, native=True, cache=cache, spare=folder / "spare")


def located(wheel: Path) -> str:
    """Return the line of a lock that says where the wheel is."""
    return f"made-up @ {wheel.as_uri()} --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}"


@pytest.mark.parametrize("place", ["cache", "spare"])
def test_wheels_are_downloaded_once(place: str, tmp_path: Path) -> None:
    """Wheels kept for the same lock are used without asking pip again, also where the cache cannot be written to."""
    if place == "spare":
        (tmp_path / "cache").write_text("a file, in which no folder can be made")
    wheel = wheel_of(tmp_path, "made_up/core.py")
    requirement = located(wheel)
    first = fetch(requirement, tmp_path)
    wheel.unlink()
    assert [path.name for path in first] == [wheel.name]
    assert first[0].parents[1] == tmp_path / place
    assert fetch(requirement, tmp_path) == first


@pytest.mark.parametrize(
    ("digest", "said"),
    [
        pytest.param("sha256:" + "0" * 64, "DO NOT MATCH THE HASHES", id="another-file"),
        pytest.param("", "Hashes are required", id="not-locked"),
    ],
)
def test_wheel_that_is_not_the_locked_one_stops_the_build(digest: str, said: str, tmp_path: Path) -> None:
    """What pip says about a wrong or missing hash is shown, and nothing half downloaded is kept."""
    wheel = wheel_of(tmp_path, "made_up/core.py")
    hashed = f" --hash={digest}" if digest else ""
    with pytest.raises(click.ClickException, match=rf"(?s)could not download the wheels of runtime\.txt.*{said}"):
        fetch(f"made-up @ {wheel.as_uri()}{hashed}", tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_lock_that_misses_a_requirement_stops_the_build(tmp_path: Path) -> None:
    """A wheel whose requirement the lock does not pin is told: the newest is not taken, and nothing is kept."""
    wheel = wheel_of(tmp_path, "made_up/core.py", requires="another>=2")
    with pytest.raises(click.ClickException, match=r"(?s)misses something among the wheels of runtime\.txt.*another"):
        fetch(located(wheel), tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []


def test_builds_at_once_do_not_meet(tmp_path: Path) -> None:
    """Builds into the same folder at the same time end with one whole package and leave nothing else behind."""
    with ThreadPoolExecutor(2) as both:
        packages = list(both.map(lambda _: build(tmp_path, interpreters.running(), native=True), range(2)))
    assert packages[0] == packages[1]
    assert {path.name for path in tmp_path.iterdir()} == {packages[0].folder.name, packages[0].archive.name}
    assert sha256(packages[0].archive.read_bytes()).hexdigest() == packages[0].digest
    assert (packages[0].folder / "set_vpc_access.py").is_file()


def test_what_another_run_was_faster_with_stays(tmp_path: Path) -> None:
    """A finished folder moves to its place unless the same is there already; any other trouble is not swallowed."""
    for name in ("mine", "theirs"):
        (tmp_path / name / "inside").mkdir(parents=True)
        (tmp_path / name / "inside" / "who").write_text(name)
    wheels.put_in_place(tmp_path / "theirs", tmp_path / "place")
    wheels.put_in_place(tmp_path / "mine", tmp_path / "place")
    assert (tmp_path / "place" / "inside" / "who").read_text() == "theirs"
    with pytest.raises(FileNotFoundError):
        wheels.put_in_place(tmp_path / "mine", tmp_path / "nowhere" / "place")


def test_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """Where nothing can be written, as in a read-only tree, the build says how to have it elsewhere."""
    (tmp_path / "file").write_text("")
    with pytest.raises(click.ClickException, match=r"dist cannot be written to \(Not a directory\).*--output=FOLDER"):
        build(tmp_path / "file" / "dist", interpreters.running(), native=True)


def test_interpreter_is_named_by_hand(tmp_path: Path) -> None:
    """The variable for a version comes before every search, and a wrong one is not silently replaced."""
    running = interpreters.running()
    name = interpreters.variable(running)
    assert interpreters.find(running, {name: sys.executable}) == Path(sys.executable)
    with pytest.raises(click.ClickException, match=f"set {name} to its path"):
        interpreters.find(running, {name: str(tmp_path / "nowhere")})


def test_missing_interpreter_is_told_with_the_ways_to_get_one(tmp_path: Path) -> None:
    """A shim that does not run is passed over; the refusal names the version and the variable."""
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    with pytest.raises(click.ClickException, match=r"needs an interpreter of that version.*PYTHON_3_99"):
        interpreters.find("3.99", {"PATH": str(tmp_path)}, home=tmp_path)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        pytest.param("home/.pyenv/versions/3.99.4", "", id="below-home"),
        pytest.param("elsewhere/versions/3.99.4", "elsewhere/shims", id="beside-a-shim"),
        pytest.param("elsewhere/installs/python/3.99.4", "elsewhere/shims", id="beside-another-shim"),
    ],
)
def test_interpreter_of_a_version_manager_is_found(place: str, path: str, tmp_path: Path) -> None:
    """An interpreter that is not selected is found where version managers keep them, wherever they are themselves."""
    python = tmp_path / place / "bin" / "python"
    for file, does in {python: "echo 3.99", tmp_path / "elsewhere/shims/python3.99": "exit 127"}.items():
        file.parent.mkdir(parents=True)
        file.write_text(f"#!/bin/sh\n{does}\n")
        file.chmod(0o755)
    assert interpreters.find("3.99", {"PATH": str(tmp_path / path) if path else ""}, home=tmp_path / "home") == python
