"""Send traces of the runs of a process to a collector, if the user names one."""

import os
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
    """A watch that sends what it sees, while the block lasts; None where no collector is named.

    Args:
        url: None is that of CODER_OTLP.
        note: shows a line.
        content: send prompts, answers and output, too.

    Raises:
        UsageError: the extra isn't installed, or it is no address.
    """
    if not (url := url or os.environ.get("CODER_OTLP")):
        yield None
        return
    try:
        from coder.show.traces.collector import Collector
    except ImportError as error:
        raise MissingExtra("OpenTelemetry", "otel") from error
    async with Collector(url, note, content=content) as collector:
        yield collector
