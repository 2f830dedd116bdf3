"""Who gets to see what: by a token in the browser, by its scopes, and without JavaScript."""

import pytest
from playwright.async_api import Browser, expect

from tests.coder.platform.server.served import Server, configure, started
from tests.coder.platform.server.studio.hostile_run import hostile_run
from tests.coder.platform.server.studio.long_run import long_run
from tests.coder.platform.server.test_events import SOLVED

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.slow
async def test_a_browser_enters_by_a_token_and_has_the_buttons_of_its_scopes(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> None:
    home = tmp_path_factory.mktemp("home")
    tokens, page = str(home / "tokens.json"), await browser.new_page()
    (root := home / "root").mkdir()
    configure(home, model="toy")
    with started(home) as first:
        arguments = ("serve", "--token-file", tokens, "--root", str(root))
        new_tokens = [
            first.console.run(*arguments, "--new-token", scopes, "--scopes", scopes).out.strip()
            for scopes in ("read", "read,run,approve")
        ]
        task = hostile_run()[0]
        start = task.model_copy(update={"task": task.task.model_copy(update={"workspace": root})})
        await first.append("run_asks", [start, *hostile_run()[1:]])
        await first.append("run_over", [start, SOLVED])
    buttons = []
    with started(home, "--token-file", tokens, root=root) as server:
        for token in new_tokens:
            await page.goto(f"{server.url}/")
            await expect(page).to_have_url(f"{server.url}/login")
            await page.get_by_label("Token").fill("no token")
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("alert")).to_contain_text("The token is wrong.")
            await page.get_by_label("Token").fill(token)
            await page.get_by_role("button", name="Sign in").click()
            await page.locator("#run_asks").click()
            await expect(page.locator("#facts")).to_be_visible()
            buttons.append(await page.get_by_role("button", name="Approve").count())
            for path in ("/", "/studio/run_over"):
                cookies = await page.context.cookies()
                await page.goto(server.url + path)
                await page.context.clear_cookies()  # as when 12 h are over, or the server was started again
                await expect(page).to_have_url(f"{server.url}/login")
                await page.context.add_cookies(cookies)  # type: ignore[arg-type]
            await page.context.clear_cookies()
    await page.close()

    assert buttons == [0, 1]


@pytest.mark.slow
async def test_without_javascript_runs_can_be_read(studio: Server, browser: Browser) -> None:
    await studio.append("run_plain", long_run(400))
    page = await (await browser.new_context(java_script_enabled=False)).new_page()

    await page.goto(f"{studio.url}/")
    await page.locator("#run_plain").click()
    await page.get_by_role("link", name="Earlier").click()

    await expect(page.locator("#e103")).to_contain_text("I write 26.")
    await page.close()
