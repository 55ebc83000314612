"""The local Function Compute's instances: real child processes that behave like those of the real one."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.core import ManualClock, ServiceError, World
from tests.cloud.fc import FunctionCompute, FunctionConfig, find_python
from tests.cloud.fc.handlers import deploy, installed_runtimes, write
from tests.cloud.seeds import permit
from tests.cloud.smq import Smq
from tests.patience import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNTIMES = [pytest.param(path, id=name) for name, path in installed_runtimes().items()]
EVENT_LOG = """
    def handler(event, context):
        return event
"""


@pytest.fixture
def fc() -> Iterator[FunctionCompute]:
    """A Function Compute on a manual clock, without HTTP."""
    world = World(clock=ManualClock())
    fc = FunctionCompute(world, Smq(world))
    yield fc
    fc.close()


def _state(pid: int) -> str:
    """Return a process's state letter, "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _descriptors() -> set[str]:
    """Return the numbers of this process's open descriptors."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_function_runs_as_on_the_real_platform(fc: FunctionCompute, tmp_path: Path, runtime: str) -> None:
    """The initializer runs once, the event is bytes, and the context is that of the runtime's version."""
    source = """
        import json, os, sys
        runs = []
        def initialize(context):
            runs.append(context.request_id)
        def handler(event, context):
            shown = {
                "event": [type(event).__name__, event.decode()],
                "initialized": len(runs),
                "cwd": os.getcwd() == os.environ["FC_FUNC_CODE_PATH"] == sys.path[0],
                "attributes": sorted(name for name in vars(context) if name not in ("logger",)),
                "function": sorted(vars(context.function)),
                "key": os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
                "version": "%d.%d" % sys.version_info[:2],
            }
            if hasattr(context, "credentials"):
                shown["same_key"] = context.credentials.access_key_id == shown["key"]
            return shown
    """
    deploy(fc, tmp_path, source, initializer="index.initialize", runtime=runtime)
    assert fc.invoke("f", b"first").error_type == ""
    seen = json.loads(fc.invoke("f", b"second").body)
    new = seen.pop("version") == "3.12"
    assert seen.pop("attributes") == sorted(
        ["request_id", "region", "account_id", "function"]
        + (["log_project", "log_store"] if new else ["credentials", "service", "getLogger"])
    )
    assert seen.pop("function") == sorted(
        ["name", "handler", "memory", "timeout"] + (["version_id", "qualifier"] if new else [])
    )
    assert seen.pop("same_key", True)
    assert seen.pop("key").startswith("STS.test-role-key-")
    assert seen == {"event": ["bytes", "second"], "initialized": 1, "cwd": True}


@pytest.mark.parametrize(
    ("returned", "body"),
    [
        pytest.param("b'\\xff\\x00'", b"\xff\x00", id="bytes"),
        pytest.param("'中'", "中".encode(), id="text"),
        pytest.param("{'a': [1, None]}", b'{"a": [1, null]}', id="object"),
        pytest.param("None", b"null", id="nothing"),
    ],
)
def test_what_a_handler_returns_becomes_the_body(
    fc: FunctionCompute, tmp_path: Path, returned: str, body: bytes
) -> None:
    """Bytes and text are the body as they are, everything else as JSON."""
    deploy(fc, tmp_path, f"def handler(event, context):\n    return {returned}\n")
    outcome = fc.invoke("f")
    assert (outcome.body, outcome.error_type) == (body, "")


@pytest.mark.parametrize(
    ("source", "error_type", "document"),
    [
        pytest.param(
            "def handler(event, context):\n    raise ValueError('something is wrong')\n",
            "UnhandledInvocationError",
            {
                "errorMessage": "something is wrong",
                "errorType": "ValueError",
                "stackTrace": [
                    ['File "CODE/index.py"', "line 2", "in handler", "raise ValueError('something is wrong')"]
                ],
            },
            id="exception",
        ),
        pytest.param(
            "import not_exist_module\n",
            "UnhandledInvocationError",
            {
                "errorMessage": "Unable to import module 'index'",
                "errorType": "ImportModuleError",
                "stackTrace": ["ModuleNotFoundError: No module named 'not_exist_module'"],
            },
            id="import",
        ),
        pytest.param(
            "other = 1\n",
            "UnhandledInvocationError",
            {
                "errorMessage": "Handler 'handler' is missing on module 'index'",
                "errorType": "HandlerNotFound",
                "stackTrace": [],
            },
            id="no-handler",
        ),
        pytest.param(
            "def handler(event, context):\n    return {1, 2}\n",
            "UnhandledInvocationError",
            {"errorMessage": "Object of type set is not JSON serializable", "errorType": "TypeError"},
            id="not-json",
        ),
        pytest.param(
            "import os\ndef handler(event, context):\n    os._exit(-1)\n",
            "UnhandledInvocationError",
            {
                "errorMessage": "Process exited unexpectedly before completing request (duration: Nms, maxMemoryUsage: NMB)"
            },
            id="exit",
        ),
        pytest.param(
            "import os\n"
            "def handler(event, context):\n"
            "    os.posix_spawn('/bin/sh', ['sh', '-c', 'sleep 600'], {})\n"
            "    os._exit(1)\n",
            "UnhandledInvocationError",
            {
                "errorMessage": "Process exited unexpectedly before completing request (duration: Nms, maxMemoryUsage: NMB)"
            },
            id="exit-with-child",
        ),
        pytest.param(
            "import sys\ndef handler(event, context):\n    sys.exit(1)\n",
            "UnhandledInvocationError",
            {
                "errorMessage": "Process exited unexpectedly before completing request (duration: Nms, maxMemoryUsage: NMB)"
            },
            id="sys-exit",
        ),
        pytest.param(
            "def handler(event, context):\n    while True:\n        pass\n",
            "InvocationError",
            {"errorMessage": "Function timed out after 0.2 seconds (maxMemoryUsage: NMB)"},
            id="timeout",
        ),
    ],
)
def test_a_failing_function_gives_the_documented_error(
    fc: FunctionCompute, tmp_path: Path, source: str, error_type: str, document: dict[str, Any]
) -> None:
    """Each way to fail has its X-Fc-Error-Type and its JSON; the next call finds the function working or failing anew."""
    limit = 0.2 if error_type == "InvocationError" else PATIENCE
    function = deploy(fc, tmp_path, source, timeout=limit)
    for _ in range(2):
        outcome = fc.invoke("f")
        assert outcome.error_type == error_type
        text = outcome.body.decode().replace(str(function.code_directory), "CODE")
        seen = json.loads(text)
        if "errorType" not in document:
            for word in ("duration: ", "maxMemoryUsage: "):
                head, found, tail = seen["errorMessage"].partition(word)
                seen["errorMessage"] = head + found + ("N" + tail.lstrip("0123456789") if found else "")
        assert {key: seen[key] for key in document} == document


@pytest.mark.parametrize(
    ("initializer", "limit", "document"),
    [
        pytest.param(
            "raise KeyError('OWNER')",
            PATIENCE,
            {"errorMessage": "'OWNER'", "errorType": "KeyError"},
            id="exception",
        ),
        pytest.param("import os; os._exit(1)", PATIENCE, {}, id="exit"),
        pytest.param("while True: pass", 0.2, {}, id="timeout"),
    ],
)
def test_a_failed_initializer_is_tried_anew_by_a_new_instance(
    fc: FunctionCompute, tmp_path: Path, initializer: str, limit: float, document: dict[str, str]
) -> None:
    """InitializationError, the instance is gone, and the next call begins with another one."""
    source = f"def initialize(context):\n    {initializer}\n\ndef handler(event, context):\n    return event\n"
    function = deploy(fc, tmp_path, source, initializer="index.initialize", initialization_timeout=limit)
    first, second = fc.invoke("f"), fc.invoke("f")
    assert first.error_type == second.error_type == "InitializationError"
    assert first.instance_id != second.instance_id
    assert document.items() <= json.loads(first.body).items()
    assert function.pool.instances == []


def test_only_the_code_satisfies_imports(fc: FunctionCompute, tmp_path: Path) -> None:
    """Neither our site-packages nor our directory nor PYTHONPATH leak in; ``extra_paths`` are for unbuilt trees."""
    source = """
        import importlib.util, os
        def handler(event, context):
            found = [n for n in ("pytest", "werkzeug", "tests", "exchange", "beside") if importlib.util.find_spec(n)]
            return {"found": found, "foreign": sorted(k for k in os.environ if k.startswith(("PYTHON", "VIRTUAL")))}
    """
    deploy(fc, tmp_path, source)
    assert json.loads(fc.invoke("f").body) == {"found": [], "foreign": []}
    beside = write(tmp_path / "lib", "", "beside.py")
    deploy(fc, tmp_path, source, extra_paths=(beside,))
    assert json.loads(fc.invoke("f").body)["found"] == ["beside"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_environment_is_the_platforms_and_the_users(fc: FunctionCompute, tmp_path: Path, runtime: str) -> None:
    """The child sees FC_*, the role's keys and what the user set, and nothing of the parent's."""
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    deploy(fc, tmp_path, source, environment={"OWNER": "team"}, memory=256, runtime=runtime)
    version = "FC_FUNCTION_VERSION" if runtime == installed_runtimes().get("python3.12") else "FC_VER_ID"
    seen = json.loads(fc.invoke("f").body)
    assert set(seen) - {"LC_CTYPE"} == {
        *("PATH", "LANG", "HOME", "OWNER"),
        *("FC_ACCOUNT_ID", "FC_REGION", "FC_FUNC_CODE_PATH", "FC_FUNCTION_NAME", "FC_FUNCTION_HANDLER"),
        *("FC_FUNCTION_MEMORY_SIZE", version, "FC_CUSTOM_LISTEN_PORT", "FC_INSTANCE_ID"),
        *("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    }
    assert (seen["FC_ACCOUNT_ID"], seen["FC_FUNCTION_MEMORY_SIZE"]) == (fc.world.account_id, "256")


@pytest.mark.parametrize("folder", ["", "lib/"], ids=["file", "file-in-folder"])
def test_a_zip_is_unpacked_run_and_removed(fc: FunctionCompute, tmp_path: Path, folder: str) -> None:
    """The built artefact is what runs; its directory goes with the function."""
    archive = tmp_path / "code.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr(f"{folder}index.py", "def handler(event, context):\n    return __file__\n")
    function = fc.create_function(FunctionConfig("f", archive, handler=f"{folder}index.handler"))
    assert fc.invoke("f").body.decode() == str(function.code_directory / folder / "index.py")
    fc.delete_function("f")
    assert not function.code_directory.exists()


def test_stdout_and_logging_are_the_invocations_log(fc: FunctionCompute, tmp_path: Path) -> None:
    """Each invocation has its own log between the start and end lines, logging with time, request id and level."""
    source = """
        import logging, os, sys
        def handler(event, context):
            print("printed", event.decode())
            logging.getLogger(__name__).info("logged %s", event.decode())
            os.write(2, b"raw\\n")
            print("unfinished", end="")
    """
    deploy(fc, tmp_path, source)
    fc.invoke("f", b"one")
    outcome = fc.invoke("f", b"two")
    start, printed, logged, raw, rest = outcome.log.decode().splitlines()
    assert (start, rest) == (
        f"FC Invoke Start RequestId: {outcome.request_id}",
        f"unfinishedFC Invoke End RequestId: {outcome.request_id}",
    )
    assert (printed, raw) == ("printed two", "raw")
    assert logged.endswith(f"Z {outcome.request_id} [INFO] logged two")
    assert fc.logs("f").count("printed") == 2


def test_a_killed_function_leaves_its_log(fc: FunctionCompute, tmp_path: Path) -> None:
    """What was printed before a time-out is in the log."""
    source = "import time\ndef handler(event, context):\n    print('so far')\n    time.sleep(600)\n"
    deploy(fc, tmp_path, source, timeout=1)
    assert b"so far" in fc.invoke("f").log


def test_large_events_logs_and_results_pass(fc: FunctionCompute, tmp_path: Path) -> None:
    """Megabytes go both ways while the function logs more than a pipe holds; over 32 MB is refused."""
    source = "def handler(event, context):\n    print('x' * 300_000)\n    return event\n"
    deploy(fc, tmp_path, source)
    event = b"e" * 3_000_000
    outcome = fc.invoke("f", event)
    assert outcome.body == event
    assert len(outcome.log) > 300_000
    with pytest.raises(ServiceError, match="EntityTooLarge"):
        fc.invoke("f", b"x" * (32 * 1024 * 1024 + 1))


def test_instances_are_made_on_demand_reused_and_limited(fc: FunctionCompute, tmp_path: Path) -> None:
    """One request at a time per instance; a free one is reused; at the limit comes 429 ResourceExhausted."""
    gates = [tmp_path / "one", tmp_path / "two"]
    source = """
        def handler(event, context):
            if event:
                open(event.decode()).read()  # until the test opens and closes the other end
    """
    function = deploy(fc, tmp_path, source, max_instances=2)
    outcomes: list[Any] = []

    def invoke(gate: Path) -> None:
        outcomes.append(fc.invoke("f", str(gate).encode()))

    threads = [threading.Thread(target=invoke, args=(gate,)) for gate in gates]
    for gate, thread in zip(gates, threads, strict=True):
        os.mkfifo(gate)
        thread.start()
    writers = [gate.open("w") for gate in gates]  # each open waits for its function
    assert len(function.pool.instances) == 2
    with pytest.raises(ServiceError, match="429 ResourceExhausted"):
        fc.invoke("f")
    for writer, thread in zip(writers, threads, strict=True):
        writer.close()
        thread.join()
    used = {outcome.instance_id for outcome in outcomes}
    assert len(used) == 2
    assert {fc.invoke("f").instance_id for _ in range(3)} < used


def test_other_code_is_run_from_the_next_call_on(fc: FunctionCompute, tmp_path: Path) -> None:
    """A call that runs ends with the code that it began with; its instance and the idle ones are not used again."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    source = """
        def handler(event, context):
            if event:
                open(event.decode()).read()  # until the test opens and closes the other end
            return "{}"
    """
    function = deploy(fc, tmp_path, source.format("old"))
    ends: list[bytes] = []
    busy = threading.Thread(target=lambda: ends.append(fc.invoke("f", str(gate).encode()).body))
    busy.start()
    with gate.open("w"):  # waits for the function
        ends.append(fc.invoke("f").body)
        function.update_code(write(tmp_path / "new", source.format("new")))
        ends.append(fc.invoke("f").body)
    busy.join()
    assert ends == [b"old", b"new", b"old"]
    assert fc.invoke("f").body == b"new"
    assert len(function.pool.instances) == 1


@pytest.mark.parametrize("freeze", [True, False], ids=["frozen", "running"])
def test_an_idle_instance_is_frozen(fc: FunctionCompute, tmp_path: Path, freeze: bool) -> None:
    """Between two invocations the process is stopped, if so configured, and goes on with the next."""
    function = deploy(fc, tmp_path, EVENT_LOG, freeze=freeze)
    fc.invoke("f")
    (instance,) = function.pool.instances
    assert until(lambda: _state(instance.process.pid) == ("T" if freeze else "S"))
    assert fc.invoke("f", b"again").instance_id == instance.id


def test_a_killed_instance_is_replaced(fc: FunctionCompute, tmp_path: Path) -> None:
    """SIGKILL between two invocations costs the caller nothing but a cold start."""
    deploy(fc, tmp_path, EVENT_LOG)
    first = fc.invoke("f").instance_id
    assert fc.kill_instance("f") == first
    outcome = fc.invoke("f", b"still here")
    assert (outcome.body, outcome.error_type) == (b"still here", "")
    assert outcome.instance_id != first


def test_an_idle_instance_is_reclaimed_after_minutes(fc: FunctionCompute, tmp_path: Path) -> None:
    """Five idle minutes later the next call is a cold start."""
    deploy(fc, tmp_path, EVENT_LOG)
    first = fc.invoke("f").instance_id
    fc.world.clock.advance(299)
    assert fc.invoke("f").instance_id == first
    fc.world.clock.advance(301)
    assert fc.invoke("f").instance_id != first


def test_rotated_keys_expire_and_new_instances_get_new_ones(fc: FunctionCompute, tmp_path: Path) -> None:
    """The old key is known but expired; the new instance has another, with the rights of the old one at its end."""
    source = "import os\ndef handler(event, context):\n    return os.environ['ALIBABA_CLOUD_ACCESS_KEY_ID']\n"
    deploy(fc, tmp_path, source, role_actions=frozenset({"mns:PublishMessage"}))
    old = fc.invoke("f").body.decode()
    fc.rotate_credentials("f", keep_instances=True)
    assert fc.invoke("f").body.decode() == old
    fc.rotate_credentials("f")
    current = fc.invoke("f").body.decode()
    permit(fc.world, {"access_key_id": current, "unseen": ["i-1"]})
    fc.rotate_credentials("f")
    new = fc.invoke("f").body.decode()
    keys, now = fc.world.credentials, fc.world.clock.now()
    assert len({old, current, new}) == 3
    assert (keys[old].expires_at or 0) <= now < (keys[new].expires_at or 0)
    assert [keys[key].sees("i-1") for key in (old, current, new)] == [True, False, False]
    assert keys[new].may("mns:PublishMessage")
    assert not keys[new].may("apigateway:SetVpcAccess")


def test_closing_leaves_no_process_pipe_or_directory(tmp_path: Path) -> None:
    """Frozen, busy, failed and timed-out instances and their children all end; no descriptor stays open."""
    before = _descriptors()
    world = World(clock=ManualClock())
    fc = FunctionCompute(world, Smq(world))
    source = """
        import os, time
        def handler(event, context):
            child = os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 600"], {})
            print(os.getpid(), child, flush=True)
            if event == b"exit":
                os._exit(0)
            if event == b"hang":
                time.sleep(600)
    """
    function = deploy(fc, tmp_path, source, timeout=1)
    for event in (b"", b"exit", b"hang", b""):
        fc.invoke("f", event)
    pids = [
        int(word)
        for _, log in function.logs
        for line in log.splitlines()
        if line[:1].isdigit()
        for word in line.split()
    ]
    assert len(pids) == 8
    fc.close()
    assert until(lambda: all(_state(pid) in {"", "Z"} for pid in pids)), [_state(pid) for pid in pids]
    assert _descriptors() == before
    fc.close()  # once more is harmless


def test_deleting_a_function_ends_its_running_invocation(fc: FunctionCompute, tmp_path: Path) -> None:
    """The caller sees the instance exit, queued invocations are dropped, and nothing starts any more."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    function = deploy(fc, tmp_path, "def handler(event, context):\n    open(event.decode()).read()\n")
    outcomes: list[Any] = []
    caller = threading.Thread(target=lambda: outcomes.append(function.invoke(str(gate).encode(), "request-1")))
    caller.start()
    with gate.open("w"):  # opening waits for the function
        fc.submit(function, b"")
        fc.delete_function("f")
        caller.join()
    assert outcomes[0].error_type == "UnhandledInvocationError"
    assert (fc.pump_once(), function.pool.instances) == (False, [])
    with pytest.raises(ServiceError, match="404 FunctionNotFound"):
        function.invoke(b"", "request-2")


def test_frozen_instances_die_with_a_killed_parent(tmp_path: Path) -> None:
    """A parent that is killed cannot clean up; the kernel wakes and hangs up its frozen instances."""
    code = write(tmp_path / "f", "import os\ndef handler(event, context):\n    return str(os.getpid())\n")
    program = """if True:
        import pathlib, sys, time
        from tests.cloud.core import World
        from tests.cloud.fc import FunctionCompute, FunctionConfig
        from tests.cloud.smq import Smq
        world = World()
        fc = FunctionCompute(world, Smq(world))
        fc.create_function(FunctionConfig("f", pathlib.Path(sys.argv[1])))
        print(fc.invoke("f").body.decode(), flush=True)
        time.sleep(600)
    """
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", program, code], cwd=root, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert until(lambda: _state(pid) == "T")
        parent.send_signal(signal.SIGKILL)
    assert until(lambda: _state(pid) in {"", "Z"})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"name": "1st"}, "function name", id="name"),
        pytest.param({"environment": {"FC_REGION": "x"}}, "FC_", id="reserved-variable"),
        pytest.param({"environment": {"A": "x" * 4096}}, "4 KB", id="environment-too-large"),
    ],
)
def test_a_config_that_the_platform_would_refuse_is_refused(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """The limits of names and environment variables hold here too."""
    with pytest.raises(ValueError, match=reason):
        FunctionConfig(**{"name": "f", "code": tmp_path, **changes})


def test_code_that_is_no_code_is_refused(fc: FunctionCompute, tmp_path: Path) -> None:
    """A path that is neither directory nor zip is named in the refusal, and so is a runtime that is none."""
    with pytest.raises(ValueError, match=r"neither a directory nor a zip: .*nothing\.zip"):
        fc.create_function(FunctionConfig("f", tmp_path / "nothing.zip"))
    with pytest.raises(ValueError, match="not an executable: no-such-python"):
        fc.create_function(FunctionConfig("f", tmp_path, runtime="no-such-python"))


def test_an_interpreter_is_found_by_its_runtime_name() -> None:
    """The running version is found without searching; a version nobody has is a LookupError that names it."""
    assert find_python("python" + platform.python_version().rpartition(".")[0]) == sys.executable
    with pytest.raises(LookupError, match=r"python3\.99"):
        find_python("python3.99")
