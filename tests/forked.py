"""Do something in a forked child: to kill it, to limit it, or to be somebody else there."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

NOBODY = 65534
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown"}


def said_by_child(act: Callable[[], object], *, prepare: Callable[[], object] = lambda: None) -> str:
    """What `act` returned, or the name and message of what it raised, in a child after `prepare`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _speak(writing, act, prepare)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


def killed_at(moment: int, act: Callable[[], object]) -> bool:
    """Do `act` in a child that is killed at its nth touch of a file; False when it ended before that.

    SIGKILL comes from within, just before the nth call that opens, makes, renames or removes a file.
    """
    pid = os.fork()
    if pid == 0:
        touches = 0

        def count(event: str, arguments: object) -> None:
            nonlocal touches
            touches += event in _TOUCHES
            if event in _TOUCHES and touches == moment:  # os.kill is an event itself
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            act()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def become_nobody() -> None:
    """Give up root; an ordinary user stays who it is."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def limit_files(size: int) -> Callable[[], None]:
    """No file may grow beyond so many bytes: writes fail as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def mount_small_disk(folder: Path, *, size: int) -> None:
    """Mount a disk of so many bytes on a folder, seen by this process alone, which needs not be root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    _done(libc.unshare(_NEW_USER | _NEW_MOUNTS))
    for name, content in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path(f"/proc/self/{name}").write_text(content)
    _done(libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()))


def _done(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _speak(writing: int, act: Callable[[], object], prepare: Callable[[], object]) -> NoReturn:
    text = "the child could not be prepared"
    try:
        prepare()
        text = str(act())
    except BaseException as error:  # noqa: BLE001 - whatever it was, the parent is to hear it
        text = f"{type(error).__name__}: {error}"
    finally:
        os.write(writing, text.encode())
        os._exit(0)
