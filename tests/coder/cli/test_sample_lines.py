"""A run that draws many attempts and then chooses, on a screen and in a pipe."""

import re
import signal

import pytest

from tests.coder.cli.console import Console
from tests.coder.cli.test_solve import CHECK, TASK, code
from tests.coder.cli.test_terminal import visible
from tests.faulty_endpoint import FaultyEndpoint, Reply, faulty_endpoint, hangs, says


def answers(count: int) -> list[Reply]:
    """As many that all do something else; every third one fails the check."""
    bodies = [f"    return a {'-' if i % 3 == 2 else '+'} b + {i} * (a - 2)\n" for i in range(count)]
    return [says(code(f"def add(a, b):\n{body}")) for body in bodies]


def asked(endpoint: FaultyEndpoint, *more: str) -> list[str]:
    model = ("--base-url", endpoint.url, "-m", "toy")
    return ["solve", TASK, *CHECK, *model, "--strategy", "best-of-n", *more]


def test_many_draws_are_one_line_in_a_pipe_with_the_first_that_failed(console: Console) -> None:
    with faulty_endpoint(*answers(8)) as endpoint:
        done = console.run(*asked(endpoint))

    attempts = [line for line in done.said if "attempt" in line]
    assert done.code == 0, done.err
    assert attempts[1:3] == [
        "  · attempts  8: 6 passed, 2 failed",
        "  ✗ attempt 3.1  assert add(2, 3) == 5: expected 5, got -1",
    ]
    assert attempts[3].startswith("  · choice  attempt ")
    assert len(done.said) <= 12


def test_an_answer_that_came_before_is_counted_apart(console: Console) -> None:
    with faulty_endpoint(*answers(5)[:2], *answers(5)[1:]) as endpoint:
        done = console.run(*asked(endpoint, "--samples", "6"))

    assert "  · attempts  6: 4 passed, 1 failed, 1 said again" in done.said, done.err


@pytest.mark.parametrize("more", [("--verbose",), ("--samples", "3")])
def test_each_draw_has_its_line_where_that_is_wanted_or_they_are_few(
    console: Console, more: tuple[str, ...]
) -> None:
    with faulty_endpoint(*answers(8)) as endpoint:
        done = console.run(*asked(endpoint, *more))

    drawn = re.findall(r"[✓✗] attempt (\d)\.1", done.err)
    assert drawn[:-1] == [str(n) for n in range(1, 9 if "--verbose" in more else 4)]  # the last is the choice


@pytest.mark.slow
def test_on_a_terminal_the_spinner_counts_and_12_lines_stay(console: Console) -> None:
    slow = [Reply(reply.pieces, pause_s=0.1) for reply in answers(8)]
    with faulty_endpoint(*slow) as endpoint:
        done = console.on_terminal(*asked(endpoint), columns=120)

    assert "is writing (call 8); 5 of 7 passed so far" in done.out
    assert len(visible(done.out)) <= 12, done.out
    assert "  · attempts  8: 6 passed, 2 failed" in visible(done.out)


@pytest.mark.slow
def test_what_was_drawn_before_an_interruption_is_told_and_so_is_what_a_resume_draws(
    console: Console,
) -> None:
    with faulty_endpoint(*answers(6), hangs()) as endpoint:
        process = console.start(*asked(endpoint))
        assert endpoint.wait_until(lambda it: len(it.requests) == 7, timeout_s=180)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    run = re.findall(r"coder resume (\w+)", err.decode())[0]

    with faulty_endpoint(*answers(12)[6:]) as endpoint:
        further = ("--samples", "12", "--max-calls", "13")
        resumed = console.run("resume", run, "--base-url", endpoint.url, "-m", "toy", *further)

    assert "  · attempts  6: 4 passed, 2 failed" in err.decode()
    assert "  · attempts  6: 4 passed, 2 failed" in resumed.said, resumed.err
