"""An internet of ours: every name has one public address, and behind it is a server on this machine."""

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sandbox.network.outside_lookup import Outside

PUBLIC = "93.184.216.34"
FETCH = """
import urllib.error, urllib.request
try:
    print(urllib.request.urlopen({url!r}, timeout=10).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.reason)
"""
"""A program that prints what an address answers."""


def outside_to(server: tuple[str, int]) -> Outside:
    """The way out to a server on this machine, which every name leads to."""

    async def resolve(name: str, port: int) -> list[str]:
        return [PUBLIC]

    async def connect(address: str, port: int) -> socket.socket:
        assert address == PUBLIC
        connection = socket.socket()
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, server)
        return connection

    return Outside(resolve, connect)


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server on this machine whose requests this answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def internet(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[Outside]:
    """The way out to a server whose requests this answers."""
    with serving(handler) as url:
        yield outside_to(("127.0.0.1", urlsplit(url).port or 0))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers without a word on the terminal."""

    def answer(self, body: bytes, *, kind: str = "text/plain") -> None:
        """200, and this."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Greeting(Handler):
    """Greets whoever comes, by host and path."""

    def do_GET(self) -> None:
        """Answer."""
        self.answer(f"hello {self.headers['Host']}{self.path}".encode())
