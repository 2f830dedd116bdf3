"""pid 1 of a session: starts each command, takes its status, reaps orphans, and ends what is to end.

It is confined as its commands are, which inherit its walls; no command can read, stop or kill it. It alone
has the channel, a SEQPACKET socket of bounded messages. Output doesn't pass through it: each command gets a
pipe of the host's. Standard library only, any Python from 3.8 on.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import subprocess
from contextlib import suppress
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.process.execute import NOT_EXECUTABLE, NOT_FOUND
from sandbox.inner.process.family import Family
from sandbox.inner.walls.inner_walls import WORKSPACE, Walls, lower_of
from sandbox.inner.walls.places import VENV
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, prctl

OUTPUT, HOME = "/tmp/out", "/tmp/home"
_OWN_PROGRAMS = f"{HOME}/.local/bin"
"""Where pip puts programs that it installs for a user."""
_INSTALLED = f"{HOME}/installed"
"""Where pip installs to instead of a virtual environment that is read-only."""
_SCRIPTS = {"pip": "pip", "pip3": "pip", "pytest": "pytest"}
"""Modules behind the scripts that a project's instructions name."""
SPARE_PROCESSES = 16
"""So many the agent may start beyond what commands may: one is started still where they used theirs up."""
MAX_MESSAGE = 400_000
"""Bytes. More doesn't go through a socket of the usual size."""
_FIRST_TO_DIE = 900
"""Where memory is short the kernel ends the largest command, not the agent."""
_NAMED = 20
"""Processes that are named as still running."""


def prepare(*kept: int) -> int:
    """Keep some descriptors from commands, and close all others.

    Gives a descriptor of this process's oom_score_adj, opened before Landlock closes /proc to writers.
    """
    wire.close_all_but(0, 1, 2, *kept)
    for descriptor in kept:
        os.set_inheritable(descriptor, False)
    return os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)


def main(walls: Walls, received: tuple[dict[str, Any], list[int]] | None, score: int) -> int:
    """Serve the host until it closes the channel, with which the session ends.

    `received` is the session's job with the descriptor of the channel, None where the host let it go.
    """
    if received is None:
        return 0
    job, (channel,) = received
    if "dumpable" not in walls.without:
        checked(prctl(PR_SET_DUMPABLE, 0), "make the agent unreadable to commands")
    os.umask(0o022)
    os.chdir("/")
    for folder in (_OWN_PROGRAMS, OUTPUT):
        os.makedirs(folder, 0o755)
    environment = job["environment"]
    for name, module in _SCRIPTS.items():
        if _is_broken(name, environment["PATH"]):
            _write_script(f"{_OWN_PROGRAMS}/{name}", module)
    environment["PATH"] = f"{_OWN_PROGRAMS}:{environment['PATH']}"
    for name, value in list(environment.items()):
        if value in walls.layered and not os.access(value, os.W_OK):
            del environment[name]  # a cache that can't be written is none
    if os.path.isdir(VENV) and not os.access(f"{VENV}/lib", os.W_OK):  # no layer lies over it
        environment["PIP_TARGET"] = _INSTALLED
        environment["PATH"] = f"{_INSTALLED}/bin:{environment['PATH']}"
        environment["PYTHONPATH"] = f"{_INSTALLED}:{environment.get('PYTHONPATH', '')}".rstrip(":")
    agent = Agent(walls, job, socket.socket(fileno=channel), score)
    while agent.serve():
        continue
    return 0


class CannotStart(Exception):
    """A command that has no process."""

    def __init__(self, code: int, why: str) -> None:
        """Take the exit code that a shell gives, and what it would say."""
        super().__init__(why)
        self.code = code


class Agent:
    """The commands of one session by number."""

    def __init__(self, walls: Walls, job: dict[str, Any], channel: socket.socket, score: int) -> None:
        self._walls, self._job, self._channel, self._score = walls, job, channel, score
        self._usual_score = os.read(score, 16).strip()
        self._commands: dict[int, int] = {}
        """Numbers of commands whose own process lives, by its pid."""
        self._family = Family()
        self._woken, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which pid 1 gets from outside only
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)

    def serve(self) -> bool:
        """Wait for one event and answer it; False once the host has closed the channel."""
        ready, _, _ = select.select([self._channel.fileno(), self._woken], [], [])
        if self._woken in ready:
            os.read(self._woken, 4096)
            self._reap()
        if self._channel.fileno() not in ready:
            return True
        message, descriptors = wire.receive_with_fds(self._channel, MAX_MESSAGE, wire.MOST)
        if not message:
            return False
        request = json.loads(message)
        number: int = request["number"]
        if request["do"] == "start":
            self._start(number, request, descriptors)
            return True
        if request["do"] == "shed":
            self._family.kill_largest()
        elif request["do"] == "end":
            self._family.send(number, signal.SIGTERM)
        elif request["do"] == "kill":
            self._family.kill(number)
        if request["answer"]:
            self._say({"number": number, "answer": self._family.named(number, _NAMED)})
        return True

    def _start(self, number: int, request: dict[str, Any], descriptors: list[int]) -> None:
        try:
            pid = self._spawn(request, *descriptors)
        except CannotStart as error:
            self._say({"number": number, "failed": str(error), "code": error.code})
        else:
            self._commands[pid] = number
            self._family.add(number, pid)
            log = self._open_log(number)
            self._say({"number": number, "pid": pid}, log)
            for descriptor in log:
                os.close(descriptor)
        for descriptor in descriptors:
            os.close(descriptor)

    def _spawn(self, request: dict[str, Any], output: int, stdin: int = subprocess.DEVNULL) -> int:
        """Start a command in a process session of its own; its pid.

        The child shares this process's memory until it becomes the command (vfork), which a fork would copy:
        that takes longer than most commands. So its limits come a moment after its begin.
        """
        try:
            environment = {**self._job["environment"], **request["environment"]}
            argv, path = _enter(request, environment.get("PATH", os.defpath))
            self._set_score(b"%d" % _FIRST_TO_DIE)
            started = subprocess.Popen(
                argv,
                executable=path,
                env=environment,
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CannotStart(NOT_EXECUTABLE, f"{path}: {getattr(error, 'strerror', error)}") from error
        finally:
            self._set_score(self._usual_score)
            os.chdir("/")
        started.returncode = 0  # so that it leaves the waiting to us
        pid = started.pid
        lower_of(pid, self._walls, self._job["processes"], request["cpu_s"])
        return pid

    def _set_score(self, score: bytes) -> None:
        with suppress(OSError):  # it stands higher already
            os.pwrite(self._score, score, 0)

    def _open_log(self, number: int) -> list[int]:
        """A new file that the host writes the command's output to; none where commands left no room."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return [os.open(f"{OUTPUT}/{number}", flags, 0o644)]
        except OSError:
            return []

    def _reap(self) -> None:
        while True:
            try:
                pid, how, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._family.clear()
                return
            if pid == 0:
                return
            number = self._commands.pop(pid, None)
            if number is not None:
                used = usage.ru_utime + usage.ru_stime
                left = self._family.named(number, _NAMED)
                self._say({"number": number, "ended": how, "cpu_s": used, "left": left})

    def _say(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            wire.send_with_fds(self._channel, json.dumps(message).encode(), descriptors or [])
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or not descriptors:
                os._exit(0)  # the host is gone, and the session with it
            self._say(message)  # commands have sent themselves more than a user may


def _is_broken(name: str, places: str) -> bool:
    """Whether a script is there and its Python is not: an interpreter that is shown at another place."""
    found = [path for place in places.split(os.pathsep) if os.path.isfile(path := f"{place}/{name}")]
    if not found:
        return False
    with open(found[0], "rb") as file:
        first = file.readline(1000)
    return first.startswith(b"#!/") and not os.path.exists(first[2:].split()[0])


def _write_script(path: str, module: str) -> None:
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec python3 -m {module} "$@"\n')
    os.chmod(path, 0o755)


def _enter(request: dict[str, Any], places: str) -> tuple[list[str], str]:
    """Go to the folder of a command; its words, and where its program is.

    Raises:
        CannotStart: there is no such folder or program.
    """
    try:
        os.chdir(os.path.join(WORKSPACE, request["cwd"]))
    except (OSError, ValueError) as error:
        raise CannotStart(1, f"cd: {request['cwd']}: {getattr(error, 'strerror', error)}") from error
    if request["script"] is not None:
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return [shell, "-c", request["script"]], shell
    argv: list[str] = request["argv"]
    if "/" in argv[0]:
        return argv, argv[0]
    found = [
        f"{place}/{argv[0]}" for place in places.split(os.pathsep) if os.path.isfile(f"{place}/{argv[0]}")
    ]
    if not found:
        raise CannotStart(NOT_FOUND, f"{argv[0]}: command not found")
    return argv, next((path for path in found if os.access(path, os.X_OK)), found[0])
