"""`coder bench run --max-cost`: what all attempts may cost together."""

import json
import re
import time
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.platform.server.served import started
from tests.faulty_endpoint import Reply, Request, faulty_endpoint, says, streams

CASES = [
    {
        "id": f"c/{i}",
        "prompt": f"def f{i}(n):\n    '''n'''\n",
        "entry_point": f"f{i}",
        "test": "def check(candidate):\n    assert candidate(5) == 5\n",
        "canonical_solution": "    return n\n",
    }
    for i in range(4)
]
SEEN = CASES[0] | {"visible": ["assert f0(5) == 5"]}

LONG = says("    return n + 0\n", *["#"] * 999)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """With suite.jsonl, four cases, and seen.jsonl, a case of which an example is shown."""
    (tmp_path / "seen.jsonl").write_text(json.dumps(SEEN) + "\n")
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CASES))
    return Console(tmp_path)


@pytest.mark.slow
def test_a_limit_of_cost_holds_to_the_last_call_of_all_workers_and_more_goes_on(console: Console) -> None:
    # At $100 a million a first call may give 4,096 tokens, $0.4096. It gives 1,000: the next may give twice.
    words = ("--one-shot", "-w", "4", "--price", "0,100", "--json", "-m", "toy")

    with faulty_endpoint(LONG) as server:
        limited = console.run(
            "bench", "run", "suite.jsonl", "--base-url", server.url, "--max-cost", "0.4099", *words
        )
        calls, most_at_once = len(server.requests), server.most_busy
        run = re.findall("bench_[0-9a-z]+", limited.err)[0]
        more = console.run(
            "bench", "run", "--resume", run, "--base-url", server.url, "--max-cost", "10", *words
        )

    first, second = json.loads(limited.out), json.loads(more.out)
    assert (limited.code, calls, most_at_once) == (3, 3, 1)
    assert "--max-cost is reached: $0.30 of $0.41 are spent, and the $0.11 that are left" in limited.err
    assert re.search(r"don.t cover the \$0\.\d+ that the next call reserves", limited.err), limited.err
    assert [len(report["verdicts"]) for report in (first, second)] == [3, 4]
    assert first["cost_usd"] == pytest.approx(0.3)
    assert (more.code, len(server.requests)) == (0, 4)


@pytest.mark.slow
def test_a_limit_of_cost_holds_if_other_machines_judge(console: Console, tmp_path: Path) -> None:
    words = ("--one-shot", "--price", "0,100", "--json", "-m", "toy", "--max-cost", "0.4099")

    with (
        faulty_endpoint(LONG) as model,
        started(tmp_path / "a") as first,
        started(tmp_path / "b") as second,
    ):
        fleet = ("--workers", f"{first.url},{second.url}")
        limited = console.run("bench", "run", "suite.jsonl", "--base-url", model.url, *fleet, *words)

    report = json.loads(limited.out)
    assert (limited.code, len(model.requests), model.most_busy) == (3, 3, 1)
    assert len(report["verdicts"]) == 3
    assert report["cost_usd"] == pytest.approx(0.3)


def answered(text: str, *, tokens: int = 2) -> Reply:
    """An answer of two tokens, or of more, which are blanks."""
    return says("```python\ndef f0(n):\n", f"    return {text}\n```\n", *[" "] * (tokens - 2))


@pytest.mark.slow
def test_a_sample_that_the_budget_cuts_after_a_call_is_missing_and_is_made_anew(console: Console) -> None:
    # The first answer is wrong and long, so that a second call is needed, which the budget doesn't cover.
    words = ("--strategy", "repair", "-w", "1", "--price", "0,100", "--json", "-m", "toy")

    with faulty_endpoint(answered("n + 1", tokens=3000), answered("n")) as server:
        limited = console.run(
            "bench", "run", "seen.jsonl", "--base-url", server.url, "--max-cost", "0.4097", *words
        )
        run = re.findall("bench_[0-9a-z]+", limited.err)[0]
        more = console.run(
            "bench", "run", "--resume", run, "--base-url", server.url, "--max-cost", "10", *words
        )

    first, second = json.loads(limited.out), json.loads(more.out)
    assert (limited.code, more.code) == (3, 0), limited.err + more.err
    assert (first["missing"], first["verdicts"]) == (["c/0"], [])
    assert second["pass_at"]["1"] == 1.0
    counted = [sum(usage["calls"] for usage in report["usage"]) for report in (first, second)]
    assert counted == [1, len(server.requests)]
    assert second["cost_usd"] == pytest.approx(0.3 + 0.0002 * (len(server.requests) - 1))


@pytest.mark.slow
def test_an_answer_that_the_budget_cut_is_missing_and_not_wrong(console: Console) -> None:
    words = ("--one-shot", "-w", "1", "--price", "0,100", "--json", "-m", "toy")
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(re.findall(r"def (f\d)\(", str(request.body["messages"]))[-1])
        whole = f"```python\ndef {asked[-1]}(n):\n    return n\n```\n"
        return says(whole[:20], finish="length") if len(asked) == 2 else says(whole)

    with faulty_endpoint(answer) as server:
        limited = console.run(
            "bench", "run", "suite.jsonl", "--base-url", server.url, "--max-cost", "0.4099", *words
        )
        run = re.findall("bench_[0-9a-z]+", limited.err)[0]
        more = console.run(
            "bench", "run", "--resume", run, "--base-url", server.url, "--max-cost", "10", *words
        )

    first, second = json.loads(limited.out), json.loads(more.out)
    assert (limited.code, more.code) == (3, 0), limited.err + more.err
    assert [one["verdict"] for one in first["verdicts"]] == ["passed"]
    assert first["cost_usd"] == pytest.approx(0.0002)  # the answer that was cut counts
    assert second["pass_at"]["1"] == 1.0
    assert second["cost_usd"] == pytest.approx(0.0001 * len(server.requests))


@pytest.mark.slow
def test_calls_of_a_sample_that_a_kill_cut_are_counted_once(console: Console) -> None:
    words = ("--strategy", "repair", "-w", "1", "--price", "0,100", "-m", "toy")

    with faulty_endpoint(answered("n + 1"), streams(ending="hang"), answered("n")) as server:
        process = console.start_anew("bench", "run", "seen.jsonl", "--base-url", server.url, *words)
        while len(server.requests) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.communicate()
        (listed,) = json.loads(console.run("bench", "list", "--runs", "--json").out)
        out = str(console.home / "report.json")
        more = console.run(
            "bench", "run", "--resume", listed["run"], "--base-url", server.url, "-o", out, *words
        )

    report = json.loads(Path(out).read_text())
    assert (more.code, report["pass_at"]["1"]) == (0, 1.0), more.err
    assert re.search(r"Not counted, which may cost up to \$0\.\d+: 1 call without an answer", more.err), (
        more.err
    )
    answered_count = len(server.requests) - 1  # the second was never answered
    assert sum(usage["calls"] for usage in report["usage"]) == answered_count
    assert report["cost_usd"] == pytest.approx(0.0002 * answered_count)


@pytest.mark.slow
def test_samples_whose_own_limit_covers_no_call_end_the_run_and_are_not_wrong(console: Console) -> None:
    words = ("--one-shot", "--price", "1000,1000", "--json", "-m", "toy")

    with faulty_endpoint(LONG) as server:
        done = console.run("bench", "run", "suite.jsonl", "--base-url", server.url, *words)

    assert (done.code, len(server.requests)) == (5, 0), done.out
    assert "the next call could go over the limit of $1" in done.err
