"""Start `coder` without its imports: a server that has made them forks for each command.

They are most of what a short command takes. A forked command has its own arguments, environment, folder,
umask and streams, and ends like a started one. What an interpreter takes from its start is the server's; a
command with a variable that matters then isn't forked. As a program, this is the server.
"""

import gc
import json
import os
import pkgutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from select import select
from typing import Literal, TextIO

_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "TZ")
"""Beginnings of variables that are read when an interpreter starts."""
_PLANTED = ("_KEY", "_TOKEN", "SECRET", "PASSWORD")
"""In names of variables that must stand in /proc/PID/environ, where hostile code looks for their values."""
_SHORTEST = 8
"""Characters of a value that is looked for."""
_INSIDE = ("sandbox.inner.", "coder.verify.inside.", "benchmarks.suites.starter.")
"""Beginnings of modules that no command imports: they run in sandboxes."""
_FOR_SERVERS = (
    "fastapi",
    "jinja2",
    "mcp.server.mcpserver",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
)
"""What `coder serve` imports once it is asked for: most of what its start takes."""
_AT_FIRST_USE = ("anyio._backends._asyncio", "encodings.idna", "importlib.readers", "typer._adapters")
"""What commands import by names that stand in no module of ours."""
_NUMBER = struct.Struct("<i")


class Forked:
    """A command that the server has forked."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._code: int | None = None
        self.pid = self._number()

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit code, as `subprocess` says it, once it has ended; a TimeoutError if it doesn't in time."""
        if self._code is None:
            self._line.settimeout(timeout_s)
            self._code = os.waitstatus_to_exitcode(self._number())
            self._line.close()
        return self._code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _number(self) -> int:
        (number,) = _NUMBER.unpack(self._line.recv(_NUMBER.size))
        return int(number)


@dataclass(frozen=True, slots=True)
class WarmStart:
    """The server, as whoever wants a command sees it."""

    _asking: socket.socket
    _at_start: dict[str, str]

    def suits(self, environ: Mapping[str, str], *, is_searched: bool = True) -> bool:
        """Whether a command with these variables does the same when it is forked.

        Args:
            is_searched: whether code looks for secrets in the environment with which the command began.
        """
        secret = [value for name, value in environ.items() if any(word in name for word in _PLANTED)]
        is_open = is_searched and any(len(value) >= _SHORTEST for value in secret)
        return not is_open and _read_at_start(environ) == self._at_start

    def fork(self, *arguments: str, environ: Mapping[str, str], cwd: Path, streams: Sequence[int]) -> Forked:
        """Fork a command with these standard streams; a single one is its terminal."""
        umask = os.umask(0)
        os.umask(umask)
        parent_socket, child_socket = socket.socketpair()
        with child_socket:
            socket.send_fds(self._asking, [b"."], [child_socket.fileno(), *streams])
        parent_socket.sendall(json.dumps([arguments, dict(environ), str(cwd), umask]).encode())
        parent_socket.shutdown(socket.SHUT_WR)
        return Forked(parent_socket)


@cache
def warm_start(coder: Path) -> WarmStart:
    """The server of this process, which ends with it; it has made its imports."""
    from tests.tiers import uncounted  # imported late: the server finds no tests

    parent_socket, child_socket = socket.socketpair()
    with child_socket:
        command = [sys.executable, __file__, str(coder), str(child_socket.fileno())]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[child_socket.fileno()])
    with uncounted():
        parent_socket.recv(1)  # it is ready, or has ended
    return WarmStart(parent_socket, _read_at_start(os.environ))


def _read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_AT_START)}


def import_all() -> None:
    """Import what commands import, also in threads beside their work."""
    for name in ("coder", "sandbox", "benchmarks"):
        for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
            if not f"{module.name}.".startswith(_INSIDE):
                _import_where_installed(module.name)
    for name in ("platformdirs", *_FOR_SERVERS, *_AT_FIRST_USE):
        _import_where_installed(name)
    for api in ("chat", "messages"):
        import_module("coder.models.connection").import_client(api)


def _fill_caches() -> None:
    """Fill the caches that a command fills at first use: a quarter of the processor time of a short one."""
    commands = import_module("coder.show.command_groups").Commands()
    for name in commands.list_commands(None):
        command = commands.get_command(None, name)
        for each in (command, *getattr(command, "commands", {}).values()):
            for param in each.params:
                param.get_runtime_param()
    import_module("sandbox.supervisor.shipped").files_of_one_machine(sys.version_info[:2])
    import_module("coder.verify.our_programs").programs()
    import_module("platform").platform()  # the models' client asks for it, which starts a program
    pending = import_module("pydantic").BaseModel.__subclasses__()
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        if not model.__pydantic_complete__:
            model.model_rebuild(raise_errors=False)


def _import_where_installed(name: str) -> None:
    """Import a module, unless a package that it needs isn't installed: the commands that need it say so."""
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("coder", "sandbox", "benchmarks"):
            raise


def _serve(asking: socket.socket) -> tuple[int, list[int]]:
    """Fork until nobody asks any more; return in each command, with its line and its streams."""
    asking.sendall(b".")
    commands: dict[int, tuple[int, int]] = {}  # what tells of the end of a process: the process and its line
    while True:
        ready, _, _ = select([asking.fileno(), *commands], [], [])
        for ended in commands.keys() & ready:
            pid, line = commands.pop(ended)
            _tell(line, os.waitpid(pid, 0)[1])
            _close(ended, line)
        if asking.fileno() not in ready:
            continue
        request, fds, _, _ = socket.recv_fds(asking, 1, 4)
        if not request:
            os._exit(0)
        line, *streams = fds
        if (pid := os.fork()) == 0:
            _close(*commands, *(other for _, other in commands.values()), asking.detach())
            return line, streams
        commands[os.pidfd_open(pid)] = pid, line
        _tell(line, pid)
        _close(*streams)


def _tell(line: int, number: int) -> None:
    with suppress(OSError):  # nobody waits any more
        os.write(line, _NUMBER.pack(number))


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def _become(coder: str, line: int, streams: Sequence[int]) -> None:
    """Be the command that was asked for, before its first line."""
    with open(line, "rb") as read:
        arguments, environ, cwd, umask = json.load(read)
    if len(streams) == 1:
        os.login_tty(streams[0])
    else:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        _close(*streams)
    os.chdir(cwd)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [coder, *arguments]
    sys.stdin = sys.__stdin__ = _text(0, "r", sys.stdin)
    sys.stdout = sys.__stdout__ = _text(1, "w", sys.stdout)
    sys.stderr = sys.__stderr__ = _text(2, "w", sys.stderr)
    sys.stderr.reconfigure(line_buffering=True)


def _text(number: int, mode: Literal["r", "w"], like: TextIO) -> TextIOWrapper:
    return open(number, mode, encoding=like.encoding, errors=like.errors, closefd=False)


if __name__ == "__main__":
    program = sys.argv[1]
    sys.path[0] = str(Path(program).parent)
    import_all()
    _fill_caches()
    gc.collect()
    gc.freeze()
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would have this thread alone"
    _become(program, *_serve(socket.socket(fileno=int(sys.argv[2]))))
    sys.exit(import_module("coder.people.cli.main").entry())
