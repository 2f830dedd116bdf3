"""Send traces of the runs of a process to a collector, if the user names one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coder.base.errors import MissingExtra

if TYPE_CHECKING:
    from coder.show.traces.collector import Collector


@asynccontextmanager
async def collecting(
    url: str | None, note: Callable[[str], None], *, content: bool = False
) -> "AsyncIterator[Collector | None]":
    """Return a context manager of a watch that sends events to the collector; None without a collector.

    Args:
        url: the collector's address; None: no traces are sent.
        note: prints a line.
        content: whether to send prompts, answers and output.

    Raises:
        UsageError: the extra isn't installed, or `url` isn't an address.
    """
    if url is None:
        yield None
        return
    try:
        from coder.show.traces.collector import Collector
    except ImportError as error:
        raise MissingExtra("OpenTelemetry", "otel") from error
    async with Collector(url, note, content=content) as collector:
        yield collector
