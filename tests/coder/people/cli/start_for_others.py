"""What others start in place of `coder`: a test forks the command onto the streams that they gave.

As a program, this is what they start: it passes on its streams, signals that it gets, and the exit code.
"""

import os
import signal
import socket
import struct
import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

_NUMBER = struct.Struct("<i")


@contextmanager
def command_for_others(
    coder: Path,
    *arguments: str,
    environ: Mapping[str, str],
    cwd: Path,
    pid: "Future[int] | None" = None,
) -> Iterator[list[str]]:
    """What to start once within the block, with three streams, in place of `coder` with these arguments.

    `pid` gets the id of the forked process, which isn't that of the process that was started.
    """
    name = f"coder-test-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        fork_arguments = (listening.dup(), coder, arguments, environ, cwd, pid)
        Thread(target=_fork, args=fork_arguments, daemon=True).start()
        try:
            yield [sys.executable, "-I", "-S", __file__, name]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _fork(
    listening: socket.socket,
    coder: Path,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
    cwd: Path,
    pid: "Future[int] | None",
) -> None:
    from tests.coder.people.cli.warm_start import warm_start  # the program doesn't need it

    with listening:
        try:
            line, _ = listening.accept()
        except OSError:  # nobody has started it
            return
    with line:
        _, streams, _, _ = socket.recv_fds(line, 1, 3)
        forked = warm_start(coder).fork(*arguments, environ=environ, cwd=cwd, streams=streams)
        for stream in streams:
            os.close(stream)
        if pid is not None:
            pid.set_result(forked.pid)
        line.sendall(_NUMBER.pack(forked.pid))
        code = forked.wait()
        try:
            line.sendall(_NUMBER.pack(code))
        except OSError:  # it was killed
            return


def _pass_on(name: str) -> int:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"\0{name}")
        socket.send_fds(line, [b"."], [0, 1, 2])
        (pid,) = _NUMBER.unpack(line.recv(_NUMBER.size))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        (code,) = _NUMBER.unpack(line.recv(_NUMBER.size))
        return int(code)


if __name__ == "__main__":
    sys.exit(_pass_on(sys.argv[1]))
