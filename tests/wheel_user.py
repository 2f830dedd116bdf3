"""An ordinary user who installs a wheel: what installers need of the environment, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from tests.ordinary_user import NOBODY
from tests.system_python import SYSTEM_PYTHON

PASSED_ON = ("PIP_", "UV_", "SSL_CERT_")
"""Beginnings of variables by which installers find their index."""


class User:
    """An ordinary user with a home of its own, and a wheel in it."""

    def __init__(self, home: Path, project: Path) -> None:
        """Build the wheel of the project in a folder."""
        self.home = home
        build = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", home)
        subprocess.run([*build, project], check=True, stdout=subprocess.DEVNULL)
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
