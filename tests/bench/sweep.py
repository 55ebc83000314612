"""``python -m tests.bench.sweep``: a sweep over thousands of instances and entries on a stand-in on loopback.

Prints seconds, calls and memory of one sweep in fair weather, then of as many as it takes where 2 % of the calls of
every operation are throttled, cut or odd, and ends with 1 unless both come to the same end within three.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
from base64 import b64decode
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from functions._operator.build import ROOT
from shared import settings
from tests.cloud.fixtures import TEMPORARY, Served, new_cloud
from tests.cloud.seeds import seed
from tests.cloud.server import Server
from tests.invoking import SETTINGS, VPC

TIMER = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": "60"}
RUNS = 3  # in bad weather
_WORKER = Path(__file__).parent / "worker.py"
_TAGS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
_PART = 100  # one of so many backends is not open yet, and one of so many entries has lost its backend
OPERATIONS = (
    *("CloudAPI.DescribeVpcAccesses", "CloudAPI.SetVpcAccess", "CloudAPI.DescribeApisByVpcAccess"),
    *("CloudAPI.DescribeBackendList", "CloudAPI.DescribePlugins", "ECS.DescribeInstances", "ECS.ListTagResources"),
    *("SLB.DescribeLoadBalancers", "SMQ.PublishMessage", "SMQ.SendMessage"),
)


def world(size: int) -> dict[str, Any]:
    """Return ``size`` tagged instances and as many entries: nearly all belong together, one in a hundred of each does not."""
    part = max(1, size // _PART)
    return {
        "instances": [_instance(number) for number in range(size)],
        "vpc_accesses": [_entry(number) for number in range(part, size + part)],
    }


def missing(cloud: Served, size: int) -> list[str]:
    """Take what is scheduled, and return what is not as it should be in the end.

    Every tagged instance is open once, every entry that lost its backend is scheduled, and no other.
    """
    part = max(1, size // _PART)
    opened = Counter(entry["Name"] for entry in cloud.products["CloudAPI"].state()["vpc_accesses"])
    smq, scheduled = cloud.products["SMQ"], set[str]()
    while messages := smq.receive("releases", 16):
        for message in messages:
            smq.delete("releases", message.receipt_handle)
            scheduled.add(json.loads(b64decode(message.body))["Release"]["Name"])
    tagged, lost = {_name(number) for number in range(size)}, {_name(number) for number in range(size, size + part)}
    return [
        *(f"{name} is there {count} times" for name, count in opened.items() if count > 1),
        *(f"{name} is not open" for name in sorted((tagged | lost) - opened.keys())),
        *(f"{name} is scheduled or not, and should not be so" for name in sorted(lost ^ scheduled)),
    ]


def bad_weather(number: int, part: float = 0.02) -> list[dict[str, Any]]:
    """Return rules that take ``part`` of the calls of each operation: throttled, done and cut, done and answered oddly."""
    losses: tuple[dict[str, Any], ...] = (
        {"status": 400, "code": "Throttling.User"},
        {"cut": "after"},
        {"odd": "error-object"},
    )
    return [
        {"id": f"{operation}-{place}", "operation": operation, "seed": number, "rate": part / len(losses), **loss}
        for operation in OPERATIONS
        for place, loss in enumerate(losses)
        if not (operation.startswith("SMQ.") and "odd" in loss)
    ]


def _instance(number: int) -> dict[str, Any]:
    address = f"172.{16 + number // 62_500}.{number // 250 % 250}.{number % 250}"
    tags = {"apigateway-port": "8080"}
    return {"InstanceId": f"i-bp1bench{number:06}", "VpcId": VPC, "Tags": tags, "PrivateIpAddress": address}


def _name(number: int) -> str:
    return f"team-a-i-bp1bench{number:06}-8080"


def _entry(number: int) -> dict[str, Any]:
    target = {"VpcId": VPC, "InstanceId": f"i-bp1bench{number:06}", "Port": 8080}
    return {"Name": _name(number), **target, "Tag": _TAGS, "CreatedTime": "2026-01-01T00:00:00Z"}


def main() -> None:
    """Sweep in fair weather and in bad, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sweep", description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="tagged instances, and entries")
    parser.add_argument("--seed", type=int, default=1, help="of the bad weather")
    chosen = parser.parse_args()
    print(f"{chosen.size} tagged instances and {chosen.size} entries")
    good = _contest("fair weather", chosen.size, 1, None) and _contest("2 % lost", chosen.size, RUNS, chosen.seed)
    sys.exit(0 if good else 1)


def _contest(title: str, size: int, runs: int, weather: int | None) -> bool:
    """Sweep up to ``runs`` times, until everything is as it should be, and tell whether it is."""
    with TemporaryDirectory() as folder, Server(new_cloud()) as server:
        cloud = Served(server.cloud, server.endpoint)
        queues = ["results", {"QueueName": "releases", "VisibilityTimeout": 600}]
        topic = {"TopicName": SETTINGS["RESULT_TOPIC"], "Subscriptions": {"to-results": "results"}}
        seed(cloud.app, {**world(size), "queues": queues, "topics": [topic]})
        cloud.world.journal.clear()
        if weather is not None:
            cloud.faults.set(bad_weather(weather))
        event = Path(folder) / "timer.json"
        event.write_text(json.dumps(TIMER), encoding="utf-8")
        for number in range(1, runs + 1):
            measured = _sweep(cloud, event)
            left, calls = missing(cloud, size), Counter(call.operation for call in cloud.world.journal())
            cloud.world.journal.clear()
            print(f"{title}, run {number}: {measured}, {calls.total()} calls, {len(left)} not done yet")
            print("  " + ", ".join(f"{name} {count}" for name, count in calls.most_common()))
            if not left:
                return True
    print("\n".join(left[:10]))
    return False


def _sweep(cloud: Served, event: Path) -> str:
    """Sweep once in a fresh process, and return its seconds and megabytes as text."""
    job = {"index": "functions.reconcile_vpc_access.index", "events": [str(event)], "warm_up": 0, "measured": 1}
    environment = {
        **SETTINGS,
        **dict.fromkeys(settings.ENDPOINTS, cloud.endpoint),
        "RELEASE_DELAY_SECONDS": "0",
        "RELEASE_MAX_PER_RUN": "1000",
        "LOG_LEVEL": "INFO",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
    }
    command = [
        sys.executable,
        "-I",
        "-S",
        "-B",
        str(_WORKER),
        json.dumps(job),
        str(ROOT),
        sysconfig.get_path("purelib"),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise SystemExit(done.stderr)
    used = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    ends = [json.loads(line) for line in done.stdout.splitlines() if '"event": "sweep ' in line]
    return (
        f"{ends[-1]['event']}, {used['wall']:.1f} s, {used['cpu']:.1f} s of CPU, "
        f"{used['peak']:.0f} MB at the peak, {used['peak'] - used['before']:.0f} of them for the sweep"
    )


if __name__ == "__main__":
    main()
