"""`coder bench grade --workers URLS` and `coder bench status`, as a shell sees them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.runlog import RunLog
from coder.store import SqliteLog
from tests.coder.people.cli.console import Console
from tests.coder.platform.server.served import started
from tests.processes import wait_until

CASES = [
    {
        "id": f"c/{i}",
        "prompt": f"def f{i}(n):\n    '''n plus {i}'''\n",
        "entry_point": f"f{i}",
        "test": f"def check(candidate):\n    assert candidate(1) == {1 + i}\n",
        "canonical_solution": f"    return n + {i}\n",
    }
    for i in range(6)
]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """With suite.jsonl and samples.jsonl: a right and a wrong answer to each case."""
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))
    lines = [
        {"task_id": case["id"], "completion": completion}
        for case in CASES
        for completion in (case["canonical_solution"], "    return -n\n")
    ]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Console(tmp_path)


def verdicts(report: str) -> list[tuple[Any, ...]]:
    """What two equal reports have in common."""
    rows = json.loads(report)["verdicts"]
    return [(row["id"], row["sample"], row["verdict"], row["strength"], row["detail"]) for row in rows]


@pytest.mark.slow
def test_a_fleet_grades_as_this_machine_does_and_status_tells_each_workers_part(
    console: Console, tmp_path: Path
) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--no-results", "--json")
    here = console.run(*grade)
    with started(tmp_path / "a") as first, started(tmp_path / "b") as second:
        spread = console.run(*grade, "--workers", f"{first.url},{second.url}")
    runs = console.run("bench", "list", "--runs", "--json").out
    run = json.loads(runs.splitlines()[0])
    run_id = run["run"] if isinstance(run, dict) else run[0]["run"]
    status = json.loads(console.run("bench", "status", run_id, "--json").out)
    output = console.run("bench", "status", run_id).out

    assert verdicts(spread.out) == verdicts(here.out)
    assert json.loads(spread.out)["isolation"] == json.loads(here.out)["isolation"]
    assert (status["judged"], status["passed"], status["ended"]) == (12, 6, "done")
    assert {node["name"] for node in status["nodes"]} == {first.url, second.url}
    assert sum(node["done"] for node in status["nodes"]) == 12
    assert first.url in output


@pytest.mark.slow
def test_a_driver_killed_in_the_middle_goes_on_and_repeats_no_verdict_of_its_log(
    console: Console, tmp_path: Path
) -> None:
    lines = [
        {"task_id": case["id"], "completion": f"{case['canonical_solution']}# {number}\n"}
        for number in range(20)
        for case in CASES
    ]
    # Its limit is seconds of a processor: so the driver is in the middle for long, on any machine.
    lines.append({"task_id": CASES[0]["id"], "completion": "    while True: pass\n"})
    limited = [{**case, "timeout_s": 1} for case in CASES]
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in limited))
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with started(tmp_path / "a") as first, started(tmp_path / "b") as second:
        fleet = ("--workers", f"{first.url},{second.url}")
        grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--no-results", "--json")
        driver = console.start(*grade, *fleet)
        log = tmp_path / "data" / "bench"
        assert wait_until(lambda: bool(judged(log)))
        driver.kill()
        driver.wait()
        ((run, before),) = judged(log).items()
        console.run("bench", "grade", "--resume", run, "--no-results", "--json", *fleet)
    (after,) = judged(log).values()

    assert 0 < len(before) < len(lines)
    assert after[: len(before)] == before
    assert len(after) == len({*after}) == len(lines)


def judged(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Case and sample of each verdict in the log, in its order, by run."""

    async def read() -> dict[str, list[tuple[str, int]]]:
        by_run: dict[str, list[tuple[str, int]]] = {}
        with SqliteLog(folder) as log:
            for summary in await log.runs():
                record = RunLog(summary.run, log, token=0)
                async for _, one in record.samples():
                    by_run.setdefault(summary.run, []).append((one.verdict.id, one.verdict.sample))
        return by_run

    return asyncio.run(read())


def test_status_of_a_run_that_is_not_there_is_an_error(console: Console) -> None:
    ended = console.run("bench", "status", "bench_none")

    assert ended.code == 2
    assert "bench list --runs" in ended.err


def test_an_address_that_does_not_answer_is_named_and_nothing_is_judged(console: Console) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--no-results")

    ended = console.run(*grade, "--workers", "http://127.0.0.1:9")

    assert ended.code == 5
    assert "http://127.0.0.1:9 can't be reached" in ended.err
