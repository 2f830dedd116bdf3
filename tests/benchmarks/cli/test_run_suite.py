"""`coder bench run`, `grade`, `audit` and `merge`, as a shell sees them."""

import json
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cli.grade_command import Scoring
from benchmarks.reports.read_report import read_report
from benchmarks.runner.bench_session import BenchSession
from benchmarks.runner.runner import MAX_FAILURES
from benchmarks.runner.spread import Spread
from benchmarks.stats.comparison import judged_tallies
from coder.base.errors import UsageError
from coder.run.settings import Settings
from coder.store import SqliteLog
from tests.coder.people.cli.console import CODER, Console
from tests.docker_engine import IMAGE
from tests.faulty_endpoint import begins, faulty_endpoint, says, status
from tests.less_machine import small_disk
from tests.only_pytest import only_pytest

CASES = [
    {
        "id": f"c/{i}",
        "prompt": f"def f{i}(n):\n    '''n plus {i}'''\n",
        "entry_point": f"f{i}",
        "test": f"def check(candidate):\n    for n in (1, 5):\n        assert candidate(n) == n + {i}\n",
        "canonical_solution": f"    return n + {i}\n",
    }
    for i in range(4)
]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """With suite.jsonl and samples.jsonl: two samples of each case, the second of them wrong."""
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CASES))
    samples = [
        {"task_id": one["id"], "completion": completion}
        for one in CASES
        for completion in (one["canonical_solution"], "    return None\n")
    ]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in samples))
    return Console(tmp_path)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    verdicts = [{k: v for k, v in one.items() if k not in ("cpu_s", "wall_s")} for one in report["verdicts"]]
    return {**report, "verdicts": verdicts, "times": None, "command": None}


@pytest.mark.slow
def test_grade_scores_a_file_and_writes_the_results_beside_it(console: Console) -> None:
    done = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--json")

    report = json.loads(done.out)
    results = [json.loads(line) for line in (console.home / "samples.jsonl_results.jsonl").open()]
    assert (done.code, report["pass_at"]["1"], report["outcomes"]) == (0, 0.5, {"passed": 4, "failed": 4})
    assert [(one["id"], one["sample"]) for one in report["verdicts"]][:3] == [
        ("c/0", 0),
        ("c/0", 1),
        ("c/1", 0),
    ]
    assert {"suite", "judge", "samples", "parameters"} <= report["digests"].keys()
    assert [one["passed"] for one in results] == [True, False] * 4
    assert results[1]["result"].startswith("failed: assert candidate(n) == n + 0")
    assert (results[0]["task_id"], results[0]["result"]) == ("c/0", "passed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "ids"), [(("--filter", "c/[13]"), ["c/1", "c/3"]), (("--slice", "1:3"), ["c/1", "c/2"])]
)
def test_grade_takes_the_chosen_cases_alone_so_that_others_without_an_answer_are_no_failures(
    console: Console, flags: tuple[str, str], ids: list[str]
) -> None:
    samples = console.home / "samples.jsonl"
    samples.write_text("".join(samples.read_text().splitlines(keepends=True)[::2]))  # the right ones
    if flags[0] == "--filter":
        samples.write_text("".join(line for line in samples.open() if "c/0" not in line))
    home = str(console.home / "data")

    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", *flags, "--json")
    done = console.run(*words, CODER_HOME=home)
    (run,) = [
        line.split()[0] for line in console.run("bench", "list", "--runs", CODER_HOME=home).out.splitlines()
    ]
    resumed = console.run("bench", "grade", "--resume", run, "--json", CODER_HOME=home)

    report = json.loads(done.out)
    assert (done.code, report["pass_at"]["1"], report["outcomes"]) == (0, 1.0, {"passed": 2})
    assert [one["id"] for one in report["verdicts"]] == ids
    again = json.loads(resumed.out)
    assert (again["pass_at"], again["digests"]) == (report["pass_at"], report["digests"])


def test_samples_of_none_of_the_chosen_cases_are_refused(console: Console) -> None:
    samples = console.home / "samples.jsonl"
    samples.write_text(samples.read_text().splitlines()[0])

    done = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--slice", "2:")

    assert done.code == 2
    assert "holds no sample of the cases that --filter and --slice choose" in done.err


@pytest.mark.slow
def test_each_damaged_row_is_its_own_infrastructure_and_the_others_are_judged(console: Console) -> None:
    damaged = [
        *('{"task_id": "c/0", "comp', "[1]", "7", '{"task_id": "c/9", "completion": ""}', "\\xff"),
        *('{"task_id": "c/1", "completion": 3}', '{"task_id": "c/1"}', '{"completion": ""}'),
    ]
    samples = console.home / "samples.jsonl"
    whole = samples.read_text().splitlines()
    samples.write_text("\n".join([*damaged, *whole]) + "\n")
    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-o", "r.json")
    home = str(console.home / "data")

    done = console.run(*words, "--pages", "pages", CODER_HOME=home)
    (run,) = [
        line.split()[0] for line in console.run("bench", "list", "--runs", CODER_HOME=home).out.splitlines()
    ]
    again = console.run("bench", "grade", "--resume", run, "--json", CODER_HOME=home)

    report, resumed = json.loads((console.home / "r.json").read_text()), json.loads(again.out)
    assert (done.code, again.code) == (5, 5)
    assert report["outcomes"] == {"passed": 4, "failed": 4, "infrastructure": 8}
    # Rows that name no case aren't in the denominator: c/1 has two passes short of four.
    assert report["cases"] == 4
    assert report["pass_at"]["1"] == pytest.approx((3 * 1 / 2 + 1 / 4) / 4)
    assert report["rows"] == [f"samples.jsonl, line {line}" for line in (1, 2, 3, 4, 5, 8)]
    details = {one["id"]: one["detail"] for one in report["verdicts"] if one["verdict"] == "infrastructure"}
    assert all(f"{row}: " in details[row] for row in report["rows"])
    assert "no case 'c/9'" in details["samples.jsonl, line 4"]
    assert (
        "8 samples could not be judged:\n  c/1, sample 0: reading the answer: samples.jsonl, line 6: "
        in done.err
    )
    keys = ("id", "sample", "verdict", "strength")
    assert [[one[key] for key in keys] for one in resumed["verdicts"]] == [
        [one[key] for key in keys] for one in report["verdicts"]
    ]
    results = [json.loads(line) for line in (console.home / "samples.jsonl_results.jsonl").open()]
    assert [one["passed"] for one in results] == [False] * 8 + [True, False] * 4
    assert results[1]["task_id"] == "samples.jsonl, line 2"
    assert console.run("bench", "report", "r.json", "--junit", "r.xml").code == 0
    assert (console.home / "r.xml").read_text().count("<error ") == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"task_id": "c/9", "completion": ""}', "line 1: the suite has no case 'c/9'"),
        ('{"task_id": "c/0", "comp', "line 1: not JSON"),
        ('{"task_id": "c/0"}', "line 1: the sample has none of the fields"),
    ],
)
def test_a_file_without_a_readable_sample_is_refused(console: Console, text: str, said: str) -> None:
    (console.home / "samples.jsonl").write_text(text + "\n")

    done = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl")

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (console.home / "samples.jsonl_results.jsonl").exists()


@pytest.mark.slow
def test_a_grading_that_was_killed_goes_on_and_gives_the_same_report(console: Console) -> None:
    many = (console.home / "samples.jsonl").read_text() * 25
    (console.home / "samples.jsonl").write_text(many)
    whole = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--json")

    home = f"{console.home}/b"
    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-q")
    killed = console.start(*words, CODER_HOME=home)
    log = console.home / "b/bench/events/events.sqlite-wal"
    until = time.monotonic() + 300
    while killed.poll() is None and time.monotonic() < until and not _has_verdicts(log):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    run = _only_run(console.home / "b/bench/events/events.sqlite")
    resumed = console.run("bench", "grade", "--resume", run, "--json", CODER_HOME=home)

    assert (whole.code, resumed.code) == (0, 0)
    assert without_times(json.loads(resumed.out)) == without_times(json.loads(whole.out))


@pytest.mark.slow
def test_a_report_says_by_which_command_it_began_and_no_key(console: Console) -> None:
    with faulty_endpoint(*[says("```python\n```") for _ in range(4)]) as endpoint:
        address = endpoint.url.replace("://", "://me:hunter2hunter2@") + "?token=t0k3n-of-the-gateway"
        words = ("suite.jsonl", f"--model=toy@{address}", "--one-shot", "-q", "-o", "key-4711-key.json")
        done = console.run("bench", "run", *words, OPENAI_API_KEY="key-4711-key")
        (run,) = json.loads(console.run("bench", "list", "--runs", "--json").out)
        resumed = console.run("bench", "run", "--resume", run["run"], "--json", OPENAI_API_KEY="key-4711-key")

    report = json.loads((console.home / "key-4711-key.json").read_text())
    command = f"coder bench run suite.jsonl --model=toy@{endpoint.url} --one-shot -q -o '[redacted].json'"
    assert (done.code, report["command"]) == (0, command), done.err
    assert json.loads(resumed.out)["command"] == command


@pytest.mark.slow
def test_a_resume_is_of_what_is_named_with_it_and_by_the_command_that_began(console: Console) -> None:
    text = (console.home / "suite.jsonl").read_text()
    (console.home / "other.jsonl").write_text(text.replace("plus", "and"))
    first = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-o", ".")
    run = first.err.partition("--resume ")[2].split()[0]

    other = console.run("bench", "grade", "other.jsonl", "--samples", "samples.jsonl", "--resume", run)
    same = console.run("bench", "grade", "suite.jsonl", "--resume", run)
    by_another = console.run("bench", "run", "--resume", run)

    assert (other.code, same.code, by_another.code) == (2, 0, 2)
    assert "the suite changed" in other.err
    assert f"coder bench grade --resume {run}" in by_another.err


@pytest.mark.slow
def test_a_resume_about_something_else_is_refused(console: Console) -> None:
    first = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-q")
    run = _only_run(console.home / "data/bench/events/events.sqlite")
    with (console.home / "samples.jsonl").open("a") as file:
        file.write('{"task_id": "c/0", "completion": "    return 0"}\n')

    done = console.run("bench", "grade", "--resume", run)

    assert first.code == 0
    assert done.code == 2
    assert "the samples changed" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("way", [("--one-shot",), ("--strategy", "repair")])
@pytest.mark.parametrize(
    ("temperature", "said", "is_alike", "sent"),
    [
        ((), "at the model's default temperature", False, None),
        (("--temperature", "0.8"), "drawn at temperature 0.8", False, 0.8),
        (("--temperature", "0"), "drawn greedily", True, 0),
    ],
)
def test_samples_are_drawn_at_the_models_temperature_unless_one_is_given_and_greedy_ones_are_alike(
    console: Console,
    way: tuple[str, ...],
    temperature: tuple[str, ...],
    said: str,
    is_alike: bool,
    sent: float | None,
) -> None:
    with faulty_endpoint(*[says("```python\ndef f1(n): return n + 1\n```") for _ in range(8)]) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", *way, "--price", "1,1")
        words = ("bench", "run", "suite.jsonl", "-n", "2", "--filter", "c/1", *model, *temperature)
        done = console.run(*words, "-o", "report.json", OPENAI_API_KEY="x")

    report = json.loads((console.home / "report.json").read_text())
    assert done.code == 0, done.err
    assert said in done.err
    assert {request.body.get("temperature") for request in endpoint.requests} == {sent}
    assert (report["greedy"], report["independent"]) == (is_alike, not is_alike)
    assert (report["pass_at"]["2"] is None) == is_alike


@pytest.mark.slow
@pytest.mark.parametrize(("way", "is_alike"), [("repair", True), ("best-of-n", False)])
def test_repeats_of_a_run_with_one_sample_a_case_are_copies_unless_it_draws_several(
    console: Console, way: str, is_alike: bool
) -> None:
    answers = [says("```python\ndef f1(n): return n + 1\n```") for _ in range(8)]
    with faulty_endpoint(*answers) as endpoint:
        words = ("bench", "run", "suite.jsonl", "--filter", "c/1", "--base-url", endpoint.url, "-m", "toy")
        for name in ("one", "two"):
            assert console.run(*words, "--strategy", way, "-o", f"{name}.json").code == 0

    reports = [read_report(console.home / f"{name}.json") for name in ("one", "two")]
    assert 0 in [request.body["temperature"] for request in endpoint.requests]  # several at a time
    assert judged_tallies(reports)["c/1"].samples == (1 if is_alike else 2)


WEAK = {
    "id": "shop",
    "kind": "repository",
    "prompt": "price() should be 5.",
    "files": {"shop.py": "def price():\n    return 4\n"},
    "hidden_tests": {"test_shop.py": "import shop\n\ndef test_price():\n    assert shop.price() == 5\n"},
    "gold_patch": None,
    "fail_to_pass": ["test_shop.py::test_price"],
    "pass_to_pass": [],
    "test_command": "python -m pytest -q",
    "may_change": ["*.py"],
}
"""A case without an own patch, whose verdicts are weak."""
SHOP_PATCH = "--- a/shop.py\n+++ b/shop.py\n@@ -1,2 +1,2 @@\n def price():\n-    return 4\n+    return {}\n"


@pytest.mark.slow
def test_a_failed_case_fails_the_gate_though_it_was_judged_weakly(console: Console) -> None:
    (console.home / "shop.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (*CASES[:2], WEAK)))
    gates = []
    for number in (6, 5):
        answers = [{"task_id": one["id"], "completion": one["canonical_solution"]} for one in CASES[:2]]
        answers.append({"instance_id": "shop", "model_patch": SHOP_PATCH.format(number)})
        (console.home / "answers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
        graded = console.run(
            *("bench", "grade", "shop.jsonl", "--samples", "answers.jsonl", "--no-results"),
            *("--python", str(only_pytest()), "--out", "r.json", "--json"),
        )
        report = json.loads(graded.out)
        gates += [
            (
                report["pass_at"]["1"],
                console.run("gate", "r.json", "--min-pass", "0.9", "--strict", *least).code,
            )
            for least in ((), ("--min-strength", "apart"))
        ]
        assert report["strengths"] == {"strong": 2, "weak": 1}, graded.err

    assert gates == [(pytest.approx(2 / 3), 1), (pytest.approx(2 / 3), 1), (1.0, 0), (1.0, 8)]


@pytest.mark.slow
def test_a_minimum_strength_is_kept_for_the_resume_and_the_results_follow_it(console: Console) -> None:
    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--sandbox", "container")
    first = console.run(*words, "--min-strength", "strong", "-q", CODER_UNSAFE_HOST="1")
    (run,) = json.loads(console.run("bench", "list", "--runs", "--json").out)

    resumed = console.run(
        *("bench", "grade", "--resume", run["run"], "--sandbox", "container", "--json"), CODER_UNSAFE_HOST="1"
    )

    report = json.loads(resumed.out)
    results = [json.loads(line) for line in (console.home / "samples.jsonl_results.jsonl").open()]
    assert (first.code, resumed.code) == (0, 0), first.err + resumed.err
    assert (report["min_strength"], report["pass_at"]["1"], report["outcomes"]["passed"]) == ("strong", 0, 4)
    assert {(one["passed"], one["result"]) for one in results[::2]} == {
        (False, "failed: weaker, which is below strong")
    }


@pytest.mark.slow
def test_status_and_progress_count_passes_as_the_report_does_and_a_resume_judges_infrastructure_again(
    console: Console,
) -> None:
    with (console.home / "samples.jsonl").open("a") as file:
        file.write('{"task_id": "c/3", "completion": 3}\n')
    home = str(console.home / "data")
    words = (
        "bench",
        "grade",
        "suite.jsonl",
        "--samples",
        "samples.jsonl",
        "--min-strength",
        "strong",
        "--json",
    )
    done = console.run(*words, CODER_HOME=home)
    with sqlite3.connect(console.home / "data/bench/events/events.sqlite") as log:
        ((run,),) = log.execute("SELECT run FROM run").fetchall()
        log.execute("UPDATE event SET body = replace(body, 'strong', 'weak') WHERE body LIKE '%\"c/0\"%'")
    first = json.loads(console.run("bench", "status", run, "--json", CODER_HOME=home).out)
    words_of_status = console.run("bench", "status", run, CODER_HOME=home)

    resumed = console.run("bench", "grade", "--resume", run, "--json", CODER_HOME=home)

    report, again = json.loads(done.out), json.loads(resumed.out)
    status = json.loads(console.run("bench", "status", run, "--json", CODER_HOME=home).out)
    assert (done.code, resumed.code) == (5, 5)
    assert report["pass_at"]["1"] == pytest.approx((3 / 2 + 1 / 3) / 4)
    assert f"Judge them again with: coder bench grade --resume {run}" in done.err
    assert "After a change of the suite or of the samples, begin anew" in done.err
    assert (first["judged"], first["passed"], first["min_strength"]) == (9, 3, "strong")
    assert first["rate"] <= first["judged"]
    assert "3 passed (passes below strong count as not passed)" in words_of_status.out
    assert (status["judged"], status["passed"]) == (9, 3)
    assert again["outcomes"] == {"passed": 4, "failed": 4, "infrastructure": 1}
    assert again["pass_at"]["1"] == pytest.approx((2 / 2 + 1 / 3) / 4)


@pytest.mark.slow
def test_shards_of_a_run_merge_into_its_report(console: Console) -> None:
    with faulty_endpoint(*[says("```python\ndef f1(n): return n + 1\n```") for _ in range(12)]) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--one-shot", "--price", "1,1", "-q")
        whole = console.run("bench", "run", "suite.jsonl", *model, "-o", "whole.json", OPENAI_API_KEY="x")
        for shard in ("1/2", "2/2"):
            more = ("--shard", shard, "-o", f"{shard[0]}.json")
            console.run("bench", "run", "suite.jsonl", *model, *more, OPENAI_API_KEY="x")
        merged = console.run("bench", "merge", "suite.jsonl", "1.json", "2.json", "--json")
        twice = console.run("bench", "merge", "suite.jsonl", "1.json", "1.json")

    assert (whole.code, merged.code, twice.code) == (0, 0, 2), merged.err
    one, other = json.loads((console.home / "whole.json").read_text()), json.loads(merged.out)
    for report in (one, other):
        report["usage"] = [{**usage, "seconds": 0, "call_s": 0} for usage in report["usage"]]
    assert without_times(one) == without_times(other)
    assert other["outcomes"] == {"error": 3, "passed": 1}
    assert other["command"] == "coder bench merge suite.jsonl 1.json 2.json --json"


@pytest.mark.slow
def test_a_run_over_some_cases_reports_these_and_no_others(console: Console) -> None:
    with faulty_endpoint(*[says("```python\ndef f1(n): return n + 1\n```") for _ in range(4)]) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--one-shot", "--price", "1,1", "-q")
        part = ("--filter", "c/[12]")
        for shard in ("1/2", "2/2"):
            more = (*part, "--shard", shard, "-o", f"{shard[0]}.json")
            console.run("bench", "run", "suite.jsonl", *model, *more, OPENAI_API_KEY="x")
        merged = console.run("bench", "merge", "suite.jsonl", "1.json", "2.json", *part, "--json")
        other = console.run("bench", "merge", "suite.jsonl", "1.json", "2.json", "--json")

    report = json.loads(merged.out)
    assert (report["cases"], report["missing"], report["pass_at"]["1"]) == (2, [], 0.5), merged.err
    assert other.code == 2
    assert "give merge the same" in other.err


@pytest.mark.slow
def test_a_report_that_can_not_be_written_is_had_again_from_the_log(console: Console) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--no-results", "-q")

    full = console.run(*grade, "-o", "/dev/full")
    run = full.err.partition("--resume ")[2].split()[0]
    again = console.run("bench", "grade", "--resume", run, "-q", "--no-results", "-o", "report.json")

    assert (full.code, again.code) == (5, 0)
    assert "Can't write /dev/full: No space left on device" in full.err
    assert json.loads((console.home / "report.json").read_text())["pass_at"]["1"] == 0.5


@pytest.mark.slow
def test_a_samples_file_that_loses_lines_while_it_is_graded_is_no_score(tmp_path: Path) -> None:
    suite, samples = tmp_path / "suite.jsonl", tmp_path / "samples.jsonl"
    suite.write_text("".join(json.dumps(one) + "\n" for one in CASES))
    lines = [json.dumps({"task_id": one["id"], "completion": one["canonical_solution"]}) for one in CASES]
    samples.write_text("\n".join(lines) + "\n")
    scoring = Scoring(str(suite), samples, exact=False)
    session = BenchSession(scoring.suite, Settings(), Spread(workers=1))
    samples.write_text("\n".join(lines[:2]) + "\n")

    with (
        SqliteLog(tmp_path / "log") as log,
        pytest.raises(UsageError, match="held 4 samples at first, and 2"),
    ):
        scoring.work(session, log, quiet=True)


def _has_verdicts(log: Path) -> bool:
    return log.exists() and log.stat().st_size > 60_000


def _only_run(database: Path) -> str:
    with sqlite3.connect(database) as connection:
        ((run,),) = connection.execute("SELECT run FROM run").fetchall()
    return str(run)


@pytest.mark.slow
def test_a_run_that_was_killed_is_found_in_the_list(console: Console) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl")

    graded = console.run(*grade)
    listed = console.run("bench", "list", "--runs")

    run = graded.said[0].partition(":")[0]
    assert graded.said[0] == f"{run}: 8 samples"
    assert [line.split()[:2] for line in listed.out.splitlines()] == [[run, "done"]]
    assert str(console.home / "suite.jsonl") in listed.out


@pytest.mark.slow
def test_a_resume_alone_asks_the_same_model_as_often_and_in_the_same_way(console: Console) -> None:
    no, hangs = says("I don't know."), begins("I don't", ending="hang")
    with faulty_endpoint(no, no, hangs, hangs, no, no, no, no) as endpoint:
        how = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "best-of-n", "--max-calls", "2")
        more = ("--temperature", "0.25", "--price", "1,1", "--slice", "0:3", "-w", "1", "-q")
        begun = console.start("bench", "run", "suite.jsonl", *how, *more, OPENAI_API_KEY="x")
        assert endpoint.wait_until(lambda it: len(it.requests) >= 4)
        begun.send_signal(signal.SIGINT)
        run = re.findall("bench_[0-9a-z]+", begun.communicate()[1].decode())[0]
        others = console.run("bench", "run", "--resume", run, "--slice", "0:4", OPENAI_API_KEY="x")
        fewer = console.run("bench", "run", "--resume", run, "--max-calls", "1", OPENAI_API_KEY="x")
        resumed = console.run("bench", "run", "--resume", run, "--json", OPENAI_API_KEY="x")

    bodies = [request.body for request in endpoint.requests]
    assert (begun.returncode, others.code, fewer.code, resumed.code) == (130, 2, 2, 0), resumed.err
    assert "--slice" in others.err
    assert "the parameters changed" in fewer.err
    assert [one["id"] for one in json.loads(resumed.out)["verdicts"]] == ["c/0", "c/1", "c/2"]
    assert len(bodies) == 4 + 4  # two at once
    assert {(body["model"], body["temperature"]) for body in bodies} == {("toy", 0.25)}


@pytest.mark.slow
def test_a_resumed_run_counts_its_rate_from_where_it_goes_on(console: Console) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl")
    run = console.run(*grade).said[0].partition(":")[0]

    again = console.run("bench", "grade", "--resume", run)

    assert again.said[0] == f"{run}: 8 samples, 8 of them done before"
    assert re.fullmatch(r"0 samples in \d+ s, 0.0/min", again.said[1])


@pytest.mark.slow
def test_a_bar_shows_progress_on_a_terminal_and_is_wiped_before_the_report(console: Console) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl")

    screen = re.sub(r"\x1b\[[0-9;]*m", "", console.on_terminal(*grade, NO_COLOR="").out)
    piped = console.run(*grade)

    assert " 0/8  -:--:-- left" in screen
    assert screen.rindex("━") < screen.rindex("\x1b[1A\x1b[2K8 samples in")
    assert "━" not in piped.err + piped.out


@pytest.mark.slow
def test_the_answers_of_a_run_are_written_in_the_order_of_the_suite(console: Console) -> None:
    all_four = "".join(f"def f{i}(n):\n    return n + {i}\n" for i in range(4))
    with faulty_endpoint(*[says(f"```python\n{all_four}```") for _ in range(4)]) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--one-shot", "--price", "1,1", "-q")
        words = ("--shuffle", "--seed", "3", "-w", "1", "--answers", "answers.jsonl")
        done = console.run("bench", "run", "suite.jsonl", *model, *words, OPENAI_API_KEY="x")

    written = [json.loads(line) for line in (console.home / "answers.jsonl").open()]
    assert (done.code, [one["task_id"] for one in written]) == (0, ["c/0", "c/1", "c/2", "c/3"])
    assert all("def f" in one["solution"] for one in written)


@pytest.mark.slow
def test_a_full_disk_ends_a_grading_with_what_was_judged_and_how_to_go_on(console: Console) -> None:
    (console.home / "samples.jsonl").write_text((console.home / "samples.jsonl").read_text() * 40)
    data = console.home / "data"
    data.mkdir()
    grade = "bench grade suite.jsonl --samples samples.jsonl --no-results"
    script = (
        f'head -c 120000 /dev/zero >{data}/filler; "$@"; echo "code $?"; rm {data}/filler; '
        f'{CODER} bench grade --resume "$({CODER} bench list --runs | cut -d " " -f 1)" --no-results'
    )

    done = console.run_behind((*small_disk(data, 270_000), "sh", "-c", script, "sh"), *grade.split())

    assert done.out.startswith("code 5\n"), done.err
    assert "passed 160  failed 160" in done.out, done.out
    assert "What was judged until then is saved. Go on with: coder bench grade --resume bench_" in done.err
    assert re.search(r"320 samples, \d+ of them done before", done.err)


@pytest.mark.slow
def test_a_grading_without_a_sandbox_says_how_to_go_on(console: Console) -> None:
    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--sandbox", "docker")

    done = console.run(*words, DOCKER_HOST="tcp://127.0.0.1:1")

    assert done.code == 5
    assert "No Docker engine answers" in done.err
    assert "Go on with: coder bench grade --resume bench_" in done.err


@pytest.mark.slow
def test_two_gradings_at_once_in_one_folder_give_the_same_report(console: Console) -> None:
    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--json")

    both = [console.start(*words) for _ in range(2)]
    reports = [json.loads(one.communicate(timeout=120)[0]) for one in both]

    results = (console.home / "samples.jsonl_results.jsonl").read_text().splitlines()
    assert [one.returncode for one in both] == [0, 0]
    assert without_times(reports[0]) == without_times(reports[1])
    assert [json.loads(line)["passed"] for line in results] == [True, False] * 4


@pytest.mark.slow
def test_a_model_that_dies_in_the_middle_is_gone_on_with_once_it_is_back(console: Console) -> None:
    all_four = "".join(f"def f{i}(n):\n    return n + {i}\n" for i in range(4))
    good = says(f"```python\n{all_four}```")
    model = ("-m", "toy", "--one-shot", "--price", "1,1", "-w", "1")
    with faulty_endpoint(good, good, *[status(401)] * MAX_FAILURES, *[good] * 6) as endpoint:
        options = ("--base-url", endpoint.url, *model)
        died = console.run("bench", "run", "suite.jsonl", *options, "-n", "2", OPENAI_API_KEY="x")
        run = died.err.partition("--resume ")[2].split()[0]
        back = console.run("bench", "run", "--resume", run, *options, "--json", OPENAI_API_KEY="x")

    assert (died.code, back.code, len(endpoint.requests)) == (4, 0, 8 + MAX_FAILURES), back.err
    assert json.loads(back.out)["outcomes"] == {"passed": 8}


@pytest.mark.slow
def test_a_short_run_that_has_no_answer_at_all_ends_as_one_whose_model_cant_be_had(console: Console) -> None:
    with faulty_endpoint(status(401)) as endpoint:
        options = ("--base-url", endpoint.url, "-m", "toy", "--slice", "0:1")
        done = console.run("bench", "run", "suite.jsonl", *options, OPENAI_API_KEY="x")

    assert done.code == 4
    assert "HTTP 401" in done.err
    assert "bench run --resume" in done.err


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
def test_a_grading_in_docker_says_in_which_image(console: Console) -> None:
    grade = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "--json")

    done = console.run(*grade, "--sandbox", "docker", "--image", IMAGE)
    elsewhere = console.run(*grade, "--image", IMAGE, "--sandbox", "bubblewrap")

    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["isolation"], report["pass_at"]["1"]) == ("docker", 0.5)
    assert report["digests"]["image"].startswith("sha256:")
    assert elsewhere.code == 2
    assert "--image is Docker's" in elsewhere.err


@pytest.mark.slow
def test_an_answer_that_can_not_be_read_costs_the_others_nothing_and_the_exit_code_says_so(
    console: Console,
) -> None:
    repository = {"id": "r", "kind": "repository", "prompt": "", "files": {"a.py": ""}, "hidden_tests": {}}
    with (console.home / "suite.jsonl").open("a") as file:
        file.write(json.dumps(repository) + "\n")
    with (console.home / "samples.jsonl").open("a") as file:
        file.write('{"task_id": "r", "completion": "pass"}\n')

    done = console.run("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-q", "-o", "r.json")

    report = json.loads((console.home / "r.json").read_text())
    assert done.code == 5
    assert report["outcomes"] == {"passed": 4, "failed": 4, "infrastructure": 1}
    assert "1 sample could not be judged:" in done.err
    assert "r, sample 0: reading the answer: samples.jsonl, line 9: a completion can't answer" in done.err


@pytest.mark.slow
def test_a_row_that_can_not_be_read_is_counted_and_named_also_without_an_answer(console: Console) -> None:
    with (console.home / "suite.jsonl").open("a") as file:
        file.write('{"id": "bad"\n')
    home = str(console.home / "data")

    words = ("bench", "grade", "suite.jsonl", "--samples", "samples.jsonl", "-q", "-o", "r.json")
    done = console.run(*words, CODER_HOME=home)

    report = json.loads((console.home / "r.json").read_text())
    assert done.code == 5
    assert report["outcomes"] == {"passed": 4, "failed": 4, "infrastructure": 1}
    assert (report["missing"], report["pass_at"]["1"]) == ([], 0.4)
    assert "suite.jsonl, line 5: not JSON" in done.err


@pytest.mark.slow
def test_a_case_that_no_answer_can_pass_asks_no_model_and_is_named_as_the_suites_fault(
    console: Console,
) -> None:
    right = {
        "id": "right",
        "prompt": "def f(n):",
        "entry_point": "f",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n",
        "canonical_solution": "    return 2 * n\n",
    }
    wrong = {**right, "id": "wrong", "canonical_solution": "    return n\n"}
    (console.home / "own.jsonl").write_text(f"{json.dumps(right)}\n{json.dumps(wrong)}\n")

    with faulty_endpoint(says("```python\ndef f(n):\n    return n + n\n```")) as endpoint:
        words = ("bench", "run", "own.jsonl", "--one-shot", "--base-url", endpoint.url, "-m", "toy", "--json")
        done = console.run(*words, OPENAI_API_KEY="x")

    report = json.loads(done.out)
    assert (done.code, len(endpoint.requests)) == (5, 1), done.err
    assert (report["outcomes"], report["strengths"]) == ({"passed": 1, "infrastructure": 1}, {"strong": 1})
    assert "The suite is wrong in 1 case, which no answer can pass:" in done.err
    assert "wrong: the case's own canonical answer fails" in done.err
