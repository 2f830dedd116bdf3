"""Start one run in a separate process, in a container.

Standard input provides its settings, by which it confines itself for good, then its one job; the rest is the
program's. Both are a u32 length (little-endian) and JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import site
import sys
from functools import partial
from typing import Any

from sandbox.inner.process.admission import walls_of
from sandbox.inner.process.execute import become
from sandbox.inner.process.wire import HEADER, READY, Channel, Duplex, read_exactly
from sandbox.inner.walls.inner_walls import Rlimits, bound_descriptors, confine, tighten
from sandbox.inner.walls.syscalls import write_file

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main() -> int:
    """Confine this process, wait for its job and do it; return the exit code unless a program replaces it.

    The settings:
        workspace: Start folder.
        rules: Landlock's paths with rights below them.
        landlock, memfd, disk_bytes, open_files and others: As `admission.walls_of` takes them.
        rlimits: As `inner_walls.Rlimits`; those of the job can only be lower.
        without: Mechanisms to disable; only tests name any.
        tidy: Folders to empty first, with an earlier run's other leftovers outside the workspace.

    Before its job it answers file requests. The job is as for a child of the server. An entry's channel uses
    standard input and output; its prints go to standard error.
    """
    settings = receive()
    write_file("/proc/self/oom_score_adj", "1000")  # the kernel kills it first when memory is short
    if not os.access(settings["workspace"], os.X_OK):
        os.chmod(settings["workspace"], 0o700)  # a program removed our rights, and we have its uid
    files = importlib.import_module("sandbox.inner.process.filing")  # here: it exists only in a container
    if settings["tidy"]:
        files.tidy(settings["tidy"])
    filing = files.Filing(settings["workspace"], _STDIN, _STDOUT)
    os.chdir(settings["workspace"])
    walls = walls_of(settings)
    bound_descriptors(walls)
    confine(walls, Rlimits(**settings["rlimits"]), rules=settings["rules"])
    if sys.flags.no_site:
        site.main()
    os.write(_STDOUT, READY)
    job = receive()
    while job["kind"] == "files":
        filing.answer(job)
        job = receive()
    filing.close()
    tighten(walls, Rlimits(**job["rlimits"]))
    return become(job, _arrange(job))


def receive() -> dict[str, Any]:
    """Receive the next message. Raises EOFError if the owner discards this process."""
    read = partial(os.read, _STDIN)
    (size,) = HEADER.unpack(read_exactly(read, HEADER.size))
    message: dict[str, Any] = json.loads(read_exactly(read, size))
    return message


def _arrange(job: dict[str, Any]) -> Channel | None:
    """Put the descriptors in place."""
    channel: Channel | None = None
    if job["kind"] == "entry":
        channel = Channel(Duplex(os.dup(_STDIN), os.dup(_STDOUT)))
        os.dup2(_STDERR, _STDOUT)
    if not job["stdin"]:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, _STDIN)
        os.close(nothing)
    return channel
