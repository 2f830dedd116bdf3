"""The keeper server: one process per owner that has imported what keepers need, and forks each of them.

A new interpreter takes longer than all the rest of a keeper's start. Run as
`python -I -S -c … DESCRIPTOR [scoped] MARK` with an empty package `sandbox`, which imports faster. EOF on its
socket means that the owner is dead or needs it no more: it exits, and the keepers live on until their own
lifelines end. A process's first sandbox pays for what this imports: `socket` alone would take as long as the
rest, so `_socket` has to do.
"""

from __future__ import annotations

import _socket
import marshal
import os
import resource
import select
import signal
import struct
import sys

from sandbox.supervisor import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST, _MESSAGE = 8, 1 << 17
"""Maximum descriptors and bytes of a request."""
_SCOPED = "scoped"
"""Argument of a server that systemd put into a scope, which belongs to one keeper."""
_NUMBER, _CREDENTIALS = struct.Struct("i"), struct.Struct("iII")
_ANSWER, _STDERR, _JOB, _FIRST = range(4)
"""Positions of a request's descriptors; from the last position on, they are the job's."""
_FIRST_NUMBER = 3


def main() -> None:
    """Fork a keeper for each request, until nobody can send one; also return in a keeper that has ended."""
    requests = _socket.socket(fileno=int(sys.argv[1]))
    is_scoped = sys.argv[2] == _SCOPED
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the owner may ignore the ends of its children
    # Each keeper has a descriptor here, and the kernel compares those in flight with the sender's limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.setsid()
    os.chdir("/")
    keepers: dict[int, int] = {}
    """Pid of each keeper by the descriptor that tells of its end."""
    ready = select.poll()
    ready.register(requests.fileno(), select.POLLIN)
    while True:
        for number, _ in ready.poll():
            if number in keepers:
                ready.unregister(number)
                os.close(number)
                os.waitpid(keepers.pop(number), 0)
                continue
            message, descriptors = _receive(requests)
            if not message:
                return
            request = marshal.loads(message)
            keeper = os.getpid() if is_scoped else _fork(request, descriptors)
            if keeper > 0:
                pidfd = os.pidfd_open(keeper)
                keepers[pidfd] = keeper
                ready.register(pidfd, select.POLLIN)
                _answer(descriptors[_ANSWER], keeper, pidfd)
            if keeper == 0 or is_scoped:
                requests.detach()
                _become_keeper(request, descriptors, is_scoped=is_scoped)
                return
            for descriptor in descriptors:
                os.close(descriptor)


def _receive(requests: _socket.socket) -> tuple[bytes, list[int]]:
    """Receive a request and its descriptors; nothing from an owner whose uid isn't ours any more."""
    room = _socket.CMSG_SPACE(_MOST * _NUMBER.size) + _socket.CMSG_SPACE(_CREDENTIALS.size)
    message, ancillary, _, _ = requests.recvmsg(_MESSAGE, room, _socket.MSG_CMSG_CLOEXEC)
    content_by_kind = {kind: content for _, kind, content in ancillary}
    descriptors = [number for (number,) in _NUMBER.iter_unpack(content_by_kind.get(_socket.SCM_RIGHTS, b""))]
    sent_by = content_by_kind.get(_socket.SCM_CREDENTIALS)
    if sent_by is None or _CREDENTIALS.unpack(sent_by)[1] != os.getuid():
        return b"", []
    return message, descriptors


def _fork(request: dict[str, Any], descriptors: list[int]) -> int:
    """Fork; return -1 if that fails, which the keeper's standard error explains."""
    try:
        if len(descriptors) < request["descriptors"]:
            raise OSError("it has too many open files")  # the kernel has dropped descriptors
        return os.fork()
    except OSError as error:
        if len(descriptors) > _STDERR:
            os.write(descriptors[_STDERR], f"The server of keepers could not fork one: {error}.\n".encode())
        return -1


def _answer(answer: int, keeper: int, held: int) -> None:
    """Send the owner a keeper's pid, and a descriptor that becomes readable at its end."""
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _NUMBER.pack(held))
    connection = _socket.socket(fileno=os.dup(answer))
    try:  # noqa: SIM105 - `contextlib` would take longer to import than the rest of this module
        connection.sendmsg([b"%d" % keeper], [rights])
    except OSError:  # the owner has given up, and closed the lifeline
        pass
    connection.close()


def _become_keeper(request: dict[str, Any], descriptors: list[int], *, is_scoped: bool) -> None:
    """Do the job of a keeper, with only its own descriptors and the environment that it is given."""
    os.dup2(descriptors[_STDERR], 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    with open(descriptors[_JOB], "rb") as file:
        job = marshal.load(file)
    _renumber(descriptors[_FIRST:])
    if is_scoped:
        launch.delegate_controllers()
    if request["keeper"] == "starter":
        from sandbox.supervisor import starter  # few machines need it

        starter.main(job)
    else:
        launch.main(job)


def _renumber(descriptors: list[int]) -> None:
    """Give descriptors the numbers 3 and so on, and close all others but the standard ones."""
    sources = list(descriptors)
    for place, number in enumerate(range(_FIRST_NUMBER, _FIRST_NUMBER + len(sources))):
        if number in sources[place + 1 :]:
            sources[sources.index(number, place + 1)] = os.dup(number)
        if sources[place] == number:
            os.set_inheritable(number, True)
        else:
            os.dup2(sources[place], number)
    os.closerange(_FIRST_NUMBER + len(sources), os.sysconf("SC_OPEN_MAX"))
