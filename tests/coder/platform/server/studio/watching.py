"""When a page shows something, by the browser's own clock."""

from playwright.async_api import Page

from coder.run.event_types import Body
from tests.coder.platform.server.served import Server

_WATCH = """() => {
  window.seen = {};
  const note = (all) => all.forEach((one) => one.addedNodes.forEach((node) => {
    if (node.id) window.seen[node.id] = (performance.timeOrigin + performance.now()) / 1000;
  }));
  new MutationObserver(note).observe(document.querySelector("#log"), { childList: true });
}"""
_PAINTED = """() => new Promise((done) => new PerformanceObserver((all) => {
  for (const one of all.getEntriesByName("first-contentful-paint")) done(one.startTime / 1000);
}).observe({ type: "paint", buffered: true }))"""


async def watch(page: Page) -> None:
    """Have the page of a run note when each entry comes."""
    await page.evaluate(_WATCH)


async def seen_s(server: Server, page: Page, run: str, body: Body, *, after: int) -> float:
    """Append an event; the seconds from the moment that it was in the log until it was in the page."""
    await server.append(run, [body], after=after)
    entry = f"e{after + 1}"
    await page.locator(f"#{entry}").wait_for()
    with server.log() as log:
        (event,) = await log.read(run, after=after)
    return float(await page.evaluate("(id) => window.seen[id]", entry)) - event.time


async def painted_s(page: Page, url: str) -> float:
    """Load a page; the seconds until its first paint."""
    await page.goto(url)
    return float(await page.evaluate(_PAINTED))
