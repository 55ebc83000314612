"""Set up a virtual environment with one of the locks beside this file: ``python3 requirements/install.py .venv demo``.

A lock is installed as one: pip resolves nothing (``--no-deps``) and checks every hash, sources are built with the
setuptools that ``build.txt`` pins, and ``pip check`` tells whether something is missing. Two runs at once wait for one
another; what an interrupted run left behind is completed by the next. Nothing is installed yet, so this needs nothing.
"""

# ruff: noqa: INP001 - a program beside its data, and no package
from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import IO

HERE = Path(__file__).resolve().parent
BUILD = "build"  # the lock of what builds the source distributions in the others
SECONDS_EACH = 0.8  # to download, check, unpack and compile one package on two cores; only said, never waited for
INTERRUPTED = 128 + signal.SIGINT


class Failure(Exception):
    """The set-up cannot go on; its text is the one line that is shown."""


def main(folder: Path, name: str) -> int:
    """Bring ``folder`` up to the lock ``name``; return 0, or 1 after a line that says what is wrong."""
    if _is_current(folder, name):
        return 0
    try:
        with _alone(folder) as held:
            if not _is_current(folder, name):  # else another run has done it meanwhile
                _set_up(folder, name, held)
    except Failure as failure:
        _say(folder, str(failure))
        return 1
    return 0


def _set_up(folder: Path, name: str, held: IO[str]) -> None:
    python = folder / "bin" / "python"
    if not _has_pip(python):
        _say(folder, "making a virtual environment for Python {}.{}".format(*sys.version_info))
        lost = ["--clear"] if python.is_symlink() and not python.exists() else []  # its interpreter was removed
        _run([sys.executable, "-m", "venv", *lost, folder], held, "it cannot be made, see above")
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    options = ["--quiet", "--no-deps", "--require-hashes", "--no-build-isolation", "--use-pep517"]
    for lock in [lock for lock in (BUILD, name) if not _is_current(folder, lock)]:
        count = len(set(re.findall(r"^(\S+)==", _text(f"{lock}.txt"), re.MULTILINE)))
        seconds = max(5, round(count * SECONDS_EACH, -1))
        _say(folder, f"installing {count} package{'s'[: count > 1]} of requirements/{lock}.txt, about {seconds:.0f} s")
        wrong = f"requirements/{lock}.txt could not be installed, see above; make tries again"
        _run([*pip, "install", *options, "--requirement", HERE / f"{lock}.txt"], held, wrong)
    _run([*pip, "check"], held, "the lock is not complete, see above: CONTRIBUTING.md says how to renew it")
    for included in (BUILD, *_includes(name)):
        _stamp(folder, included).write_text(_wanted(included), encoding="utf-8")


def _has_pip(python: Path) -> bool:
    """Tell whether there is an environment already, of ours or of somebody who made it by hand."""
    command = [str(python), "-m", "pip", "--version"]
    return python.exists() and not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603 - a path of ours


def _is_current(folder: Path, name: str) -> bool:
    stamp = _stamp(folder, name)
    return (folder / "bin" / "python").exists() and stamp.exists() and stamp.read_text("utf-8") == _wanted(name)


def _stamp(folder: Path, name: str) -> Path:
    return folder / f".{name}.installed"


def _wanted(name: str) -> str:
    """Return what stands in the stamp of a finished set-up: it is another one as soon as a lock or this file is."""
    return sha256("".join(map(_text, (f"{BUILD}.txt", f"{name}.txt", "install.py"))).encode()).hexdigest()


def _includes(name: str) -> list[str]:
    """Return ``name`` and the locks whose packages it has, too; tests/project/test_locks.py holds that they pin the same."""
    included = re.findall(r"^-r (\w+)\.in$", _text(f"{name}.in"), re.MULTILINE)
    return [name, *(inner for other in included for inner in _includes(other))]


def _text(file: str) -> str:
    return (HERE / file).read_text(encoding="utf-8")


def _alone(folder: Path) -> IO[str]:
    """Return an open file that only one process holds at a time; wait for it, and say so."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = folder.with_name(f"{folder.name}.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot be made ({error.strerror}): name another place with VENV=/tmp/venv") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _say(folder, "another make is setting it up: waiting until it is done")
        fcntl.flock(held, fcntl.LOCK_EX)
    return held


def _run(command: list[str | Path], held: IO[str], wrong: str) -> None:
    """Run a command, which shares the lock and not Ctrl-C: that ends it with us, before it can print a traceback."""
    process = subprocess.Popen(command, start_new_session=True, pass_fds=[held.fileno()])  # noqa: S603 - no shell
    try:
        if process.wait():
            raise Failure(wrong)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _say(folder: Path, text: str) -> None:
    sys.stdout.write(f"{folder}: {text}\n")
    sys.stdout.flush()


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    os.write(2, b"\nended by Ctrl-C; the next make takes the set-up from here\n")
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _interrupted)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
