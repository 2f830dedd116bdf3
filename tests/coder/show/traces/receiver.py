"""A real OTLP collector for tests: takes protobuf over HTTP and keeps what came."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Handle = Callable[[http.server.BaseHTTPRequestHandler], None]


def answer_200(request: http.server.BaseHTTPRequestHandler) -> None:
    """Take it."""
    request.send_response(200)
    request.send_header("content-length", "0")
    request.end_headers()


@dataclass
class Receiver:
    """What a collector has received."""

    url: str
    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def raw(self) -> bytes:
        """All bytes that came."""
        return b"".join(body for bodies in self.bodies.values() for body in bodies)

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order in which they came."""
        requests = [ExportTraceServiceRequest.FromString(one) for one in self.bodies.get("/v1/traces", [])]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resources(self) -> set[tuple[str, str, str]]:
        """Resources and scopes of all spans, each once."""
        requests = [ExportTraceServiceRequest.FromString(one) for one in self.bodies.get("/v1/traces", [])]
        return {
            resource.resource.SerializeToString()
            + scope.scope.SerializeToString()
            + scope.schema_url.encode()
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
        }

    def sums(self, metric: str) -> dict[str, float]:
        """The sums of a histogram by the type of token; "" where that isn't told."""
        sums: dict[str, float] = {}
        for body in self.bodies.get("/v1/metrics", []):
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for one in (one for scope in resource.scope_metrics for one in scope.metrics):
                    for point in one.histogram.data_points if one.name == metric else ():
                        attributes = {each.key: each.value.string_value for each in point.attributes}
                        kind = attributes.get("gen_ai.token.type", "")
                        sums[kind] = sums.get(kind, 0) + point.sum
        return sums


@contextmanager
def receiver(handle: Handle = answer_200) -> Iterator[Receiver]:
    """A collector on loopback, which answers each request as `handle` does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            endpoint.bodies.setdefault(self.path, []).append(body)
            endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
            handle(self)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
