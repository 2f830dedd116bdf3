"""`coder bench watch`: rounds as a schedule makes them, with a planted change."""

import json
import signal
import venv
from pathlib import Path

import pytest

from benchmarks.reports.read_report import read_report
from benchmarks.runner.round_history import open_history
from benchmarks.stats.difference import Tally
from benchmarks.stats.watch import Round
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import Reply, Request, error, faulty_endpoint, hangs, says

CASES = [
    {
        "id": f"c{i}",
        "prompt": f"def f{i}(n):\n    '''n'''\n",
        "entry_point": f"f{i}",
        "test": "def check(candidate):\n    assert candidate(5) == 5\n",
    }
    for i in range(3)
]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """With suite.jsonl: three cases."""
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(one) + "\n" for one in CASES))
    return Console(tmp_path)


@pytest.mark.slow
def test_a_model_that_becomes_worse_is_noticed_and_confirmed_by_a_fresh_round(console: Console) -> None:
    becomes_worse: list[str] = []

    def answer(request: Request) -> Reply:
        name = next(name for name in ("f0", "f1", "f2") if f"def {name}(" in str(request.body["messages"]))
        value = "n + 1" if becomes_worse and name != "f2" else "n"
        return says(f"```python\ndef {name}(n):\n    return {value}\n```")

    history = console.home / "history.jsonl"
    with faulty_endpoint(answer) as server:
        words = ("--one-shot", "-m", "toy", "--base-url", server.url, "--history", "history.jsonl")
        first = console.run("bench", "watch", "suite.jsonl", *words)
        with open_history(str(history)) as rounds:
            for _ in range(22):
                rounds.add(rounds.rounds[0])
        quiet = console.run("bench", "watch", "suite.jsonl", *words)
        becomes_worse.append("now")
        doubtful = console.run("bench", "watch", "suite.jsonl", *words)
        files = ("--html", "watch.html", "--junit", "watch.xml", "--out", "round.json")
        worse = console.run("bench", "watch", "suite.jsonl", *words, *files, "--json")
        after = console.run("bench", "watch", "suite.jsonl", *words)

    codes = [one.code for one in (first, quiet, doubtful, worse, after)]
    assert codes == [0, 0, 0, 1, 0], worse.err
    assert "round 1: 100.0 %  learning: 20 more rounds" in first.out
    assert "round 24: 100.0 % (before: 100.0 %)  ✓ quiet: 0.0 of 5.0" in quiet.out
    result = json.loads(worse.out)
    assert (result["state"], result["cases"]) == ("alarm", ["c0", "c1"])
    assert "A fresh round is made to confirm it." in worse.err
    with open_history(str(history)) as rounds:
        assert [one.confirms for one in rounds.rounds[-4:]] == [False, False, True, False]
        assert {"served", "coder", "python"} <= rounds.rounds[0].versions.keys()
    assert "round 1:" in after.out
    assert "27 rounds" in (console.home / "watch.html").read_text()
    assert 'failures="1"' in (console.home / "watch.xml").read_text()
    assert read_report(console.home / "round.json").cases == 3


@pytest.mark.slow
def test_a_round_names_the_packages_of_the_judges_python(console: Console) -> None:
    venv.create(console.home / "environment")
    (packages,) = (console.home / "environment").glob("lib/python3*/site-packages")
    (packages / "counting-2.1.dist-info").mkdir()
    (packages / "counting-2.1.dist-info/METADATA").write_text("Name: counting\nVersion: 2.1\n")
    words = ("--agent", "nop", "--history", "h.jsonl", "--python", "environment/bin/python")

    assert console.run("bench", "watch", "suite.jsonl", *words).code == 0

    with open_history(str(console.home / "h.jsonl")) as rounds:
        assert rounds.rounds[0].versions["counting"] == "2.1"


@pytest.mark.slow
def test_a_round_is_kept_and_told_though_its_files_cant_be_written(console: Console) -> None:
    (console.home / "taken").mkdir()
    words = ("bench", "watch", "suite.jsonl", "--agent", "nop", "--history", "h.jsonl")

    told = console.run(*words, "--junit", "taken")
    reported = console.run(*words, "--out", "taken")

    assert (told.code, reported.code) == (5, 5)
    assert "round 1: 0.0 %" in told.out
    with open_history(str(console.home / "h.jsonl")) as rounds:
        assert len(rounds.rounds) == 2


@pytest.mark.slow
def test_each_round_draws_its_samples_anew_and_belongs_to_the_same_series(console: Console) -> None:
    with faulty_endpoint(*[says("```python\ndef f0(n):\n    return n\n```")] * 20) as server:
        words = ("--one-shot", "-n", "2", "-m", "toy", "--base-url", server.url, "--history", "h.jsonl")
        console.run("bench", "watch", "suite.jsonl", *words)
        first = len(server.requests)
        done = console.run("bench", "watch", "suite.jsonl", *words)
        drawn = [request.body["seed"] for request in server.requests]

    assert {*drawn[:first]}.isdisjoint(drawn[first:])
    assert "round 2:" in done.out
    assert "a new reference" not in done.out


@pytest.mark.slow
def test_a_round_of_an_endpoint_that_fails_is_not_kept(console: Console) -> None:
    def answer(request: Request) -> Reply:
        if "def f0(" in str(request.body["messages"]):
            return error(401)
        return says("```python\ndef f1(n):\n    return n\n```")

    with faulty_endpoint(answer) as server:
        words = ("--one-shot", "-m", "toy", "--base-url", server.url, "--history", "history.jsonl")
        done = console.run("bench", "watch", "suite.jsonl", *words)

    assert done.code == 4
    assert "The round is incomplete and isn't kept. Make it anew with: coder bench watch" in done.err
    assert not (console.home / "history.jsonl").exists() or not (console.home / "history.jsonl").read_text()


@pytest.mark.slow
def test_a_round_that_is_cut_says_how_to_make_it_anew(console: Console) -> None:
    words = ("bench", "watch", "suite.jsonl", "--one-shot", "-m", "toy", "--history", "h.jsonl")
    anew = "isn't kept. Make it anew with: coder bench watch suite.jsonl"

    with faulty_endpoint(error(403, "no")) as server:
        failed = console.run(*words, "--base-url", server.url)
    with faulty_endpoint(hangs()) as server:
        begun = console.start(*words, "--base-url", server.url)
        assert server.wait_until(lambda it: bool(it.requests))
        begun.send_signal(signal.SIGINT)
        interrupted = begun.communicate()[1].decode()

    assert (failed.code, begun.returncode) == (4, 130), failed.err
    for text in (failed.err, interrupted):
        assert anew in text
        assert "--resume" not in text
    assert not (console.home / "h.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--history"),
        (("--history", "suite.jsonl"), "would be overwritten"),
        (("--history", "h", "--resume", "bench_1"), "leave out --resume"),
        (("--history", "h", "--pages", "p"), "leave out --pages"),
        (("--history", "/dev/null"), "is no file"),
        (("--history", "other.jsonl"), "holds rounds of another"),
        (("--history", "h", "--shard", "1/2"), "leave out --shard"),
    ],
)
def test_what_makes_no_round_is_refused(console: Console, words: tuple[str, ...], said: str) -> None:
    other = Round(suite="another", digests={}, tallies={"a": Tally(samples=1, passed=1)})
    (console.home / "other.jsonl").write_text(other.model_dump_json() + "\n")

    done = console.run("bench", "watch", "suite.jsonl", *words)

    assert (done.code, said in done.err) == (2, True), done.err


def test_a_case_that_never_gets_a_verdict_is_refused_before_a_round_is_paid(console: Console) -> None:
    with (console.home / "suite.jsonl").open("a") as suite:
        suite.write('{"id": "broken", "prompt": 3}\n')

    watch = ("bench", "watch", "suite.jsonl", "--history", "h", "--agent", "nop")
    refused = console.run(*watch)
    without = console.run(*watch, "--filter", "c*")

    assert (refused.code, "broken can't be judged" in refused.err) == (2, True), refused.err
    assert "case broken: prompt has to be a text" in refused.err
    assert without.code == 0
