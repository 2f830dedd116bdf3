"""The pictures of the how-to page: of a real run and a report. CODER_PICTURES=1 makes them anew."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from coder.engine.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from coder.run.task import Task
from tests.benchmarks.reports.reports_made import report_of
from tests.coder.platform.server.served import Server, started
from tests.coder.platform.server.studio.conftest import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAGE = Path(__file__).parents[5] / "docs/how-to/watch-in-a-browser.md"
SHOTS = (
    ("run", "/studio/{run}", "light", 1280, 900),
    ("new", "/new", "dark", 1280, 800),
    ("trace", "/studio/{run}/trace", "dark", 390, 700),
    ("phone", "/studio/{run}", "light", 390, 844),
    ("compare", "/reports/compare?name=small.json&name=other.json", "light", 1280, 720),
)
"""Name, address, color scheme, and size in pixels of each picture."""
MAX_BYTES = 80_000
TEST = "from shop import total\n\n\ndef test_tax_is_added():\n    assert total([10, 20], tax=0.5) == 45\n"


def call(name: str, **arguments: str) -> list[ToolCall]:
    return [ToolCall(id=f"{name}00000001", name=name, arguments=json.dumps(arguments))]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Server]:
    """A server that shows a report."""
    for name, model, count in (("small", "local/qwen3-coder", 7), ("other", "local/devstral", 5)):
        cases = {f"small/{number}": "pf"[number % count == 3] for number in range(40)}
        report = report_of(cases, model=model, cost=0.002 * count)
        (tmp_path / f"{name}.json").write_text(report.model_dump_json())
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

    assert pictures == {f"studio-{name}.png" for name, *_ in SHOTS}
    assert all(f"({picture})" in text for picture in pictures)
    assert all((PAGE.parent / picture).stat().st_size <= MAX_BYTES for picture in pictures)


@pytest.mark.slow
async def test_the_pictures_are_made(studio: Server, window: Window, tmp_path: Path) -> None:
    place = PAGE.parent if "CODER_PICTURES" in os.environ else tmp_path
    run = await waiting_run(studio)

    for name, path, scheme, width, height in SHOTS:
        await window.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await window.page.set_viewport_size({"width": width, "height": height})
        await window.open(path.format(run=run))
        await expect(window.page.locator("h1")).to_be_visible()
        if "name=small" in path:
            await window.page.frame_locator("iframe").locator("#list").wait_for()
        await window.page.screenshot(path=place / f"studio-{name}.png")
