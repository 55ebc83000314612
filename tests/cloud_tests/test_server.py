"""The stand-in on a socket: connections that stay, that are cut, that carry half an answer; many at once."""

from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cloud.core import World
from tests.cloud.fixtures import PERMANENT, Served, new_cloud
from tests.cloud.server import Server
from tests.cloud.signed import V1, V3
from tests.patience import PATIENCE

pytestmark = [pytest.mark.enable_socket]

SET = "CloudAPI.SetVpcAccess"


def _connect(cloud: Served) -> http.client.HTTPConnection:
    host, port = cloud.endpoint.removeprefix("http://").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=PATIENCE)


def _set(cloud: Served, connection: http.client.HTTPConnection, number: int = 0) -> http.client.HTTPResponse:
    entry = {"Name": f"n{number}", "VpcId": "vpc-1", "InstanceId": f"i-{number}", "Port": "80"}
    host = cloud.endpoint.removeprefix("http://")
    signed = V3("SetVpcAccess", entry, PERMANENT, cloud.world.clock.now(), host=host).sign()
    connection.request(signed.method, signed.url, signed.body, signed.headers)
    return connection.getresponse()


def test_a_connection_stays_for_many_requests(cloud: Served) -> None:
    """Answers have a length and the gateway's keep-alive header, and the socket is the same for all."""
    connection = _connect(cloud)
    sockets = set()
    for number in range(5):
        answer = _set(cloud, connection, number)
        assert (answer.status, answer.headers["connection"]) == (200, "keep-alive")
        assert answer.headers["keep-alive"] == "timeout=25"
        assert len(answer.read()) == int(answer.headers["content-length"])
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_an_idle_connection_is_closed_by_the_server() -> None:
    """After the idle time the client reads the end of the connection."""
    with Server(new_cloud(), keep_alive=0.05) as server:
        cloud = Served(server.cloud, server.endpoint)
        connection = _connect(cloud)
        _set(cloud, connection).read()
        assert connection.sock is not None
        assert connection.sock.recv(1) == b""
        connection.close()


def test_open_connections_can_be_dropped() -> None:
    """A test can let every keep-alive connection end at once, as a gateway's restart does."""
    with Server(new_cloud()) as server:
        cloud = Served(server.cloud, server.endpoint)
        connection = _connect(cloud)
        _set(cloud, connection).read()
        server.drop_connections()
        assert connection.sock is not None
        assert connection.sock.recv(1) == b""
        connection.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_connection_ends_without_an_answer(cloud: Served, when: str) -> None:
    """The client gets not one byte; whether the entry is there is the rule's business."""
    cloud.faults.add(operation=SET, nth=1, cut=when)
    connection = _connect(cloud)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        _set(cloud, connection)
    connection.close()
    assert len(cloud.products["CloudAPI"].entries.everything()) == (when == "after")


def test_a_truncated_answer_is_shorter_than_it_says(cloud: Served) -> None:
    """The announced length is the whole body's, half of it comes, then the connection ends."""
    cloud.faults.add(operation=SET, nth=1, body="truncated")
    connection = _connect(cloud)
    answer = _set(cloud, connection)
    with pytest.raises(http.client.IncompleteRead) as short:
        answer.read()
    assert short.value.partial.startswith(b'{"RequestId"')
    assert len(short.value.partial) == int(answer.headers["content-length"]) // 2
    connection.close()


@pytest.mark.parametrize("encode_chunked", [False, True], ids=["length", "chunked"])
def test_a_body_is_read_whole_before_the_next_request(cloud: Served, encode_chunked: bool) -> None:
    """A form, sent with a length or in chunks, is read to its end, so that the connection can go on."""
    connection = _connect(cloud)
    for _ in range(2):
        signed = V1("DescribeVpcAccesses", {"Name": "x" * 5000}, PERMANENT, cloud.world.clock.now(), form=True).sign()
        headers = {**signed.headers, **({"transfer-encoding": "chunked"} if encode_chunked else {})}
        body: Any = iter([signed.body[:100], signed.body[100:]]) if encode_chunked else signed.body
        connection.request("POST", "/", body, headers, encode_chunked=encode_chunked)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["TotalCount"]) == (200, 0)
    connection.close()


def test_a_body_nobody_reads_does_not_spoil_the_next_request(cloud: Served) -> None:
    """A refused request's body is not taken for the next request line."""
    connection = _connect(cloud)
    connection.request("POST", "/nowhere", b"POST / HTTP/1.1\r\n\r\n")
    assert connection.getresponse().read().startswith(b'{"Code": "NotFound"')
    assert _set(cloud, connection).status == 200
    connection.close()


def test_head_has_no_body(cloud: Served) -> None:
    """A HEAD request gets headers only and leaves the connection usable."""
    connection = _connect(cloud)
    connection.request("HEAD", "/nowhere")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/nowhere")
    assert connection.getresponse().status == 404
    connection.close()


def test_many_clients_at_once_lose_nothing(cloud: Served) -> None:
    """Eight clients set 25 entries each at the same time; all are there once, with ids of their own."""
    start = threading.Barrier(8)

    def work(worker: int) -> int:
        connection = _connect(cloud)
        start.wait()
        done = 0
        for number in range(25):
            answer = _set(cloud, connection, worker * 100 + number)
            answer.read()
            done += answer.status == 200
        connection.close()
        return done

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 200
    entries = cloud.products["CloudAPI"].entries.everything()
    assert len({entry.vpc_access_id for entry in entries}) == len(entries) == 200
    assert len(cloud.world.journal(SET)) == 200


def test_eight_clients_for_one_name_make_one_entry(cloud: Served) -> None:
    """Of eight identical calls at the same time exactly one creates, seven are refused."""
    start = threading.Barrier(8)

    def work(_worker: int) -> int:
        connection = _connect(cloud)
        start.wait()
        status = _set(cloud, connection).status
        connection.close()
        return status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == [200] + [400] * 7


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "localhost"])
def test_only_loopback_addresses_are_served(host: str) -> None:
    """The stand-in trusts its callers, so it never listens where others could call."""
    with pytest.raises(ValueError, match=r"loopback|does not appear"):
        Server(new_cloud(World()), host=host)


def test_the_world_knows_its_endpoint(cloud: Served) -> None:
    """Products can name the stand-in's address, for example in a function's environment."""
    assert cloud.world.endpoint == cloud.endpoint
    assert cloud.endpoint.startswith("http://127.0.0.1:")


def test_a_mistake_in_the_stand_in_is_not_taken_for_the_network(
    cloud: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception in a product is a 500 with its traceback on stderr, not a silently cut connection."""

    def broken(_call: Any) -> Any:
        raise KeyError("a bug")

    cloud.products["CloudAPI"].handle = broken
    connection = _connect(cloud)
    assert _set(cloud, connection).status == 500
    connection.close()
    assert "KeyError: 'a bug'" in capfd.readouterr().err
