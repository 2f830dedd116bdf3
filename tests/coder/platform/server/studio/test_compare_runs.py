"""Two or more runs of the list are ticked and set beside each other, by keys alone."""

from typing import Literal

import httpx2
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from coder.platform.server.studio.run_comparison import difference_of
from coder.run.event_types import Body, RunStopped, Spoken
from coder.run.message import AnswerChanges, CodeMessage, Outcome, OutcomeMessage
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from tests.coder.platform.server.served import Server
from tests.coder.platform.server.studio.conftest import Window
from tests.coder.platform.server.studio.hostile_run import hostile_run
from tests.coder.platform.server.studio.keys import press_until
from tests.coder.states import call, started, state_of

asynchronous = pytest.mark.asyncio(loop_scope="session")
SOLVED = RunStopped(status="solved", reason="it passes", verified="tests", exit_code=0)
STUCK = RunStopped(status="stuck", reason="it repeats itself", exit_code=1)


def run_of(model: str, files: dict[str, str | None], *ending: Body) -> list[Body]:
    """A run that read one file and changes some."""
    read = {"cart.py": StoredFile.of(b"x = 1\n")}
    begun = started(Task(prompt="Mend the cart.")).model_copy(update={"files": read, "model": model})
    spoken = Spoken(message=CodeMessage(author="coder", changes=AnswerChanges(files=files)))
    return [begun, *call(1, cost="0.01"), spoken, *ending]


PASSED = Outcome(passed=True, verified="tests", strength="outside")
JUDGED = Spoken(message=OutcomeMessage(author="executor", outcome=PASSED))
FIRST = run_of("small", {"cart.py": "x = 2\n"}, JUDGED, SOLVED)
SECOND = run_of("large", {"cart.py": "x = 3\n", "new.py": "y = 1\n"}, STUCK)


@asynchronous
async def test_two_runs_are_ticked_stay_ticked_and_are_set_beside_each_other(
    studio: Server, window: Window
) -> None:
    page = window.page
    await studio.append("run_first", FIRST)
    await studio.append("run_second", SECOND)
    await window.open("/")
    for run in ("run_second", "run_first"):
        await press_until(page, f"pick-{run}")
        await page.keyboard.press("Space")
    await page.evaluate("document.querySelector('#runs').dataset.old = 'yes'")
    await expect(page.locator("#runs[data-old]")).to_have_count(0)  # the list has been loaded again
    await press_until(page, "compare")
    await page.keyboard.press("Enter")

    facts = page.locator("#facts")
    await expect(facts.locator("thead th")).to_have_text(["run_second", "run_first"])
    for row in ("Status stuck solved", "Model large small", "Verified by none tests", "Strength none outside",
                "Model calls 1 1", "Cost $0.01 $0.01", "Files changed 2 1"):  # fmt: skip
        await expect(facts.get_by_role("row", name=row)).to_be_visible()
    await expect(page.locator("#patch-run_first")).to_contain_text("patch")
    await expect(page.locator("#diff-run_first")).to_contain_text("-x = 3\n+x = 2")
    await expect(page.locator("#diff-run_first")).to_contain_text("deleted file mode")


@pytest.mark.slow
@asynchronous
async def test_one_run_is_nothing_to_compare_and_others_are_not_shown(studio: Server) -> None:
    await studio.append("run_alone", FIRST)
    async with httpx2.AsyncClient(base_url=studio.url, timeout=60) as client:
        alone = await client.get("/studio/compare?run=run_alone")
        unknown = await client.get("/studio/compare?run=run_alone&run=run_nobody")
        many = await client.get("/studio/compare?" + "&".join(f"run=run_{n}" for n in range(9)))
        wrong = await client.get("/?n=many")

    assert "Tick two or more runs in the list." in alone.text
    assert unknown.status_code == 404
    assert '<h1 class="problem">At most 8 runs are compared at once, and 9 are ticked.</h1>' in many.text
    assert (wrong.status_code, "<h1" in wrong.text) == (422, True)


@asynchronous
@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_a_comparison_has_no_serious_fault_and_shows_as_text_what_runs_say(
    studio: Server, window: Window, scheme: Literal["light", "dark"], width: int
) -> None:
    names = [f"run_{kind}_{scheme}" for kind in ("plain", "hostile")]
    for name, bodies in zip(names, (SECOND, hostile_run()), strict=True):
        await studio.append(name, bodies)
    await window.page.emulate_media(color_scheme=scheme)
    await window.page.set_viewport_size({"width": width, "height": 900})
    await window.open(f"/studio/compare?run={names[0]}&run={names[1]}")

    violations = (await Axe().run(window.page)).response["violations"]
    assert [one["id"] for one in violations if one["impact"] in ("serious", "critical")] == []
    assert await window.page.evaluate("document.documentElement.scrollWidth") <= width
    assert await window.page.evaluate("window.hurt") is None


def test_the_difference_leads_from_one_result_to_the_other() -> None:
    there, back = (
        difference_of(state_of(FIRST), state_of(SECOND)),
        difference_of(state_of(SECOND), state_of(FIRST)),
    )

    assert "-x = 2\n+x = 3\n" in there
    assert "new file mode" in there
    assert "deleted file mode" in back
    assert difference_of(state_of(FIRST), state_of(FIRST)) == ""


def test_a_file_that_one_run_left_as_it_was_counts_as_it_was() -> None:
    unchanged = run_of("small", {"new.py": "y = 1\n"}, SOLVED)

    assert "-x = 2\n+x = 1\n" in difference_of(state_of(FIRST), state_of(unchanged))
