"""The badge: what it says, in which colour, and that it is a picture and nothing else."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.async_api import Page

from benchmarks.reports.badge import badge
from tests.benchmarks.reports.conftest import opened
from tests.benchmarks.reports.hostile import HOSTILE
from tests.benchmarks.reports.reports_made import report_of, suite_of

SVG = "{http://www.w3.org/2000/svg}"


def fills(svg: str) -> list[str]:
    return [str(one.get("fill")) for one in ET.fromstring(svg).iter(f"{SVG}rect")]


def test_it_says_score_and_least_strength_in_its_title_and_its_picture() -> None:
    root = ET.fromstring(badge(report_of({"a": "p", "b": "p", "c": "f"}, strengths={"b": "apart"})))

    assert root.findtext(f"{SVG}title") == "small: 67 % solved, apart"
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", root[0].get("id"))
    assert [one.text for one in root.iter(f"{SVG}text")] == ["small", "67 % solved, apart"]


def test_its_colour_depends_on_the_score() -> None:
    nine, eight, five = ({str(n): "p" if n < passed else "f" for n in range(10)} for passed in (9, 8, 5))

    colours = [fills(badge(report_of(cases)))[1] for cases in (nine, eight, five)]

    assert colours == ["#1a7f37", "#9a6700", "#cf222e"]


def test_a_report_without_a_pass_has_no_strength_and_one_without_cases_no_score() -> None:
    assert ">0 % solved<" in badge(report_of({"a": "f"}))
    assert ">no score<" in badge(report_of({}))


def test_a_badge_counts_a_weak_pass_unless_more_is_asked_for() -> None:
    cases, weak = {"a": "p", "b": "p"}, {"b": "weak"}

    assert ">100 % solved, weak<" in badge(report_of(cases, strengths=weak))
    assert ">50 % solved, strong<" in badge(report_of(cases, strengths=weak, min_strength="apart"))


def test_a_badge_says_all_only_if_none_failed() -> None:
    assert ">99 % solved, strong<" in badge(report_of({str(n): "p" if n else "f" for n in range(200)}))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_name_of_a_suite_is_text_in_it_and_nothing_is_loaded(text: str) -> None:
    svg = badge(report_of({"a": "p"}, suite=suite_of("a", name=text or "x")))

    root = ET.fromstring(svg)
    assert {element.tag for element in root.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "text")
    }
    names = {name for element in root.iter() for name in element.attrib}
    assert not names & {"href", "style", "onload", "{http://www.w3.org/1999/xlink}href"}
    assert not re.search(r"<[?!]", svg)


@pytest.mark.slow
async def test_a_browser_shows_it_with_its_title_and_asks_for_nothing(
    browser_page: Page, tmp_path: Path
) -> None:
    (tmp_path / "badge.svg").write_text(badge(report_of({"a": "p"}, strengths={"a": "apart"})))
    events = await opened(browser_page, "<!doctype html><title>.</title>", tmp_path)

    await browser_page.goto((tmp_path / "badge.svg").as_uri())

    assert await browser_page.get_by_role("img", name="small: 100 % solved, apart").count() == 1
    assert [word for word in events if "badge.svg" not in word] == []
