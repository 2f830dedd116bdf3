"""A browser for the tests of the page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser import chromium, listen


@pytest.fixture
async def browser_page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        yield await browser.new_page()


async def opened(page: Page, html: str, folder: Path) -> list[str]:
    """Open the page as a file; what its console says and what it asks the network for comes in the list."""
    file = folder / "report.html"
    file.write_text(html)
    said = listen(page, lambda url: "report.html" in url)
    await page.goto(file.as_uri())
    return said
