"""Fuzz the way from bytes to answers: parse an event, and write the result message and the log line of each record.

``python tests/fuzz/fuzz_parse.py [libFuzzer options]``, for instance ``-max_total_time=600``. Starts from the files of
``events/`` and what earlier runs found, and takes the wrappers' keys as a dictionary. A crash is written to
``build/fuzz/crash-…``; put such a file into ``events/hostile/`` with its row in ``tests/events_table.py``.
"""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["shared", "json"]):
    from shared import log
    from shared.events import request
    from shared.events.envelopes import ENVELOPES
    from shared.events.parsing import MAX_RECORDS, parse
    from shared.events.wrappers import MESSAGE_TYPES
    from shared.flow.report import line, result_message
    from shared.model.outcome import REJECTED, Outcome
    from shared.model.records import Record

MAX_RESULT_BYTES = 48 * 1024  # bytes, so that its Base64 fits into SMQ's 64 KB
TYPES = ("ecs:Instance:StateChange", "ess:LifecycleHook:ScaleOut", "ecs:ActionTrail:ApiCall", "fc:AsyncInvoke:failed")


def one_event(data: bytes) -> None:
    """Handle ``data`` as the function would up to the cloud; anything raised is a finding."""
    records = parse(data)
    assert 1 <= len(records) <= MAX_RECORDS + 1
    for record in records:
        answer(record)


def answer(record: Record) -> None:
    """Write what the function would publish and log about a record."""
    outcome = Outcome(record, REJECTED, None, "InvalidRecord", getattr(record.content, "text", ""))
    assert len(result_message(outcome, "team-a", "2026-01-05T04:18:26Z").encode()) <= MAX_RESULT_BYTES
    written = StringIO()
    log.configure("DEBUG", written)
    log.info("record", **line(outcome))
    assert written.getvalue().count("\n") == 1
    written.getvalue().encode()


def dictionary() -> str:
    """Return libFuzzer's dictionary: every key and type that a wrapper or request is recognised by."""
    keys = {key for envelope in ENVELOPES for key in envelope.keys} | set(request.FIELDS)
    words = sorted({f'"{key}": ' for key in keys} | {f'"{kind}"' for kind in (*MESSAGE_TYPES, *TYPES)})
    escaped = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
    return "".join(f'"{word}"\n' for word in escaped)


def main() -> None:
    """Run libFuzzer, which ends the process itself; its corpus grows from run to run in build/fuzz."""
    scratch = ROOT / "build" / "fuzz"
    corpus, words = scratch / "corpus", scratch / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "events").glob("*/*"):
        (corpus / "-".join(path.parts[-2:])).write_bytes(path.read_bytes())
    words.write_text(dictionary(), encoding="utf-8")
    options = [f"-dict={words}", "-max_len=4096", f"-artifact_prefix={scratch}/", str(corpus)]
    atheris.Setup([*sys.argv, *options], one_event)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
