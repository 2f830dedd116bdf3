"""No command imports a module or starts a program of the folder that it is typed in."""

from pathlib import Path

import pytest

from coder.people.cli.set_up import SetUpStep, _installed, _packages
from tests.coder.people.cli.console import Console

MODULES = (
    "json",
    "pip",
    "venv",
    "ensurepip",
    "typing",
    "sitecustomize",
    "usercustomize",
    "coder",
    "benchmarks",
)
PROGRAMS = (
    "git",
    "bwrap",
    "docker",
    "podman",
    "python3",
    "uv",
    "sudo",
    "apt-get",
    "env",
    "sh",
    "ssh",
    "node",
)


@pytest.fixture
def folder(console: Console) -> Path:
    """A folder of modules and programs that leave a mark."""
    folder = console.home / "repository"
    folder.mkdir()
    mark = folder / "mark"
    for name in MODULES:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})\n")
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {mark}\nexit 1\n")
        (folder / name).chmod(0o755)
    return folder


def marks(folder: Path) -> str:
    mark = folder / "mark"
    return mark.read_text() if mark.exists() else ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        *(
            "doctor",
            "ls",
            "config",
            "models",
            "skills",
            "setup",
            "bench list",
            "store check",
            "fix -m local/none",
        ),
        "run --sandbox ssh:nobody@host.invalid -c 1",
    ],
)
def test_a_command_takes_nothing_of_its_folder(console: Console, folder: Path, words: str) -> None:
    process = console.start_anew(*words.split(), cwd=folder, PATH=f".::{console.environ['PATH']}:")
    process.communicate(timeout=300)

    assert marks(folder) == ""


@pytest.mark.slow
def test_packages_are_installed_by_the_pip_of_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (command,) = _packages("nothing", ("--dry-run", "--no-index", "pip")).commands

    assert _installed(SetUpStep("nothing", (command,)))
    assert marks(folder) == ""
