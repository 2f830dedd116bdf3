"""A run in the browser: watched live, cut off, and harmless whatever it says."""

from pathlib import Path
from statistics import median

import pytest
from playwright.async_api import Browser, expect

from coder.platform.server.event_stream import _HEARTBEAT_S
from coder.run.event_types import PatchProposed, QuestionAnswered, QuestionAsked, RunStopped, Spoken
from coder.run.message import ReplyMessage
from coder.run.task import Task
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.served import started as served
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.hostile_run import LINE, MINE, hostile_run
from tests.coder.platform.server.studio.long_run import long_run
from tests.coder.platform.server.studio.watching import seen_s, watch
from tests.coder.states import call, started
from tests.faulty_endpoint import unused_port

pytestmark = pytest.mark.asyncio(loop_scope="session")
SOLVED = RunStopped(status="solved", reason="it passes", exit_code=0)
PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = {}\n"
DIRECTIONS = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\x1b\x00"


def says(text: str) -> Spoken:
    return Spoken(message=ReplyMessage(author="coder", text=text))


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


async def test_a_page_that_shows_its_end_follows_new_steps(studio: Server, window: Window) -> None:
    await studio.append("run_grows", [started()])
    await window.open("/studio/run_grows")

    for n in range(1, 5):
        await studio.append("run_grows", [says(f"step {n}\n" * 20)], after=n)
        await expect(window.page.locator(f"#e{n + 1}")).to_have_count(1)

    await window.page.evaluate("window.shown = document.documentElement")
    distance = await window.page.evaluate("shown.scrollHeight - shown.scrollTop - shown.clientHeight")
    assert distance < 120


async def test_a_reader_further_up_is_left_there_when_steps_come(studio: Server, window: Window) -> None:
    await studio.append("run_read", [started(), says("long\n" * 200)])
    await window.open("/studio/run_read")

    await studio.append("run_read", [says("new")], after=2)
    await expect(window.page.locator("#e3")).to_have_count(1)

    assert await window.page.evaluate("document.documentElement.scrollTop") == 0


async def test_the_header_says_what_the_log_says_once_a_question_is_answered(
    studio: Server, window: Window
) -> None:
    waiting = RunStopped(status="waiting", reason="Change a.py?", exit_code=9)
    question = QuestionAsked(id="q1", kind="approve", about="landing", text="Change a.py?")
    await studio.append("run_asks", [started(), PatchProposed(patch=PATCH.format(2)), question, waiting])
    await window.open("/studio/run_asks")
    await expect(window.page.locator("#facts .status")).to_have_text("waiting")

    answer = QuestionAnswered(id="q1", decision="yes", who="me", how="approve")
    await studio.append("run_asks", [answer, PatchProposed(patch=PATCH.format(3))], after=4)

    await expect(window.page.locator("#facts .status")).to_have_text("answered")
    await expect(window.page.locator("#ask button")).to_have_count(0)
    await expect(window.page.locator("#result")).to_contain_text("+x = 3")


async def test_runs_outside_of_the_root_are_named(studio: Server, window: Window) -> None:
    task = Task(prompt="Elsewhere.", workspace=Path("/nowhere/else"))
    await studio.append("run_elsewhere", [started(task)])

    await window.open("/")

    await expect(window.page.locator("#runs")).to_contain_text(
        "(--root): 1 run in /nowhere/else. See: coder ls"
    )
    await expect(window.page.get_by_text("Elsewhere.")).to_have_count(0)


async def test_an_event_is_seen_soon_after_it_is_in_the_log(studio: Server, window: Window) -> None:
    await studio.append("run_soon", [started()])
    await window.open("/studio/run_soon")
    await watch(window.page)

    seconds = [await seen_s(studio, window.page, "run_soon", says(f"{n}"), after=n) for n in range(1, 9)]

    assert median(seconds) < _HEARTBEAT_S / 2, seconds  # without the poll, at the next heartbeat; 0.2 s idle


@pytest.mark.slow
async def test_a_server_that_was_away_is_found_again_without_loss_or_doubles(
    tmp_path: Path, browser: Browser
) -> None:
    port = str(unused_port())
    page = await browser.new_page()
    with served(tmp_path, "--port", port) as server:
        await server.append("run_cut", [started(), says("before")])
        await page.goto(f"{server.url}/studio/run_cut")
        await expect(page.get_by_text("before")).to_be_visible()
    await expect(page.locator("#link")).to_have_class("offline")
    await server.append("run_cut", [says("meanwhile"), says("so far")], after=2)

    with served(tmp_path, "--port", port):
        await expect(page.get_by_text("so far")).to_be_visible()
        await server.append("run_cut", [says("and on")], after=4)
        await expect(page.get_by_text("and on")).to_be_visible()
        live = await page.locator("#log > li").evaluate_all("all => all.map(one => one.id)")
        await page.reload()
        again = await page.locator("#log > li").evaluate_all("all => all.map(one => one.id)")

    assert live == again == ["e1", "e2", "e3", "e4", "e5"]
    await page.close()


@pytest.mark.slow
async def test_whatever_a_run_says_is_text(studio: Server, window: Window) -> None:
    first, *rest = hostile_run()
    await studio.append("run_hostile", [first])
    await window.open("/studio/run_hostile")
    await studio.append("run_hostile", rest, after=1)

    await expect(window.page.locator("#ask")).to_contain_text(MINE)
    live = await window.page.locator("body").inner_text()
    for path in ("/studio/run_hostile", "/studio/run_hostile?only=4", "/"):
        await window.open(path)
        text = await window.page.locator("body").inner_text()
        assert MINE.replace("  ", " ") in text
        assert not any(sign in text + live for sign in DIRECTIONS)
        assert await window.page.evaluate("document.scripts.length") == 1
        assert await window.page.evaluate("window.hurt") is None
        await window.page.set_viewport_size({"width": 390, "height": 800})
        assert await window.page.evaluate("document.documentElement.scrollWidth") <= 390
    await window.open("/studio/run_hostile?only=4")
    assert LINE in await window.page.locator("#log").inner_text()


@pytest.mark.slow
async def test_of_a_long_run_the_latest_entries_are_shown_at_once_and_earlier_ones_by_a_link(
    studio: Server, window: Window
) -> None:
    await studio.append("run_long", long_run(10_000))

    await window.open("/studio/run_long")

    log = window.page.locator("#log")
    await expect(log.locator("> li")).to_have_count(150)  # perf.studio measures how long it takes
    await expect(log.locator("#e9999")).to_contain_text("I write 2500.")
    await expect(log.locator("#e9997")).to_contain_text("-2498\n+2499")
    await window.page.get_by_role("link", name="Earlier").click()
    await expect(log.locator("> li").first).to_have_id("e9601")
    await window.page.get_by_role("link", name="Latest").click()
    await expect(log.locator("#e9998")).to_be_visible()
