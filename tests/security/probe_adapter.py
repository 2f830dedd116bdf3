"""The adapter through which the shared probe runner attacks a sandbox, by the door that SANDBOX_DOOR names.

`lasting` opens a sandbox for each probe and runs in the workspace that lasts, `fresh` gives every run of one
open sandbox a workspace of its own, `session` a session, `command` starts `coder run`. SANDBOX_BACKEND names
another backend than bubblewrap, SANDBOX_WALLS=one has each run get a bubblewrap of its own, and
SANDBOX_WALL_S is how long a program may take.
"""

import asyncio
import base64
import functools
import importlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from typing import Any, NoReturn, Protocol, TypeVar

from sandbox import Command, Policy, PythonCode, Sandbox
from sandbox.backends.bubblewrap import Walls, open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.docker.open_docker import open_docker
from tests.bare_python import bare_python
from tests.docker_engine import IMAGE
from tests.system_python import SYSTEM_PYTHON

T = TypeVar("T")
DOOR = os.environ.get("SANDBOX_DOOR", "lasting")
SHARED = DOOR in ("fresh", "session")
"""The runner puts both programs of a probe that needs two at once into one sandbox."""
_WITHOUT = frozenset(filter(None, os.environ.get("SANDBOX_WITHOUT", "").split(",")))
_WALLS: Walls | None = "one" if os.environ.get("SANDBOX_WALLS") == "one" else None
_WALL_S = float(os.environ.get("SANDBOX_WALL_S", "10"))
if DOOR == "command":
    for name in ("app", "main", "output_stream", "run_program"):
        importlib.import_module(f"coder.people.cli.{name}")
_EMPTY = sha256(b"").hexdigest()


class Session(Protocol):
    """What the runner asks of an adapter."""

    def run(self, code: str) -> dict[str, Any]: ...

    def close(self) -> None: ...


class LastingContainer:
    """One sandbox; its runs block the caller."""

    def __init__(self) -> None:
        self._sandbox, self._opening = _open()
        self._closed = False

    def run(self, code: str) -> dict[str, Any]:
        """Run one program, and collect every file of the workspace afterwards."""
        result = _wait(self._sandbox.run(PythonCode(source=code)))
        paths = _wait(self._sandbox.manifest())
        # Thousands of files are empty: the sum of what they hold says so, without a look at each.
        artifacts = {
            path: b"" if digest == _EMPTY else _wait(self._sandbox.read(path, limit=1 << 30))
            for path, digest in paths.items()
        }
        return {**result.model_dump(), "wall": result.wall_s, "artifacts": artifacts}

    def close(self) -> None:
        """Close the sandbox once."""
        if not self._closed:
            self._closed = True
            _wait(self._opening.__aexit__(None, None, None))


class Fresh:
    """Runs in the one sandbox that stays open for all probes, and ends with this process."""

    _opened: tuple[Sandbox, object] | None = None

    def __init__(self) -> None:
        Fresh._opened = Fresh._opened or _open()
        self._sandbox = Fresh._opened[0]

    def run(self, code: str) -> dict[str, Any]:
        """Run one program in a workspace of its own, and take its artifacts."""
        result = _wait(self._sandbox.run(PythonCode(source=code), fresh=True))
        artifacts = {item.path: item.content for item in result.artifacts}
        return {**result.model_dump(), "wall": result.wall_s, "artifacts": artifacts}

    def close(self) -> None:
        """Leave it open."""


class InSession(Fresh):
    """A session of its own for each program, in the one sandbox that stays open."""

    def run(self, code: str) -> dict[str, Any]:
        """Run one program as a command, and take what it changed."""
        return _wait(self._run(self._sandbox, code))

    async def _run(self, box: Sandbox, code: str) -> dict[str, Any]:
        async with box.session(fresh=True) as session:
            await session.write("probe.py", code.encode())
            # Some probes look for a word of theirs in command lines.
            moved = await session.sh('mv probe.py "${TMPDIR:-/tmp}"; echo "${TMPDIR:-/tmp}/probe.py"')
            start = Command(argv=("python", moved.output.strip()), environment={"PYTHONPATH": session.root})
            result = await session.run(start)
            changes = (await session.changes()).changes
        artifacts = {one.path: one.content for one in changes}
        fields = {"stdout": result.output, "stderr": "", "wall": result.wall_s, "artifacts": artifacts}
        return {**result.model_dump(), **fields}


class Run:
    """`coder run`, forked once for each program, which comes from its standard input."""

    def run(self, code: str) -> dict[str, Any]:
        """Run one program, and take its artifacts out of the document."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as printed:
            stdin.write(code.encode())
            stdin.seek(0)
            if (command := os.fork()) == 0:
                _become_coder_run(stdin.fileno(), printed.fileno())
            os.waitpid(command, 0)
            printed.seek(0)
            document = json.loads(printed.read())
        artifacts = {item["path"]: base64.b64decode(item["content"]) for item in document["artifacts"]}
        return {**document, "wall": document["wall_s"], "artifacts": artifacts}

    def close(self) -> None:
        """Nothing is left open."""


def _become_coder_run(given: int, printed: int) -> NoReturn:
    try:
        os.dup2(given, 0)
        os.dup2(printed, 1)
        sys.argv = ["coder", "run", "--json", "-"]
        from coder.people.cli.main import entry  # no part of the book of the sandbox

        entry()
    finally:
        os._exit(1)  # entry() ends it, unless it fails


def open(cfg: dict[str, Any]) -> Session:
    """What the runner calls."""
    return {"lasting": LastingContainer, "fresh": Fresh, "session": InSession, "command": Run}[DOOR]()


def _open() -> tuple[Sandbox, AbstractAsyncContextManager[Sandbox]]:
    opening: AbstractAsyncContextManager[Sandbox]
    if os.environ.get("SANDBOX_BACKEND") == "docker":
        opening = open_docker(Policy(image=IMAGE, wall_s=_WALL_S), without=_WITHOUT)
    elif os.environ.get("SANDBOX_BACKEND") == "container":
        opening = open_in_container(Policy(python=SYSTEM_PYTHON, wall_s=_WALL_S), without=_WITHOUT)
    else:
        opening = open_bubblewrap(
            Policy(python=bare_python(), wall_s=_WALL_S), without=_WITHOUT, walls=_WALLS
        )
    return _wait(opening.__aenter__()), opening


def _wait(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, _running_loop()).result()


@functools.cache
def _running_loop() -> asyncio.AbstractEventLoop:
    """A loop in a thread of its own, made at first use: runners are forked from what has imported this."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
