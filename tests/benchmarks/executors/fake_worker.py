"""A worker at an address that passes every sample, and fails as a test says."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.executors.facts import installed_version
from benchmarks.judge.digest import judge_digest

WireJobs = Sequence[dict[str, Any]]
PASSED = {"id": "", "sample": 0, "verdict": "passed", "strength": "strong", "cpu_s": 0.1, "wall_s": 0.1}


class FakeWorker(ThreadingHTTPServer):
    """Answers `GET /worker` and `POST /jobs`; `fault` may answer in its place, and says whether it did."""

    request_queue_size = 256

    def __init__(self, fault: Callable[["Handler", WireJobs, int], bool]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault, self.calls = fault, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: FakeWorker

    def do_GET(self) -> None:
        self.server.calls += 1
        facts = {"version": installed_version(), "judge": judge_digest(), "level": "bubblewrap", "slots": 4}
        if not self.server.fault(self, (), self.server.calls):
            self.answer(json.dumps(facts).encode())

    def do_POST(self) -> None:
        self.server.calls += 1
        jobs = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["jobs"]
        if not self.server.fault(self, jobs, self.server.calls):
            self.answer(b"".join(line(job) for job in jobs))

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send a whole response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def line(job: dict[str, Any], **changes: object) -> bytes:
    """Return a worker's line for a job, by default one that passes."""
    return json.dumps({"key": job["key"], "verdict": PASSED, **changes}).encode() + b"\n"


@contextmanager
def fake_worker(fault: Callable[[Handler, WireJobs, int], bool]) -> Iterator[FakeWorker]:
    """Serve a worker while the block runs."""
    with FakeWorker(fault) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
