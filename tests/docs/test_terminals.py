"""The terminals on the how-to pages, which tools/draw_terminals.py draws; `.ci/run` draws them once again."""

import re
from pathlib import Path

import pytest

from tools.picture_words import words_of

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SHOWN = {"chat": "chat.md", "diff": "solve-a-task.md", "bench": "run-a-benchmark.md"}


@pytest.mark.parametrize(("name", "page"), SHOWN.items())
def test_each_terminal_is_small_on_its_page_and_names_no_folder_of_a_machine(name: str, page: str) -> None:
    picture = PAGES / f"terminal-{name}.svg"
    drawn = picture.read_text(encoding="utf-8")
    text = "\n".join(words_of(drawn))

    assert f"({picture.name})" in (PAGES / page).read_text(encoding="utf-8")
    assert len(drawn.encode()) < 60_000
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert "url(http" not in drawn


def test_pictures_of_two_runs_differ_in_words_and_not_in_figures_ids_or_progress() -> None:
    one, figures, words = (
        f'<text class="a" x="24.4" y="20">{rest}</text><text x="0" y="20">✓ &quot;so&quot;</text>'
        for rest in (
            " 1,811 tokens  $0.0019  1.5 s  run_1saqpe5fg8 ━━╺━5/8 0:00:07",
            " 991 tokens  $2  12.0 s  run_1sfwwjpf2e ━━━━5/8 1:00:00",
            " 1,811 calls  $0.0019  1.5 s  run_1saqpe5fg8 ━━╺━5/8 0:00:07",
        )
    )

    assert words_of(one) == ['✓ "so" … tokens $… … s … ……/… …'] == words_of(figures)
    assert words_of(words) != words_of(one)
