"""`coder bench run` with an endpoint that asks to wait."""

import json
import signal
from pathlib import Path

import pytest

from benchmarks.runner.solving import WaitWatch
from coder.run.event_types import CallRetried
from coder.run.events import Event
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import error, faulty_endpoint, says

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
def test_a_long_wait_is_a_line_and_an_interrupt_ends_it_with_what_is_judged(tmp_path: Path) -> None:
    (tmp_path / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))
    console, slow_down = Console(tmp_path), error(429, "slow down", {"retry-after": "250"})

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

    assert lines[-1] == (
        "The endpoint asks to wait 250 s: HTTP 429: slow down. Ctrl-C keeps what is judged.\n"
    )
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
