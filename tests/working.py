"""The function at work behind the request queue of a served stand-in, in this process: nothing is built or deployed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from functions.set_vpc_access.index import work
from shared import log, settings
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from shared.errors import RetryNeeded
from shared.flow.engine import Engine, Invocation
from tests.cloud.fixtures import TEMPORARY, Served
from tests.cloud.seeds import seed
from tests.invoking import SETTINGS, VPC, InProcess

REQUESTS, RESULTS, INBOX = "requests", "vpc-access-results", "my-results"


@contextmanager
def at_work(cloud: Served, form: str = "SIMPLIFIED", **changes: str) -> Iterator[None]:
    """Serve the request queue as its trigger does, one message an invocation; a queue is subscribed to the results in ``form``.

    A message that is to be delivered again stays in its queue, hidden.
    """
    instances = [{"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}]
    seed(cloud.app, {"instances": instances, "queues": [REQUESTS, INBOX]})
    smq = cloud.products["SMQ"]
    smq.create_topic(RESULTS)
    smq.subscribe(RESULTS, "mine", queue=INBOX, format=form)
    engine = Engine(settings.load({**SETTINGS, **changes}), work, Transport(inner=InProcess(cloud.app)))
    log.configure("OFF")
    key = Credentials(TEMPORARY.access_key_id, TEMPORARY.access_key_secret, TEMPORARY.security_token)
    come, over = threading.Event(), threading.Event()

    def serve() -> None:
        while not over.is_set():
            come.wait()
            come.clear()
            while found := smq.receive(REQUESTS, 1):
                (message,) = found
                event = json.dumps([{"requestId": "r", "messageId": message.message_id, "messageBody": message.body}])
                with suppress(RetryNeeded):
                    engine.handle(event.encode(), Invocation(f"req-{message.message_id}", 60, lambda: key))
                    smq.delete(REQUESTS, message.receipt_handle)

    close = smq.on_message(REQUESTS, lambda _: come.set())
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        close()
        over.set()
        come.set()
        thread.join()
        engine.close()
        log.configure()
