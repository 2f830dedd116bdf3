"""Forked command with the interface of `subprocess.Popen`."""

import os
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import IO, Self

from tests.coder.people.cli.warm_start import WarmStart


class ForkedCommand:
    """Command whose three streams are pipes."""

    def __init__(self, server: WarmStart, *arguments: str, environ: Mapping[str, str], cwd: Path) -> None:
        (reads_in, writes_in), (reads_out, writes_out), (reads_err, writes_err) = (
            os.pipe() for _ in range(3)
        )
        streams = (reads_in, writes_out, writes_err)
        self._forked = server.fork(*arguments, environ=environ, cwd=cwd, streams=streams)
        for stream in streams:
            os.close(stream)
        self._arguments = arguments
        self.pid = self._forked.pid
        self.returncode: int | None = None
        self.stdin: IO[bytes] = os.fdopen(writes_in, "wb")
        self.stdout: IO[bytes] = os.fdopen(reads_out, "rb")
        self.stderr: IO[bytes] = os.fdopen(reads_err, "rb")

    def communicate(self, stdin: bytes = b"", timeout: float | None = None) -> tuple[bytes, bytes]:
        """Write the input and return stdout and stderr once the command has ended; kill it at the timeout."""
        hangs = Timer(timeout or 0, self.kill)
        if timeout is not None:
            hangs.start()
        with ThreadPoolExecutor() as readers:
            outputs = [readers.submit(_read, stream) for stream in (self.stdout, self.stderr)]
            with suppress(BrokenPipeError):
                if not self.stdin.closed:
                    with self.stdin:
                        self.stdin.write(stdin)
            out, err = [output.result() for output in outputs]
        self.wait()
        hangs.cancel()
        return out, err

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended."""
        try:
            self.returncode = self._forked.wait(timeout)
        except TimeoutError as error:
            raise subprocess.TimeoutExpired(self._arguments, timeout or 0) from error
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0.001)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        self._forked.send_signal(number)

    def terminate(self) -> None:
        """End it by SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr, self.stdin):
            with suppress(BrokenPipeError):
                stream.close()
        self.wait()


def _read(stream: IO[bytes]) -> bytes:
    if stream.closed:
        return b""
    with stream:
        return stream.read()
