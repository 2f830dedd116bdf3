"""Entry points of the installed packages, which add backends, commands, providers and suites."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points


def find_plugins(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group, such as `sandbox.backends`.

    A process reads the installed packages once: it takes milliseconds, and a run needs several groups.
    """
    return tuple(_selection()(group=group))


@cache
def _selection() -> Callable[..., EntryPoints]:
    return entry_points().select
