"""A plugin of pytest: a test whose call takes long is marked `slow`, or it fails. Slow tests start first.

A test with a fixture of another maker's program is marked `foreign`, unless it is marked `first_stage`.

The mark is for calls over half a second beside others, without fixtures. The check allows eight times that,
since machines and their neighbours differ, and leaves out the time for which programs on this
machine had to wait for a processor or a disk: a busy machine fails no test. Processor time counts however
busy the machine is, but on a slower machine the limit is longer, as a fixed piece of work is; a test that
only waits is found where the machine has time.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter, thread_time

import pytest

LIMIT = "unmarked_test_s"
FOREIGN_FIXTURES = frozenset({"browser", "docker_engine", "podman"})
"""Fixtures of programs that neither `coder` nor its sandboxes are made of."""
_WHOLE = 4
"""Times as long in a run of all tests, where slow ones beside it take the machine's memory and disks, too."""

_WORK, _WORK_S = 1_000_000, 0.08
"""Additions, and how long they take where the limit is as it is written."""


_uncounted_s = [0.0]
"""Seconds so far in this process that count for no test."""


@contextmanager
def uncounted() -> Iterator[None]:
    """Count what happens within for no test: the first one of a process starts what later ones use."""
    began = perf_counter()
    try:
        yield
    finally:
        _uncounted_s[0] += perf_counter() - began


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(LIMIT, "longest call of a test without the mark `slow`, in seconds", default="4")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Put a test with such a fixture into the second stage."""
    is_foreign = not FOREIGN_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    if is_foreign and item.get_closest_marker("first_stage") is None:
        item.add_marker("foreign")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: a worker with nothing left takes fast tests over from another one."""
    items.sort(key=lambda item: (item.path.name != "test_probes.py", item.get_closest_marker("slow") is None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    fixtures = FOREIGN_FIXTURES.intersection(item._request._fixture_defs)  # type: ignore[attr-defined]  # also by name
    if fixtures and not any(map(item.get_closest_marker, ("foreign", "first_stage"))):
        pytest.fail(f"needs {', '.join(fixtures)}: mark it with foreign or first_stage", pytrace=False)
    began, stalled, used = perf_counter() - _uncounted_s[0], _stalled_s(), _processor_s()
    yield
    took_s = own_s(
        perf_counter() - _uncounted_s[0] - began,
        stalled_s=_stalled_s() - stalled,
        processor_s=_processor_s() - used,
    )
    is_fast = "not slow" in item.config.option.markexpr
    limit_s = float(item.config.getini(LIMIT)) * (1 if is_fast else _WHOLE)
    if (
        took_s > limit_s
        and item.get_closest_marker("slow") is None
        and took_s > limit_s * slowness(thread_time)
    ):
        pytest.fail(f"took {took_s:.1f} s: mark it with pytest.mark.slow, or make it faster", pytrace=False)


def slowness(clock: Callable[[], float]) -> float:
    """How many times as long as elsewhere work takes on this machine now; never less than once."""
    began = clock()
    sum(number * number for number in range(_WORK))
    return max(1.0, (clock() - began) / _WORK_S)


def own_s(wall_s: float, *, stalled_s: float, processor_s: float) -> float:
    """How long a call took at least, whatever else the machine did meanwhile."""
    return max(wall_s - stalled_s, min(wall_s, processor_s))


def _stalled_s() -> float:
    """Time for which any program waited for a processor, a disk or memory; all of it where nobody counts."""
    try:
        some = [Path("/proc/pressure", name).read_text().splitlines()[0] for name in ("cpu", "io", "memory")]
    except OSError:
        return perf_counter()
    return sum(int(line.rpartition("=")[2]) for line in some) / 1e6


def _processor_s() -> float:
    """Of this process, and of all that it has waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))
