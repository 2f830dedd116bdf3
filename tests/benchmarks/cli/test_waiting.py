"""`coder bench run` with an endpoint that asks to wait, or doesn't answer."""

import json
import re
import signal
from pathlib import Path

import pytest

from benchmarks.runner.solving import WaitWatch
from coder.run.event_types import CallRetried
from coder.run.events import Event
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import Reply, Request, error, faulty_endpoint, hangs, resets, says

CASES = [
    {
        "id": f"c/{i}",
        "prompt": f"def f{i}(n):\n    '''n'''\n",
        "entry_point": f"f{i}",
        "test": "def check(candidate):\n    assert candidate(5) == 5\n",
    }
    for i in range(3)
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wait_s", "line"),
    [
        ("250", "The endpoint asks to wait 250 s: HTTP 429: slow down. Ctrl-C keeps what is judged.\n"),
        ("3600", "HTTP 429: slow down. It asks to wait 3600 s. Try again later, or name another --model.\n"),
    ],
)
def test_a_long_wait_is_a_line_and_an_interrupt_ends_it_with_what_is_judged(
    tmp_path: Path, wait_s: str, line: str
) -> None:
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))
    console, slow_down = Console(tmp_path), error(429, "slow down", {"retry-after": wait_s})

    with faulty_endpoint(says("    return n\n"), slow_down) as server:
        words = ("suite.jsonl", "--base-url", server.url, "-m", "toy", "--one-shot", "-w", "1")
        begun = console.start("bench", "run", *words)
        assert begun.stderr is not None
        lines = [begun.stderr.readline().decode()]
        while "asks to wait" not in lines[-1]:
            lines.append(begun.stderr.readline().decode())
            assert lines[-1], lines
        begun.send_signal(signal.SIGINT)
        _, rest = begun.communicate()

    assert lines[-1].endswith(line)
    assert begun.returncode == 130
    assert b"bench run --resume" in rest


def retried(wait_s: float) -> Event:
    body = CallRetried(call=1, attempt=1, wait_s=wait_s, reason="HTTP 429")
    return Event(run="r", seq=1, time=0.0, type=CallRetried.type, version=1, body=body.draft().body)


def test_several_samples_that_wait_at_once_are_one_line_and_short_waits_none() -> None:
    lines: list[str] = []
    watch = WaitWatch(lines.append)

    for wait_s in (0.5, 8.0, 60.0, 59.0, 60.0):
        watch.event(retried(wait_s))

    assert [line[:31] for line in lines] == ["The endpoint asks to wait 60 s:"]


RETRIED = error(503, "overloaded", {"retry-after": "0"})
REFUSED = error(400, "this content is not allowed")
LATE, LOST = 3, 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "variables", "code"),
    [
        (RETRIED, {}, LOST),
        (resets(), {}, LOST),
        (error(401, "no such key"), {}, LOST),
        (hangs(), {"CODER_TIMEOUT": "5"}, LATE),
    ],
    ids=["503", "reset", "401", "time"],
)
def test_a_sample_that_its_endpoint_left_without_an_answer_is_missing_and_is_made_anew(
    tmp_path: Path, fault: Reply, variables: dict[str, str], code: int
) -> None:
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))
    console, is_healthy = Console(tmp_path), []

    def answer(request: Request) -> Reply:
        name = re.findall(r"def (f\d)\(", str(request.body["messages"]))[-1]
        good = says(f"```python\ndef {name}(n):\n    return n\n```\n")
        return fault if name == "f1" and not is_healthy else good

    with faulty_endpoint(answer) as server:
        words = ("--base-url", server.url, "-w", "1", "--json")
        cut = console.run("bench", "run", "suite.jsonl", "-m", "toy", *words, **variables)
        run = re.findall("bench_[0-9a-z]+", cut.err)[0]
        is_healthy.append(True)
        more = console.run("bench", "run", "--resume", run, *words)

    first, second = json.loads(cut.out), json.loads(more.out)
    assert (cut.code, more.code) == (code, 0), cut.err + more.err
    assert (first["missing"], first["outcomes"]) == (["c/1"], {"passed": 2})
    assert "No answer came for 1 sample, missing in the report. The last one, c/1: " in cut.err
    assert second["outcomes"] == {"passed": 3}


@pytest.mark.slow
def test_a_request_that_the_endpoint_refuses_is_no_answer_and_is_judged(tmp_path: Path) -> None:
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))

    good = says("```python\n" + "".join(f"def f{i}(n):\n    return n\n" for i in range(3)) + "```\n")

    with faulty_endpoint(good, REFUSED, good) as server:
        words = ("--base-url", server.url, "-m", "toy", "--one-shot", "-w", "1", "--json")
        done = Console(tmp_path).run("bench", "run", "suite.jsonl", *words)

    report = json.loads(done.out)
    assert (done.code, report["missing"]) == (0, []), done.err
    assert report["outcomes"] == {"passed": 2, "error": 1}
