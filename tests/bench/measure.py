"""Run candidates in processes of their own, in turn within a round, against one peer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.stage import Candidate
from tests.invoking import VPC, queue_event, request

_WORKER = Path(__file__).with_name("worker.py")
_TOKEN = "CAIS" + "made-up-security-token-" * 28 + "0123456789"  # some 660 characters, as Function Compute hands out
TAGS = [{"Key": "env", "Value": "prod"}, {"Key": "team", "Value": "payments"}]
EVENTS = 20  # different ones, in turn


class Job(NamedTuple):
    """What a process has to do: ``measured`` events of ``records`` each, after ``warm_up`` ones.

    ``describe`` says whether the plain handlers look before they write.
    """

    events: Sequence[Path]
    warm_up: int = 1
    measured: int = 0
    records: int = 1
    describe: bool = True
    settings: Mapping[str, str] = {}


class Run(NamedTuple):
    """What one process did with ``records`` records.

    Times in seconds from the process's start (``start_to_…``) or of the measured events (``cpu``, ``wall``); resident
    memory in MB ``before`` them, after and at its peak; ``requests`` by operation; ``sent`` in bytes.
    """

    records: int
    start_to_ready: float
    start_to_answer: float
    cpu: float
    wall: float
    before: float
    resident: float
    peak: float
    modules: int
    requests: dict[str, int]
    sent: int


class Peer:
    """The running peer, as its clients see it."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._connection = HTTPConnection("127.0.0.1", port)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return requests and bytes by operation since the last time."""
        return dict(self._get("/counts"))

    def delay(self, milliseconds: int) -> None:
        """Make every answer take so long."""
        self._get(f"/delay/{milliseconds}")

    def close(self) -> None:
        """Close the connection that asks for counts."""
        self._connection.close()

    def _get(self, path: str) -> Any:
        self._connection.request("GET", path)
        return json.loads(self._connection.getresponse().read())


@contextmanager
def running_peer() -> Iterator[Peer]:
    """Start the peer; it ends with the block."""
    command = [sys.executable, "-m", "tests.bench.peer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        peer = Peer(int(process.stdout.readline()))
        try:
            yield peer
        finally:
            peer.close()
            assert process.stdin is not None
            process.stdin.close()


def run(candidate: Candidate, job: Job, peer: Peer) -> Run:
    """Run ``job`` in a fresh process. Raises RuntimeError with its output if it fails."""
    peer.counts()
    command = [sys.executable, *arguments(candidate, job)]
    start = time.monotonic()
    done = subprocess.run(command, env=environment(job, peer), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{candidate.name} failed:\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}")
    told = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    counted = peer.counts()
    return Run(
        records=job.measured * job.records,
        start_to_ready=told["ready"] - start,
        start_to_answer=told["answered"] - start,
        cpu=told["cpu"],
        wall=told["wall"],
        before=told["before"],
        resident=told["resident"],
        peak=told["peak"],
        modules=len(told["modules"]),
        requests=counted["requests"],
        sent=sum(counted["bytes"].values()),
    )


def arguments(candidate: Candidate, job: Job) -> list[str]:
    """Return what an interpreter has to be told to run ``job``."""
    counts = {"warm_up": job.warm_up, "measured": job.measured}
    told = {"index": candidate.module, "events": [str(path) for path in job.events], **counts}
    return ["-I", "-S", "-B", str(_WORKER), json.dumps(told), *map(str, candidate.paths)]


def write_events(folder: Path, records: int, number: int = EVENTS) -> list[Path]:
    """Write ``number`` events of the queue trigger with ``records`` messages each and return their files."""
    files = []
    for event in range(number):
        path = folder / f"event-{records}-{event}.json"
        bodies = (json.dumps(_request(event * records + each)) for each in range(records))
        path.write_text(json.dumps(queue_event(*bodies, first=event * records + 1)), encoding="utf-8")
        files.append(path)
    return files


def _request(number: int) -> dict[str, Any]:
    """A request with all its fields, unlike every other."""
    return request(
        Name=f"orders-{number}",
        InstanceId=f"i-bp1example{number:05}",
        Description="orders of the shop",
        VpcTargetHostName="orders.example",
        Tag=TAGS,
    )


def environment(job: Job, peer: Peer) -> dict[str, str]:
    """Return what Function Compute sets, and nothing of this process but where programs are."""
    return {
        "PATH": os.environ["PATH"],
        "OWNER": "team-a",
        "ALLOWED_VPC_IDS": VPC,
        "ALLOWED_PORTS": "80,443,8000-8999",
        "RESULT_TOPIC": "vpc-access-results",
        "MAX_CALLS_PER_SECOND": "10000",
        "FC_REGION": "cn-hangzhou",
        "FC_ACCOUNT_ID": "1234567890123456",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "made-up-key-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "made-up-secret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": _TOKEN,
        "APIGATEWAY_ENDPOINT": peer.endpoint,
        "SMQ_ENDPOINT": peer.endpoint,
        "BENCH_DESCRIBE": "yes" if job.describe else "no",
        **job.settings,
    }
