"""A suite of three cases; one rewarder, or one server, for all tests of a worker."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from benchmarks.rewards.rewarder import Rewarder
from benchmarks.suite import ScriptCase, ScriptRun, Suite
from tests.benchmarks.judge.cases import case
from tests.coder.platform.server.served import Server, started

DOUBLE = case(
    "assert candidate(1) == 2\nassert candidate(2) == 4\nassert candidate(-3) == -6\nassert True",
    "    return 2 * n\n",
    name="double",
    prompt='def double(n):\n    """Twice a number."""\n',
).model_copy(update={"id": "double"})
HIDDEN = case("for n in range(3):\n    assert candidate(n) == n", None, name="same").model_copy(
    update={"id": "same", "prompt": "Write a function `same` that returns its argument."}
)
ECHO = ScriptCase(
    id="echo",
    prompt="Print the input.",
    timeout_s=3,
    runs=(ScriptRun(stdin="a\n", stdout="a\n"), ScriptRun(stdin="b\n", stdout="b\n")),
)
SUITE = Suite(name="three", version="1", cases=(DOUBLE, HIDDEN, ECHO))


@pytest.fixture(scope="session")
def rewarder() -> Iterator[Rewarder]:
    with Rewarder(SUITE) as rewarder:
        yield rewarder


@pytest.fixture(scope="session")
def partial_rewarder() -> Iterator[Rewarder]:
    with Rewarder(SUITE, partial=True) as rewarder:
        yield rewarder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run `coder serve`."""
    with started(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client of the server."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=120) as client:
        yield client
