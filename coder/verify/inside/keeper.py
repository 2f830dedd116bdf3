"""Keep the key of a report: run the command as a child process, and sign the rows that it sends.

In the sandbox's archive with reporter.py; standard library only (Python 3.8 and later). The code under test
runs in the child, and finds no key there.

    python3 -I launch keeper CONFIG COMMAND…

CONFIG is JSON: {"report": path, "key": hex, "at_once": whether rows are written as they arrive, "watched":
files that the command must not change, "folder": where it runs, "environment": variables for it}. It is
replaced by a file without the key, with the workspace ("root") and the descriptor for rows, one message
each; CODER_ROWS names the descriptor, too. A line of the report is a proof, which follows from the key, the
line before and the rest of this line; the sender, `-` for the child and `+` for this process; and a row.

Rows of this process: {"end": code} if that was the child's last row and it ended with that code, and
{"changed": watched files that have changed}.
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import json
import os
import select
import signal
import socket

from scripts import environment  # type: ignore[import-not-found]  # beside this file

_MAX_ROW_BYTES = 1 << 20
"""Longest row in bytes."""
_MAX_TOTAL_BYTES = 32 << 20
"""Maximum bytes of all rows."""
_POLL_S = 0.05
"""Poll interval in seconds, as a process that the command leaves behind may keep the socket open."""
_PR_SET_DUMPABLE = 4


class _SignedWriter:
    def __init__(self, path: str, key: bytes, *, at_once: bool) -> None:
        self._path, self._proof, self._bytes_left = path, key, _MAX_TOTAL_BYTES
        self._lines: list[bytes] = []
        self._file = self._open() if at_once else -1

    def write(self, row: bytes, sender: bytes = b"-") -> None:
        content = sender + row
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            return
        self._proof = hmac.new(self._proof, content, hashlib.sha256).digest()
        line = self._proof.hex().encode() + b" " + content + b"\n"
        if self._file >= 0:
            os.write(self._file, line)
        else:
            self._lines.append(line)

    def close(self) -> None:
        if self._file < 0:
            self._file = self._open()
            os.write(self._file, b"".join(self._lines))

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


def main(config_path: str, command: list[str]) -> int:
    """Run the command, and end this process with its exit code or by its signal."""
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    os.unlink(config_path)
    # Other processes of this user could otherwise read the key in memory.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    report = _SignedWriter(
        config.pop("report"), bytes.fromhex(config.pop("key")), at_once=config.pop("at_once")
    )
    watched = {path: _stamp(path) for path in config.pop("watched")}
    rows, child_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with open(config_path, "w", encoding="utf-8") as file:
        json.dump({**config, "rows": child_socket.fileno(), "root": os.getcwd()}, file)
    our_variables = {"CODER_ROWS": str(child_socket.fileno()), "CODER_FOLDER": os.getcwd()}
    environ = {**os.environ, **config.pop("environment", {}), **our_variables}
    environ["CODER_ENVIRONMENT"] = json.dumps(environment(environ))
    pid = os.fork()
    if pid == 0:
        os.set_inheritable(child_socket.fileno(), True)
        try:
            os.chdir(config.get("folder", "."))
            os.execvpe(command[0], command, environ)
        finally:
            os._exit(127)
    child_socket.close()
    exit_code = _relay(rows, report, pid)
    if watched:
        changed_paths = [path for path, stamp in watched.items() if _stamp(path) != stamp]
        report.write(json.dumps({"changed": changed_paths}).encode(), b"+")
    report.close()
    if exit_code < 0:
        signal.signal(-exit_code, signal.SIG_DFL) if -exit_code != signal.SIGKILL else None
        os.kill(os.getpid(), -exit_code)
    os._exit(exit_code)  # there is nothing to clean up, which would take a quarter of this process's time


def _relay(rows: socket.socket, report: _SignedWriter, pid: int) -> int:
    """Sign the rows until the child ends; return its exit code, or the negative number of its signal."""
    last_row = b""
    status = None
    while True:
        ready = select.select([rows], [], [], 0 if status is not None else _POLL_S)[0]
        row = rows.recv(_MAX_ROW_BYTES) if ready else b""
        if row:
            last_row = row
            if not _is_end(row):
                report.write(row)
        elif status is not None:
            break
        elif ready:  # the child has closed its end
            status = os.waitpid(pid, 0)[1]
        else:
            ended_pid, ended_status = os.waitpid(pid, os.WNOHANG)
            status = ended_status if ended_pid else None
    exit_code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    if last_row == b'{"end": %d}' % exit_code:
        report.write(last_row, b"+")
    return exit_code


def _is_end(row: bytes) -> bool:
    return row.startswith(b'{"end": ')


def _stamp(path: str) -> tuple[int, ...]:
    """Return values that differ after any write to a file: no program can set the change time."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
