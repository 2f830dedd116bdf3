"""The wheel works without a clone, installed by pip, pipx and uv as a user who isn't root."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ordinary_user import NOBODY, REPOSITORY
from tests.system_python import SYSTEM_PYTHON

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.timeout(300)]
PASSED_ON = ("PIP_", "UV_", "SSL_CERT_")
"""Beginnings of variables by which installers find their index."""


class User:
    """An ordinary user with a home of its own, and the wheel in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        build = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", home)
        subprocess.run([*build, REPOSITORY], check=True, stdout=subprocess.DEVNULL)
        (self.wheel,) = home.glob("*.whl")
        self._uid = NOBODY if os.geteuid() == 0 else None
        if self._uid is not None:
            os.chown(home, self._uid, self._uid)

    def runs(self, *command: str | Path, code: int = 0) -> str:
        """Run a command; return its output, both streams in one."""
        environment = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        environment |= {
            "HOME": str(self.home),
            "PATH": f"{self.home}/.local/bin:/usr/bin:/bin",
            "UV_SYSTEM_CERTS": "1",
        }
        done = subprocess.run(
            command,
            cwd=self.home,
            env=environment,
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else (),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def venv_with(self, *packages: str | Path) -> Path:
        """Make an environment with these packages; return the folder of its programs."""
        programs = self.home / "venv/bin"
        self.runs(SYSTEM_PYTHON, "-m", "venv", programs.parent)
        self.runs(programs / "pip", "install", "-qq", *packages)
        return programs


@pytest.fixture
def user() -> Iterator[User]:
    with tempfile.TemporaryDirectory(prefix="coder-user-", ignore_cleanup_errors=True) as home:
        yield User(Path(home))


def test_pip_installs_the_command_by_both_its_names(user: User) -> None:
    programs = user.venv_with(user.wheel)

    assert user.runs(programs / "coder", "--version") == user.runs(programs / "coder-agent", "--version")


def test_pipx_installs_the_command_and_setup_the_rest(user: User) -> None:
    pipx = user.venv_with("pipx") / "pipx"
    user.runs(pipx, "install", "--python", SYSTEM_PYTHON, user.wheel)

    before = user.runs("coder", "doctor", code=5)
    user.runs("coder", "setup", "--yes")

    assert "coder solve can't work yet" in before
    assert "Install it: coder setup" in before
    assert "Nothing is missing." in user.runs("coder", "setup")
    assert "✓ coder solve can work: local/" in user.runs("coder", "doctor")


def test_uvx_runs_it_without_an_installation(user: User) -> None:
    uvx = user.venv_with("uv") / "uvx"
    command = (uvx, "-q", "--python", SYSTEM_PYTHON, "--from", user.wheel, "coder", "run", "--")

    assert user.runs(*command, "python3", "-c", "print(6 * 7)").splitlines()[-1] == "42"
