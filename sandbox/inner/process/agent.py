"""The agent of a session: start commands, collect their status, reap orphans, and end commands.

Commands inherit its walls. As pid 1 it can't be read, stopped or killed by them; without a pid namespace
it is a subreaper that they can kill, but not read: then its reaper ends the session. Only the agent has the
channel, a SEQPACKET socket of bounded messages. Each command writes to a pipe of the host's. Standard library
only, Python 3.8 or later.
"""

from __future__ import annotations

import ctypes
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
from sandbox.inner.process.descendants import child_exit_descriptor, pids
from sandbox.inner.process.execute import NOT_EXECUTABLE
from sandbox.inner.process.family import Family
from sandbox.inner.process.session_environment import CannotStart, enter, prepare_environment
from sandbox.inner.walls.inner_walls import Walls, lower_of
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, PR_SET_NAME, checked, prctl

_FIRST_TO_DIE = 900
"""oom_score_adj of commands: the kernel kills the largest one, not the agent."""
_NAME = ctypes.addressof(_name := ctypes.create_string_buffer(b"agent"))
"""Name of this process, which a command's `killall python3` doesn't match."""
_NAMED = 20
"""Maximum processes reported as still running."""


def prepare(*kept: int) -> int:
    """Hide some descriptors from commands, and close all others.

    Returns a descriptor of this process's oom_score_adj, opened before Landlock makes /proc read-only; of
    /dev/null if it is so already.
    """
    wire.close_all_but(0, 1, 2, *kept)
    for descriptor in kept:
        os.set_inheritable(descriptor, False)
    try:
        return os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:  # inside of another sandbox, which makes /proc read-only
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def main(
    walls: Walls,
    received: tuple[dict[str, Any], list[int]] | None,
    score: int,
    folders: wire.SessionFolders,
    kind: type[CommandAgent],
) -> int:
    """Serve the host until it closes the channel.

    Args:
        received: None if the host discarded the session.
        kind: CommandAgent, or AgentAlone if this process isn't pid 1 of a namespace.
    """
    if received is None:
        return 0
    job, (channel,) = received
    if "dumpable" not in walls.without:
        checked(prctl(PR_SET_DUMPABLE, 0), "make the agent unreadable to commands")
    checked(prctl(PR_SET_NAME, _NAME), "name the agent")
    os.umask(0o022)
    os.chdir("/")
    os.makedirs(folders.output, 0o755)
    if folders.home != wire.HOME:
        own = {"HOME": folders.home, "TMPDIR": folders.temporary, "GIT_CONFIG_NOSYSTEM": "1"}
        job["environment"].update({"HOME": folders.home_in_place} if folders.home_in_place else own)
    prepare_environment(walls.layered, job["environment"], folders)
    agent = kind(walls, job, socket.socket(fileno=channel), score, folders)
    while agent.serve():
        continue
    return 0


class CommandAgent:
    """The commands of one session, by number."""

    def __init__(
        self,
        walls: Walls,
        job: dict[str, Any],
        channel: socket.socket,
        score: int,
        folders: wire.SessionFolders,
    ) -> None:
        self.walls, self.job, self._channel, self._score = walls, job, channel, score
        self._folders = folders
        self._usual_score = os.read(score, 16).strip()
        self._commands: dict[int, int] = {}
        """Number of each command whose main process lives, by pid."""
        self._family = Family(self.processes)
        self._woken = child_exit_descriptor()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # pid 1 gets it only from outside

    def serve(self) -> bool:
        """Handle one event; False once the host has closed the channel."""
        ready, _, _ = select.select([self._channel.fileno(), self._woken], [], [])
        if self._woken in ready:
            os.read(self._woken, 4096)
            self._reap()
        if self._channel.fileno() not in ready:
            return True
        message, descriptors = wire.receive_with_fds(self._channel, wire.MAX_MESSAGE, wire.MAX_DESCRIPTORS)
        if not message:
            return False
        request = json.loads(message)
        number: int = request["number"]
        if request["do"] == "start":
            self._start(number, request, descriptors)
            return True
        if request["do"] == "listen":
            self._listen(request["module"])
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

    def processes(self) -> list[int]:
        """Return all processes of the session except this one."""
        return [pid for pid in pids() if pid != 1]

    def _listen(self, module: str) -> None:
        """Give the host a socket that commands connect to, and commands a module that connects."""
        place = self._folders.tools
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools_module.py")
        try:
            os.mkdir(place, 0o755)
            os.symlink(source, f"{place}/{module}.py")
            listener = self.make_listener(f"{place}/socket")
        except OSError:  # commands have filled the disk, or put something in its place
            self._say({"listens": False})
            return
        usual = self.job["environment"].get("PYTHONPATH", "")
        self.job["environment"]["PYTHONPATH"] = f"{usual}:{place}".lstrip(":")
        with listener:
            self._say({"listens": True}, [listener.fileno()])

    def make_listener(self, path: str) -> socket.socket:
        """Return a socket on which the host accepts connections of commands. Raises OSError."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        return listener

    def _start(self, number: int, request: dict[str, Any], descriptors: list[int]) -> None:
        try:
            pid = self._spawn(request, *descriptors)
        except CannotStart as error:
            self._say({"number": number, "failed": str(error), "code": error.code})
        else:
            self._commands[pid] = number
            self._family.add(number, pid)
            log = self._open_log(number)
            path = f"{self._folders.output}/{number}"
            self._say({"number": number, "pid": pid, "log": path}, log)
            for descriptor in log:
                os.close(descriptor)
        for descriptor in descriptors:
            os.close(descriptor)

    def _spawn(self, request: dict[str, Any], output: int, stdin: int = subprocess.DEVNULL) -> int:
        """Start a command in its own process session; return its pid. Raises CannotStart.

        vfork is used, as a fork takes longer than most commands; so the limits are set after the start.
        """
        try:
            environment = {**self.job["environment"], **request["environment"]}
            argv, path = enter(request, environment.get("PATH", os.defpath), self._folders.workspace)
            self._set_score(b"%d" % _FIRST_TO_DIE)
            started = subprocess.Popen(
                argv,
                executable=path,
                env=environment,
                stdin=stdin,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **self.popen_options(request["cpu_s"]),
            )
        except (OSError, ValueError) as error:
            raise CannotStart(NOT_EXECUTABLE, f"{path}: {getattr(error, 'strerror', error)}") from error
        finally:
            self._set_score(self._usual_score)
            os.chdir("/")
        started.returncode = 0  # we wait for it ourselves
        self.limit(started.pid, request["cpu_s"])
        return started.pid

    def popen_options(self, cpu_s: int | None) -> dict[str, Any]:
        """Return further arguments of Popen."""
        return {}

    def limit(self, pid: int, cpu_s: int | None) -> None:
        """Lower the limits of a command that has started."""
        lower_of(pid, self.walls, self.job["processes"], cpu_s)

    def _set_score(self, score: bytes) -> None:
        with suppress(OSError):  # it is higher already
            os.pwrite(self._score, score, 0)

    def _open_log(self, number: int) -> list[int]:
        """Create a file to which the host writes the output; none if the disk is full."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return [os.open(f"{self._folders.output}/{number}", flags, 0o644)]
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
                survivors = self._family.named(number, _NAMED)
                self._say({"number": number, "ended": how, "cpu_s": used, "left": survivors})

    def _say(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            wire.send_with_fds(self._channel, json.dumps(message).encode(), descriptors or [])
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or not descriptors:
                os._exit(0)  # the host is dead, and the session with it
            self._say(message)  # commands have too many descriptors in flight
