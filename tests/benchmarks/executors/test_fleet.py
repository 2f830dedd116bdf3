"""A fleet of `coder serve`: verdicts of one machine, whatever worker dies; cases for named workers only."""

import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from benchmarks.executors.executor import NodeLost
from benchmarks.executors.facts import WorkerFacts, check_facts
from benchmarks.judge.digest import judge_digest
from benchmarks.rewards.rewarder import Rewarder
from benchmarks.runner.sample_job import SamplePool, SampleWire, give_up
from benchmarks.runner.spread import load_tokens, parse_spread
from benchmarks.runner.spreading import open_fleet
from benchmarks.verdict import Verdict
from coder.base.errors import MachineError, UsageError
from coder.platform.server.bearer_tokens import new_token as make_token
from tests.benchmarks.executors.answers import CASES, SUITE, answers, local_verdicts, verdicts
from tests.coder.platform.server.served import Server, started
from tests.faulty_endpoint import unused_port

EACH = 8


@asynccontextmanager
async def fleet(*addresses: str, tokens: Path | None = None) -> AsyncIterator[SamplePool]:
    async with AsyncExitStack() as stack:
        yield await open_fleet(stack, addresses, tokens, SampleWire(), give_up)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def local() -> dict[tuple[str, int], Verdict]:
    """The verdicts of this machine."""
    return await local_verdicts(EACH)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    with started(tmp_path / "a") as first, started(tmp_path / "b") as second:
        yield [first, second]


@pytest.mark.slow
async def test_two_workers_give_the_verdicts_of_this_machine_one_by_one(
    servers: list[Server], local: dict[tuple[str, int], Verdict]
) -> None:
    async with fleet(*(server.url for server in servers)) as pool:
        spread = await verdicts(pool, EACH)
        shares = [tally.done for tally in pool.tallies]

    assert spread == local
    assert {verdict.verdict for verdict in local.values()} == {"passed", "failed", "error"}
    assert min(shares) > 0


@pytest.mark.slow
async def test_a_worker_killed_in_the_middle_loses_and_doubles_no_verdict(
    servers: list[Server], local: dict[tuple[str, int], Verdict]
) -> None:
    async with fleet(*(server.url for server in servers)) as pool:
        pool.nodes[0]._patience_s = 0  # type: ignore[attr-defined]  # gone before the other can do all jobs
        spread = await verdicts(
            pool, EACH, after={20: lambda: servers[0].process.send_signal(signal.SIGKILL)}
        )
        first = pool.tallies[0]

    assert spread == local
    assert (first.lost, first.is_gone) == (1, True)
    assert first.retried > 0


@pytest.mark.slow
async def test_a_worker_that_comes_back_goes_on_and_gets_the_cases_again(tmp_path: Path) -> None:
    port = str(unused_port())
    with started(tmp_path / "a", "--port", port) as server:
        async with fleet(server.url) as pool:
            before = await verdicts(pool, 1)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(60)
            with started(tmp_path / "b", "--port", port):
                after = await verdicts(pool, 1)

    assert after == before


@pytest.mark.slow
async def test_a_worker_takes_jobs_with_its_token_only(tmp_path: Path) -> None:
    file, tokens = tmp_path / "tokens.json", tmp_path / "workers.txt"
    (tmp_path / "root").mkdir()
    token = make_token(file, "driver", "run", tmp_path / "root")
    with started(tmp_path, "--token-file", str(file)) as server:
        tokens.write_text(f"# fleet\n{server.url} {token}\n")
        async with fleet(server.url, tokens=tokens) as pool:
            judged = await verdicts(pool, 1)
        with pytest.raises(UsageError, match="refuses this driver's token"):
            async with fleet(server.url):
                pass

    assert len(judged) == len(CASES)


@pytest.mark.slow
async def test_a_worker_refuses_a_driver_with_another_judge(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
            job = {"kind": "sample", "key": "1", "case": "x", "text": ""}
            refused = await http.post("/jobs", json={"judge": "0" * 64, "jobs": [job]})

    assert (refused.status_code, judge_digest()[:12] in refused.text) == (422, True)


def test_a_driver_refuses_a_worker_of_another_version_judge_or_level() -> None:
    digest = judge_digest()
    facts = WorkerFacts(version="0.1.0", judge=digest, level="bubblewrap", slots=4)

    assert check_facts([("a", facts), ("b", facts)], judge=digest) == "bubblewrap"
    for change in ({"version": "9"}, {"judge": "0" * 64}, {"level": "docker"}):
        with pytest.raises(UsageError, match=r"^b "):
            check_facts([("a", facts), ("b", facts.model_copy(update=change))], judge=digest)


@pytest.mark.slow
async def test_a_worker_whose_sandbox_fails_takes_no_job(tmp_path: Path) -> None:
    nowhere = {"CODER_SANDBOX": "docker", "DOCKER_HOST": "unix:///nowhere.sock"}
    with started(tmp_path, **nowhere) as server, pytest.raises(MachineError, match=server.url):
        async with fleet(server.url):
            pass


@pytest.mark.slow
async def test_cases_go_to_the_workers_that_the_user_named_and_not_where_those_redirect() -> None:
    requests = list[str]()

    class Redirects(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{elsewhere.server_port}/worker")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Elsewhere(Redirects):
        def do_GET(self) -> None:
            requests.append("elsewhere")

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere, HTTPServer(("127.0.0.1", 0), Redirects) as one:
        for server in (elsewhere, one):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(MachineError, match="307"):
            async with fleet(f"http://127.0.0.1:{one.server_port}"):
                pass
        one.shutdown()
        elsewhere.shutdown()

    assert requests == ["/worker"]


async def test_a_worker_that_is_not_there_is_an_error_with_its_address() -> None:
    address = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(NodeLost, match=address):
        async with fleet(address):
            pass


@pytest.mark.parametrize("text", ["0", "a", "http://", "ftp://a", "http://u:p@a", "http://a,http://a", ","])
def test_workers_are_a_number_or_addresses_without_tokens(text: str) -> None:
    with pytest.raises(UsageError, match="--workers"):
        parse_spread(text, None, None)


def test_a_file_of_tokens_has_an_address_and_a_token_a_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("http://a one two\n")
    with pytest.raises(UsageError, match="line 1"):
        load_tokens(file)


@pytest.mark.slow
def test_rewards_are_judged_by_the_workers(servers: list[Server]) -> None:
    rows = [(job.case.prompt, job.answer.text) for job in answers(2) if job.answer is not None]
    prompts, texts = [row[0] for row in rows], [row[1] for row in rows]
    with Rewarder(SUITE, processes=1) as here:
        expected = here(prompts, texts)
    with Rewarder(SUITE, workers=[server.url for server in servers]) as spread:
        rewards = spread(prompts, texts)

    assert rewards == expected
    assert {*rewards} == {0.0, 1.0}
