"""Keep the key of a report: run the command as a child, and sign the rows that it sends.

In the sandbox's archive with reporter.py; standard library only (Python 3.8 and later). The code under test
runs in the child, and finds no key there.

    python3 -I launch keeper CONFIG COMMAND…

CONFIG is JSON: {"report": path, "key": hex, "at_once": whether rows are written as they come, "watched":
files that the command must leave as they are, "folder": where it runs, "environment": variables for it}. It
is replaced by one without the key, with the workspace ("root") and the descriptor for rows, one a message;
CODER_ROWS names that, too. A line of the report is a proof, which follows from the key, the line before and
the rest of this one; who says it, `-` for the child and `+` for this process; and a row.
Rows of this process: {"end": code} if that was the child's last row and it ended with that code, and
{"changed": watched files that are others now}.
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

_LARGEST = 1 << 20
"""Bytes of a row."""
_MOST = 32 << 20
"""Bytes of all rows."""
_POLL_S = 0.05
"""A process that the command leaves behind may keep the socket open."""
_PR_SET_DUMPABLE = 4


class _Signed:
    def __init__(self, path: str, key: bytes, *, at_once: bool) -> None:
        self._path, self._proof, self._left = path, key, _MOST
        self._lines: list[bytes] = []
        self._file = self._open() if at_once else -1

    def write(self, row: bytes, said_by: bytes = b"-") -> None:
        content = said_by + row
        self._left -= len(content)
        if self._left < 0:
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
    """Run the command; return its exit code, and end by its signal."""
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    os.unlink(config_path)
    # Processes of the same user could read the key in its memory.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    report = _Signed(config.pop("report"), bytes.fromhex(config.pop("key")), at_once=config.pop("at_once"))
    watched = {path: _stamp(path) for path in config.pop("watched")}
    rows, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with open(config_path, "w", encoding="utf-8") as file:
        json.dump({**config, "rows": theirs.fileno(), "root": os.getcwd()}, file)
    ours = {"CODER_ROWS": str(theirs.fileno()), "CODER_FOLDER": os.getcwd()}
    environ = {**os.environ, **config.pop("environment", {}), **ours}
    environ["CODER_ENVIRONMENT"] = json.dumps(environment(environ))
    pid = os.fork()
    if pid == 0:
        os.set_inheritable(theirs.fileno(), True)
        try:
            os.chdir(config.get("folder", "."))
            os.execvpe(command[0], command, environ)
        finally:
            os._exit(127)
    theirs.close()
    code = _relay(rows, report, pid)
    if watched:
        changed = [path for path, stamp in watched.items() if _stamp(path) != stamp]
        report.write(json.dumps({"changed": changed}).encode(), b"+")
    report.close()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    return code


def _relay(rows: socket.socket, report: _Signed, pid: int) -> int:
    """Sign the rows until the child ends; return its exit code, or the negative number of its signal."""
    last = b""
    status = None
    while True:
        ready = select.select([rows], [], [], 0 if status is not None else _POLL_S)[0]
        row = rows.recv(_LARGEST) if ready else b""
        if row:
            last = row
            if not _is_end(row):
                report.write(row)
        elif status is not None:
            break
        elif ready:  # the other end is closed: the child ends
            status = os.waitpid(pid, 0)[1]
        else:
            done, ended = os.waitpid(pid, os.WNOHANG)
            status = ended if done else None
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    if last == b'{"end": %d}' % code:
        report.write(last, b"+")
    return code


def _is_end(row: bytes) -> bool:
    return row.startswith(b'{"end": ')


def _stamp(path: str) -> tuple[int, ...]:
    """Identify a file beyond its content: the time of change can't be set."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
