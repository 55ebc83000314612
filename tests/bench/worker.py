"""The process that is measured: ``python -I -S -B worker.py JOB PATH…``, isolated as Function Compute's runtime is.

``JOB`` is JSON: the module to load as ``index``, the ``events`` files to hand to it in turn, how many (``warm_up``)
count for nothing and how many (``measured``) do. The paths become ``sys.path``'s head. The last line on standard output
is what was measured; everything before is the candidate's log.
"""

import sys
import time


class Function:
    """``context.function``: the function's timeout in seconds."""

    timeout = 900


class Context:
    """What the candidates read of Function Compute's context."""

    request_id = "1-65b3d1d7-16a0d29c-0123456789ab"
    function = Function


def main(job_text: str, *paths: str) -> None:
    """Run the job and print one line."""
    import json

    job = json.loads(job_text)
    events = []
    for path in job["events"]:
        with open(path, "rb") as file:
            events.append(file.read())
    sys.path[:0] = paths
    module, context = __import__(job["index"], fromlist=["handler"]), Context()
    module.initialize(context)
    ready = time.monotonic()
    for number in range(job["warm_up"]):
        module.handler(events[number % len(events)], context)
    answered = time.monotonic()
    modules, before = sorted(sys.modules), memory("VmRSS")

    cpu, wall = time.process_time(), time.monotonic()
    for number in range(job["warm_up"], job["warm_up"] + job["measured"]):
        module.handler(events[number % len(events)], context)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    measured = {"ready": ready, "answered": answered, "cpu": cpu, "wall": wall, "before": before}
    used = {"resident": memory("VmRSS"), "peak": memory("VmHWM")}
    sys.stdout.write("\n" + json.dumps(measured | used | {"modules": modules}) + "\n")


def memory(field: str) -> float:
    """Return the resident memory in MB, now (VmRSS) or at its highest (VmHWM)."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
