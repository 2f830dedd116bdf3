"""The page's heading, groups and list of cases, in a browser: sorted, grouped, linked to, not too wide."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from benchmarks.report import Report, SampleUsage, Times
from benchmarks.reports.page import page
from coder.base.text.sanitize import printable
from tests.benchmarks.reports.conftest import opened
from tests.benchmarks.reports.hostile import HOSTILE
from tests.benchmarks.reports.reports_made import OUTCOMES, report_of

LONG = "x" * 300
IDS = [
    "a b",
    "50%",
    "%41",
    "%E0%A4",
    "\"quoted\" 'id'",
    "</script><b>",
    "#case=a",
    "ü/é\n☃",
    LONG,
]


def ids(page: Page) -> Locator:
    return page.locator("#list .id")


def column(page: Page, name: str) -> Locator:
    return page.get_by_role("columnheader", name=name)


def graded(cases: dict[str, str], difficulties: dict[str, str]) -> Report:
    return report_of(cases).model_copy(update={"difficulties": difficulties})


def spending(report: Report, costs: dict[str, float | None], seconds: dict[str, float]) -> Report:
    usage = [SampleUsage(id=case, sample=0, cost_usd=costs[case], seconds=seconds[case]) for case in costs]
    return report.model_copy(update={"usage": tuple(usage)})


def telling_apart(cases: list[str]) -> Report:
    """A report of cases that failed, each with a reason of its own."""
    report = report_of(dict.fromkeys(cases, "f"))
    reasons = {case: f"reason {number}" for number, case in enumerate(cases)}
    verdicts = tuple(one.model_copy(update={"detail": reasons[one.id]}) for one in report.verdicts)
    return report.model_copy(update={"verdicts": verdicts})


async def test_the_heading_says_suite_model_date_and_command(browser_page: Page, tmp_path: Path) -> None:
    about = {"command": "coder bench run small -m '<b>'", "times": Times(started="2026-11-21T20:15:00Z")}
    report = report_of({"a": "p"}, model="toy").model_copy(update=about)

    await opened(browser_page, page([report]), tmp_path)

    assert await browser_page.locator("h1").inner_text() == "small 1"
    heading = await browser_page.locator(".run").inner_text()
    assert heading.splitlines() == ["toy · 2026-11-21 20:15:00 UTC", "coder bench run small -m '<b>'"]


@pytest.mark.slow
async def test_a_column_sorts_up_then_down_then_not_at_all(browser_page: Page, tmp_path: Path) -> None:
    report = report_of({"c/10": "pf", "c/9": "pp", "c/1": "ff"})
    await opened(browser_page, page([report]), tmp_path)

    orders = []
    for name in ("Case", "Passed"):
        for _ in range(3):
            await column(browser_page, name).get_by_role("button").click()
            sort = await column(browser_page, name).get_attribute("aria-sort")
            orders.append((sort, await ids(browser_page).all_inner_texts()))

    assert orders == [
        ("ascending", ["c/1", "c/9", "c/10"]),
        ("descending", ["c/10", "c/9", "c/1"]),
        ("none", ["c/10", "c/9", "c/1"]),
        ("ascending", ["c/1", "c/10", "c/9"]),
        ("descending", ["c/9", "c/10", "c/1"]),
        ("none", ["c/10", "c/9", "c/1"]),
    ]


async def test_time_and_cost_are_sorted_with_the_keyboard_and_unknown_ones_stand_last(
    browser_page: Page, tmp_path: Path
) -> None:
    report = report_of({"a": "p", "b": "p", "c": "p"})
    report = spending(report, {"a": 0.5, "b": None, "c": 0.25}, {"a": 1, "b": 3, "c": 2})
    await opened(browser_page, page([report]), tmp_path)

    orders = []
    for name in ("Cost", "Cost", "Time"):
        await column(browser_page, name).get_by_role("button").press("Enter")
        orders.append("".join(await ids(browser_page).all_inner_texts()))

    assert orders == ["cab", "acb", "acb"]
    assert await browser_page.locator("#list .number").all_inner_texts() == [
        *("1.00 s", "$0.50"),
        *("2.00 s", "$0.25"),
        *("3.00 s", "–"),
    ]


async def test_pass_rates_stand_by_difficulty_for_each_run(browser_page: Page, tmp_path: Path) -> None:
    grades = {"a": "easy", "b": "easy", "c": "<b>hard"}
    before = graded({"a": "p", "b": "f", "c": "f", "d": "p"}, grades)
    after = report_of({"a": "p", "b": "p", "c": "f", "d": "p"})  # an older report, that names none

    await opened(browser_page, page([before, after], names=["old", "new"]), tmp_path)

    rows = await browser_page.locator(".groups tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Difficulty", "Cases", "old", "new"],
        ["easy", "2", "50.0 %", "100.0 %"],
        ["<b>hard", "1", "0.0 %", "0.0 %"],
        ["none", "1", "100.0 %", "100.0 %"],
    ]


async def test_pass_rates_stand_by_tag_of_which_a_case_may_have_several(
    browser_page: Page, tmp_path: Path
) -> None:
    tags = {"a": ("io", "text"), "b": ("text",)}
    report = report_of({"a": "p", "b": "f"}).model_copy(update={"tags": tags})

    await opened(browser_page, page([report], names=["run"]), tmp_path)

    rows = await browser_page.locator(".groups tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Tag", "Cases", "Pass rate"],
        ["io", "1", "100.0 %"],
        ["text", "2", "50.0 %"],
    ]


@pytest.mark.parametrize(("of", "field"), [("difficulty", "difficulties"), ("category", "categories")])
async def test_cases_are_grouped_and_filtered(
    browser_page: Page, tmp_path: Path, of: str, field: str
) -> None:
    groups = {"a": "hard", "b": "easy", "c": "hard"}
    report = report_of({"a": "p", "b": "p", "c": "f"}).model_copy(update={field: groups})
    await opened(browser_page, page([report]), tmp_path)

    await browser_page.get_by_label("Group by").select_option(of)
    grouped = await browser_page.locator("#list th").all_inner_texts()
    await browser_page.locator(f"#{of}").select_option("easy")

    assert grouped == [f"{of}: hard · 2 cases", "a", "c", f"{of}: easy · 1 case", "b"]
    assert await ids(browser_page).all_inner_texts() == ["b"]


async def test_a_report_without_kinds_and_difficulties_has_no_groups(
    browser_page: Page, tmp_path: Path
) -> None:
    older = report_of({"a": "p", "b": "f"}).model_copy(update={"kinds": {}})

    await opened(browser_page, page([older]), tmp_path)

    await expect(browser_page.locator(".groups table")).to_have_count(0)
    for select in ("#kind", "#difficulty", "#group"):
        await expect(browser_page.locator(select)).to_be_hidden()


async def test_each_sample_is_a_square_with_its_outcome(browser_page: Page, tmp_path: Path) -> None:
    await opened(browser_page, page([report_of({"a": "".join(OUTCOMES), "b": "p" * 21})]), tmp_path)

    squares = browser_page.locator("#list .square")
    assert await squares.all_inner_texts() == ["P", "F", "T", "I", "X", "S"]
    assert await squares.nth(1).get_attribute("title") == "sample 1: failed, strong"
    assert await browser_page.locator("#list .result").all_inner_texts() == ["1 of 6", "21 of 21"]


async def test_a_bar_a_run_shows_what_became_of_its_samples(browser_page: Page, tmp_path: Path) -> None:
    reports = [report_of({"a": "ppf"}), report_of({"a": "ttt"})]

    await opened(browser_page, page(reports, names=["one", "two"]), tmp_path)

    chart = browser_page.get_by_role("img", name="What became of the samples")
    parts = await chart.locator("g:has(title)").all_text_contents()
    assert parts[:3] == ["passed: 2P 2", "failed: 1F 1", "timeout: 3T 3"]
    wide = [await chart.locator("rect").nth(i).get_attribute("width") for i in range(3)]
    assert wide == ["260.0", "130.0", "390.0"]
    assert (await chart.locator("text").all_text_contents())[-6:] == [
        *"P",
        "passed",
        *"F",
        "failed",
        *"T",
        "timeout",
    ]


@pytest.mark.slow
async def test_the_link_of_a_case_opens_it_alone(browser_page: Page, tmp_path: Path) -> None:
    cases = [*IDS, *HOSTILE.values()]
    events = await opened(browser_page, page([telling_apart(cases)]), tmp_path)
    for button in await browser_page.locator("tr.case button").all():
        await button.click()
    links = await browser_page.locator(".opened a").all()
    addresses = [await link.evaluate("link => link.href") for link in links]

    for number, (case, address) in enumerate(zip(cases, addresses, strict=True)):
        await browser_page.goto("about:blank")
        await browser_page.goto(address)

        assert await browser_page.locator(".opened .sample p").first.inner_text() == f"reason {number}"
        assert await browser_page.locator(".opened").count() == 1
        assert await browser_page.locator(":focus").text_content() == printable(case)
        await expect(browser_page.locator(":focus")).to_be_in_viewport()

    assert [url for url in events if not url.startswith("about:")] == []


async def test_a_link_finds_a_case_that_is_filtered_away_or_far_down(
    browser_page: Page, tmp_path: Path
) -> None:
    await opened(browser_page, page([report_of({f"c{i}": "p" for i in range(450)})]), tmp_path)
    await browser_page.get_by_label("Find").fill("c1")

    await browser_page.evaluate("location.hash = '#case=c420'")

    await expect(browser_page.locator(":focus")).to_have_text("c420")
    await expect(browser_page.locator(":focus")).to_be_in_viewport()
    assert await browser_page.get_by_label("Find").input_value() == ""


@pytest.mark.parametrize("hash", ["#case=%", "#case=nobody", "#case=", "#<script>"])
async def test_a_link_to_no_case_opens_none(browser_page: Page, tmp_path: Path, hash: str) -> None:
    events = await opened(browser_page, page([report_of({"a": "p"})]), tmp_path)

    await browser_page.evaluate("hash => { location.hash = hash }", hash)
    await column(browser_page, "Case").get_by_role("button").click()

    assert await browser_page.locator(".opened").count() == 0
    assert events == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("runs", [1, 5])
async def test_the_page_never_scrolls_sideways(
    browser_page: Page, tmp_path: Path, width: int, runs: int
) -> None:
    cases = dict.fromkeys([LONG, "a short one"], "".join(OUTCOMES) * 3)
    about = {
        "command": f"coder bench run {LONG} {'--flag value ' * 40}",
        "difficulties": {LONG: "easy " + LONG},
    }
    reports = [report_of(cases, model=f"{i}{LONG}", detail=LONG, cost=1.5) for i in range(runs)]
    html = page([report.model_copy(update=about) for report in reports])
    await browser_page.set_viewport_size({"width": width, "height": 800})
    await opened(browser_page, html, tmp_path)

    await browser_page.get_by_label("Group by").select_option("difficulty")
    for button in await browser_page.locator("tr.case button").all():
        await button.click()

    assert await browser_page.evaluate("document.documentElement.scrollWidth") == width
