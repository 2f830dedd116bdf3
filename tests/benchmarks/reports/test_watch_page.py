"""The page and the JUnit document of a watched suite."""

import xml.etree.ElementTree as ET
from pathlib import Path

from playwright.async_api import Page

from benchmarks.reports.watch_page import watch_junit, watch_page
from benchmarks.stats.watch import scores_of, watched
from tests.benchmarks.reports.conftest import opened
from tests.benchmarks.stats.test_watch import QUIET, WORSE

SUITE = "<b>suite & co"


async def test_the_page_shows_each_round_and_marks_those_above_the_limit(
    browser_page: Page, tmp_path: Path
) -> None:
    latest = WORSE[-1].model_copy(update={"tokens": 1234, "latency_s": 2.25, "refusals": 7})
    rounds = [*QUIET, *WORSE[:-1], latest]

    events = await opened(browser_page, watch_page(SUITE, watched(rounds), scores_of(rounds)), tmp_path)

    assert events == []
    assert await browser_page.locator("h1").inner_text() == f"{SUITE}: 27 rounds"
    assert await browser_page.locator("figure").count() == 2
    assert await browser_page.locator("circle.alarm").count() == 4  # two rounds in both plots
    assert await browser_page.locator("table").last.locator("tbody tr").count() == 27
    row = await browser_page.locator("table").last.locator("tbody tr").first.inner_text()
    assert row.split("\t")[-4:] == ["1,234", "2.2 s", "7", "–"]
    assert "worse, confirmed by a fresh round" in await browser_page.locator("table").first.inner_text()


async def test_a_single_round_has_a_page_that_never_scrolls_sideways(
    browser_page: Page, tmp_path: Path
) -> None:
    await browser_page.set_viewport_size({"width": 390, "height": 800})

    html = watch_page("s" * 200, watched(QUIET[:1]), scores_of(QUIET[:1]))
    await opened(browser_page, html, tmp_path)

    assert await browser_page.evaluate("document.documentElement.scrollWidth") == 390


def test_junit_fails_on_an_alarm_alone() -> None:
    quiet, worse = (
        ET.fromstring(watch_junit(SUITE, watched(rounds))) for rounds in (QUIET, [*QUIET, *WORSE])
    )

    assert (quiet.get("failures"), quiet.find("*/*/failure")) == ("0", None)
    failure = worse.find("*/*/failure")
    assert worse.get("failures") == "1"
    assert failure is not None
    assert failure.get("message") == "55.0 %, 95.2 % before"
    assert "case0" in str(failure.text)
