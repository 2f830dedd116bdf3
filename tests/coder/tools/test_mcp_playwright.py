"""A browser by MCP: playwright's own server, with Chromium, opens a page and fills in its form."""

import re
from pathlib import Path

import pytest

from coder.config.mcp_servers import Mcp
from tests.browser import require_chromium
from tests.coder.tools.test_mcp_client import Opened, opened
from tests.coder.tools.test_mcp_everything import NODE, SEEING
from tests.internet import Handler, serving
from tests.programs import require_npm, require_toolchain

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
MODULE = "@playwright/mcp/cli.js"
CHROMIUM = Path("/usr/lib/chromium/chromium")
"""The program itself, not the script that starts it."""
FORM = b"""<title>Form</title><label>Name <input id=name></label>
<button onclick="document.title='Hello ' + document.getElementById('name').value">Greet</button>"""


class Page(Handler):
    def do_GET(self) -> None:
        self.answer(FORM, kind="text/html")


def browser(output: str, *, sandboxed: bool = False) -> Mcp:
    """The server, as the page on MCP servers configures it; outside of a sandbox it reaches this machine."""
    module = require_npm(MODULE)
    if sandboxed:
        require_toolchain("node", path="/usr/bin")
    program = str(CHROMIUM) if CHROMIUM.exists() else require_chromium()
    flags = ("--headless", "--isolated", "--no-sandbox", "--output-dir", output)
    command = ("node" if sandboxed else str(NODE), str(module), *flags, "--executable-path", program)
    hosts = ("a.example",) if sandboxed else ()
    return Mcp("web", command=command, allow=("browser_navigate",), sandboxed=sandboxed, hosts=hosts)


async def said(one: Opened, tool: str, **arguments: object) -> str:
    return (await one.tools[f"web_browser_{tool}"].call(arguments, SEEING)).text  # type: ignore[arg-type]


async def test_a_model_can_open_a_page_fill_in_a_form_and_press_a_button(tmp_path: Path) -> None:
    with serving(Page) as url:
        async with opened(browser(str(tmp_path)), SEEING) as one:
            await said(one, "navigate", url=url)
            form = await said(one, "snapshot")
            field, button = (re.search(rf"{kind}.*\[ref=(\w+)\]", form) for kind in ("textbox", "button"))
            assert field is not None
            assert button is not None
            await said(one, "type", element="Name", target=field[1], text="Ada")
            await said(one, "click", element="Greet", target=button[1])

            assert "Hello Ada" in await said(one, "snapshot")
            assert not one.tools["web_browser_navigate"].asks
            assert one.tools["web_browser_click"].asks


async def test_a_picture_of_the_page_reaches_a_model_that_sees(tmp_path: Path) -> None:
    with serving(Page) as url:
        async with opened(browser(str(tmp_path)), SEEING) as one:
            await said(one, "navigate", url=url)
            shot = await one.tools["web_browser_take_screenshot"].call({"scale": "css"}, SEEING)

    assert [image.media_type for image in shot.images] == ["image/png"]


async def test_a_sandboxed_browser_reaches_its_hosts_only() -> None:
    async with opened(browser("/tmp/output", sandboxed=True), SEEING) as one:
        listed = await said(one, "navigate", url="http://a.example/")
        other = await said(one, "navigate", url="http://b.example/")
        with serving(Page) as url, pytest.raises(ValueError, match="ERR_CONNECTION_REFUSED"):
            await said(one, "navigate", url=url)

    assert "502 a.example:80 can't be reached" in listed  # no such name, but it was looked up
    assert "403 b.example:80 is not among the hosts" in other
