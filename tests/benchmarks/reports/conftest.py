"""A browser for the tests of the page."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright


@pytest.fixture
async def browser_page() -> AsyncIterator[Page]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser: apt-get install chromium")
    async with async_playwright() as playwright:
        # Chromium's own sandbox doesn't start as root; the page is ours, and nothing loads from elsewhere.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield await browser.new_page()
        await browser.close()


async def opened(page: Page, html: str, folder: Path) -> list[str]:
    """Open the page as a file; what its console says and what it asks the network for comes in the list."""
    file = folder / "report.html"
    file.write_text(html)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if "report.html" not in request.url else None)
    await page.goto(file.as_uri())
    return said
