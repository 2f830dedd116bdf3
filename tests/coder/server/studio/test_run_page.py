"""A run in the browser: watched live, cut off, and harmless whatever it says."""

import pytest
from playwright.async_api import expect

from coder.run.event_types import RunStopped, Spoken
from coder.run.message import Message
from coder.run.task import Task
from tests.coder.server.served import Server
from tests.coder.server.studio.conftest import Window
from tests.coder.states import call, started

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOLVED = RunStopped(status="solved", reason="it passes", exit_code=0)


def says(text: str) -> Spoken:
    return Spoken(message=Message(author="coder", kind="reply", sample=1, attempt=1, text=text))


async def test_a_run_is_listed_and_opened(studio: Server, window: Window) -> None:
    await studio.append("run_listed", [started(Task(prompt="Mend it.\nSoon.")), says("I look."), SOLVED])

    await window.open("/")
    await window.page.get_by_role("link", name="Mend it.").click()

    await expect(window.page.locator("#log > li")).to_have_count(3)
    await expect(window.page.get_by_role("heading", name="Mend it.")).to_be_visible()
    await expect(window.page.locator("#facts .status")).to_have_text("solved")


async def test_events_come_without_loading_again(studio: Server, window: Window) -> None:
    await studio.append("run_live", [started(), *call(1)])
    await window.open("/studio/run_live")
    await window.page.evaluate("window.isSame = true")

    await studio.append("run_live", [says("It adds now."), SOLVED], after=3)

    await expect(window.page.get_by_text("It adds now.")).to_be_visible()
    await expect(window.page.locator("#facts .status")).to_have_text("solved")
    assert await window.page.evaluate("window.isSame")
