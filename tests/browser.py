"""The system's Chromium, and what a page says in it."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright


def require_chromium() -> str:
    """Return the system's browser; skip the test where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no browser: apt-get install chromium")
    return path


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the system's browser."""
    path = require_chromium()
    async with async_playwright() as playwright:
        # Chromium's own sandbox doesn't start as root; the pages are ours, and load nothing from elsewhere.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the tests of a worker, as its start takes longer than most of them; each has a context
    of its own and runs on the session's loop.
    """
    async with chromium() as launched:
        yield launched


def listen(page: Page, is_own: Callable[[str], bool]) -> list[str]:
    """What a page says from now on: messages, errors, dialogs, and addresses that aren't its own."""
    events: list[str] = []
    page.on("console", lambda message: events.append(message.text))
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("dialog", lambda dialog: events.append(dialog.message))
    page.on("request", lambda request: None if is_own(request.url) else events.append(request.url))
    return events
