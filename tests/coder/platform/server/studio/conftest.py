"""One server for the tests of a file, one browser for those of a worker; each test has its own window."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser import browser as browser
from tests.browser import listen
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


@dataclass(frozen=True, slots=True)
class Window:
    """A window of the browser, and what it should not have said: messages, dialogs, requests elsewhere."""

    page: Page
    url: str
    said: list[str]

    async def open(self, path: str) -> None:
        """Load a page of the server, and wait for its script."""
        await self.page.goto(self.url + path)


@pytest_asyncio.fixture(loop_scope="session")
async def window(studio: Server, browser: Browser) -> AsyncIterator[Window]:
    """A window without a past; at the end, it has said nothing."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    own = Window(page, studio.url, listen(page, lambda url: url.startswith(studio.url)))
    await own.page.add_init_script(OUTSIDE)
    yield own
    await context.close()
    assert own.said == []
