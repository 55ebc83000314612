"""``make bench``: batches of 1,000 and 10,000 records on a cloud that takes 20 ms a call, against the ideal.

Ideal is records x calls / concurrency x latency: SetVpcAccess and PublishMessage for each record, one
DescribeVpcAccesses for all. Runs the built function in a process of its own. Nothing here fails: a benchmark reports.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import click

DELAY = 0.02  # seconds a call
CONCURRENCY = 16
CALLS = 2
SIZES = (1000, 10_000)


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--worker", hidden=True, help="Folder of the built function: be the process that is measured.")
@click.option("--records", default=0, hidden=True)
def main(rounds: int, worker: str | None, records: int) -> None:
    """Print wall time against the ideal, growth per record, and growth of memory."""
    if worker:
        _work(worker, records)
        return
    from functions._operator import build, interpreters

    package = build.build(build.ROOT / "dist" / "local", interpreters.running(), native=True)
    cloud = [sys.executable, "-I", str(Path(__file__).with_name("slow_cloud.py")), str(DELAY)]
    with subprocess.Popen(cloud, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}"
            samples = [{size: _measured(package.folder, endpoint, size) for size in SIZES} for _ in range(rounds)]
        finally:
            process.terminate()
    for size in SIZES:
        ideal = size * CALLS * DELAY / CONCURRENCY + DELAY
        wall = median(sample[size]["wall"] for sample in samples)
        grown = median(sample[size]["growth_mb"] for sample in samples)
        click.echo(f"{size} records: {wall:.2f} s, {wall / ideal:.2f} x ideal, memory +{grown:.0f} MB")
    growth = median(sample[SIZES[1]]["wall"] / 10 / sample[SIZES[0]]["wall"] for sample in samples)
    click.echo(f"cost per record, 10,000 against 1,000: {growth:.2f}")


def _measured(folder: Path, endpoint: str, size: int) -> dict[str, float]:
    environment = {
        "OWNER": "bench",
        "ALLOWED_VPC_IDS": "vpc-bp1bench0001",
        "ALLOWED_PORTS": "8080",
        "RESULT_TOPIC": "results",
        "FC_REGION": "cn-hangzhou",
        "FC_ACCOUNT_ID": "1234567890123456",
        **dict.fromkeys(("APIGATEWAY_ENDPOINT", "ECS_ENDPOINT", "SMQ_ENDPOINT"), endpoint),
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test-access-key-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test-access-key-secret",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "test-security-token-" + "x" * 640,
        "CONCURRENCY": str(CONCURRENCY),
        "MAX_CALLS_PER_SECOND": "1000",
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "tests.bench.batch", "--worker", str(folder), "--records", str(size)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _work(folder: str, records: int) -> None:
    sys.path.insert(0, folder)
    index = import_module("index")
    context = SimpleNamespace(request_id="bench", function=SimpleNamespace(timeout=86_400))
    index.initialize(context)
    index.handler(_event(0, 32), context)  # connections are open and modules loaded before the clock starts
    event = _event(1000, records)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    index.handler(event, context)
    wall = time.perf_counter() - started
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    click.echo(json.dumps({"wall": wall, "growth_mb": grown / 1024}))


def _event(first: int, records: int) -> bytes:
    def element(number: int) -> dict[str, object]:
        request = {
            "Name": f"backend-{number}",
            "VpcId": "vpc-bp1bench0001",
            "InstanceId": f"i-bp1bench{number:06}",
            "Port": 8080,
        }
        return {"requestId": "606EA307", "messageId": f"C6DB60D1{number:08}", "messageBody": json.dumps(request)}

    return json.dumps([element(number) for number in range(first, first + records)]).encode()


if __name__ == "__main__":
    main()
