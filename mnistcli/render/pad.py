"""The server of the page to draw on: a loopback address, one page, and the responses to its requests.

Only somebody who knows the address, which contains a random token, can read or write anything. Pages of other sites
are refused even then: the server checks the Origin and Host headers.
"""

import hmac
import json
import secrets
import socketserver
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from mnistcli.errors import MnistcliError

HOST = "127.0.0.1"
MOST_BYTES = 2**20  # of a drawing
PATIENCE = 10.0  # seconds for which a connection may be silent
Answer = Callable[[bytes, dict[str, str]], dict[str, Any]]


class PadServer(ThreadingHTTPServer):
    """Serves one page and handles its requests one at a time.

    Attributes:
        address: The page's URL.
    """

    daemon_threads = True

    def __init__(self, page: Callable[[], tuple[str, str]], answers: dict[str, Answer]) -> None:
        """Listen on a free port of this machine's loopback address.

        Args:
            page: Returns the page as HTML, and its Content-Security-Policy.
            answers: For each request, by name, a function of the drawing and the parameters; an error becomes
                {"error": SENTENCE}.
        """
        super().__init__((HOST, 0), _Handler)
        self.page, self.answers, self.lock = page, answers, Lock()
        self.host = f"{HOST}:{self.server_address[1]}"
        self.token = secrets.token_urlsafe(16)
        self.address = f"http://{self.host}/{self.token}/"

    def server_bind(self) -> None:
        """Bind the socket without looking up the host's name, which can take seconds without a network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """Ignore connections that the browser closes."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*_)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: PadServer
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE

    def do_GET(self) -> None:
        if self._question() != "":
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        page, policy = self.server.page()
        self._send(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8", policy)

    def do_POST(self) -> None:
        answer = self.server.answers.get(self._question() or "")
        length = self.headers.get("Content-Length", "")
        if answer is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        elif not length.isdecimal() or len(length) > 10 or int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a drawing has {MOST_BYTES:,} bytes at most")
        else:
            content = self.rfile.read(int(length))
            asked = parse_qs(self.path.partition("?")[2], keep_blank_values=True)
            try:
                with self.server.lock:
                    made = answer(content, {name: values[0] for name, values in asked.items()})
            except MnistcliError as error:
                made = {"error": str(error)}
            except Exception as error:  # noqa: BLE001  (the page reports it and goes on)
                made = {"error": f"Unexpected error, {type(error).__name__}: {error}"}
            self._send(HTTPStatus.OK, json.dumps(made).encode(), "application/json")

    def _question(self) -> str | None:
        """Return the path after the token, or None if the request does not come from our page."""
        token, slash, question = self.path.partition("?")[0].removeprefix("/").partition("/")
        is_ours = hmac.compare_digest(token.encode(), self.server.token.encode()) and slash != ""
        origin = f"http://{self.server.host}"
        is_from_page = self.headers.get("Host") == self.server.host and self.headers.get("Origin", origin) == origin
        return question if is_ours and is_from_page else None

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # the request's body is unread
        self._send(status, f"{why}\n".encode(), "text/plain")

    def _send(self, status: HTTPStatus, content: bytes, kind: str, policy: str = "default-src 'none'") -> None:
        self.send_response_only(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": policy,
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Connection": "close" if self.close_connection else "keep-alive",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Reject an invalid request in this server's form."""
        self._refuse(HTTPStatus(code), explain or message or HTTPStatus(code).phrase)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""
