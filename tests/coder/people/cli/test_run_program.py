"""`coder run`: one program in the sandbox; its streams, its exit code, its files."""

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.coder.people.cli.console import CODER, LONGEST_S, Console
from tests.processes import processes_with, wait_until


@pytest.mark.slow
def test_code_runs_and_its_streams_stay_apart(console: Console) -> None:
    done = console.run("run", "-c", "import sys; print('out'); print('err', file=sys.stderr)")

    assert (done.code, done.out, done.err) == (0, "out\n", "err\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(42)", 42),
        ("1 / 0", 1),
        ("import os; os.kill(os.getpid(), 11)", 128 + 11),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
        ("while True: pass", 124),
        ("import time; time.sleep(60)", 124),
        ("x = b'x' * (1 << 30)", 137),
        ("while True: print('x' * 100_000)", 128 + 25),
    ],
)
def test_the_exit_code_says_how_it_ended(console: Console, code: str, expected: int) -> None:
    seconds = "1" if expected == 124 else "60"

    done = console.run("run", "--timeout", seconds, "-c", code)

    assert done.code == expected, done.err
    assert "Traceback" not in done.err or expected == 1


@pytest.mark.slow
def test_a_limit_is_named_with_the_flag_that_raises_it_unless_quiet(console: Console) -> None:
    completed = console.run("run", "--timeout", "0.5", "-c", "import time; time.sleep(60)")
    quiet = console.run("run", "-q", "--timeout", "0.5", "-c", "import time; time.sleep(60)")

    assert completed.said == ["coder run: ended after 0.5 s; --timeout SECONDS gives it more"]
    assert (quiet.code, quiet.err) == (124, "")


def test_a_file_runs_as_python_with_what_follows_it_as_its_arguments(console: Console, folder: Path) -> None:
    (folder / "tool.py").write_text("import sys; print(sys.argv, __name__, open(__file__).read()[:10])")

    done = console.run("run", "tool.py", "--json", "-c", cwd=folder)

    assert done.out == "['tool.py', '--json', '-c'] __main__ import sys\n"


def test_standard_input_is_the_programs(console: Console) -> None:
    text = b"line\xff\n" * 50_000

    done = console.run("run", "-c", "import sys; print(len(sys.stdin.buffer.read()))", stdin=text)

    assert done.out == f"{len(text)}\n"


@pytest.mark.slow
def test_a_dash_reads_the_program_itself(console: Console) -> None:
    done = console.run("run", "-", "a", stdin=b"import sys; print(sys.argv, repr(sys.stdin.read()))")

    assert done.out == "['-', 'a'] ''\n"


def test_an_executable_file_is_run_by_exec(console: Console, folder: Path) -> None:
    (folder / "tool").write_text('#!/bin/sh\necho "$0" "$@"; exit 3\n')
    (folder / "tool").chmod(0o755)

    done = console.run("run", "./tool", "-x", cwd=folder)

    assert (done.code, done.out) == (3, "./tool -x\n")


@pytest.mark.slow
def test_a_command_of_the_sandbox_stands_behind_two_dashes(console: Console) -> None:
    done = console.run(
        "run", "--env", "GREETING=hello", "--", "sh", "-c", 'echo "$GREETING" "$1"', "sh", "--"
    )
    missing = console.run("run", "--", "no-such-command")

    assert done.out == "hello --\n"
    assert (missing.code, missing.err) == (127, "no-such-command: command not found\n")


def test_the_program_sees_nothing_of_the_host(console: Console, folder: Path) -> None:
    (folder / "secret.txt").write_text("SECRET")
    code = f"import os; print(os.environ.get('TOKEN'), os.path.exists({str(folder)!r}), os.listdir())"

    done = console.run("run", "-c", code, cwd=folder, TOKEN="x")

    assert done.out == "None False []\n"


def test_named_files_are_copied_in_and_what_was_written_is_copied_out(console: Console, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "in.txt").write_text("given")
    code = "t = open(p := 'data/in.txt').read(); open('o.txt', 'w').write(t); open(p, 'w').write('spoilt')"

    done = console.run("run", "--file", "data/in.txt", "--artifacts", "out/new", "-c", code, cwd=folder)

    assert done.code == 0, done.err
    assert (folder / "data" / "in.txt").read_text() == "given"
    assert (folder / "out/new/o.txt").read_text() == "given"
    assert (folder / "out/new/data/in.txt").read_text() == "spoilt"
    assert done.said == ["coder run: wrote 2 files to out/new"]


def test_no_file_of_the_users_is_written_over(console: Console, folder: Path) -> None:
    (folder / "o.txt").write_text("mine")
    (folder / "elsewhere").symlink_to(folder)
    code = (
        "import os; os.mkdir('elsewhere'); open('elsewhere/x', 'w').write('x'); open('o.txt', 'w').write('x')"
    )

    done = console.run("run", "--artifacts", ".", "-c", code, cwd=folder)

    assert done.code == 125
    assert (folder / "o.txt").read_text() == "mine"
    assert sorted(os.listdir(folder)) == ["elsewhere", "o.txt"]
    assert done.err.count("not written: ") == 2


def test_no_file_that_runs_by_itself_is_written(console: Console, folder: Path) -> None:
    code = "import os; os.mkdir('.git'); open('.git/config', 'w').close(); open('.envrc', 'w').close()"

    done = console.run("run", "--artifacts", ".", "-c", code, cwd=folder)

    assert done.code == 125
    assert os.listdir(folder) == []


def test_json_is_the_result_with_artifacts_in_base64(console: Console) -> None:
    code = "import sys; open('a.bin', 'wb').write(b'\\xfb\\xff'); print('out'); sys.exit('err')"

    done = console.run("run", "--json", "-c", code)

    document = json.loads(done.out)
    assert (done.code, done.err) == (1, "")
    assert {key: document[key] for key in ("status", "exit_code", "signal", "stdout", "stderr")} == {
        "status": "error",
        "exit_code": 1,
        "signal": None,
        "stdout": "out\n",
        "stderr": "err\n",
    }
    assert (document["truncated"], document["killed_by"], document["backend"]) == (False, None, "bubblewrap")
    assert document["artifacts"] == [
        {"path": "a.bin", "size": 2, "content": base64.b64encode(b"\xfb\xff").decode()}
    ]
    assert 0 < document["wall_s"] <= 60


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Nothing to run"),
        (("--", ""), "Nothing to run"),
        (("-c", "print('\udcff')"), "can't be read as Python"),
        (("nosuch.py",), "coder run -- nosuch.py"),
        (("print(1);" * 40,), "There is no file"),
        (("plain.txt",), "chmod +x plain.txt"),
        ((".",), "isn't a regular file"),
        (("--file", "fifo", "-c", "1"), "isn't a regular file"),
        (("--file", "missing", "-c", "1"), "can't be read"),
        (("--file", "x" * 300, "-c", "1"), "can't be read"),
        (("--file", "plain.txt", "--file", "./plain.txt", "-c", "1"), "Two files"),
        (("--file", "big", "--disk", "1", "-c", "1"), "--disk"),
        (("latin.py",), "can't be read as Python"),
        (("--timeout", "0", "-c", "1"), "greater than 0"),
        (("--disk", "0", "-c", "1"), "--disk"),
        (("--memory", "1", "-c", "1"), "--memory"),
        (("--sandbox", "nope", "-c", "1"), "Did you mean"),
        (("--sandbox", "ssh", "-c", "1"), "is no host: name it"),
        (("--sandbox", "ssh:-oProxyCommand=x", "-c", "1"), "is no host: name it"),
        (("--sandbox", "bubblewrap:host", "-c", "1"), "takes no host"),
        (("--env", "X", "-c", "1"), "NAME=VALUE"),
        (("--artifacts", "plain.txt", "-c", "1"), "isn't a folder"),
        (("--python", "/bin/ls", "-c", "1"), "no Python"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_runs(
    console: Console, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    (folder / "plain.txt").write_text("text")
    (folder / "latin.py").write_bytes(b"print('\xe9')\n")
    os.mkfifo(folder / "fifo")
    with (folder / "big").open("wb") as file:
        file.truncate(2 << 20)

    done = console.run("run", *arguments, cwd=folder)

    assert (done.code, done.out) == (2, ""), done.err
    assert words in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_sandbox_that_is_missing_is_125_with_the_command_that_helps(console: Console) -> None:
    done = console.run(
        "run", "-c", "raise SystemExit(5)", PATH="/nowhere", DOCKER_HOST="unix:///nowhere/docker.sock"
    )

    assert done.code == 125
    assert "bubblewrap" in done.err
    assert "docker" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_output_comes_while_the_program_runs_unchanged(console: Console) -> None:
    code = (
        "import sys, time; sys.stdout.buffer.write(b'\\x1b[31m\\xff\\r'); sys.stdout.flush(); time.sleep(60)"
    )
    process = console.start("run", "--timeout", "60", "-c", code)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()

    first = process.stdout.read(7)
    process.send_signal(signal.SIGINT)
    process.wait(LONGEST_S)

    assert first == b"\x1b[31m\xff\r"
    assert process.returncode == 130


@pytest.mark.slow
def test_a_terminal_is_spared_what_could_control_it(console: Console) -> None:
    code = "import sys; [print(c, end='', flush=True) for c in 'a\\x1b[2Jb\\x1b]0;owned\\x07c']; print()"

    done = console.on_terminal("run", "-c", code)

    assert done.code == 0
    assert done.out == "abc\n"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process(console: Console, number: signal.Signals) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    process = console.start(
        "run", "--timeout", "60", "--", "sh", "-c", "echo up; while :; do sleep 1; done", tag
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    assert process.stdout.readline() == b"up\n"

    process.send_signal(number)
    code = process.wait(LONGEST_S)

    assert code == 130
    assert not processes_with(tag)


def test_a_program_that_reads_nothing_does_not_wait_for_the_end_of_its_input(console: Console) -> None:
    process = console.start("run", "-c", "print('ran')")

    assert process.wait(LONGEST_S) == 0


@pytest.mark.slow
def test_input_goes_through_as_it_comes(console: Console) -> None:
    process = console.start(
        "run", "--timeout", "60", "-c", "print(input() + '!', flush=True); print(input())"
    )
    assert process.stdin is not None
    assert process.stdout is not None

    process.stdin.write(b"first\n")
    process.stdin.flush()
    answered = process.stdout.readline()
    out, _ = process.communicate(b"second\n", timeout=LONGEST_S)

    assert (answered, out, process.returncode) == (b"first!\n", b"second\n", 0)


@pytest.mark.slow
def test_a_plain_file_can_be_the_input(console: Console, folder: Path) -> None:
    (folder / "in.txt").write_bytes(b"x" * 300_000)

    with (folder / "in.txt").open("rb") as input_file:
        done = subprocess.run(
            [CODER, "run", "-c", "import sys; print(len(sys.stdin.read()))"],
            stdin=input_file,
            env=console.environ,
            capture_output=True,
        )

    assert (done.returncode, done.stdout) == (0, b"300000\n")


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_run_without_a_word(console: Console) -> None:
    process = console.start("run", "--timeout", "60", "-c", "while True: print('x')")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    assert process.stdout.read(4) == b"x\nx\n"

    process.stdout.close()
    errors = process.stderr.read()

    assert process.wait(LONGEST_S) == 141
    assert errors == b""


@pytest.mark.slow
def test_a_slow_reader_does_not_move_the_deadline(console: Console) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    code = "print('x' * 1_000_000, flush=True); import time; time.sleep(6000)"
    process = console.start_anew("run", "--timeout", "8", "--", "python", "-c", code, tag)
    assert process.stdin is not None
    process.stdin.close()

    began = wait_until(lambda: len(processes_with(tag)) > 1, timeout_s=300)
    ended = wait_until(lambda: processes_with(tag) == [process.pid])

    assert process.stdout is not None
    out = process.stdout.read()
    process.wait(LONGEST_S)
    assert began
    assert ended
    assert (process.returncode, len(out)) == (124, 1_000_001)


@pytest.mark.slow
def test_a_host_that_was_not_named_is_refused_and_said_once(console: Console) -> None:
    ask = "import urllib.request as r\nfor _ in range(2):\n"
    ask += " try: r.urlopen('http://evil.example/')\n except OSError as e: print(e)"

    done = console.run("run", "--network", "example.org", "-c", ask)

    refused = "evil.example:80 is not among the hosts that this sandbox may reach"
    assert done.out == f"HTTP Error 403: {refused}\n" * 2
    assert done.said == [f"coder run: network: {refused}"]


def test_a_host_that_can_not_be_meant_is_a_wrong_flag(console: Console) -> None:
    done = console.run("run", "--network", "localhost", "-c", "print(1)")

    assert (done.code, done.out) == (2, "")
    assert done.err == "error: --network: 'localhost' could never be reached: it is this machine itself.\n"


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
def test_container_runs_and_names_where_it_says_what_it_lacks(console: Console) -> None:
    done = console.run("run", "--sandbox", "container", "--python", "/usr/bin/python3", "-c", "print('ran')")

    assert (done.code, done.out) == (0, "ran\n"), done.err
    assert "coder sandbox doctor --backend container" in done.err


@pytest.mark.slow
def test_a_program_gives_no_command_to_the_ci_system_whose_log_it_writes(console: Console) -> None:
    code = "import sys; print('::error::x'); print('::add-mask::x', file=sys.stderr)"

    plain = console.run("run", "-c", code)
    in_ci = console.run("run", "-c", code, GITHUB_ACTIONS="true")

    assert plain.out == "::error::x\n"
    assert "\n::" not in f"\n{in_ci.out}\n{in_ci.err}"
    assert in_ci.out.replace("\u200b", "") == plain.out


@pytest.mark.parametrize("flag", ["--image", "--runtime"])
def test_a_flag_of_dockers_is_refused_where_programs_run_elsewhere(console: Console, flag: str) -> None:
    done = console.run("run", flag, "name", "-c", "print(1)")

    assert done.code == 2
    assert f"{flag} is Docker's" in done.err
    assert "--sandbox docker" in done.err


def test_an_images_archive_is_refused_where_bubblewrap_does_not_run_programs(console: Console) -> None:
    done = console.run("run", "--image", "my.tar", "--sandbox", "docker", "-c", "print(1)")
    missing = console.run("run", "--image", "my.tar", "-c", "print(1)")

    assert (done.code, missing.code) == (2, 125)
    assert "is for bubblewrap" in done.err
    assert "my.tar can't be used: [Errno 2] No such file" in missing.err
