"""A run's trace and files as trees, by keys alone, and what a program prints while it runs."""

import asyncio
from decimal import Decimal
from html import unescape

import httpx2
import pytest
from playwright.async_api import expect

from coder.base.usage import Usage
from coder.platform.server.studio.file_tree import marks_of, tree_of
from coder.platform.server.studio.run_comparison import facts_of
from coder.platform.server.studio.trace_view import trace_of
from coder.run.event_types import Body, LandingRefused, Spoken, StepStarted
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.reducer import fold_all
from coder.run.run import summarize
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from tests.coder.people.cli.test_chat_terminal import LongSleep
from tests.coder.platform.server.served import Server, configure
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.hostile_run import hostile_run
from tests.coder.platform.server.studio.keys import press_until, type_into
from tests.coder.platform.server.studio.long_run import long_run
from tests.coder.states import started, state_of
from tests.faulty_endpoint import calls, faulty_endpoint, hangs

pytestmark = pytest.mark.asyncio(loop_scope="session")


def changed_run() -> list[Body]:
    """A run that read two files, and changes one and adds one."""
    read = {"shop/cart.py": StoredFile.of(b"x = 1\n"), "docs/a/b.md": StoredFile.of(b"# B\n")}
    changes = AnswerChanges(files={"shop/cart.py": "x = 2\n", "shop/new.py": "y = 1\n"})
    return [
        started().model_copy(update={"files": read}),
        Spoken(message=CodeMessage(author="coder", changes=changes)),
    ]


async def test_a_trace_sums_times_and_tokens_of_what_is_below(studio: Server) -> None:
    await studio.append("run_summed", long_run(9))
    with studio.log() as log:
        (message,) = trace_of(await log.read("run_summed"))

    assert [node.title for node in message.children] == [
        "call 1  coder  test/model",
        "call 2  coder  test/model",
    ]
    assert message.usage == Usage(input_tokens=200, output_tokens=20)
    assert message.seconds == pytest.approx(0.4)
    assert Decimal(str(message.cost)) == Decimal("0.002")


async def test_the_tree_of_files_marks_what_changed(studio: Server) -> None:
    await studio.append("run_marked", changed_run())
    with studio.log() as log:
        state = fold_all(await log.read("run_marked"))

    assert marks_of(state) == {"shop/cart.py": "~", "docs/a/b.md": "", "shop/new.py": "+"}
    root = tree_of(marks_of(state))
    assert (root.folders["shop"].has_changes, root.folders["docs"].has_changes) == (True, False)


async def test_a_trace_is_opened_and_folded_by_keys(studio: Server, window: Window) -> None:
    page = window.page
    await studio.append("run_traced", long_run(9))
    await window.open("/studio/run_traced")
    await press_until(page, "trace")
    await page.keyboard.press("Enter")

    await expect(page.locator("#trace")).to_contain_text("200 + 20 tokens")
    await expect(page.get_by_text("bash  exit 0").first).to_be_visible()
    while await page.evaluate("document.activeElement.tagName") != "SUMMARY":
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("bash  exit 0").first).to_be_hidden()


async def test_a_changed_file_is_read_by_keys(studio: Server, window: Window) -> None:
    page = window.page
    await studio.append("run_tree", changed_run())
    await window.open("/studio/run_tree")
    await press_until(page, "files")
    await page.keyboard.press("Enter")
    await expect(page.locator("#tree")).to_be_visible()
    while await page.evaluate("document.activeElement.textContent") != "cart.py":
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.locator("#content")).to_have_text("x = 2\n")


@pytest.mark.slow
async def test_trace_and_files_show_as_text_whatever_a_run_says(studio: Server, window: Window) -> None:
    await studio.append("run_harmful", hostile_run())

    for path in ("trace", "files"):
        await window.open(f"/studio/run_harmful/{path}")
        assert await window.page.evaluate("document.scripts.length") == 1
        assert await window.page.evaluate("window.hurt") is None


@pytest.mark.slow
async def test_the_output_of_a_program_is_shown_while_it_runs(studio: Server, window: Window) -> None:
    sleep = LongSleep()
    command = f"echo line 1; echo line 2; {sleep.command}; echo line 3"
    with faulty_endpoint(calls("bash", command=command), hangs()) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="act")
        await window.open("/new")
        await type_into(window.page, prompt="Print lines to a file.")
        await press_until(window.page, "begin")
        await window.page.keyboard.press("Enter")
        await expect(window.page.locator("#output")).to_contain_text("line 2")
        assert "gave" not in await window.page.locator("#log").inner_text()  # it runs
        await asyncio.to_thread(sleep.end)
        await expect(window.page.locator("#log")).to_contain_text("gave")
        await expect(window.page.locator("#output")).to_be_hidden()
        await press_until(window.page, "stop")
        await window.page.keyboard.press("Enter")
        await expect(window.page.locator("#facts .status")).to_have_text("interrupted")


@pytest.mark.slow
async def test_the_tab_of_the_browser_says_what_the_page_shows(studio: Server) -> None:
    await studio.append("run_titled", [started(Task(prompt="Mend the\n<cart>"))])
    titles = {
        "/": "Runs",
        "/?q=cart&status=solved": "Runs · cart",
        "/studio/run_titled": "Mend the <cart>",
        "/studio/run_titled?only=1": "Event 1 · Mend the <cart>",
        "/studio/run_titled/trace": "Trace · Mend the <cart>",
        "/studio/run_titled/files": "Files · Mend the <cart>",
        "/studio/compare?run=run_titled": "Compare runs",
        "/reports/compare": "Compare reports",
    }
    async with httpx2.AsyncClient(base_url=studio.url, timeout=60) as client:
        pages = {path: (await client.get(path)).text for path in titles}

    page_titles = {
        path: unescape(html.partition("<title>")[2].partition("</title>")[0]) for path, html in pages.items()
    }
    assert page_titles == {path: f"{title} · coder" for path, title in titles.items()}
    assert "<cart>" not in "".join(pages.values())


async def test_a_reply_leaves_the_title_of_a_run_and_what_became_of_its_change(
    studio: Server, window: Window
) -> None:
    first = started(Task(prompt="Mend the cart."))
    reply = StepStarted(task=Task(prompt="And now?"), settings=first.settings, model="toy")
    await studio.append("run_replied", [first, LandingRefused(reason="It is read-only."), reply])
    await window.open("/studio/run_replied")
    page = window.page

    assert await page.title() == "Mend the cart. · coder"
    await expect(page.locator("h1")).to_have_text("Mend the cart.")
    await expect(page.locator("#landing")).to_have_text("not written")
    assert "  " in await page.locator("#facts span").nth(2).inner_text()  # between calls, tokens and cost
    await window.open("/")
    await expect(page.locator("nav [aria-current=page]")).to_have_text("Runs")


async def test_a_comparison_tells_the_task_of_a_run_from_its_latest_message() -> None:
    first = started(Task(prompt="Mend the cart."))
    reply = StepStarted(task=Task(prompt="And now?"), settings=first.settings, model="toy")
    states = [state_of([first, reply]), state_of([first])]

    facts = dict(facts_of(states, [*map(summarize, states)]))

    assert facts["Task"] == ["Mend the cart."] * 2
    assert facts["Latest message"] == ["And now?", ""]
