"""An S3-compatible object store on loopback: moto's server, whose answers can be made to fail."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

SECRET = "planted/secret+0123456789abcdefghijklmn"
BUCKET = "runs"
Answer = tuple[str, list[tuple[str, str]], bytes]
Fault = Callable[[Mapping[str, Any]], Answer | None]
"""The answer in place of the store's; None: the store's own."""


class ObjectStore:
    """A store with one bucket."""

    def __init__(self, port: int) -> None:
        import boto3

        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            "AWS_ACCESS_KEY_ID": "AKIAPLANTEDKEY000001",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }
        self.fault: Fault = lambda _: None
        self.requests: list[str] = []
        """Method and path of each request."""
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    @property
    def place(self) -> str:
        """The address for CODER_BLOBS."""
        return f"s3://{BUCKET}/coder"

    def keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [row["Key"] for row in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def replace(self, key: str, content: bytes) -> None:
        """Write another content under a key."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def content(self, key: str) -> bytes:
        """Return the content of an object."""
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def remove_all(self) -> None:
        """Remove all objects and faults."""
        self.fault = lambda _: None
        for key in self.keys():
            self.client.delete_object(Bucket=BUCKET, Key=key)
        self.requests.clear()


def refusal(status: str, code: str, message: str = "Because.") -> Fault:
    """Answer every request with an error of S3."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return lambda _: (status, [("Content-Type", "application/xml")], body.encode())


def few(times: int, fault: Fault) -> Fault:
    """Answer so many requests by a fault, and later ones as usual."""
    turns = iter(range(times))
    return lambda request: fault(request) if next(turns, None) is not None else None


def silence(until: threading.Event) -> Fault:
    """Answer nothing until an event is set."""

    def wait(_: Mapping[str, Any]) -> None:
        until.wait(60)

    return wait


@contextmanager
def started() -> Iterator[ObjectStore]:
    """Start a store with an empty bucket."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    app = DomainDispatcherApplication(create_backend_app)
    stores: list[ObjectStore] = []

    def answer(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        for store in stores:
            store.requests.append(f"{request['REQUEST_METHOD']} {request['PATH_INFO']}")
            if (fault := store.fault(request)) is not None:
                status, headers, body = fault
                start(status, headers)
                return [body] if request["REQUEST_METHOD"] != "HEAD" else []
        answered: Iterable[bytes] = app(request, start)
        return answered

    class Quiet(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            """Print nothing."""

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        store = ObjectStore(server.server_port)
        store.client.create_bucket(Bucket=BUCKET)
        stores.append(store)
        yield store
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def _object_store() -> Iterator[ObjectStore]:
    with started() as store:
        yield store


@pytest.fixture
def object_store(_object_store: ObjectStore) -> ObjectStore:
    """An empty store that works."""
    _object_store.remove_all()
    return _object_store
