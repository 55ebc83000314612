"""The cloud of the benchmarks: fixed answers from a process of its own, as fast as asyncio gets, or after a delay.

``python peer.py DELAY`` prints its port. It verifies nothing: all candidates meet the same peer.
"""

from __future__ import annotations

import asyncio
import sys

_SET = b'{"RequestId":"CEF72CEB-54B6-4AE8-B225-F876FF7BA984","VpcAccessId":"4c68e061860f441ab72af7404137440e"}'
_DESCRIBE = (
    b'{"RequestId":"CEF72CEB-54B6-4AE8-B225-F876FF7BA984","PageNumber":1,"PageSize":100,"TotalCount":0,'
    b'"VpcAccessAttributes":{"VpcAccessAttribute":[]}}'
)
_PUBLISH = (
    b'<?xml version="1.0"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/"><MessageId>5F290C926D472878</MessageId>'
    b"<MessageBodyMD5>C5DD56A39F5F7BB8B3337C6D11B6D8C7</MessageBodyMD5></Message>"
)


def _answer(head: bytes) -> bytes:
    if head.startswith(b"POST /topics/"):
        status, kind, body = b"201 Created", b"text/xml;charset=utf-8", _PUBLISH
    else:
        body = _DESCRIBE if b"DescribeVpcAccesses" in head else _SET
        status, kind = b"200 OK", b"application/json;charset=utf-8"
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nx-mns-request-id: 5F29\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        kind,
        len(body),
        body,
    )


async def _serve(delay: float) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                if delay:
                    await asyncio.sleep(delay)
                writer.write(_answer(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
