"""A conversation in the page by keys alone: steer a model while it works, reply, stop, and approve a call."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from coder.run.event_types import QuestionAsked, RunStopped
from coder.run.task import Task
from tests.coder.people.cli.console import Finished
from tests.coder.people.cli.test_chat_terminal import LongSleep
from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.server.served import Server, configure
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.keys import press_until, type_into
from tests.coder.platform.server.studio.test_forms import OTHER, TEST, ends
from tests.coder.states import started
from tests.faulty_endpoint import Reply, Request, calls, faulty_endpoint, says

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

_PATIENCE_S = 60
"""Until a page that a busy machine draws has sent a message."""


async def begin(studio: Server, window: Window, folder: str) -> Path:
    """Begin a task by keys; its folder has a test."""
    (path := studio.root / folder).mkdir()
    (path / "test_solution.py").write_text(TEST)
    await window.open("/new")
    await type_into(window.page, prompt=TASK, folder=folder, test="python -m pytest -q")
    await window.page.keyboard.press("Enter")
    await expect(window.page.locator("#facts")).to_be_visible()
    return path


async def send(window: Window, text: str) -> None:
    await press_until(window.page, "message")
    await window.page.keyboard.type(text)
    await window.page.keyboard.press("Control+Enter")


async def press_button(window: Window, id: str) -> None:
    await press_until(window.page, id)
    await window.page.keyboard.press("Enter")


async def test_a_model_reads_a_message_that_is_sent_while_it_works(studio: Server, window: Window) -> None:
    edit = calls("bash", command=f"cat > solution.py <<'END'\n{OTHER}END")
    sleep = LongSleep()
    work = calls("bash", command=sleep.command)
    with faulty_endpoint(work, edit, calls("done", summary="Done.")) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="act")
        await begin(studio, window, "steered")
        await expect(window.page.locator("#log")).to_contain_text(sleep.command)
        await send(window, "By sum, please.")
        await expect(window.page.locator(".unread")).to_contain_text("By sum, please.")
        await asyncio.to_thread(sleep.end)
        await ends(window, "waiting")

    await expect(window.page.locator(".unread")).to_have_count(0)
    await expect(window.page.locator("#log")).to_contain_text("By sum, please.")
    assert "By sum, please." in str(endpoint.requests[1].body["messages"])


async def test_a_reply_to_a_solved_run_is_worked_on_and_lands_when_it_is_approved(
    studio: Server, window: Window
) -> None:
    with faulty_endpoint(says(code(ADD)), says(code(OTHER))) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        folder = await begin(studio, window, "replied")
        await ends(window, "waiting")
        await press_button(window, "answer-yes")
        await ends(window, "solved")
        await send(window, "Use sum instead.")
        await ends(window, "waiting")
        assert (folder / "solution.py").read_text() == ADD
        await press_button(window, "answer-yes")
        await ends(window, "unverified")  # its test passed before, too

    assert (folder / "solution.py").read_text() == OTHER
    assert "Use sum instead." in str(endpoint.requests[1].body["messages"])


async def test_a_message_that_comes_too_late_for_the_model_is_worked_on_next(
    studio: Server, window: Window
) -> None:
    is_sent = threading.Event()
    slow = replace(says(code(ADD)), before_piece=lambda _: is_sent.wait(_PATIENCE_S))
    with faulty_endpoint(slow, says(code(OTHER))) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        await begin(studio, window, "late")
        await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 1)
        await send(window, "Use sum instead.")
        await expect(window.page.locator(".unread")).to_have_count(1)
        is_sent.set()
        await ends(window, "waiting")
        await press_button(window, "answer-yes")
        await expect(window.page.locator("#log")).to_contain_text("Use sum instead.")
        await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 2)

    assert "Use sum instead." in str(endpoint.requests[-1].body["messages"])


async def test_a_call_is_shown_whole_where_it_is_asked_about(studio: Server, window: Window) -> None:
    text = f"Call send_mail\nbody: {'x ' * 3000}the end"
    question = QuestionAsked(
        id="q1", kind="approve", about="tools", text=text, options=("yes", "always", "no")
    )
    waiting = RunStopped(status="waiting", reason=text, exit_code=9)
    await studio.append(
        "run_call", [started(Task(prompt="Mail it.", workspace=studio.root)), question, waiting]
    )
    await window.open("/studio/run_call")

    await expect(window.page.locator("#ask pre")).to_have_text(text)
    for id in ("answer-yes", "answer-no", "answer-always"):
        await press_until(window.page, id)


async def solve_in_a_terminal(studio: Server, window: Window, folder: str) -> asyncio.Task[Finished]:
    """Begin a run by `coder solve`, and open its page from the list."""
    (path := studio.root / folder).mkdir()
    words = ("solve", f"{TASK} Of {folder}.", str(path))
    solving = asyncio.create_task(asyncio.to_thread(studio.console.run, *words))
    await window.open("/")
    row = window.page.get_by_role("row", name=f"Of {folder}.")
    await expect(row).to_be_visible()
    await press_until(window.page, str(await row.locator("td.task a").get_attribute("id")))
    await window.page.keyboard.press("Enter")
    await expect(window.page.locator("#facts")).to_be_visible()
    return solving


async def test_a_run_of_a_terminal_reads_a_message_of_the_page(studio: Server, window: Window) -> None:
    edit = calls("bash", command=f"cat > solution.py <<'END'\n{OTHER}END")
    is_sent = threading.Event()

    def look(_: Request) -> Reply:
        is_sent.wait(_PATIENCE_S)
        return calls("bash", command="true")

    with faulty_endpoint(look, edit, calls("done", summary="Done.")) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="act")
        solving = await solve_in_a_terminal(studio, window, "terminal")
        await send(window, "By sum, please.")
        await expect(window.page.locator(".unread")).to_contain_text("Sent, and read after the running step")
        is_sent.set()
        await expect(window.page.locator("#log")).to_contain_text("By sum, please.")
        await expect(window.page.locator(".unread")).to_have_count(0)
        await solving

    assert "By sum, please." in str(endpoint.requests[1].body["messages"])


async def test_a_message_that_a_terminal_did_not_read_is_shown_and_goes_with_the_reply(
    studio: Server, window: Window
) -> None:
    is_sent = threading.Event()
    slow = replace(says(code(ADD)), before_piece=lambda _: is_sent.wait(_PATIENCE_S))
    with faulty_endpoint(slow, says(code(OTHER))) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        solving = await solve_in_a_terminal(studio, window, "unread")
        await send(window, "Hurry.")
        await expect(window.page.locator(".unread")).to_contain_text("Hurry.")
        is_sent.set()
        await solving
        unread = "Not read yet, as the run has stopped: Hurry."
        await expect(window.page.locator(".unread")).to_have_text(unread)
        await send(window, "Use sum instead.")
        await expect(window.page.locator("#log")).to_contain_text("return sum((a, b))")
        await expect(window.page.locator(".unread")).to_have_count(0)

    assert "Hurry.\nUse sum instead." in str(endpoint.requests[1].body["messages"][-1]["content"])
