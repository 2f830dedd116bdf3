"""The page of one sample, in a browser: what it shows; nothing in it runs, loads or tells a secret."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from benchmarks.reports.page import page
from benchmarks.reports.sample_page import MAX_TEXT, SampleEvidence, page_name, sample_page
from benchmarks.runner.runlog import BenchJudged
from benchmarks.suite import FunctionCase, HarborCase
from benchmarks.verdict import Evidence, Strength, Verdict
from coder.models.model import Usage
from coder.run.event_types import CallAnswered
from coder.run.events import Event
from tests.benchmarks.reports.conftest import opened
from tests.benchmarks.reports.hostile import HOSTILE
from tests.benchmarks.reports.reports_made import report_of

PATCH = "diff --git a/app/a.txt b/app/a.txt\n--- a/app/a.txt\n+++ b/app/a.txt\n@@ -1 +1 @@\n-old\n+new\n"


def harbor_case(prompt: str = "Write a.txt.", name: str = "greet") -> HarborCase:
    return HarborCase(id=name, prompt=prompt, folder=Path("greet"), content="0" * 64)


def event(number: int, text: str) -> Event:
    """An answer of a model, as the log has it."""
    answer = CallAnswered(
        call=number,
        key="k",
        model="toy",
        text=text,
        reasoning=text,
        finish="stop",
        usage=Usage(input_tokens=1, output_tokens=1),
        cost_usd=None,
        seconds=1.0,
    )
    return Event(run="run_1", seq=number, time=0.0, type=answer.type, body=answer.model_dump(mode="json"))


def evidence(
    case: HarborCase | None = None, *, patch: str = PATCH, log: str = "1 failed", text: str = "I looked."
) -> SampleEvidence:
    case = case or harbor_case()
    verdict = Verdict(
        id=case.id, sample=0, verdict="failed", strength="apart-work", detail=log, rewards={"reward": 0.0}
    )
    judged = BenchJudged(verdict=verdict, run_id="run_1", evidence=Evidence(patch=patch, log=log))
    return SampleEvidence(case=case, judged=judged, events=[event(1, text)])


async def test_it_shows_task_verdict_strength_diff_log_and_trace(browser_page: Page, tmp_path: Path) -> None:
    events = await opened(browser_page, sample_page(evidence()), tmp_path)

    facts = await browser_page.locator(".facts").inner_text()
    assert facts.splitlines()[:4] == [
        "verdict\tfailed",
        "strength\tapart-work",
        "detail\t1 failed",
        "rewards\treward 0",
    ]
    assert await browser_page.locator("#task pre").inner_text() == "Write a.txt."
    assert await browser_page.locator("#diff .added").all_inner_texts() == ["+++ b/app/a.txt", "+new"]
    assert await browser_page.locator("#log-of-the-grader pre").inner_text() == "1 failed"
    await expect(browser_page.locator("#trace details[open] pre")).to_have_text("I looked.")
    assert events == []


def test_it_says_that_a_pass_is_too_weak_to_count() -> None:
    passed = evidence()
    verdict = passed.judged.verdict.model_copy(update={"verdict": "passed"})
    passed = replace(passed, judged=passed.judged.model_copy(update={"verdict": verdict}))

    minimums: tuple[Strength | None, ...] = (None, "apart-work", "apart")
    pages = [sample_page(replace(passed, min_strength=least)) for least in minimums]

    sentence = "as not passed: apart-work is below apart"
    assert [sentence in html for html in pages] == [False, False, True]


async def test_a_report_links_to_the_page_of_each_sample(browser_page: Page, tmp_path: Path) -> None:
    report = report_of({"greet": "f"})
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / page_name("greet", 0)).write_text(sample_page(evidence()))
    html = page([report], links={("greet", 0): f"cases/{page_name('greet', 0)}"})
    await opened(browser_page, html, tmp_path)

    await browser_page.get_by_role("button", name="greet").click()
    await browser_page.get_by_role("link", name="Task, diff, log and trace").click()

    await expect(browser_page.locator("#task pre")).to_have_text("Write a.txt.")


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_what_a_model_or_a_task_wrote_is_text(browser_page: Page, tmp_path: Path, text: str) -> None:
    hostile = evidence(harbor_case(text, name=f"x{text}"), patch=f"+{text}", log=text, text=text)

    events = await opened(browser_page, sample_page(hostile), tmp_path)

    assert await browser_page.locator("script, img, iframe, a:not([href^='#'])").count() == 0
    assert await browser_page.evaluate("window.hurt") is None
    assert events == []


async def test_the_policy_stops_a_script_that_got_in_all_the_same(browser_page: Page, tmp_path: Path) -> None:
    holed = sample_page(evidence()).replace("<main>", "<main><script>window.hurt = 1</script>")

    await opened(browser_page, holed, tmp_path)

    assert await browser_page.evaluate("window.hurt") is None


def test_secrets_of_the_environment_and_the_shapes_of_keys_are_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "of-the-reviewer-1")
    secret = "of-the-reviewer-1 sk-" + "a1b2" * 8

    html = sample_page(
        evidence(harbor_case(secret, name=secret), patch=f"+{secret}", log=secret, text=secret)
    )

    assert not re.search("of-the-reviewer-1|a1b2", html)


@pytest.mark.slow
def test_long_texts_keep_their_beginning_and_end_and_the_page_is_bounded() -> None:
    text = "begin" + "x" * 1_000_000 + "end"
    long = evidence(harbor_case(text), patch=f"+{text}", log=text, text=text)
    many = SampleEvidence(
        case=long.case, judged=long.judged, events=[event(n, text[-50_000:]) for n in range(1, 300)]
    )

    html = sample_page(many)

    assert len(html) < 3 * MAX_TEXT + 3_000_000
    assert "begin" in html
    assert "end</pre>" in html
    assert "more events aren&#39;t shown" in html


def test_names_of_pages_are_plain_and_differ_by_case_and_sample() -> None:
    names = {page_name(case, n) for case in ("a/b", "a b", "../a b", "é", "x" * 300) for n in (0, 1)}

    assert len(names) == 10
    assert all(re.fullmatch(r"[\w-]{1,80}\.html", name, re.ASCII) for name in names)


def test_the_answer_of_another_case_is_shown_too() -> None:
    case = FunctionCase(id="add", prompt="def add(a, b):", entry_point="add", test="")
    judged = BenchJudged(verdict=Verdict(id="add", sample=0, verdict="passed", strength="strong"))

    html = sample_page(SampleEvidence(case=case, judged=judged, answer="return a < b"))

    assert "<h2>Answer</h2><pre>return a &lt; b</pre>" in html
    assert "<h2>Diff" not in html
