"""Start an agent: report on the container, and part into the processes that serve the host."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from sandbox.inner.process.accounting import machine
from sandbox.inner.stream import agent, filing, frames, maker
from sandbox.inner.walls import landlock
from sandbox.inner.walls.places import EGRESS
from sandbox.inner.walls.syscalls import CAP_CHOWN, PR_SET_DUMPABLE, checked, drop_capability, prctl

_STDOUT = 1
_WAITING = 64
"""Connections to the proxy that the kernel keeps until the agent takes them."""


def main(settings: dict[str, Any]) -> int:
    """Serve the host on standard input and output. Returns only in a child, with its program's exit code.

    Args:
        settings: `lease_s`; `folders`, the bounded ones, the workspace first; `commands`, where to link
            `python`; `uid` of programs, None for this process's; `without`, disabled mechanisms;
            `tidy`, folders to empty before a program that is alone; `egress`, whether programs may
            connect to the proxy; `rules` and others, as `admission.walls_of` takes them.
    """
    facts = machine(settings["folders"])
    facts["path"] = f"{_name_commands(settings['commands'])}:{os.environ.get('PATH', os.defpath)}"
    facts["python"] = list(sys.version_info[:3])
    facts["landlock"], facts["home"] = landlock.abi(), os.environ.get("HOME", "/")
    if settings["uid"] is not None:
        for folder in settings["folders"]:
            os.chown(folder, settings["uid"], settings["uid"])
        drop_capability(CAP_CHOWN)
    if "dumpable" not in settings["without"]:
        checked(prctl(PR_SET_DUMPABLE, 0), "make the agent unreadable to programs")
    own_end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own = [os.getpid(), os.fork()]
    if own[-1] == 0:
        own_end.close()
        _close_standard_streams()
        return maker.main(theirs, settings)
    to_maker = own_end
    theirs.close()
    own_end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own.append(os.fork())
    if own[-1] == 0:
        own_end.close()
        to_maker.close()
        _close_standard_streams()
        filing.main(theirs, settings)
    theirs.close()
    # After the forks: the other processes, and so the programs, don't hold it.
    egress = socket.create_server(EGRESS, backlog=_WAITING) if settings["egress"] else None
    os.write(_STDOUT, frames.pack(frames.NEWS, 0, 0, json.dumps({"is": "up", **facts}).encode()))
    agent.start(settings, to_maker, own_end, own, egress)
    return 0


def _close_standard_streams() -> None:
    """Leave standard input and output, which lead to the host, to the agent alone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _name_commands(folder: str) -> str:
    """Return a folder with `python` and `python3`: a virtual environment's own, else a new one with links."""
    place = os.path.dirname(sys.executable)
    if os.path.exists(os.path.join(os.path.dirname(place), "pyvenv.cfg")):
        return place
    os.makedirs(folder, exist_ok=True)
    for name in ("python", "python3"):
        os.symlink(sys.executable, f"{folder}/{name}")
    return folder
