"""`.ci/run` goes on to the last suite, fails where anything fails, and leaves nothing running; made of make's targets only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = """#!/bin/sh
here=$(dirname "$0")
for each; do case "$each" in PYTHON=*) python=${each#PYTHON=} ;; esac; done
case "$python $*" in
  "python3 "*.version*) echo 3.11; exit ;;
  *.version*) echo "${python#python}"; exit ;;
esac
shift 3  # how make shows its directory, PYTHON and VENV
echo "$python $*" >>"$here/started"
counted() { for _ in $(seq 200); do [ "$(grep -c "$1" "$here/started")" = 2 ] && return; sleep 0.05; done; exit 1; }
case "$python $*" in *HANGS*) echo $$ >"$here/hanging"; exec sleep 60 ;; esac
case "$python $*" in
  *testzip*) counted testzip ;;  # where one waits for the other, this is the end
  "python3 lint"*) counted .dev ;;
esac
case "$python $*" in *FAILS*) echo "$python $* failed"; exit 2 ;; esac
echo "$python $* passed"
"""
LEFT_OUT = "tests/cloud_tests tests/contract_tests tests/project tests/functions/test_deployed.py"
IN_ORDER = [  # what is said; what runs at the same time is shown one after the other
    "python3 lint demo",
    "python3 run EVENT=events/manual/authorize.json",
    "python3.10 .dev",
    "python3.12 .dev",
    "python3 coverage",
    "python3.10 testzip ARGS=-q",
    "python3.12 testzip ARGS=-q",
    "python3.10 demo test ARGS=",
    "python3.12 demo test ARGS=",
]


def ci(
    folder: Path, *, hangs: str = "nothing", fails: str = "nothing", prefix: tuple[str, ...] = ()
) -> tuple[int, list[str]]:
    """Run `.ci/run` with a `make` that only says what it is asked for; return its exit code and what was said by it."""
    make = MAKE.replace("HANGS", f'"{hangs}"').replace("FAILS", f'"{fails}"')
    for name, program in (("make", make), ("chromium", "#!/bin/sh\n"), ("chromedriver", "#!/bin/sh\n")):
        (folder / name).write_text(program, encoding="utf-8")
        (folder / name).chmod(0o755)
    (folder / "scratch").mkdir()
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(folder / "scratch")}
    command = [*prefix, str(ROOT / ".ci" / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert list((folder / "scratch").iterdir()) == [], "something is left"
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith("python")]


def test_it_ends_with_the_last_suite(tmp_path: Path) -> None:
    """Every Python is set up and tested, the zips at the same time, and each speaks in its turn, the last suite at the end."""
    code, said = ci(tmp_path)

    assert code == 0
    assert [line.partition("--ignore")[0].removesuffix(" passed") for line in said] == IN_ORDER
    assert all(f"--ignore={path}" in said[-1] for path in LEFT_OUT.split())


@pytest.mark.parametrize("step", IN_ORDER)
def test_it_fails_where_something_fails(step: str, tmp_path: Path) -> None:
    """Whatever fails, in the background or not, is shown, and nothing that would come after it is started."""
    code, said = ci(tmp_path, fails=step)

    assert code == 2
    assert [line for line in said if line.startswith(step) and line.endswith("failed")]
    after = {"python3.10 .dev": 4, "python3.10 testzip ARGS=-q": 7}.get(step, IN_ORDER.index(step) + 1)
    assert not [line for line in said if line.startswith(tuple(IN_ORDER[after:]))]


@pytest.mark.parametrize(
    "prefix", [(), ("sh", "-c", 'trap "" INT; exec "$0"')], ids=["from-a-terminal", "in-the-background-of-a-script"]
)
def test_a_failure_leaves_nothing_running(prefix: tuple[str, ...], tmp_path: Path) -> None:
    """Where lint fails while another Python is being set up, that set-up is ended, too, also where interrupts are ignored."""
    code, _ = ci(tmp_path, hangs="python3.12 .dev", fails="python3 lint", prefix=prefix)

    assert code == 2
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "hanging").read_text(encoding="utf-8")), 0)
