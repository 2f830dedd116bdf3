"""A real Postgres server of our own, in a folder of its own, behind a Unix socket."""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

PASSWORD = "correct-horse"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
FAST = ("max_connections=60", "listen_addresses=", "autovacuum=off", "fsync=off")
"""Without fsync a killed server is back at once, also on a busy disk; kill -9 loses nothing written."""


class Server:
    """A server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._data = folder, folder / "data"
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (folder, secret):
                shutil.chown(path, "postgres")
        self._run("initdb", "-A", "scram-sha-256", "-U", "coder", "--pwfile", str(secret), "--no-sync")
        self.start()

    def _run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        user = ("runuser", "-u", "postgres", "--") if os.getuid() == 0 else ()
        command = (*user, str(BINARIES[-1] / name), "-D", str(self._data), *arguments)
        return subprocess.run(command, check=True, text=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = " ".join(f"-c {option}" for option in (*FAST, f"unix_socket_directories={self.folder}"))
        for retries in range(50, -1, -1):  # what a killed server has left holds its memory for a moment
            try:
                self._run("pg_ctl", "start", "-w", "-s", "-o", options, "-l", str(self.folder / "log"))
                return
            except subprocess.CalledProcessError:
                if not retries:
                    raise

    def kill(self) -> None:
        """End it as kill -9 does."""
        os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-s")

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """The address of a database."""
        return f"postgresql://coder:{password}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection of the superuser."""
        import psycopg  # few tests need it

        return psycopg.connect(self.url(database), autocommit=True)

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"d{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)


@contextmanager
def server() -> Iterator[Server]:
    """A server, ended and removed afterwards."""
    if not BINARIES:
        pytest.skip("Postgres is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="coder-pg-"))
    try:
        started = Server(folder)
        yield started
        started.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server for all tests of a process."""
    with server() as started:
        yield started
