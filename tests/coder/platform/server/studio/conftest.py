"""One server and one browser for the tests of a file; each test has a window of its own."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import chromium, listen
from tests.coder.platform.server.served import Server, configure, started

expect.set_options(timeout=60_000)  # a machine may do much else
OUTSIDE = 'document.addEventListener("securitypolicyviolation", (one) => console.log(one.blockedURI))'


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on loopback without tokens."""
    home = tmp_path_factory.mktemp("home")
    configure(home, model="toy")
    with started(home) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@dataclass(frozen=True, slots=True)
class Window:
    """A window of the browser, and what it should not have said: messages, dialogs, requests elsewhere."""

    page: Page
    url: str
    said: list[str]

    async def open(self, path: str) -> None:
        """Load a page of the server, and wait for its script."""
        await self.page.goto(self.url + path)


@pytest_asyncio.fixture(loop_scope="module")
async def window(studio: Server, browser: Browser) -> AsyncIterator[Window]:
    """A window without a past; at the end, it has said nothing."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    own = Window(page, studio.url, listen(page, lambda url: url.startswith(studio.url)))
    await own.page.add_init_script(OUTSIDE)
    yield own
    await context.close()
    assert own.said == []
