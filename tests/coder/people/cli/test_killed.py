"""What a command leaves behind when it is ended from outside: a run that goes on, and nothing else."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code, solve
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, hangs, says

LONGEST_S = 300.0
"""After which no process of a killed command may be left: 5 s, and what a busy machine takes."""

# Orphans come to their nearest subreaper: so this process sees whoever the command left behind.
_WATCH = """
import ctypes, os, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
command = subprocess.Popen(sys.argv[3:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
sys.stdin.readline()
command.send_signal(int(sys.argv[1]))
said = command.stderr.read()
code = command.wait()
deadline = time.monotonic() + float(sys.argv[2])
left = True
while left and time.monotonic() < deadline:
    try:
        left = os.waitpid(-1, os.WNOHANG) is not None
        time.sleep(0.02)
    except ChildProcessError:
        left = False
print(code, left)
sys.stderr.buffer.write(said)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "calls"), [(signal.SIGKILL, 1), (signal.SIGKILL, 2), (signal.SIGTERM, 2), (signal.SIGINT, 1)]
)
def test_no_process_and_no_file_is_left_and_no_answered_call_is_made_again(
    console: Console, folder: Path, number: int, calls: int
) -> None:
    temporary = console.home / "temporary"
    temporary.mkdir()
    times = SUBTRACT.replace("-", "*")
    (folder / "add.py").write_text(times)
    answers = [says(replaced("add.py", SUBTRACT, times))] * (calls - 1)
    right = says(replaced("add.py", ADD, SUBTRACT if answers else times))

    with faulty_endpoint(*answers, hangs(), right) as endpoint:
        code_and_left, errors = _ended_at(console, endpoint, calls, number, folder, temporary)
        run = json.loads(console.run("ls", "--json").out)[0]["run_id"]
        resumed = console.run("resume", run, "--json")

    assert code_and_left == f"{-number if number == signal.SIGKILL else 130} False"
    assert "Traceback" not in errors
    assert list(temporary.iterdir()) == []
    assert resumed.code == 0, resumed.err
    assert len(endpoint.requests) == calls + 1  # the one that hung is made again, and no other
    assert [path.name for path in folder.iterdir()] == ["add.py"]
    assert (folder / "add.py").read_text() == ADD


@pytest.mark.slow
def test_a_run_whose_terminal_is_closed_is_saved_and_goes_on_later(console: Console) -> None:
    with faulty_endpoint(hangs(), says(code(ADD))) as endpoint:
        command = (str(CODER), "solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        pid, terminal = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under `nohup`
            os.chdir(console.home)
            os.execve(CODER, command, console.environ)
        assert endpoint.wait_until(lambda it: len(it.requests) == 1, timeout_s=300)
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        run = json.loads(console.run("ls", "--json").out)[0]
        resumed = console.run("resume", run["run_id"], "--json")

    assert os.waitstatus_to_exitcode(status) == 130
    assert run["status"] == "interrupted"
    assert resumed.code == 0, resumed.err


@pytest.mark.slow
def test_a_run_without_hangups_goes_on_behind_its_terminal(console: Console) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        process = subprocess.Popen(
            ("nohup", str(CODER), "solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=console.environ,
            cwd=console.home,
        )
        assert endpoint.wait_until(lambda it: len(it.requests) == 1, timeout_s=300)
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=300)

    assert (process.returncode, out.decode()) == (0, ADD), err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_acts_goes_on_from_its_files_and_repeats_no_command(
    console: Console, folder: Path, number: int
) -> None:
    temporary = console.home / "temporary"
    temporary.mkdir()
    (folder / "add.py").write_text(SUBTRACT)
    count = calls("bash", command="echo 1 >> log.txt")
    mend = calls("edit", path="add.py", old="a - b", new="a + b")

    with faulty_endpoint(count, mend, hangs(), calls("done", summary="It adds.")) as endpoint:
        code_and_left, errors = _ended_at(console, endpoint, 3, number, folder, temporary)
        untouched = (folder / "add.py").read_text()
        run = json.loads(console.run("ls", "--json").out)[0]["run_id"]
        resumed = console.run("resume", run, "--json")

    assert code_and_left == f"{-number if number == signal.SIGKILL else 130} False"
    assert "Traceback" not in errors
    assert untouched == SUBTRACT
    assert resumed.code == 0, resumed.err
    assert len(endpoint.requests) == 4  # the one that hung is made again, and no other
    assert ((folder / "add.py").read_text(), (folder / "log.txt").read_text()) == (ADD, "1\n")
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_a_planner_that_is_killed_goes_on_with_its_dialogue_and_leaves_nothing_of_its_copy(
    console: Console, folder: Path
) -> None:
    temporary = console.home / "temporary"
    temporary.mkdir()
    (folder / "add.py").write_text(SUBTRACT)
    spoil, look = calls("bash", command="echo 1 > spoilt.txt"), calls("bash", command="ls")
    plan, edit = (
        calls("plan", steps=["Turn the sign."]),
        calls("edit", path="add.py", old="a - b", new="a + b"),
    )
    script = (spoil, hangs(), look, plan, edit, calls("done", summary="It adds."))

    with faulty_endpoint(*script) as endpoint:
        code_and_left, _ = _ended_at(console, endpoint, 2, signal.SIGKILL, folder, temporary, "--plan")
        run = json.loads(console.run("ls", "--json").out)[0]["run_id"]
        resumed = console.run("resume", run, "--json")
        details = console.run("show", run).out

    assert code_and_left == f"{-signal.SIGKILL} False"
    assert resumed.code == 0, resumed.err
    sent = [request.body["messages"] for request in endpoint.requests]
    assert (len(sent), sent[1]) == (len(script), sent[2])  # the call that hung is made again, and no other
    assert "spoilt.txt" not in sent[3][-1]["content"]
    assert "This is a fresh copy of the user's files" in sent[3][-1]["content"]
    assert "Follow this plan:\n1. Turn the sign." in sent[4][1]["content"]
    assert ((folder / "add.py").read_text(), (folder / "spoilt.txt").exists()) == (ADD, False)
    assert details.count("planner") >= 3
    assert "changed in a copy that is discarded" in details


@pytest.mark.slow
def test_of_two_that_solve_in_one_folder_the_second_overwrites_nothing(
    console: Console, folder: Path
) -> None:
    (folder / "add.py").write_text(SUBTRACT)
    other = ADD.replace("a + b", "b + a")

    with (
        faulty_endpoint(hangs()) as endpoint,
        faulty_endpoint(says(replaced("add.py", other, SUBTRACT))) as quick,
    ):
        arguments = ("solve", TASK, str(folder), *CHECK, "-m", "toy", "--base-url")
        slow = console.start(*arguments, endpoint.url)
        assert endpoint.wait_until(lambda it: len(it.requests) == 1, timeout_s=300)
        first = console.run(*arguments, quick.url)
        slow.terminate()
        slow.communicate(timeout=300)
        run = next(row["run_id"] for row in json.loads(console.run("ls", "--json").out)[1:])
    with faulty_endpoint(says(replaced("add.py", ADD, SUBTRACT))) as again:
        second = console.run("resume", run, "--base-url", again.url, "-m", "toy")

    assert first.code == 0, first.err
    assert second.code == 2
    assert "add.py has changed since this run read it. It was left as it is." in second.err
    assert "start it again" in second.next
    assert (folder / "add.py").read_text() == other


@pytest.mark.slow
def test_of_two_that_resume_one_run_the_second_is_told_who_works_on_it(console: Console) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), hangs()) as endpoint:
        run = json.loads(solve(console, endpoint, *CHECK, "--max-calls", "1", "--json").out)["run_id"]
        first = console.start("resume", run, "--max-calls", "4")
        assert endpoint.wait_until(lambda it: len(it.requests) == 2, timeout_s=300)
        second = console.run("resume", run, "--max-calls", "4")
        listed = json.loads(console.run("ls", "--json").out)
        undone = console.run("undo", run)
        first.terminate()
        first.communicate(timeout=300)

    assert second.code == undone.code == 5
    assert f"Process {first.pid} on " in second.err
    assert [row["status"] for row in listed] == ["running"]
    assert len(endpoint.requests) == 2


def _ended_at(
    console: Console,
    endpoint: FaultyEndpoint,
    calls: int,
    number: int,
    folder: Path,
    temporary: Path,
    *flags: str,
) -> tuple[str, str]:
    """Solve until the endpoint hangs, send the signal, and say the exit code and whether anyone is left."""
    command = (
        str(CODER),
        "solve",
        TASK,
        str(folder),
        *CHECK,
        "--base-url",
        endpoint.url,
        "-m",
        "toy",
        *flags,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", _WATCH, str(int(number)), str(LONGEST_S), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=console.environ | {"TMPDIR": str(temporary)},
        text=True,
    )
    assert endpoint.wait_until(lambda it: len(it.requests) == calls, timeout_s=300)
    out, err = process.communicate("now\n", timeout=2 * LONGEST_S)
    return out.strip(), err


@pytest.mark.slow
def test_a_conversation_that_is_killed_at_its_question_asks_it_again_and_calls_no_model(
    console: Console, folder: Path
) -> None:
    with faulty_endpoint(says(replaced("add.py", ADD))) as endpoint:
        process = console.start("chat", ".", "--base-url", endpoint.url, "-m", "toy", cwd=folder)
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"Write add in add.py.\n")
        process.stdin.flush()
        output = b""
        while b"Write it?" not in output and (piece := os.read(process.stderr.fileno(), 4096)):
            output += piece
        process.kill()
        process.communicate()
        run = json.loads(console.run("ls", "--json").out)[0]
        before = [path.name for path in folder.iterdir()]
        resumed = console.run("chat", "--resume", run["run_id"], stdin=b"y\n")

    assert (run["status"], run["question"], before) == ("unfinished", "Change add.py?", [])
    assert (resumed.code, (folder / "add.py").read_text()) == (8, ADD), resumed.err
    assert len(endpoint.requests) == 1
