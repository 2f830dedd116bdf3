"""How soon a page of `coder serve` shows an event, and a run of 10,000: python -m perf.studio [EVENTS]

Chromium beside the server on one machine. An event's time is that in the log, written by another process than
the server's; it is seen when its entry is in the page, by the browser's clock. A run is painted at the page's
first contentful paint, by a server that has not read the run before.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.async_api import Page

from coder.run.event_types import Spoken
from coder.run.message import ReplyMessage
from tests.browser import chromium
from tests.coder.platform.server.served import Server, started
from tests.coder.platform.server.studio.long_run import long_run
from tests.coder.platform.server.studio.watching import painted_s, seen_s, watch

RUNS = 7


async def measure(server: Server, page: Page, events: int) -> None:
    """Measure, and print."""
    await server.append("run_soon", long_run(1))
    await page.goto(f"{server.url}/studio/run_soon")
    await watch(page)
    waits = []
    for number in range(1, events + 1):
        reply = ReplyMessage(author="coder", text=f"Event {number}.")
        waits.append(await seen_s(server, page, "run_soon", Spoken(message=reply), after=number))
    print(
        f"seen after {median(waits) * 1e3:.0f} ms, 95 %: {quantiles(waits, n=20)[18] * 1e3:.0f}, of {events}"
    )
    body, painted = long_run(10_000), []
    for number in range(RUNS):
        await server.append(f"run_long{number}", body)
        painted.append(await painted_s(page, f"{server.url}/studio/run_long{number}"))
    print(f"10,000 events painted after {median(painted):.2f} s, at most {max(painted):.2f}, of {RUNS}")
    again = [await painted_s(page, f"{server.url}/studio/run_long{number}") for number in range(RUNS)]
    print(f"the same again {median(again):.2f} s")


async def main(events: int) -> None:
    """Start a server and a browser."""
    with tempfile.TemporaryDirectory() as home, started(Path(home)) as server:
        async with chromium() as browser:
            await measure(server, await browser.new_page(), events)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
