"""Faults of the machine and of what is given, met through the command line: words, a code, nothing lost."""

import json
import re
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.coder.people.cli.console import CODER, LONGEST_S, Console
from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code, solve
from tests.coder.people.cli.test_undo import TWO
from tests.faulty_endpoint import faulty_endpoint, hangs, says
from tests.less_machine import no_network, read_only, run_behind, small_disk
from tests.programs import require_embedded_model


@pytest.mark.slow
def test_a_folder_that_is_read_only_is_said_before_any_call(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run_behind(read_only(folder), "solve", TASK, str(folder), *CHECK, *model)

    assert done.code == 5
    assert f"Can't write into {folder}" in done.err
    assert "Traceback" not in done.err
    assert endpoint.requests == []


def test_a_file_that_is_read_only_is_said_before_any_call(console: Console, folder: Path) -> None:
    file = folder / "add.py"
    file.write_text(SUBTRACT)
    file.chmod(0o444)

    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, str(file), *CHECK)

    assert done.code == 5
    assert f"chmod u+w {file}" in done.err
    assert file.read_text() == SUBTRACT
    assert endpoint.requests == []


@pytest.mark.slow
def test_a_read_only_file_of_a_folder_is_left_and_the_run_goes_on_when_it_is_writable(
    console: Console, folder: Path
) -> None:
    file = folder / "add.py"
    file.write_text(SUBTRACT)
    file.chmod(0o444)

    with faulty_endpoint(says(replaced("add.py", ADD, SUBTRACT))) as endpoint:
        done = solve(console, endpoint, str(folder), *CHECK)
        content = file.read_text()
        file.chmod(0o644)
        (again,) = re.findall(r"coder (resume run_\w+)", done.err)
        resumed = console.run(*again.split())

    assert done.code == 5
    assert "is read-only" in done.err
    assert content == SUBTRACT
    assert resumed.code == 0, resumed.err
    assert file.read_text() == ADD
    assert len(endpoint.requests) == 1


@pytest.mark.slow
def test_a_run_that_can_not_write_a_file_ends_with_a_verdict_and_the_log_says_why(
    console: Console, folder: Path
) -> None:
    file = folder / "add.py"
    file.write_text(SUBTRACT)
    file.chmod(0o444)

    with faulty_endpoint(says(replaced("add.py", ADD, SUBTRACT))) as endpoint:
        done = solve(console, endpoint, str(folder), *CHECK)
    (listed,) = json.loads(console.run("ls", "--json").out)

    assert done.code == 5
    assert done.verdict.startswith("✗ error  1 attempt  1 call")
    assert done.out.splitlines()[0] == done.verdict
    assert f"chmod u+w {file}" in done.err
    assert f"coder resume {listed['run_id']}" in done.next
    assert listed["status"] == "error"
    assert f"{file} is read-only" in console.run("show", listed["run_id"]).out


@pytest.mark.slow
def test_a_home_that_is_read_only_ends_with_5_and_says_what_to_set(console: Console) -> None:
    home = console.home / "home"
    home.mkdir()
    bare = {"CODER_HOME": "", "HOME": str(home), "XDG_DATA_HOME": ""}

    done = console.run_behind(read_only(home), "solve", TASK, **bare)

    assert done.code == 5
    assert f"Can't write {home}/.local/share/coder: Read-only file system" in done.err
    assert "set CODER_HOME" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [32, 96])
def test_a_disk_that_is_too_full_for_the_log_ends_with_5(console: Console, kilobytes: int) -> None:
    data = console.home / "data"
    data.mkdir()

    with faulty_endpoint(says(code(ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run_behind(small_disk(data, kilobytes << 10), "solve", TASK, *CHECK, *model)

    assert done.code == 5
    assert f"Can't write {data}/events/events.sqlite" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_full_disk_leaves_the_user_s_file_whole_and_the_run_to_go_on(
    console: Console, folder: Path
) -> None:
    (console.home / "before.py").write_text(SUBTRACT)
    script = (
        f"cp before.py {folder}/add.py && head -c 4096 /dev/zero >{folder}/filler && "
        f'"$@"; echo "code $?" && cat {folder}/add.py && rm {folder}/filler && '
        f'{CODER} resume "$({CODER} ls | cut -d " " -f 1)" -q && cat {folder}/add.py'
    )

    with faulty_endpoint(says(replaced("add.py", ADD, SUBTRACT))) as endpoint:
        arguments = ("solve", TASK, str(folder), *CHECK, "--base-url", endpoint.url, "-m", "toy")
        done = console.run_behind((*small_disk(folder, 8192), "sh", "-c", script, "sh"), *arguments)

    verdict, _, rest = done.out.partition("\n")
    assert verdict.startswith("✗ error  1 attempt  1 call")
    assert rest.startswith(f"code 5\n{SUBTRACT}")
    assert done.out.endswith(ADD)
    assert "No space left on device. The file is as it was." in done.err
    assert "coder resume run_" in done.err
    assert len(endpoint.requests) == 1


FILLS = """
import sys
from pathlib import Path
from coder import Task, solve_sync
from coder.base.errors import MachineError
from coder.models.scripted import Scripted
from coder.run.watch import Unwatched

data, folder, answer = sys.argv[1:]

class Fills(Unwatched):
    def event(self, event):
        if event.type == "landing.planned":
            with (Path(data) / "filler").open("wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(bytes(512))
                except OSError:
                    pass

task = Task(prompt="Write add(a, b).", workspace=Path(folder), checks=("assert add(2, 3) == 5",))
try:
    solve_sync(task, model=Scripted([answer]), watch=Fills())
except MachineError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_disk_that_is_full_for_the_log_once_files_were_written_names_them(
    console: Console, folder: Path
) -> None:
    data = console.home / "data"
    data.mkdir()
    script = f'"$@"; rm {data}/filler; run="$({CODER} ls | cut -d " " -f 1)"; {CODER} undo "$run"'

    place = (*small_disk(data, 512 << 10), "sh", "-c", script, "sh")
    filling = (sys.executable, "-c", FILLS, str(data), str(folder), TWO)
    done = run_behind(place, *filling, timeout_s=LONGEST_S, env=console.environ)

    assert f"Can't write {data}/events/events.sqlite: database or disk is full" in done.stdout, done.stderr
    assert f"In {folder} the run had changed notes.py by then, 1 of 2 files." in done.stdout
    assert "coder resume run_" in done.stdout
    assert "coder undo run_" in done.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_refused_before_any_call_unless_it_may_be_made(
    console: Console, folder: Path
) -> None:
    missing = folder / "shpo"
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        refused = solve(console, endpoint, str(missing), *CHECK)
        request_count = len(endpoint.requests)
        completed = solve(console, endpoint, str(missing), *CHECK, "-y")

    assert (refused.code, request_count) == (2, 0)
    assert f"There is no {missing}; no model was called." in refused.err
    assert (completed.code, (missing / "solution.py").read_text()) == (0, ADD)


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code_expected"), [("y", 0), ("n", 7)])
def test_a_folder_that_is_not_there_is_asked_about_on_a_terminal(
    console: Console, folder: Path, answer: str, code_expected: int
) -> None:
    missing = folder / "new"
    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        answers = {"Make it?": f"{answer}\n", "Change solution.py?": "y\n"}
        done = console.on_terminal("solve", TASK, str(missing), *CHECK, *model, answers=answers, columns=200)

    assert done.code == code_expected
    assert missing.exists() == (answer == "y")


@pytest.mark.slow
def test_a_log_of_a_newer_version_ends_with_5_before_any_call(console: Console) -> None:
    console.run("ls")
    log = console.home / "data" / "events" / "events.sqlite"
    with sqlite3.connect(log) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()

    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = solve(console, endpoint, *CHECK)
    doctor = console.run("doctor")

    assert done.code == doctor.code == 5
    assert "written by a newer version" in done.err
    assert "written by a newer version" in doctor.out
    assert "Traceback" not in done.err
    assert endpoint.requests == []


@pytest.mark.slow
def test_the_doctor_sees_a_damaged_log(console: Console) -> None:
    console.run("ls")
    (console.home / "data" / "events" / "events.sqlite").write_bytes(b"garbage" * 1000)

    done = console.run("doctor")

    assert done.code == 5
    assert "is damaged" in done.out


@pytest.mark.slow
def test_what_was_left_out_of_the_folder_is_said(console: Console, folder: Path) -> None:
    for number in range(5):
        (folder / f"link{number}").symlink_to("/etc/passwd")

    with faulty_endpoint(says(replaced("solution.py", ADD))) as endpoint:
        done = solve(console, endpoint, str(folder), *CHECK)

    assert done.code == 0, done.err
    assert done.err.count("links are not followed") == 3
    assert "2 more were left out" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--python", "/bin/true"), "which is no Python"),
        (("--python", "/tmp"), "There is no Python at /tmp"),
        (("--python", "/gone/python3"), "There is no Python at /gone/python3"),
        (("gone/folder",), "There is no folder"),
        (("/dev/null",), "neither a regular file nor a folder"),
        (("--test", '"pytest'), "can't be split into words"),
        (("--test", ""), "The test command is empty"),
        (("--test", "'' -q"), "The test command is empty"),
        (("--test", "nosuch --fast"), "'nosuch' is not in the sandbox"),
        (("--test", "/usr/bin/nosuch"), "'/usr/bin/nosuch' is not in the sandbox"),
        (("--test", "python3 gone.py"), "no such file in the task (give the folder as PATH)"),
        (("--test", "./gone.sh"), "no such file in the task (give the folder as PATH)"),
        (("--test", "pytest -q"), "has no tests to run"),
        (("--check", " "), "A check is empty"),
        (("--base-url", "nonsense"), "is not a base URL"),
        (("--json", "--jsonl"), "exclude each other"),
    ],
)
def test_a_flag_that_cannot_be_used_ends_with_2_before_any_call(
    console: Console, arguments: tuple[str, ...], said: str
) -> None:
    with faulty_endpoint(says(code(ADD))) as endpoint:
        done = console.run("solve", TASK, "--base-url", endpoint.url, "-m", "toy", *arguments)

    assert done.code == 2, done.err
    assert said in done.err
    assert "Traceback" not in done.err
    assert endpoint.requests == []


@pytest.mark.slow
def test_a_limit_of_time_ends_with_3_and_names_its_flag(console: Console) -> None:
    with faulty_endpoint(hangs()) as endpoint:
        done = solve(console, endpoint, *CHECK, "--timeout", "1.5", "--json")

    assert done.code == 3
    assert "coder resume" in done.next
    assert done.next.endswith("--timeout 3")
    assert json.loads(done.out)["limit"] == "time"


@pytest.mark.slow
def test_with_the_network_cut_the_embedded_model_solves(console: Console) -> None:
    require_embedded_model()
    task = "Write a Python function is_even(n) that returns True for even integers"
    checks = ("--check", "assert is_even(4) and not is_even(7)")

    done = console.run_behind(no_network(), "solve", task, *checks)

    assert done.code == 0, done.err
    assert done.verdict.startswith("✓ solved")
    assert "def is_even(n):" in done.out


@pytest.mark.slow
def test_with_the_network_cut_a_hosted_model_is_told_to_be_out_of_reach(console: Console) -> None:
    done = console.run_behind(
        no_network(),
        "solve",
        TASK,
        *CHECK,
        "-m",
        "openai/gpt-5.4-mini",
        OPENAI_API_KEY="sk-any-0123456789",
    )

    assert done.code == 4
    assert "no connection to https://api.openai.com/v1" in done.err
    assert "Is this machine online?" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_what_a_program_or_a_model_says_brings_no_control_sequence_to_the_screen(console: Console) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J"
    program = f"def add(a, b):\n    print({hostile!r} * 1000)\n    raise ValueError({hostile!r})\n"

    with faulty_endpoint(says(f"Here {hostile}", code(program))) as endpoint:
        done = solve(console, endpoint, *CHECK, "-v", "--max-calls", "1")
        details = console.run("show", console.run("ls").out.split()[0])

    assert done.code == 3
    for text in (done.out, done.err, details.out, details.err):
        assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.slow
def test_a_program_that_prints_without_end_or_bytes_of_any_kind_is_told_in_a_few_lines(
    console: Console,
) -> None:
    flood = (
        "import sys\ndef add(a, b):\n    while True:\n        sys.stdout.buffer.write(bytes(range(256)))\n"
    )

    with faulty_endpoint(says(code(flood))) as endpoint:
        done = solve(console, endpoint, *CHECK, "--max-calls", "1", "--program-timeout", "1")

    assert done.code == 3
    assert len(done.err) < 2000
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_processors_that_nothing_keeps_are_said(console: Console) -> None:
    run = ("run", "--cpus", "0.5", "-c", "print(1)")

    kept = console.run(*run)
    unkept = console.run_behind(read_only(Path("/sys/fs/cgroup")), *run)

    assert (kept.code, unkept.code, unkept.out) == (0, 0, "1\n"), unkept.err
    assert "no control group can be made here" in unkept.err
    assert "control group" not in kept.err


@pytest.mark.slow
def test_the_runs_are_listed_from_a_disk_without_any_room(console: Console) -> None:
    data = console.home / "data"
    data.mkdir()
    script = f'"$@" -q; cat /dev/zero >{data}/filler 2>/dev/null; ls -s {data}/filler; {CODER} ls; echo $?'

    with faulty_endpoint(says(code(ADD))) as endpoint:
        arguments = ("solve", TASK, *CHECK, "--base-url", endpoint.url, "-m", "toy")
        done = console.run_behind((*small_disk(data, 512 << 10), "sh", "-c", script, "sh"), *arguments)

    listed, ended = done.out.splitlines()[-2:]
    assert ended == "0", done.err
    assert listed.startswith("run_")
    assert "solved" in listed
