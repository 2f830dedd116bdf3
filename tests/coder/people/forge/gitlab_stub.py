"""A stub of GitLab's API that knows fixed answers, and keeps what was posted."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROJECT = {"id": 5, "path_with_namespace": "group/shop", "default_branch": "main"}
USER = {"id": 9, "username": "ada", "name": "Ada"}
MERGE = {
    "iid": 4,
    "title": "Sums",
    "source_branch": "coder/issue-12",
    "source_project_id": 5,
    "target_project_id": 5,
    "state": "opened",
    "web_url": "https://gitlab.example/group/shop/-/merge_requests/4",
}


class _Server(ThreadingHTTPServer):
    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.posted = answers, []  # type: ignore[var-annotated]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        if content:
            self.server.posted.append((self.path, json.loads(content)))
        key = f"{self.command} {self.path}"
        is_known = self.headers["private-token"] == "glpat-x" and key in self.server.answers
        text = json.dumps(self.server.answers[key] if is_known else {"message": "404 Not found"}).encode()
        self.send_response(200 if is_known else 404)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(answers: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    with _Server(answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.posted
        finally:
            server.shutdown()
