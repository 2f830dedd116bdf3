"""The terminals on the how-to pages, which tools/draw_terminals.py draws."""

import html
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SHOWN = {"chat": "chat.md", "diff": "solve-a-task.md", "bench": "run-a-benchmark.md"}


@pytest.mark.parametrize(("name", "page"), SHOWN.items())
def test_each_terminal_is_small_on_its_page_and_names_no_folder_of_a_machine(name: str, page: str) -> None:
    picture = PAGES / f"terminal-{name}.svg"
    drawn = picture.read_text(encoding="utf-8")
    text = html.unescape(" ".join(re.findall(r"<text[^>]*>([^<]*)<", drawn)))

    assert f"({picture.name})" in (PAGES / page).read_text(encoding="utf-8")
    assert len(drawn.encode()) < 60_000
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert "url(http" not in drawn
