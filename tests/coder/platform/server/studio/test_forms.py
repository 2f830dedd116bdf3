"""What a person does in the browser: begin, approve, say no and why, stop and resume; also by keys alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.coder.people.cli.test_fix import replaced
from tests.coder.people.cli.test_solve import ADD, TASK, code
from tests.coder.platform.server.served import Server, configure
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.hostile_run import hostile_run
from tests.coder.platform.server.studio.keys import press_until
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, hangs, says

pytestmark = pytest.mark.asyncio(loop_scope="session")
TEST = "from solution import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
OTHER = "def add(a, b):\n    return sum((a, b))\n"


@pytest.fixture
def endpoint(studio: Server) -> Iterator[FaultyEndpoint]:
    """It answers with code that adds, and then with other code that does."""
    with faulty_endpoint(says(code(ADD)), says(code(OTHER))) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        yield endpoint


async def begin(studio: Server, window: Window, folder: str) -> Path:
    """Begin a task in the page of a new one; its folder."""
    (project := studio.root / folder).mkdir()
    (project / "test_solution.py").write_text(TEST)
    await window.open("/new")
    await window.page.get_by_label("Task", exact=True).fill(TASK)
    await window.page.get_by_label("Folder").fill(folder)
    await window.page.get_by_label("Test command").fill("python -m pytest -q")
    await window.page.get_by_role("button", name="Begin").click()
    await expect(window.page.locator("#facts")).to_be_visible()
    return project


async def ends(window: Window, status: str) -> None:
    await expect(window.page.locator("#facts .status")).to_have_text(status)


@pytest.mark.slow
async def test_a_task_is_planned_first_where_that_is_ticked(studio: Server, window: Window) -> None:
    plan = calls("plan", steps=["Write add."])
    with faulty_endpoint(plan, says(replaced("solution.py", ADD))) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="act")
        (studio.root / "planned").mkdir()
        await window.open("/new")
        await window.page.get_by_label("Task", exact=True).fill(TASK)
        await window.page.get_by_label("Folder").fill("planned")
        await window.page.get_by_label("files are written").uncheck()
        await window.page.get_by_label("plans first").check()
        await window.page.get_by_role("button", name="Begin").click()
        await expect(window.page.locator("#ask")).to_contain_text("planner asks")
        await expect(window.page.locator("#ask")).to_contain_text("1. Write add.")
        await window.page.get_by_role("button", name="Approve").click()
        await expect(window.page.locator("#log")).to_contain_text("return a + b")

    assert "Follow this plan:\n1. Write add." in endpoint.requests[1].body["messages"][1]["content"]


@pytest.mark.slow
async def test_a_task_begun_in_the_page_is_watched_refused_with_a_reason_and_approved(
    studio: Server, window: Window, endpoint: FaultyEndpoint
) -> None:
    folder = await begin(studio, window, "by-mouse")
    await ends(window, "waiting")
    await window.page.get_by_label("If you refuse").fill("by sum, please")
    await window.page.get_by_role("button", name="Refuse").click()
    await expect(window.page.locator("#log")).to_contain_text("return sum((a, b))")
    await ends(window, "waiting")
    assert not (folder / "solution.py").exists()
    await window.page.get_by_role("button", name="Approve").click()
    await ends(window, "solved")

    assert (folder / "solution.py").read_text() == OTHER
    assert "by sum, please" in str(endpoint.requests[1])
    await expect(window.page.get_by_role("button")).to_have_text(["Send"])  # for a reply


@pytest.mark.slow
async def test_by_keys_alone_a_run_is_found_and_approved(
    studio: Server, window: Window, endpoint: FaultyEndpoint
) -> None:
    folder = await begin(studio, window, "by-keys")
    await ends(window, "waiting")
    run = window.page.url.rpartition("/")[2]

    await window.open("/")
    await press_until(window.page, run)
    await window.page.keyboard.press("Enter")
    await ends(window, "waiting")
    await press_until(window.page, "answer-yes")
    await window.page.keyboard.press("Enter")
    await ends(window, "solved")

    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
async def test_a_run_is_stopped_and_resumed(studio: Server, window: Window) -> None:
    with faulty_endpoint(hangs(), says(code(ADD))) as endpoint:
        configure(studio.console.home, base_url=endpoint.url, model="toy", strategy="repair")
        await begin(studio, window, "stopped")
        await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 1)
        await window.page.get_by_role("button", name="Stop").click()
        await ends(window, "interrupted")
        await window.page.get_by_role("button", name="Resume").click()
        await ends(window, "waiting")


async def test_what_can_not_be_done_is_said_beside_the_button(studio: Server, window: Window) -> None:
    await window.open("/new")
    await window.page.get_by_label("Task", exact=True).fill(TASK)
    await window.page.get_by_label("Folder").fill("../elsewhere")
    await window.page.get_by_role("button", name="Begin").click()

    await expect(window.page.get_by_role("alert")).to_contain_text("There is no '../elsewhere'")
    assert "422" in window.said.pop()  # the browser's own line about the answer


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    studio: Server, window: Window, scheme: Literal["light", "dark"], width: int
) -> None:
    run = f"run_axe_{scheme}_{width}"
    await studio.append(run, hostile_run())
    await window.page.emulate_media(color_scheme=scheme)

    pages = ("/", "/new", "/teams", "/reports", "/reports/compare", "/login")
    for path in (*pages, *(f"/studio/{run}{part}" for part in ("", "/trace", "/files"))):
        await window.page.set_viewport_size({"width": width, "height": 900})
        await window.open(path)
        violations = (await Axe().run(window.page)).response["violations"]
        assert [
            (one["id"], one["nodes"]) for one in violations if one["impact"] in ("serious", "critical")
        ] == []
        for each in (390, 1280):
            await window.page.set_viewport_size({"width": each, "height": 900})
            assert await window.page.evaluate("document.documentElement.scrollWidth") <= each, path
