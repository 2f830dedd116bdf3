"""The checker's process: run tests of code that is in another sandbox.

The candidate's code is never here. The host trusts only the reports of this process.

A checker does one job in the sandbox's own workspace, or one trial after another. Each trial runs in a clone
of this process; afterwards its processes are killed and its files removed. A trial whose tests leave nothing
behind needs no clone.
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import resource
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from sandbox.inner.bridge.candidate_line import REPORT
from sandbox.inner.bridge.codec import encode
from sandbox.inner.checker import function_test
from sandbox.inner.checker.check_run import run_checks
from sandbox.inner.checker.reporting import Reports
from sandbox.inner.checker.together import run_together
from sandbox.inner.process.descendants import become_subreaper, end_descendants
from sandbox.inner.process.execute import forget_server
from sandbox.inner.process.reaper import FIRST, kill_remaining
from sandbox.inner.process.wire import LOWEST, Channel

_JOBS_PER_COLLECTION = 16
"""Jobs in this process between garbage collections: each leaves some cycles behind."""


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Do jobs until the host closes the channel.

    Each begins with a frame of JSON, and a socket to the candidate if there is one. `once` in `arguments`:
    there is one job, whose tests use this workspace.
    """
    forget_server()
    if not arguments["once"]:
        _prepare_process()
    job_count = 0
    while True:
        frame, line = channel.receive_with_line()
        if frame is None:
            return
        job = json.loads(frame)
        if job["runner"] == "trial":
            function_test.prepare(job)
        if arguments["once"]:
            _run_here(channel, line, job)
            if job["runner"] == "together":
                channel.receive()  # the host closes it; at an exit, the candidate's threads might still write
                os._exit(0)
            return
        if job["tidy"] and not (job["behind"] or job["weighed"]) and _limit_cpu(job["cpu_s"]):
            _run_here(channel, line, job)
            job_count += 1
            if job_count % _JOBS_PER_COLLECTION == 0:
                gc.collect()
        else:
            _run_in_fork(channel, line, job)


def _run(channel: Channel, line: Channel | None, job: Mapping[str, Any]) -> Reports:
    """Run the checks of a job; return its reports, the last of which aren't sent yet."""
    reports = Reports(channel, max_failures=job.get("max_failures"))
    if job["runner"] == "together":
        run_together(job, reports)
    else:
        runner = run_checks if job["runner"] == "checks" else function_test.run_trial
        runner(channel, line, job, reports)
    return reports


def _prepare_process() -> None:
    become_subreaper()
    null_device = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # output of tests has no reader and must not accumulate
        os.dup2(null_device, stream)
    gc.set_threshold(20_000)  # a collection in a clone would copy pages of this process
    gc.collect()
    gc.freeze()


def _run_here(channel: Channel, line: Channel | None, job: Mapping[str, Any]) -> None:
    """Run a job that leaves nothing behind, or the only one; an unexpected exit ends this process."""
    cpu_before = time.process_time()
    random.seed()
    reports = _run(channel, line, job)
    reports.flush(_end_report(0, time.process_time() - cpu_before, _resident_kib()))


def _run_in_fork(channel: Channel, line: Channel | None, job: Mapping[str, Any]) -> None:
    process = os.fork()
    if process == 0:
        _become(channel, line, job)
    if line is not None:
        line.close()
    _, status, usage = os.wait4(process, 0)
    _clean_up()
    channel.send(_end_report(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
    if status:
        os._exit(1)  # it may have died in the middle of a frame, after which the host can't find the next one


def _become(channel: Channel, line: Channel | None, job: Mapping[str, Any]) -> NoReturn:
    code = 1
    try:
        _limit_cpu(job["cpu_s"])
        os.nice(LOWEST if job["behind"] else 0)
        random.seed()
        _run(channel, line, job).flush()
        code = 0
    finally:
        os._exit(code)


def _limit_cpu(seconds: int) -> bool:
    """Extend this process's CPU limit; return whether its hard limit allows that."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    limit = math.ceil(time.process_time()) + seconds
    is_allowed = hard == resource.RLIM_INFINITY or limit <= hard
    resource.setrlimit(resource.RLIMIT_CPU, (limit if is_allowed else hard, hard))
    return is_allowed


def _resident_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _end_report(status: int, cpu_s: float, resident_kib: int) -> bytes:
    return REPORT + encode(("over", status, cpu_s, resident_kib / 1024))


def _clean_up() -> None:
    """Kill the tests' processes (in own namespaces, all other processes), and remove their files."""
    if os.getpid() != FIRST:
        end_descendants()
        _empty(os.getcwd())
        return
    kill_remaining()
    for folder in (os.getcwd(), "/tmp", "/dev/shm"):
        _empty(folder)


def _empty(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            # Tests can revoke rights on a folder; the next job finds at most its name.
            with suppress(OSError):
                _empty(path)
                os.rmdir(path)
        else:
            os.unlink(path)
