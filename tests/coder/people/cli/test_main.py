"""The frame around every command: help, names, and failures in words."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cli.bench import COMMANDS
from coder.base.errors import ModelAuthError
from coder.show.command_groups import SUMMARIES
from coder.show.failure import report, single
from sandbox.errors import BackendMissing
from tests.coder.people.cli.console import CODER, Console

HEAVY = ("pydantic", "openai", "anthropic", "tenacity", "asyncio", "rich", "yaml", "httpx2", "httpx")


@pytest.mark.slow
def test_started_by_its_other_name_it_tells_to_type_that(console: Console) -> None:
    done = subprocess.run(
        [CODER.with_name("coder-agent"), "fix"],
        env=console.environ,
        cwd=console.home,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert "name it: coder-agent fix PATH" in done.stderr


def test_help_lists_every_command_with_what_it_does(console: Console) -> None:
    help_page = console.run("--help")

    assert help_page.code == 0
    for name, summary in SUMMARIES.items():
        assert f"  {name} " in help_page.out
        assert summary.split()[0] in help_page.out
    assert "130 interrupted" in help_page.out


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_nothing_heavy_is_imported_to_show_help_or_version(flag: str) -> None:
    packages = {name.partition(".")[0] for name in _imported([flag])}

    assert "typer" in packages
    assert not set(HEAVY) & packages


def _imported(arguments: list[str], *, home: Path | None = None) -> list[str]:
    """Names of the modules that a call of `coder` has imported at its end."""
    script = (
        "import sys; from coder.people.cli.main import main; code = main(sys.argv[1:]);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    environ = (
        os.environ if home is None else {**os.environ, "CODER_HOME": str(home), "OPENAI_API_KEY": "none"}
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1].split()


@pytest.mark.slow
def test_every_command_of_bench_is_where_its_list_says(console: Console) -> None:
    for name in COMMANDS:
        help_page = console.run("bench", name, "--help")

        assert help_page.code == 0, help_page.err
        assert f"Usage: coder bench {name}" in help_page.out


@pytest.mark.slow
def test_every_command_has_its_own_help(console: Console) -> None:
    for name in SUMMARIES:
        help_page = console.run(name, "--help")

        assert help_page.code == 0, help_page.err
        assert f"Usage: coder {name}" in help_page.out


def test_a_command_that_is_not_there_is_refused_with_the_nearest(console: Console) -> None:
    refusal = console.run("slove", "Add.")

    assert refusal.code == 2
    assert "Did you mean 'solve'" in refusal.err
    assert refusal.out == ""


def test_a_flag_that_is_not_there_is_refused(console: Console) -> None:
    refusal = console.run("solve", "Add.", "--maxcalls", "3")

    assert refusal.code == 2
    assert refusal.err.startswith("error: No such option: --maxcalls")
    assert "--max-calls" in refusal.err
    assert "\n  Usage: coder solve [OPTIONS]" in refusal.err


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (("fork",), "error: Missing argument 'RUN'."),
        (("ls", "--limit", "many"), "error: Invalid value for '--limit'"),
        (("run", "-c"), "error: Option '-c' requires an argument."),
    ],
    ids=["missing argument", "bad value", "missing value"],
)
def test_what_typer_refuses_is_printed_as_any_other_error(
    console: Console, arguments: tuple[str, ...], refusal: str
) -> None:
    completed = console.run(*arguments)

    assert completed.code == 2
    assert completed.err.startswith(refusal)
    assert completed.out == ""


def test_a_group_without_a_command_prints_its_help_on_stderr(console: Console) -> None:
    completed = console.run("bench")

    assert completed.code == 2
    assert completed.err.startswith("Usage: coder bench")
    assert completed.out == ""


def test_a_reader_that_goes_away_is_no_failure_worth_words(console: Console) -> None:
    process = console.start("--help")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    errors = process.stderr.read()
    process.wait()

    assert errors == b""


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_failure(console: Console, closed: str) -> None:
    done = shell(console, f"{CODER} ls --json {closed}")

    assert done.returncode == 0, done.stderr
    assert "bug" not in done.stderr


@pytest.mark.slow
def test_a_stdout_that_is_full_is_said_in_words(console: Console) -> None:
    done = shell(console, f"{CODER} ls --json >/dev/full")

    assert done.returncode == 5
    assert done.stderr.startswith("error: This machine failed: No space left on device")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["show run_none", "nosuch"])
def test_a_stderr_that_is_full_keeps_the_exit_code(console: Console, command: str) -> None:
    done = shell(console, f"{CODER} {command} 2>/dev/full")

    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.slow
def test_a_reader_that_went_away_does_not_look_like_a_task_that_was_not_solved(console: Console) -> None:
    console.run("ls")

    done = shell(console, f"{CODER} doctor --json 2>/dev/null | exec true; echo ${{PIPESTATUS[0]}}")

    assert (done.stdout, done.stderr) == ("141\n", "")


def shell(console: Console, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=console.environ, timeout=60
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.15, 0.4])
def test_a_signal_in_the_first_moments_is_met_in_words(
    console: Console, number: signal.Signals, delay_s: float
) -> None:
    process = console.start_anew("solve", "-")  # it waits for its standard input
    while not _catches(process.pid, signal.SIGTERM):  # before, it is Python that starts, not yet coder
        assert process.poll() is None

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(delay_s)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)

    assert process.returncode == 130
    assert b"Traceback" not in err


def _catches(pid: int, number: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_behind_the_end_changes_nothing_any_more(number: int) -> None:
    script = (
        "import atexit, os, sys; from coder.people.cli.main import main;"
        f"atexit.register(os.kill, os.getpid(), {int(number)}); sys.exit(main(['--version']))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_errors_have_the_exit_codes_of_their_kind(capsys: pytest.CaptureFixture[str]) -> None:
    nested = ExceptionGroup("one", [ExceptionGroup("inside", [ModelAuthError("no key\nSet OPENAI_API_KEY")])])

    assert report(single(nested)) == 4
    assert report(BackendMissing("no bubblewrap")) == 5
    assert capsys.readouterr().err == "error: no key\n  Set OPENAI_API_KEY\nerror: no bubblewrap\n"


def test_a_bug_is_one_line_and_its_traceback_is_kept_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path))
    monkeypatch.delenv("CODER_DEBUG", raising=False)

    code = report(ZeroDivisionError("division by zero"))

    errors = capsys.readouterr().err
    assert code == 5
    assert "This is a bug in coder: ZeroDivisionError: division by zero" in errors
    assert "Traceback" not in errors
    assert "ZeroDivisionError" in (tmp_path / "crashes" / f"{os.getpid()}.txt").read_text()


def test_a_bug_tells_no_key_neither_on_the_screen_nor_in_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path))
    monkeypatch.setenv("SOME_API_KEY", "planted-0123456789")

    report(RuntimeError("sent planted-0123456789 to https://me:password-1@host"))

    texts = capsys.readouterr().err + next((tmp_path / "crashes").iterdir()).read_text()
    assert "sent [redacted] to https://me:[redacted]@host" in texts
    assert "planted-0123456789" not in texts
    assert "password-1@" not in texts


def test_a_bug_shows_its_traceback_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODER_DEBUG", "1")

    report(ZeroDivisionError("division by zero"))

    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


@pytest.mark.slow
def test_a_command_of_another_package_is_found_by_its_entry_point(tmp_path: Path) -> None:
    package = tmp_path / "greeting-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[coder.commands]\ngreet = greeting:greet\n")
    (tmp_path / "greeting.py").write_text("def greet(name: str) -> None:\n    print(f'hello {name}')\n")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}

    listed = subprocess.run([CODER, "--help"], capture_output=True, text=True, env=environ, check=True)
    greeted = subprocess.run([CODER, "greet", "you"], capture_output=True, text=True, env=environ, check=True)

    assert "From the package greeting." in listed.stdout
    assert greeted.stdout == "hello you\n"
