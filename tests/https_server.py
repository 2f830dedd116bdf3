"""A small https server on loopback with a certificate of its own."""

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def https_server(
    folder: Path, contents: Mapping[str, bytes | str | list[bytes | int]]
) -> Iterator[tuple[str, Path]]:
    """Its address, and the file of its certificate.

    A str is where a path redirects to. Of a list each request takes the next item: content, a status with
    `Retry-After: 3600` (503) or 0, or 0 for a connection that ends without an answer.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    options = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *files)
    subprocess.run(["openssl", "req", *options, *subject], check=True, capture_output=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = contents.get(self.path)
            if isinstance(content, list):
                content = content.pop(0)
            if content == 0:
                return
            if isinstance(content, int):
                self.send_response(content)
                self.send_header("retry-after", "3600" if content == 503 else "0")
                self.end_headers()
                return
            self.send_response(404 if content is None else 302 if isinstance(content, str) else 200)
            if isinstance(content, str):
                self.send_header("location", content)
            if isinstance(content, bytes):
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if isinstance(content, bytes) else b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
