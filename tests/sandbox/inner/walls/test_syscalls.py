"""What system calls do that Python has no function for."""

import os
import signal

import pytest

from sandbox.inner.walls.syscalls import end_by_cpu_time

LIMIT_S = 0.1


def start() -> int:
    """Start a process that loops until its timer ends it."""
    pid = os.fork()
    if pid == 0:
        try:
            end_by_cpu_time(LIMIT_S)
            while True:
                pass
        finally:
            os._exit(1)
    return pid


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has such timers")
def test_a_timer_of_cpu_time_never_ends_a_process_early_also_where_others_take_turns_with_it() -> None:
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        ended = [os.wait4(pid, 0) for pid in [start() for _ in range(8)]]
    finally:
        os.sched_setaffinity(0, mine)

    assert {os.waitstatus_to_exitcode(status) for _, status, _ in ended} == {-signal.SIGPROF}
    used_s = [usage.ru_utime + usage.ru_stime for *_, usage in ended]
    assert min(used_s) >= LIMIT_S
    assert max(used_s) < 2 * LIMIT_S
