"""Find runs by words and status, see what landed as the log has it, and download it; by keys alone."""

import io
import json
import zipfile

import pytest
from playwright.async_api import expect

from coder.run.event_types import FileLanded, FileUndone, LandingPlanned, RunStopped, ToolAnswered
from coder.run.event_types.run_events import FileChange, LandingPlan
from coder.run.task import Task
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.keys import press_until
from tests.coder.states import started

pytestmark = pytest.mark.asyncio(loop_scope="session")
SOLVED = RunStopped(status="solved", reason="it passes", verified="tests", exit_code=0)
STUCK = RunStopped(status="stuck", reason="it repeats itself", exit_code=1)
PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"


def planned(studio: Server) -> LandingPlanned:
    change = FileChange(path="a.py", before="0" * 64, after="1" * 64, mode=0o644)
    return LandingPlanned(plan=LandingPlan(root=str(studio.root), changes=(change,)), patch=PATCH)


async def test_runs_are_searched_by_words_and_filtered_by_status(studio: Server, window: Window) -> None:
    for name, body in (("tax", SOLVED), ("taxes", STUCK), ("tea", SOLVED)):
        await studio.append(f"run_{name}", [started(Task(prompt=f"Mend the {name} of orders.")), body])
    page = window.page
    await window.open("/")

    await press_until(page, "q")
    await page.keyboard.type("ORDERS tax")
    await page.keyboard.press("Enter")
    await expect(page.locator("td.task a")).to_have_count(2)
    await press_until(page, "status")
    await page.keyboard.type("stuck")
    await press_until(page, "find")
    await page.keyboard.press("Enter")
    await expect(page.locator("td.task a")).to_have_text("Mend the taxes of orders.")
    await press_until(page, "q")
    await page.keyboard.type(" nowhere")
    await page.keyboard.press("Enter")
    await expect(page.locator("#runs")).to_contain_text("No run matches.")


async def test_a_run_is_found_by_what_a_program_printed_in_it_and_the_place_is_shown(
    studio: Server, window: Window
) -> None:
    printed = ToolAnswered(
        call=1, id="c1", name="bash", text="ZeroDivisionError in the quokka module", exit_code=1
    )
    await studio.append("run_printed", [started(Task(prompt="Mend it.")), printed, STUCK])
    await window.open("/")
    await press_until(window.page, "q")
    await window.page.keyboard.type("quokka")
    await window.page.keyboard.press("Enter")

    await expect(window.page.locator("td.task a")).to_have_attribute("id", "run_printed")
    await expect(window.page.locator("td.task .aside")).to_contain_text("in the quokka module")


async def test_the_page_says_of_a_landing_what_the_log_says(studio: Server, window: Window) -> None:
    task = Task(prompt="Mend x.", workspace=studio.root)
    await studio.append("run_lands", [started(task), planned(studio)])
    await window.open("/studio/run_lands")
    landing = window.page.locator("#landing")

    await expect(landing).to_have_text("is being written")
    await studio.append("run_lands", [FileLanded(path="a.py"), SOLVED], after=2)
    await expect(landing).to_have_text("written: a.py")
    await window.open("/?q=run_lands")
    await expect(window.page.locator("tbody tr")).to_contain_text("1 file")
    await studio.append("run_lands", [FileUndone(path="a.py")], after=4)
    await window.open("/studio/run_lands")
    await expect(landing).to_have_text("undone")


async def test_patch_and_bundle_are_downloaded_by_keys(studio: Server, window: Window) -> None:
    page = window.page
    task = Task(prompt="Mend x.", workspace=studio.root)
    await studio.append("run_kept", [started(task), planned(studio), FileLanded(path="a.py"), SOLVED])
    await window.open("/studio/run_kept")
    files = {}
    for id in ("patch", "bundle"):
        await press_until(page, id)
        async with page.expect_download() as coming:
            await page.keyboard.press("Enter")
        download = await coming.value
        files[download.suggested_filename] = (await download.path()).read_bytes()

    assert files["run_kept.patch"].decode() == PATCH
    archive = zipfile.ZipFile(io.BytesIO(files["run_kept.zip"]))
    assert archive.read("run_kept/change.patch").decode() == PATCH
    assert json.loads(archive.read("run_kept/run.json"))["landed"] == ["a.py"]
    assert len(archive.read("run_kept/events.jsonl").splitlines()) == 4
    assert json.loads(archive.read("run_kept/trajectory.json"))["schema_version"] == "ATIF-v1.8"
