"""Ctrl-C: one line, status 130, no traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import pytest

from functions._operator.interrupt import put_away

ROOT = Path(__file__).parents[2]
EVENT = "events/manual/authorize.json"
PATIENCE = 60  # seconds, for a busy machine


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["functions", "run", EVENT], id="command"),
        pytest.param(["tests.demo.run", "--cloud", "{endpoint}", EVENT], id="make-run"),
    ],
)
def test_ctrl_c_ends_a_command(command: list[str]) -> None:
    """A command that waits for the cloud says once that it was ended, and closes what it has open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        variables = {
            **{f"{product}_ENDPOINT": endpoint for product in ("APIGATEWAY", "ECS", "SLB", "ESS", "SMQ")},
            "OWNER": "team-a",
            "ALLOWED_VPC_IDS": "*",
            "ALLOWED_PORTS": "8080",
            "RESULT_TOPIC": "results",
            "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "test-id",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test-secret",
        }
        run = subprocess.Popen(
            [sys.executable, "-m", *(part.format(endpoint=endpoint) for part in command)],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with run, server.accept()[0]:  # a gateway that never answers
            os.killpg(run.pid, signal.SIGINT)
            said, _ = run.communicate(timeout=PATIENCE)

    assert (run.returncode, said) == (130, "\nended by Ctrl-C\n")


def interrupt_another_thread() -> None:
    """Have the signal delivered to a thread that is not the main one, as the system is free to do."""
    end = Event()
    thread = Thread(target=end.wait)
    thread.start()
    assert thread.ident is not None
    signal.pthread_kill(thread.ident, signal.SIGINT)
    end.set()
    thread.join()


@pytest.mark.parametrize(
    "interrupt",
    [
        pytest.param(lambda: signal.raise_signal(signal.SIGINT), id="to-the-main-thread"),
        pytest.param(interrupt_another_thread, id="to-another-thread"),
    ],
)
def test_an_interrupt_while_something_opens_puts_it_away(interrupt: Callable[[], None]) -> None:
    """Ctrl-C that comes just after a folder is made, before anybody holds it, waits until it is held, and it goes again."""
    made = list[Path]()

    def make() -> TemporaryDirectory[str]:
        folder = TemporaryDirectory()
        made.append(Path(folder.name))
        interrupt()
        return folder

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), put_away(make):
            pytest.fail("it was interrupted before")
    finally:
        signal.signal(signal.SIGINT, before)
    assert not made[0].exists()
