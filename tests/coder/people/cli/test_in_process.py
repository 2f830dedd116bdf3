"""A command that runs in the process of the tests leaves nothing of its own there."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.in_process import run_in_process, runs_in_process
from tests.coder.people.cli.test_solve import ADD, CHECK, TASK, code
from tests.faulty_endpoint import faulty_endpoint, says


def test_it_gives_back_the_environment_the_folder_the_streams_and_the_signals(console: Console) -> None:
    def state() -> object:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        return dict(os.environ), Path.cwd(), sys.argv, (sys.stdin, sys.stdout, sys.stderr), handlers

    def listed() -> int:
        return run_in_process(("ls",), environ=console.environ | {"COLUMNS": "70"}, cwd=console.home)[0]

    listed()  # opens the loop that all commands share
    before = state()
    descriptors = len(os.listdir("/proc/self/fd"))

    assert (listed(), state()) == (0, before)
    assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.mark.slow
def test_it_says_what_a_process_of_its_own_says(console: Console) -> None:
    ends = []
    for run in (console.run, console.run_apart):
        with faulty_endpoint(says(code(ADD))) as endpoint:
            done = run("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        ends.append((done.code, done.out, [line.split("  ")[:2] for line in done.said[1:-2]]))

    assert ends[0] == ends[1]
    assert ends[0][:2] == (0, ADD)


def test_servers_and_commands_of_a_chosen_sandbox_get_a_process_of_their_own(console: Console) -> None:
    assert runs_in_process(("ls",), console.environ)
    assert not runs_in_process(("mcp", "--root", "/"), console.environ)
    assert not runs_in_process(("run", "--sandbox", "container"), console.environ)
    assert not runs_in_process(("ls",), console.environ | {"PYTHONPATH": "/elsewhere"})
