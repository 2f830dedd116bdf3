"""A browser for the tests of the page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser import browser as browser
from tests.browser import listen


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test with a page runs on the browser's loop."""
    if "browser_page" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def browser_page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    yield page
    await page.context.close()


async def opened(page: Page, html: str, folder: Path) -> list[str]:
    """Open the page as a file; what its console says and what it asks the network for comes in the list."""
    file = folder / "report.html"
    file.write_text(html)
    events = listen(page, lambda url: "report.html" in url)
    await page.goto(file.as_uri())
    return events
