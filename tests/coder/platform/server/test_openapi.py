"""Requests that the OpenAPI document allows, and such that it doesn't, are answered as it says."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.coder.platform.server.served import configure, started
from tests.coder.platform.server.test_events import RUN, SOLVED, says
from tests.coder.states import started as run_started

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


OPERATIONS = (
    *(
        "GET /healthz",
        "POST /session",
        "POST /logout",
        "GET /runs",
        "POST /runs",
        "GET /runs/{run}",
        "GET /runs/{run}/events",
    ),
    *("GET /runs/{run}/patch", "POST /runs/{run}/answers", "POST /runs/{run}/stop"),
    *("POST /runs/{run}/resume", "POST /run", "POST /judge", "POST /run_code", "POST /run_jupyter"),
    "POST /submit",
)

EXAMPLES = {"POST /run_jupyter": 3}
"""Number of requests of an operation if each starts a kernel; other operations get eight."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """That of a server with one run, whose models can't be reached."""
    import asyncio

    home = tmp_path_factory.mktemp("home")
    configure(home, base_url="http://127.0.0.1:9", model="toy", max_calls=1)
    with started(home, "--workers", "4") as server:
        asyncio.run(server.append(RUN, [run_started(), says("a"), SOLVED]))
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


@pytest.mark.parametrize("path", ["/runs", "/runs/{run}/events", "/run", "/judge", "/run_code", "/submit"])
def test_the_document_says_that_a_token_is_needed_and_what_is_refused(document: Any, path: str) -> None:
    raw = document.raw_schema
    scheme = raw["components"]["securitySchemes"]["HTTPBearer"]

    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for operation in raw["paths"][path].values():
        assert operation["security"] == [{"HTTPBearer": []}]
        assert {"401", "403", "429"} <= operation["responses"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_requests_are_answered_as_the_document_says(
    document: Any, operation: str, mode: GenerationMode
) -> None:
    method, path = operation.split()

    @given(document[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES.get(operation, 8),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    def answered(case: schemathesis.Case) -> None:
        if "run" in case.path_parameters:
            case.path_parameters["run"] = RUN
        case.call_and_validate(checks=CHECKS, timeout=60)

    with suppress(Unsatisfiable):  # nothing of it can be wrong
        answered()
