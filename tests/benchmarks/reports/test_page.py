"""The page, in a browser: it shows, filters and compares, and nothing that a model wrote runs in it."""

import json
import re
import sys
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from benchmarks.reports.page import MAX_CODE, page, read_answers
from benchmarks.verdict import Verdict
from coder.base.errors import UsageError
from tests.benchmarks.reports.conftest import opened
from tests.benchmarks.reports.hostile import HOSTILE
from tests.benchmarks.reports.reports_made import report_of, suite_of


def printing(verdict: Verdict, text: str) -> Verdict:
    return verdict.model_copy(update={"detail": verdict.detail or text, "output": text})


async def test_a_case_shows_its_code_output_and_reason(browser_page: Page, tmp_path: Path) -> None:
    report = report_of({"a": "p", "b": "f"}, detail="expected 1, got 2")
    verdicts = tuple(printing(one, "debug line") for one in report.verdicts)
    report = report.model_copy(update={"verdicts": verdicts})
    answers = {("b", 0): "def f(): return 2"}

    events = await opened(browser_page, page([report], answers=[answers]), tmp_path)
    await browser_page.get_by_text("expected 1, got 2").click()

    blocks = browser_page.locator(".opened pre")
    await expect(blocks).to_have_text(["def f(): return 2", "debug line"])
    assert events == []


async def test_filters_leave_what_fits(browser_page: Page, tmp_path: Path) -> None:
    report = report_of({"alpha": "p", "beta": "f", "gamma": "t"})
    await opened(browser_page, page([report]), tmp_path)

    await browser_page.get_by_label("Outcome").select_option("timeout")
    timed_out = await browser_page.locator("#list .id").all_inner_texts()
    await browser_page.get_by_label("Outcome").select_option("")
    await browser_page.get_by_label("Find").fill("ALPH")
    ids = await browser_page.locator("#list .id").all_inner_texts()

    assert (timed_out, ids) == (["gamma"], ["alpha"])
    assert await browser_page.locator("#count").inner_text() == "1 of 3 cases"


async def test_a_pass_below_the_minimum_strength_is_shown_as_not_passed(
    browser_page: Page, tmp_path: Path
) -> None:
    report = report_of({"a": "p", "b": "p", "c": "pp"}, strengths={"b": "weak"}, min_strength="apart")

    await opened(browser_page, page([report]), tmp_path)

    results = await browser_page.locator("#list .result").all_inner_texts()
    facts = await browser_page.locator(".facts").inner_text()
    assert results == ["passed", "passed, too weak to count", "2 of 2"]
    assert await browser_page.locator("#list .square.passed").count() == 3
    assert "strong 66.7 %" in facts
    assert "passes below apart count as not passed: 1 of them" in facts


async def test_two_runs_are_compared_case_by_case(browser_page: Page, tmp_path: Path) -> None:
    before = report_of({"a": "p", "b": "p", "c": "f"}, model="small")
    after = report_of({"a": "p", "b": "f", "c": "p"}, model="large")
    await opened(browser_page, page([before, after]), tmp_path)

    await browser_page.get_by_label("only what differs").check()

    assert await browser_page.locator("#list .id").all_inner_texts() == ["b", "c"]
    assert await browser_page.locator("#list .result").all_inner_texts() == [
        "passed",
        "failed",
        "failed",
        "passed",
    ]
    assert "p = 1 (tango)" in await browser_page.locator(".compared").inner_text()


async def test_many_cases_come_in_parts(browser_page: Page, tmp_path: Path) -> None:
    await opened(browser_page, page([report_of({f"case {i}": "p" for i in range(450)})]), tmp_path)

    before = await browser_page.locator("#list .case").count()
    await browser_page.get_by_role("button", name="Show more").click()

    assert (before, await browser_page.locator("#list .case").count()) == (200, 400)


@pytest.mark.slow
async def test_nothing_that_a_model_wrote_runs_or_loads(browser_page: Page, tmp_path: Path) -> None:
    report = report_of(dict.fromkeys(HOSTILE.values(), "f"), model=HOSTILE["an image"], cost=0.1)
    verdicts = tuple(printing(one, one.id) for one in report.verdicts)
    report = report.model_copy(update={"verdicts": verdicts})
    answers = {(text, 0): text for text in HOSTILE.values()}

    events = await opened(
        browser_page, page([report], answers=[answers], names=[HOSTILE["a script"]]), tmp_path
    )
    for row in await browser_page.locator("tr.case button").all():
        await row.click()

    await expect(browser_page.locator(".opened pre")).to_have_count(2 * len(HOSTILE))
    assert (
        await browser_page.locator("main :is(img, a:not([href^='#case=']), script, iframe, style)").count()
        == 0
    )
    assert await browser_page.evaluate("window.hurt") is None
    assert events == []


async def test_the_policy_stops_a_script_that_got_in_all_the_same(browser_page: Page, tmp_path: Path) -> None:
    html = page([report_of({"a": "p"})])
    holed = html.replace(
        "<main>", "<main><script>window.hurt = 1</script><img src=x onerror='window.hurt = 2'>"
    )

    await opened(browser_page, holed, tmp_path)

    assert await browser_page.evaluate("window.hurt") is None


async def test_figures_show_without_scripts(tmp_path: Path) -> None:
    html = page([report_of({"a": "p", "b": "f"}, cost=0.25, model="small")])
    static = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)

    assert static.count("<svg") == 4
    assert "pass@1" in static
    assert "$0.5" in static


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_data_block_cant_be_left(text: str) -> None:
    html = page([report_of({text: "f", "b": "p"}, detail=text)])

    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, flags=re.DOTALL)
    assert not set("<>&") & set(block)
    assert len(json.loads(block)["cases"]) == 2
    assert len(re.findall(r"<script", html)) == 2


def test_without_the_extra_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(UsageError, match=r"pip install -e '.*\[report\]'"):
        page([report_of({"a": "p"})])


def test_answers_are_shortened_and_matched_by_case_and_sample(tmp_path: Path) -> None:
    lines = [{"task_id": "a", "completion": "1"}, {"task_id": "a", "completion": "x" * 2 * MAX_CODE}]
    (tmp_path / "s.jsonl").write_text("\n".join(json.dumps(line) for line in lines))

    answers = read_answers(tmp_path / "s.jsonl", report_of({"a": "pf"}, suite=suite_of("a")))

    assert answers[("a", 0)] == "1"
    assert len(answers[("a", 1)]) < MAX_CODE + 20
