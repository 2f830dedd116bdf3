"""What a person does by keys alone."""

from playwright.async_api import Page


async def press_until(page: Page, id: str) -> None:
    """Move on by Tab to the element of this id."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == id:
            return
    raise AssertionError(f"Tab does not reach #{id}")


async def type_into(page: Page, **texts: str) -> None:
    """Move on by Tab to each field and type, in the order of the page."""
    for id, text in texts.items():
        if await page.evaluate("document.activeElement.id") != id:
            await press_until(page, id)
        await page.keyboard.type(text)
