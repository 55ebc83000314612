"""HTTP/1.1 as bytes: what may go out, and what is taken for an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cloud.http1 import Head, Malformed, chunk_size, head_of, request

HOST = (b"host", b"127.0.0.1")


def test_a_request_is_its_line_its_headers_and_its_body() -> None:
    """Nothing is added, and target and values go out byte for byte."""
    made = request("POST", b"/?Name=a%20b", [HOST, (b"x-empty", b""), (b"x-name", "ä b".encode())], b"body\r\n")

    assert made == "POST /?Name=a%20b HTTP/1.1\r\nhost: 127.0.0.1\r\nx-empty: \r\nx-name: ä b\r\n\r\nbody\r\n".encode()


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        pytest.param("POST", b"/", (b"x-token", b"a\r\nx-more: b"), id="a-header-in-a-value"),
        pytest.param("POST", b"/", (b"x-token", b"a\nb"), id="line-feed-in-a-value"),
        pytest.param("POST", b"/", (b"x-token", b"a\rb"), id="carriage-return-in-a-value"),
        pytest.param("POST", b"/", (b"x-token", b"a\x00b"), id="null-in-a-value"),
        pytest.param("POST", b"/", (b"x-token", b"a "), id="blank-at-the-end-of-a-value"),
        pytest.param("POST", b"/", (b"x token", b"a"), id="blank-in-a-name"),
        pytest.param("POST", b"/", (b"", b"a"), id="no-name"),
        pytest.param("POST", b"/", (b"x-a: b\r\nx-token", b"a"), id="a-header-in-a-name"),
        pytest.param("POST", b"/ HTTP/1.1\r\nx-a: b\r\n\r\nGET /", HOST, id="a-request-in-the-target"),
        pytest.param("POST", b"/a b", HOST, id="blank-in-the-target"),
        pytest.param("POST", b"", HOST, id="no-target"),
        pytest.param("PÖST", b"/", HOST, id="method-that-is-no-word"),
        pytest.param("", b"/", HOST, id="no-method"),
    ],
)
def test_what_could_be_read_as_something_else_is_not_sent(
    method: str, target: bytes, header: tuple[bytes, bytes]
) -> None:
    """A part that HTTP does not allow makes no request, and the error does not show it."""
    with pytest.raises(Malformed) as caught:
        request(method, target, [HOST, header], b"")

    assert "x-a" not in str(caught.value)


def _ok(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((first, *lines, b"", b""))


@pytest.mark.parametrize(
    ("data", "method", "expected"),
    [
        pytest.param(
            _ok(b"Content-Length: 2", b"X-A:  b c\t"),
            "POST",
            Head(200, [(b"content-length", b"2"), (b"x-a", b"b c")], 2, False, True),
            id="length",
        ),
        pytest.param(
            _ok(b"Content-Length: 2", b"content-length: 2"),
            "POST",
            Head(200, [(b"content-length", b"2")] * 2, 2, False, True),
            id="length-twice",
        ),
        pytest.param(
            _ok(b"Transfer-Encoding: Chunked"),
            "POST",
            Head(200, [(b"transfer-encoding", b"Chunked")], None, True, True),
            id="chunked",
        ),
        pytest.param(
            _ok(b"transfer-encoding: chunked", b"content-length: 5"),
            "POST",
            Head(200, [(b"transfer-encoding", b"chunked"), (b"content-length", b"5")], None, True, False),
            id="chunked-with-a-length-is-chunked-and-the-last",
        ),
        pytest.param(_ok(), "POST", Head(200, [], None, False, False), id="ends-with-the-connection"),
        pytest.param(
            _ok(b"content-length: 0", b"connection: x, Close"),
            "POST",
            Head(200, [(b"content-length", b"0"), (b"connection", b"x, Close")], 0, False, False),
            id="says-that-it-closes",
        ),
        pytest.param(
            _ok(b"content-length: 0", first=b"HTTP/1.0 200 OK"),
            "POST",
            Head(200, [(b"content-length", b"0")], 0, False, False),
            id="older-than-kept-connections",
        ),
        pytest.param(_ok(first=b"HTTP/1.1 204 No Content"), "PUT", Head(204, [], 0, False, True), id="no-content"),
        pytest.param(_ok(first=b"HTTP/1.1 103 Early Hints"), "PUT", Head(103, [], 0, False, True), id="interim"),
        pytest.param(
            _ok(b"content-length: 9"), "HEAD", Head(200, [(b"content-length", b"9")], 0, False, True), id="head"
        ),
        pytest.param(_ok(first=b"HTTP/1.1 299"), "PUT", Head(299, [], None, False, False), id="no-reason"),
    ],
)
def test_a_head_says_how_its_body_ends(data: bytes, method: str, expected: Head) -> None:
    """Length, chunks or the end of the connection, and whether another answer can follow."""
    assert head_of(data, method) == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\r\n\r\n", id="empty"),
        pytest.param(_ok(first=b"SSH-2.0-OpenSSH"), id="another-protocol"),
        pytest.param(_ok(first=b"HTTP/2.0 200 OK"), id="another-version"),
        pytest.param(_ok(first=b"HTTP/1.1 20 OK"), id="status-of-two-digits"),
        pytest.param(_ok(first=b"HTTP/1.1 099 OK"), id="status-below-100"),
        pytest.param(_ok(first="HTTP/1.1 ٢٠٠ OK".encode()), id="other-digits"),
        pytest.param(_ok(first=b"HTTP/1.1 200 OK\nX: y"), id="bare-line-feed"),
        pytest.param(_ok(b"no colon"), id="no-colon"),
        pytest.param(_ok(b"X : y"), id="blank-before-the-colon"),
        pytest.param(_ok(b": y"), id="no-name"),
        pytest.param(_ok(b"X: y", b" folded"), id="folded"),
        pytest.param(_ok(b"X: \x00"), id="null"),
        pytest.param(_ok(b"Content-Length: 2", b"Content-Length: 3"), id="two-lengths"),
        pytest.param(_ok(b"Content-Length: 2, 2"), id="list-of-lengths"),
        pytest.param(_ok(b"Content-Length: -2"), id="length-below-zero"),
        pytest.param(_ok(b"Content-Length: +2"), id="length-with-a-sign"),
        pytest.param(_ok(b"Content-Length: 0x2"), id="length-in-hexadecimal"),
        pytest.param(_ok(b"Content-Length: "), id="no-length"),
        pytest.param(_ok(b"Content-Length: " + b"9" * 19), id="length-beyond-64-bits"),
        pytest.param(_ok(b"Transfer-Encoding: gzip, chunked"), id="unknown-coding"),
        pytest.param(_ok(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), id="chunked-twice"),
        pytest.param(_ok(b"Transfer-Encoding: identity"), id="coding-that-is-none"),
    ],
)
def test_what_is_not_clear_is_no_answer(data: bytes) -> None:
    """A head whose body could be cut in two ways, or that is not HTTP/1.1, is refused."""
    with pytest.raises(Malformed):
        head_of(data, "POST")


@pytest.mark.parametrize(
    ("line", "size"),
    [
        pytest.param(b"0\r\n", 0, id="last"),
        pytest.param(b"1aF\r\n", 0x1AF, id="hexadecimal"),
        pytest.param(b"5 ;name=value\r\n", 5, id="extension"),
        pytest.param(b"\r\n", None, id="nothing"),
        pytest.param(b"-1\r\n", None, id="below-zero"),
        pytest.param(b"0x5\r\n", None, id="prefix"),
        pytest.param(b"1_0\r\n", None, id="underscore"),
        pytest.param(b"5\n\r\n", None, id="line-feed"),
        pytest.param(b"f" * 16 + b"\r\n", None, id="too-large"),
    ],
)
def test_a_chunk_has_a_size(line: bytes, size: int | None) -> None:
    """Only plain hexadecimal digits are a size."""
    if size is None:
        with pytest.raises(Malformed):
            chunk_size(line)
    else:
        assert chunk_size(line) == size


@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: "]))
def test_any_bytes_are_a_head_or_malformed(data: bytes, begin: bytes) -> None:
    """Nothing else comes out of reading a head, whatever stands in it."""
    try:
        head = head_of(begin + data + b"\r\n\r\n", "POST")
    except Malformed:
        return
    assert 100 <= head.status <= 999
    assert head.chunked or head.length is None or head.length >= 0


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=3), st.binary(max_size=8))
def test_no_header_makes_another(headers: list[tuple[bytes, bytes]], target: bytes) -> None:
    """Whatever names, values and target hold, a request has as many lines as it was given, or there is none."""
    try:
        made = request("GET", target, headers, b"")
    except Malformed:
        return
    lines = made.split(b"\r\n")
    assert lines == [b"GET " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers), b"", b""]
    assert made.count(b"\n") == made.count(b"\r") == len(lines) - 1
