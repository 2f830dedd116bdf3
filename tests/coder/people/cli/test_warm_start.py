"""A command that is forked does what it does when it is started."""

import os
import signal
from pathlib import Path

import httpx2
import pytest

from tests.coder.people.cli.console import CODER, Console, Finished
from tests.coder.people.cli.warm_start import Forked, warm_start

PROGRAM = "import sys; print(sys.stdin.read()); print('é', file=sys.stderr); sys.exit(3)"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("solve", "--nothing"), ("ls", "--json"), ("run", "-c", PROGRAM), ("config", "--json")],
    ids=lambda arguments: arguments[0],
)
def test_it_says_and_returns_the_same(console: Console, arguments: tuple[str, ...]) -> None:
    assert warm_start(CODER).suits(console.environ)
    started = console.start_anew(*arguments)
    out, err = started.communicate(b"given")

    forked = console.run(*arguments, stdin=b"given")

    assert forked == Finished(started.returncode, out.decode(), err.decode())


@pytest.mark.slow
def test_a_server_answers_and_ends_when_it_is_started(console: Console, folder: Path) -> None:
    with console.start_anew("serve", "--root", str(folder), "--port", "0") as server:
        assert server.stderr is not None
        url = next(line.split()[1].decode() for line in server.stderr if line.startswith(b"serving "))
        health = httpx2.get(f"{url}/healthz", timeout=60)
        server.terminate()

    assert (health.status_code, server.returncode) == (200, 0)


@pytest.mark.slow
def test_it_has_the_folder_the_variables_and_the_umask_of_its_own(console: Console, folder: Path) -> None:
    (folder / "here.py").write_text("print('found')")
    mask = os.umask(0o027)
    try:
        completed = console.run("run", "here.py", cwd=folder, CODER_HOME=str(folder / "home"))
        listed = console.run("ls", cwd=folder, CODER_HOME=str(folder / "home"))
    finally:
        os.umask(mask)

    assert (completed.code, completed.out, listed.code) == (0, "found\n", 0)
    assert (folder / "home").stat().st_mode & 0o777 == 0o700
    assert not (console.home / "data").exists()


def test_what_a_signal_ended_is_said_as_subprocess_says_it(console: Console) -> None:
    forked, writes = waiting(console)

    os.kill(forked.pid, signal.SIGKILL)

    assert forked.wait() == -signal.SIGKILL
    os.close(writes)


def test_commands_run_beside_each_other_and_end_in_any_order(console: Console) -> None:
    first, ends_first = waiting(console)
    second, ends_second = waiting(console)

    os.close(ends_second)
    ended = second.wait()
    os.close(ends_first)

    assert (ended, first.wait()) == (2, 2)


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "LC_ALL", "TZ", "ANY_API_KEY"])
def test_with_what_matters_before_its_first_line_it_is_started(console: Console, name: str) -> None:
    assert not warm_start(CODER).suits(console.environ | {name: "planted-0123"})


def waiting(console: Console) -> tuple[Forked, int]:
    """A command that waits for the end of its input, and the end that ends it."""
    reads, writes = os.pipe()
    with open(os.devnull, "w") as nowhere:
        streams = (reads, nowhere.fileno(), nowhere.fileno())
        forked = warm_start(CODER).fork(
            "solve", "-", environ=console.environ, cwd=console.home, streams=streams
        )
    os.close(reads)
    return forked, writes
