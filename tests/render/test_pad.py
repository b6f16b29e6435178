"""The pad's server: who is let in, and what it takes."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from mnistcli.errors import UsageError
from mnistcli.render.pad import MOST_BYTES, PadServer

POLICY = "default-src 'none'; img-src data:"


def echo(content: bytes, parameters: dict[str, str]) -> dict[str, object]:
    if content == b"bad":
        raise UsageError("This is bad.")
    if content == b"odd":
        raise ValueError("odd")
    return {"length": len(content), **parameters}


@pytest.fixture(scope="module")
def server() -> Iterator[PadServer]:
    with PadServer(lambda: ("<title>Here</title>", POLICY), {"read": echo}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked(
    server: PadServer, method: str, path: str, content: bytes = b"", **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    """Return the status, the headers and the text that a request gets; "." is the page's path."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=30)
    connection.putrequest(method, path.replace(".", f"/{server.token}/", 1), skip_host="Host" in headers)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(content)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def test_only_loopback_is_listened_to_and_addresses_cannot_be_guessed(server: PadServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    with PadServer(lambda: ("", ""), {}) as other:
        assert other.token != server.token
        assert len({*server.token}) > 8
        assert other.address == f"http://127.0.0.1:{other.server_address[1]}/{other.token}/"


def test_the_page_comes_with_its_policy_and_is_not_kept(server: PadServer) -> None:
    status, headers, text = asked(server, "GET", ".")
    assert (status, text) == (200, "<title>Here</title>")
    assert headers["Content-Security-Policy"] == POLICY
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


def test_a_question_gets_its_answer_or_a_sentence(server: PadServer) -> None:
    assert asked(server, "POST", ".read?label=7&why", b"drawing")[2] == '{"length": 7, "label": "7", "why": ""}'
    assert asked(server, "POST", ".read", b"bad")[::2] == (200, '{"error": "This is bad."}')
    assert "Unexpected error, ValueError: odd" in asked(server, "POST", ".read", b"odd")[2]
    assert asked(server, "POST", ".read", b"x" * MOST_BYTES)[2] == f'{{"length": {MOST_BYTES}}}'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("GET", path) for path in ("/", "/favicon.ico", ".read", ".x", "/x/", "/../etc/passwd", "/%00/", "*")],
        *[("POST", path) for path in ("/", "/read", ".", ".x", "/x/read", ".read/", ".read/x")],
    ],
)
def test_nothing_else_is_served(server: PadServer, method: str, path: str) -> None:
    assert asked(server, method, path)[0] == 404


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "HEAD"])
def test_no_other_method_is_known(server: PadServer, method: str) -> None:
    status, headers, _ = asked(server, method, ".read")
    assert status == 501
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert "Server" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Host": "example.org"},
        {"Host": "localhost"},
    ],
    ids=str,
)
def test_other_sites_are_refused_even_if_they_know_the_address(server: PadServer, headers: dict[str, str]) -> None:
    assert asked(server, "POST", ".read", b"drawing", **headers)[0] == 404
    assert asked(server, "GET", ".", **headers)[0] == 404


def test_the_page_s_address_ends_in_a_slash(server: PadServer) -> None:
    assert asked(server, "GET", f"/{server.token}")[0] == 404


@pytest.mark.parametrize("target", ["http://[", "http://127.0.0.1/x", "/\x7f", "?", ""])
def test_odd_addresses_are_refused_in_silence(
    server: PadServer, target: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(server.server_address[:2], timeout=30) as connection:  # type: ignore[arg-type]
        connection.sendall(f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        assert connection.makefile("rb").read()
    assert capfd.readouterr() == ("", "")


def test_the_page_itself_is_not_refused(server: PadServer) -> None:
    origin = server.address.removesuffix(f"/{server.token}/")
    assert asked(server, "POST", ".read", b"drawing", Origin=origin)[0] == 200


@pytest.mark.parametrize("length", [str(MOST_BYTES + 1), "-1", "", "x", "1" * 5_000, "٣"])
def test_what_is_too_long_or_of_no_known_length_is_not_read(server: PadServer, length: str) -> None:
    with socket.create_connection(server.server_address[:2], timeout=30) as connection:  # type: ignore[arg-type]
        host = urlsplit(server.address).netloc
        head = f"POST /{server.token}/read HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 413 ")  # and the connection ends


def test_a_browser_that_waits_keeps_nobody_else_waiting(server: PadServer) -> None:
    with ExitStack() as silent:
        for _ in range(4):  # one after the other, they would outlast the request's patience
            silent.enter_context(socket.create_connection(server.server_address[:2]))  # type: ignore[arg-type]
        assert asked(server, "GET", ".")[0] == 200
