"""The pictures of the how-to page: of a real run and a report. CODER_PICTURES=1 makes them anew."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from benchmarks.reports.page import page
from coder.engine.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.benchmarks.reports.reports_made import report_of
from tests.coder.platform.server.served import Server, started
from tests.coder.platform.server.studio.conftest import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = Path(__file__).parents[5] / "docs/how-to/watch-in-a-browser.md"
TEST = "from shop import total\n\n\ndef test_tax_is_added():\n    assert total([10, 20], tax=0.5) == 45\n"


def call(name: str, **arguments: str) -> list[ToolCall]:
    return [ToolCall(id=f"{name}00000001", name=name, arguments=json.dumps(arguments))]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Server]:
    """A server that shows a report."""
    cases = {f"small/{number}": "pf"[number % 7 == 3] for number in range(40)}
    report = report_of(cases, model="local/qwen3-coder")
    (tmp_path / "small.html").write_text(page([report]))
    with started(tmp_path, "--reports", str(tmp_path)) as running:
        yield running


async def waiting_run(studio: Server) -> str:
    """A run of a model that acted, and waits for a word on its change."""
    folder = studio.root / "shop"
    folder.mkdir()
    (folder / "shop.py").write_text("def total(prices, tax):\n    return sum(prices)\n")
    (folder / "test_shop.py").write_text(TEST)
    answers = [
        call("bash", command="python -m pytest -q 2>&1 | tail -4"),
        call("edit", path="shop.py", old="return sum(prices)", new="return sum(prices) * (1 + tax)"),
        call("done", summary="The total is multiplied by one plus the tax."),
    ]
    task = Task(
        prompt="Orders ignore the tax.\nAdd it to the total.", workspace=folder,
        test_command=("python", "-m", "pytest", "-q"),
    )  # fmt: skip
    with studio.log() as log:
        settings = Settings(strategy="act", approve=("landing",))
        run = await solve(task, model=Scripted(answers), settings=settings, log=log)
    assert run.status == "waiting", run.reason
    return run.run_id


async def test_each_picture_is_on_the_page() -> None:
    text = PAGE.read_text()

    pictures = {picture.name for picture in PAGE.parent.glob("studio-*.png")}

    assert pictures == {"studio-run.png", "studio-report.png"}
    assert all(f"({picture})" in text for picture in pictures)


@pytest.mark.slow
async def test_the_pictures_are_made(studio: Server, window: Window, tmp_path: Path) -> None:
    place = PAGE.parent if "CODER_PICTURES" in os.environ else tmp_path
    run = await waiting_run(studio)
    await window.page.set_viewport_size({"width": 900, "height": 1000})

    await window.open(f"/studio/{run}")
    await expect(window.page.get_by_role("button", name="Approve")).to_be_visible()
    await window.page.screenshot(path=place / "studio-run.png")
    await window.open("/reports?name=small.html")
    await window.page.frame_locator("iframe").locator("#list").wait_for()
    await window.page.screenshot(path=place / "studio-report.png")
