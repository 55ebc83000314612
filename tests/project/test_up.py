"""`make up`: what it prints works when it is pasted, code is taken as it changes, and Ctrl-C leaves nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.app import Cloud
from tests.cloud.commands import ask
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.patience import PATIENCE, until
from tests.running import Run
from tests.up import run as run_up
from tests.up import wiring
from tests.up.code import Code
from tests.up.timers import Timers

ROOT = Path(__file__).parents[2]
AN_HOUR = 3600.0


class Running:
    """`make up` as a process of its own, with its temporary files in a folder of the test's."""

    def __init__(self, scratch: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cloud", "up", "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.page = self.process.stdout.readline().strip()
        self.said = [self.process.stdout.readline() for _ in range(6)]

    def commands(self) -> list[str]:
        """Return the commands that it prints, as somebody would paste them."""
        return [line for line in self.said if line.startswith("  ")]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A `make up` that runs; it is ended with the test."""
    up = Running(tmp_path)
    with up.process:
        yield up
        up.process.kill()


@pytest.mark.enable_socket
def test_the_commands_work_as_they_are_printed(running: Running, tmp_path: Path) -> None:
    """An event is sent, its result is there, the world is shown; Ctrl-C then gives one line and 130, and leaves no file."""
    sent, results, world = (
        subprocess.run(
            command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout
        for command in running.commands()
    )
    running.process.send_signal(signal.SIGINT)
    _, said = running.process.communicate(timeout=PATIENCE)

    assert re.match(r"authorized  orders-prod  i-bp1example0001:8080 in vpc-bp1example0001  [0-9a-f]{32}\n$", sent)
    assert re.match(r"[0-9TZ:-]{20}  vpcaccess.authorized  orders-prod  [0-9a-f]{32}\n$", results)
    assert world.startswith("orders-prod ")
    assert "\ni-bp1example0001 " in world
    assert (running.process.returncode, said) == (130, "\nended by Ctrl-C: nothing of it is left\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def wired(cloud: Served, tmp_path: Path) -> Cloud:
    """What `make up` serves."""
    _up(cloud.app, tmp_path)
    return cloud.app


def _outcomes(cloud: Cloud) -> list[str]:
    return [each["body"]["type"].removeprefix("vpcaccess.") for each in ask(cloud.world.endpoint, "results")]


def _send(cloud: Cloud, event: str) -> None:
    ask(cloud.world.endpoint, "send", {"body": (ROOT / "events" / event).read_text(encoding="utf-8"), "file": event})


@pytest.mark.enable_socket
def test_an_hour_later_what_was_due_has_happened(wired: Cloud) -> None:
    """A release is due after an hour of the stand-in's clock; that of the functions need not jump with it."""
    _send(wired, "release/deleted.json")
    assert until(lambda: wired["SMQ"].queue("vpc-access-releases").counts()["DelayMessages"])
    wired.world.clock.advance(AN_HOUR)
    assert until(lambda: _outcomes(wired) == ["released"])


@pytest.mark.enable_socket
def test_a_name_moves_when_its_instance_stops(wired: Cloud) -> None:
    """The rule of ends, the queue of names and the fourth function are wired: the name has another instance then."""
    wired["ECS"].go_through("i-bp1example0011", "Stopping", "Stopped")
    assert until(lambda: _outcomes(wired) == ["replaced"])
    (moved,) = (each["InstanceId"] for each in wired["CloudAPI"].state()["vpc_accesses"] if each["Name"] == "web-prod")
    assert moved == "i-bp1example0012"


@pytest.mark.enable_socket
def test_the_events_of_names_go_to_the_function_that_keeps_them(wired: Cloud) -> None:
    """Their folder says so, as that of a release does."""
    _send(wired, "names/hint.json")
    assert until(lambda: _outcomes(wired) == ["unchanged"])


@pytest.mark.enable_socket
def test_timers_fire_by_the_clock(wired: Cloud) -> None:
    """The sweep's timer fires once when an hour is over, however many have passed, and again an hour later."""
    timers, function = Timers(wired), wired["FC"].function("vpc-access-reconcile")
    assert timers.fire() == []
    wired.world.clock.advance(3 * AN_HOUR)
    assert [timers.fire(), timers.fire()] == [["reconcile"], []]
    assert until(lambda: len(function.logged) == 1)
    wired.world.clock.advance(AN_HOUR)
    assert timers.fire() == ["reconcile"]
    assert until(lambda: len(function.logged) == 2)


def _seeded(cloud: Cloud, _: Path) -> None:
    """Fill a stand-in as `make cloud` does."""
    seed(cloud, json.loads((ROOT / "events" / "cloud.json").read_text(encoding="utf-8")))


def _up(cloud: Cloud, folder: Path) -> None:
    """Fill a stand-in as `make up` does."""
    run_up.fill(cloud)
    wiring.create(cloud, wiring.stack(**run_up.PARAMETERS), Code(folder).copy())
    run_up.subscribe(cloud)


@pytest.mark.enable_socket
@pytest.mark.parametrize("fill", [pytest.param(_seeded, id="cloud"), pytest.param(_up, id="up")])
def test_the_operators_commands_work_on_it(
    cloud: Served, tmp_path: Path, run: Run, fill: Callable[[Cloud, Path], None]
) -> None:
    """What `make help` says of CLOUD is so: an event is handled, the doctor finds everything, a plan is made."""
    fill(cloud.app, tmp_path)
    where = ("--cloud", cloud.endpoint)
    ended = [run(*where, "events/manual/authorize.json"), run(*where, "--doctor"), run(*where, "--plan", "text")]
    assert [each.code for each in ended] == [0, 0, 2], "\n".join(each.all for each in ended)
    assert ended[0].out.splitlines()[1].startswith("authorized  orders-prod ")


@pytest.mark.enable_socket
def test_all_other_commands_work_with_the_settings_of_the_page(wired: Cloud) -> None:
    """Pasted as they stand in tests/cloud/README.md, the settings are those of the function, and the command finds its way."""
    page = (ROOT / "tests" / "cloud" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```console\n(\$ export .*?)```", page, re.DOTALL)
    lines = shown.replace("http://127.0.0.1:8899", wired.world.endpoint).replace(".venv/bin/python", sys.executable)
    *exports, command = lines.replace("$ ", "").splitlines()
    script = "\n".join([*exports, f"{command} --dry-run >&2 || exit", "env"])
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    set_there = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    environment = wired["FC"].function("vpc-access-names").config.environment
    of_the_function = {name: value for name, value in environment.items() if f" {name}=" in shown}

    assert done.returncode == 0, done.stderr
    assert "would    move to i-bp1example0012:8080" in done.stderr
    assert "OWNER" in of_the_function
    assert {name: set_there[name] for name in of_the_function} == of_the_function


def _checkout(folder: Path, handler: str = "def handler(event, context):\n    return 1\n") -> Path:
    for name in ("functions/f/index.py", "functions/__init__.py", "functions/_operator/x.py", "shared/a.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("", encoding="utf-8")
    (folder / "functions/f/index.py").write_text(handler, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "text", "taken"),
    [
        pytest.param("shared/a.py", "x = 1", ["shared/a.py"], id="changed"),
        pytest.param("shared/new.py", "", ["shared/new.py"], id="added"),
        pytest.param("shared/a.py", None, ["shared/a.py"], id="removed"),
        pytest.param("functions/_operator/x.py", "x = 1", [], id="of-the-operator"),
        pytest.param("shared/notes.txt", "x", [], id="no-code"),
    ],
)
def test_a_change_is_told_once_it_is_left_alone(tmp_path: Path, file: str, text: str | None, taken: list[str]) -> None:
    """A file that has just changed may not be whole: it counts from the second look on that finds it so, and once."""
    root = _checkout(tmp_path / "root")
    code = Code(tmp_path / "copies", root)
    if text is None:
        (root / file).unlink()
    else:
        (root / file).write_text(text, encoding="utf-8")
    looks = [list(map(str, code.changed())) for _ in range(3)]
    assert looks == [[], taken, []]


@pytest.mark.enable_socket
def test_a_function_runs_the_code_as_it_is_now(cloud: Served, tmp_path: Path) -> None:
    """Changed code is run from the next call on; what is no Python is told with its line, and nothing changes."""
    root = _checkout(tmp_path / "root")
    code, source = Code(tmp_path / "copies", root), root / "functions/f/index.py"
    fc = cloud.products["FC"]
    fc.create_from_json({"functionName": "f", "handler": "f.handler", "code": str(code.copy())})
    assert fc.invoke("f").body == b"1"

    def save(text: str) -> str:
        source.write_text(text, encoding="utf-8")
        return run_up.reload(cloud.app, code, ["f"]) + run_up.reload(cloud.app, code, ["f"])

    assert save("def handler(:\n") == "functions/f/index.py:1: invalid syntax; the functions go on with what they have"
    assert fc.invoke("f").body == b"1"
    said = save("def handler(event, context):\n    return 22\n")
    assert re.fullmatch(r"functions/f/index.py changed: taken in 0\.\d s, the next call runs it", said)
    assert fc.invoke("f").body == b"22"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("Onwer=x", "the template has no parameter Onwer; it has FunctionName, ", id="unknown"),
        pytest.param("Owner", "-p takes NAME=VALUE, not 'Owner'", id="no-value"),
    ],
)
def test_a_wrong_parameter_is_named(given: str, said: str) -> None:
    """What the template does not have ends it before anything is served."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.cloud", "up", "--port", "0", "-p", given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"Error: {said}")


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("event", "to"),
    [
        pytest.param("manual/authorize.json", "queue:vpc-access-requests", id="request"),
        pytest.param("hostile/truncated.txt", "queue:vpc-access-requests", id="hostile"),
        pytest.param("hostile/not-utf-8.bin", "function:vpc-access", id="no-text"),
        pytest.param("ecs/running.json", "bus", id="announcement"),
        pytest.param("smq-queue/batch.json", "function:vpc-access", id="wrapped"),
        pytest.param("release/due.json", "function:vpc-access-release", id="release"),
        pytest.param("reconcile/timer.json", "function:vpc-access-reconcile", id="timer"),
    ],
)
def test_an_event_goes_its_usual_way(wired: Cloud, event: str, to: str) -> None:
    """It comes in as the real one would: by the queue, by the bus, or as a trigger has wrapped it."""
    body = b64encode((ROOT / "events" / event).read_bytes()).decode()
    sent = ask(wired.world.endpoint, "send", {"base64": body, "file": event})
    assert sent["to"] == to
    assert until(lambda: ask(wired.world.endpoint, "way", sent)["invocations"]), json.dumps(sent)
