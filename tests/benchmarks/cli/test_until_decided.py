"""`coder bench run --until-decided`: looks at a run as it grows, that end it once it is decided."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.report import write_report
from benchmarks.reports.read_report import read_report
from benchmarks.suites.load import load_suite
from tests.benchmarks.reports.reports_made import report_of
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import Reply, Request, faulty_endpoint, says

CASES = [
    {
        "id": f"c{i}",
        "prompt": f"def f{i}(n):\n    '''n'''\n",
        "entry_point": f"f{i}",
        "test": "def check(candidate):\n    assert candidate(5) == 5\n",
        "canonical_solution": "    return n\n",
    }
    for i in range(8)
]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """With suite.jsonl, eight cases, and baseline.json, four samples of each, all passed."""
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CASES))
    console = Console(tmp_path)
    assert (
        console.run("bench", "run", "suite.jsonl", "--agent", "oracle", "-n", "4", "-o", "baseline.json").code
        == 0
    )
    return console


def asked(request: Request, wrong: tuple[str, ...]) -> Reply:
    """The answer to a case, wrong for those that are named."""
    name = re.findall(r"def (f\d)\(", str(request.body["messages"]))[-1]
    return says(f"```python\ndef {name}(n):\n    return {'n + 1' if name in wrong else 'n'}\n```")


LIKE = ("--until-decided", "--baseline", "baseline.json", "--max-drop", "0.3", "--one-shot", "-m", "toy")


@pytest.mark.slow
def test_a_run_ends_at_the_look_that_decides_it_and_the_gate_says_the_same(console: Console) -> None:
    every = tuple(f"f{i}" for i in range(8))
    gate = ("gate", "report.json", "--baseline", "baseline.json", "--max-drop", "0.3")
    found = []
    for wrong in ((), every):
        with faulty_endpoint(lambda request, wrong=wrong: asked(request, wrong)) as server:
            done = console.run(
                *("bench", "run", "suite.jsonl", "-n", "8", "--base-url", server.url, "-o", "report.json"),
                *LIKE,
            )
        report = read_report(console.home / "report.json")
        assert report.looks is not None
        gated = console.run(*gate)
        found.append((done.code, gated.code, report.looks.taken[-1].decision, len(report.verdicts) < 64))
        assert f"look {len(report.looks.taken)} of 4" in done.err

    assert found == [(0, 0, "passed", True), (1, 1, "failed", True)]


@pytest.mark.slow
def test_a_decided_run_that_is_continued_says_the_same_and_asks_no_more(console: Console) -> None:
    with faulty_endpoint(lambda request: asked(request, ())) as server:
        done = console.run("bench", "run", "suite.jsonl", "-n", "8", "--base-url", server.url, *LIKE)
        count, listed = len(server.requests), json.loads(console.run("bench", "list", "--runs", "--json").out)
        resume = ("--resume", listed[0]["run"], "--base-url", server.url)
        again = console.run("bench", "run", *resume, "-o", "report.json")
        after = len(server.requests)

    said = "look 2 of 4, with 4 of 8 samples a case: pass@1 100.0 %"
    assert (done.code, again.code, said in done.err, said in again.err) == (0, 0, True, True), again.err
    assert (count, after, listed[0]["samples"]) == (32, 32, 32)
    assert len(read_report(console.home / "report.json").verdicts) == 32


@pytest.mark.slow
def test_the_looks_that_were_taken_are_kept_over_a_resume(console: Console) -> None:
    words = ("--price", "0,100", "-w", "1", "-n", "4", "--max-drop", "0.02")
    with faulty_endpoint(
        lambda request: asked(request, ("f0",) if len(server.requests) % 2 else ())
    ) as server:
        flags = (*LIKE[:-5], *words, "--one-shot", "-m", "toy", "--base-url", server.url)
        cut = console.run("bench", "run", "suite.jsonl", "--max-cost", "0.412", "-o", "cut.json", *flags)
        run = re.findall("bench_[0-9a-z]+", cut.err)[0]
        changed = console.run("bench", "run", "--resume", run, "--max-cost", "9", "--max-drop", "0.1")
        more = console.run(
            "bench", "run", "--resume", run, "--base-url", server.url, "--max-cost", "9", "-o", "more.json"
        )

    first, second = (read_report(console.home / name).looks for name in ("cut.json", "more.json"))
    assert (cut.code, changed.code, more.code) == (11, 2, 11), cut.err + changed.err + more.err
    assert first is not None
    assert second is not None
    assert first.taken == second.taken[: len(first.taken)]
    assert [look.samples for look in second.taken] == [1, 2, 3, 4]
    assert "was begun against another baseline, or with another --max-drop" in changed.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--until-decided", "give --baseline FILE and --max-drop"),
        ("--max-drop 0.1", "are of --until-decided here"),
        ("--until-decided --baseline baseline.json --max-drop 0", "lies between 0 and 1"),
        ("--until-decided --baseline baseline.json --max-drop 0.3 --agent nop", "leave out --agent"),
        ("--until-decided --baseline baseline.json --max-drop 0.3 --shard 1/2", "leave out --agent"),
        ("--until-decided --baseline baseline.json --max-drop 0.3 -n 1", "give --samples 2 or more"),
        ("--until-decided --baseline baseline.json --max-drop 0.3 --temperature 0", "samples that vary"),
        ("--until-decided --baseline other.json --max-drop 0.3", "has judged no case of"),
        ("--until-decided --baseline changed.json --max-drop 0.3", "has judged other prompts or tests"),
        ("--until-decided --baseline old.json --max-drop 0.3", "is of an older version, which doesn't keep"),
        ("--until-decided --baseline thin.json --max-drop 0.05", "Take it again with: --samples"),
        ("--until-decided --baseline nothing.json --max-drop 0.3", "nothing.json"),
        ("--until-decided --baseline baseline.json --max-drop 0.3 -o baseline.json", "would be overwritten"),
    ],
)
def test_what_can_decide_nothing_is_refused_before_it_is_paid(tmp_path: Path, words: str, said: str) -> None:
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CASES))
    write_report(report_of({"other": "p"}), tmp_path / "other.json")
    suite, every = load_suite(str(tmp_path / "suite.jsonl")), {f"c{i}": "pppp" for i in range(8)}
    thin = report_of({f"c{i}": "pf"[i % 2] for i in range(8)}, suite=suite)
    write_report(thin, tmp_path / "thin.json")
    write_report(report_of(every, suite=suite), tmp_path / "baseline.json")
    changed = report_of(every)
    write_report(changed, tmp_path / "changed.json")
    write_report(changed.model_copy(update={"case_digests": {}}), tmp_path / "old.json")

    done = Console(tmp_path).run("bench", "run", "suite.jsonl", *words.split())

    assert (done.code, said in done.err) == (2, True), done.err
