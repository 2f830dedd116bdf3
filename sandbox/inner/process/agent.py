"""pid 1 of a session: starts each command, takes its status, reaps orphans, and ends what is to end.

It is confined as its commands are, which inherit its walls; no command can read, stop or kill it. It alone
has the channel, a SEQPACKET socket of bounded messages. Output doesn't pass through it: each command gets a
pipe of the host's. Standard library only, any Python from 3.8 on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.process.execute import NOT_EXECUTABLE, become
from sandbox.inner.process.family import Family
from sandbox.inner.walls.inner_walls import WORKSPACE, Walls, lower_processes
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, fork, prctl

OUTPUT, HOME = "/tmp/out", "/tmp/home"
SPARE_PROCESSES = 16
"""So many the agent may start beyond what commands may: one is started still where they used theirs up."""
MAX_MESSAGE = 400_000
"""Bytes. More doesn't go through a socket of the usual size."""
_FIRST_TO_DIE = 900
"""Where memory is short the kernel ends the largest command, not the agent."""
_NAMED = 20
"""Processes that are named as still running."""


def open_score() -> int:
    """A descriptor of this process's oom_score_adj, opened before Landlock closes /proc to writers."""
    return os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)


def main(walls: Walls, job: dict[str, Any], channel: socket.socket, score: int) -> int:
    """Serve the host until it closes the channel, with which the session ends."""
    if "dumpable" not in walls.without:
        checked(prctl(PR_SET_DUMPABLE, 0), "make the agent unreadable to commands")
    os.umask(0o022)
    os.chdir("/")
    for folder in (HOME, OUTPUT):
        os.mkdir(folder, 0o755)
    agent = Agent(walls, job, channel, score)
    while True:
        code = agent.serve()
        if code is not None:
            return code


class Agent:
    """The commands of one session by number."""

    def __init__(self, walls: Walls, job: dict[str, Any], channel: socket.socket, score: int) -> None:
        self._walls, self._job, self._channel, self._score = walls, job, channel, score
        self._usual_score = os.read(score, 16).strip()
        self._commands: dict[int, int] = {}
        """Numbers of commands whose own process lives, by its pid."""
        self._family = Family()
        self._woken, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)

    def serve(self) -> int | None:
        """Wait for one event and answer it; an exit code where the session, or a fork of the agent, ends."""
        ready, _, _ = select.select([self._channel.fileno(), self._woken], [], [])
        if self._woken in ready:
            os.read(self._woken, 4096)
            self._reap()
        if self._channel.fileno() not in ready:
            return None
        message, descriptors = wire.receive_with_fds(self._channel, MAX_MESSAGE, wire.MOST)
        if not message:
            return 0
        request = json.loads(message)
        number: int = request["number"]
        if request["do"] == "start":
            return self._start(number, request, descriptors)
        if request["do"] == "end":
            self._family.send(number, signal.SIGTERM)
        elif request["do"] == "kill":
            self._family.kill(number)
        self._say({"number": number, "left": self._family.named(number, _NAMED)})
        return None

    def _start(self, number: int, request: dict[str, Any], descriptors: list[int]) -> int | None:
        try:
            pid = self._fork()
            if pid == 0:
                return self._become(request, descriptors)
            self._commands[pid] = number
            self._family.add(number, pid)
            log = self._open_log(number)
            self._say({"number": number, "pid": pid}, log)
            for descriptor in log:
                os.close(descriptor)
        except OSError as error:
            self._say({"number": number, "failed": error.strerror})
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _fork(self) -> int:
        """A child that dies before this process where memory is short."""
        self._set_score(b"%d" % _FIRST_TO_DIE)
        try:
            pid = fork()
        except BaseException:
            self._set_score(self._usual_score)
            raise
        if pid:
            self._set_score(self._usual_score)
        return pid

    def _set_score(self, score: bytes) -> None:
        with suppress(OSError):  # it stands higher already
            os.pwrite(self._score, score, 0)

    def _become(self, request: dict[str, Any], descriptors: list[int]) -> int:
        """As the fork: be the command. All other descriptors close when it begins."""
        signal.set_wakeup_fd(-1)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, descriptor in enumerate((nothing, descriptors[0], descriptors[0])):
            os.dup2(descriptor, target)
        try:
            os.chdir(os.path.join(WORKSPACE, request["cwd"]))
            lower_processes(self._walls, self._job["processes"], request["cpu_s"])
        except OSError as error:
            os.write(2, f"cd: {request['cwd']}: {error.strerror}\n".encode("utf-8", "replace"))
            return 1
        environment = {**self._job["environment"], **request["environment"]}
        try:
            return become({"kind": "command", "argv": _argv(request), "environment": environment}, None)
        except (OSError, ValueError) as error:
            os.write(2, f"{error}\n".encode("utf-8", "replace"))
            return NOT_EXECUTABLE

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
        except OSError:
            os._exit(0)  # the host is gone, and the session with it


def _argv(request: dict[str, Any]) -> list[str]:
    if request["script"] is None:
        argv: list[str] = request["argv"]
        return argv
    shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    return [shell, "-c", request["script"]]
