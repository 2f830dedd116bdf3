"""What goes wrong with a worker's answer costs at most the sample that it is about."""

from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from benchmarks.executors import http_node
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.sample_job import SampleJob, SampleOutcome, SampleWire, give_up
from benchmarks.runner.spreading import open_fleet
from tests.benchmarks.executors.answers import CASES
from tests.benchmarks.executors.fake_worker import PASSED, Handler, WireJobs, fake_worker, line

SAMPLES = 5
BAD = f"{CASES[2].id}\0{1}"
"""Key of the sample whose answer fails."""


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_node, "_PAUSE_S", 0.01)


async def outcomes(*addresses: str, jobs: list[SampleJob] | None = None) -> list[SampleOutcome]:
    """Judge samples of all cases by a fleet."""
    usual = [SampleJob(one, sample, CaseAttempt(text="pass")) for one in CASES for sample in range(SAMPLES)]
    async with AsyncExitStack() as stack:
        pool = await open_fleet(stack, addresses, None, SampleWire(), give_up)
        return [outcome async for outcome in pool.map(jobs or usual)]


def verdicts(judged: list[SampleOutcome]) -> Counter[str]:
    return Counter(one.verdict.verdict for one in judged if one.verdict is not None)


LINES: dict[str, Callable[[dict[str, object]], bytes]] = {
    "no verdict": lambda job: line(job, verdict=None),
    "an infinite time": lambda job: line(job, verdict={**PASSED, "cpu_s": float("inf")}),
    "a time that is no number": lambda job: line(job, verdict={**PASSED, "wall_s": float("nan")}),
    "an infinite reward": lambda job: line(job, verdict={**PASSED, "rewards": {"a": float("inf")}}),
    "an unknown outcome": lambda job: line(job, verdict={**PASSED, "verdict": "splendid"}),
    "a field more": lambda job: line(job, more=1),
    "nothing": lambda job: b"",
    "no JSON": lambda job: b"<html>\n",
}


@pytest.mark.parametrize("answer", LINES.values(), ids=LINES)
async def test_a_line_without_an_outcome_costs_its_sample_alone(
    answer: Callable[[dict[str, object]], bytes],
) -> None:
    def fault(handler: Handler, jobs: WireJobs, call: int) -> bool:
        if jobs:
            handler.answer(b"".join(answer(job) if job["key"] == BAD else line(job) for job in jobs))
        return bool(jobs)

    with fake_worker(fault) as worker:
        judged = await outcomes(worker.url)

    assert verdicts(judged) == {"passed": len(CASES) * SAMPLES - 1, "infrastructure": 1}
    (bad,) = [one.verdict for one in judged if one.verdict and one.verdict.verdict == "infrastructure"]
    assert (bad.id, bad.sample) == (CASES[2].id, 1)
    assert worker.url in bad.detail
    assert "pydantic" not in bad.detail


def resets(handler: Handler) -> None:
    handler.connection.close()


RESPONSES: dict[str, Callable[[Handler], None]] = {
    "a proxy's 500": lambda handler: handler.answer(b"Internal Server Error", 500),
    "a proxy's 502": lambda handler: handler.answer(b"<html>", 502),
    "a status of a content network": lambda handler: handler.answer(b"", 522),
    "another proxy's 404": lambda handler: handler.answer(b"no such host", 404),
    "a login page's 403": lambda handler: handler.answer(b"log in", 403),
    "too large for a proxy": lambda handler: handler.answer(b"", 413),
    "a body that isn't its encoding": lambda handler: handler.answer(b"plain", Content_Encoding="gzip"),
    "a page": lambda handler: handler.answer(b"<html>\n</html>\n"),
    "nothing": lambda handler: handler.answer(b""),
    "a closed connection": resets,
}


@pytest.mark.parametrize("answer", RESPONSES.values(), ids=RESPONSES)
async def test_one_bad_response_costs_no_sample_its_verdict(answer: Callable[[Handler], None]) -> None:
    def fault(handler: Handler, jobs: WireJobs, call: int) -> bool:
        if bad := call == 2:  # the first one is for the worker's facts
            answer(handler)
        return bad

    with fake_worker(fault) as worker:
        judged = await outcomes(worker.url)

    assert verdicts(judged) == {"passed": len(CASES) * SAMPLES}


@pytest.mark.parametrize("name", ["a proxy's 500", "a proxy's 502", "a body that isn't its encoding"])
async def test_a_fleet_opens_though_a_proxy_fails_once(name: str) -> None:
    def fault(handler: Handler, jobs: WireJobs, call: int) -> bool:
        if call == 1:
            RESPONSES[name](handler)
        return call == 1

    with fake_worker(fault) as worker:
        judged = await outcomes(worker.url)

    assert verdicts(judged) == {"passed": len(CASES) * SAMPLES}


async def test_a_worker_that_refuses_from_now_on_leaves_its_jobs_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_node, "_PATIENCE_S", 0.2)

    def revoked(handler: Handler, jobs: WireJobs, call: int) -> bool:
        if call > 1:
            handler.answer(b"revoked", 401)
        return call > 1

    with fake_worker(revoked) as one, fake_worker(lambda *_: False) as other:
        judged = await outcomes(one.url, other.url)

    assert verdicts(judged) == {"passed": len(CASES) * SAMPLES}


@pytest.mark.parametrize(
    "body", [b"<html>\n</html>\n", b"", b'{"key": "another"}\n'], ids=["a page", "nothing", "another's line"]
)
async def test_a_worker_that_never_answers_by_verdicts_is_left_out_by_name(body: bytes) -> None:
    def fault(handler: Handler, jobs: WireJobs, call: int) -> bool:
        if jobs:
            handler.answer(body)
        return bool(jobs)

    async with AsyncExitStack() as stack:
        with fake_worker(fault) as one, fake_worker(lambda *_: False) as other:
            pool = await open_fleet(stack, [one.url, other.url], None, SampleWire(), give_up)
            jobs = [
                SampleJob(case, n, CaseAttempt(text="pass")) for case in CASES for n in range(40 * SAMPLES)
            ]
            judged = [outcome async for outcome in pool.map(jobs)]
            gone = [tally.name for tally in pool.tallies if tally.is_gone]

    assert verdicts(judged) == {"passed": len(jobs)}
    assert gone == [one.url]


async def test_an_answer_that_is_too_large_for_a_worker_is_that_ones_infrastructure() -> None:
    large = SampleJob(CASES[0], 0, CaseAttempt(text="x" * (7 << 20)))
    small = [SampleJob(CASES[0], sample, CaseAttempt(text="pass")) for sample in range(1, 9)]

    with fake_worker(lambda *_: False) as worker:
        judged = await outcomes(worker.url, jobs=[large, *small])

    assert verdicts(judged) == {"passed": 8, "infrastructure": 1}
    (bad,) = [one for one in judged if one.sample == 0]
    assert bad.verdict is not None
    assert "a worker takes 6,291,456" in bad.verdict.detail
