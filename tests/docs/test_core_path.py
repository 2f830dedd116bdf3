"""The core list of docs/architecture.md: its size, and the way from `solve` to the program of `bash`."""

import re
from pathlib import Path

import pytest

from tools.count_frames import functions_to_bash

ROOT = Path(__file__).parents[2]
CORE = (ROOT / "docs/architecture.md").read_text().partition("### coder\n")[2].partition("\n### ")[0]
MOST_FUNCTIONS, MOST_FILES, MOST_LINES = 8, 6, 3_100


def test_the_core_is_read_in_an_hour_and_the_page_says_how_many_lines_it_has() -> None:
    listed = set(re.findall(r"`(coder/[\w/]+\.py)`", CORE.partition("\n1. ")[2]))
    figures = re.search(r"about ([\d,]+) lines\s+with ([\d,]+) more in the records", CORE)
    assert figures is not None
    of_files, of_records = (int(figure.replace(",", "")) for figure in figures.groups())

    lines = sum(len((ROOT / path).read_text().splitlines()) for path in listed)
    record_files = (ROOT / "coder/run/records").glob("*.py")
    record_lines = sum(len(path.read_text().splitlines()) for path in record_files)

    assert abs(lines - of_files) <= 0.05 * lines, lines
    assert lines <= MOST_LINES
    assert abs(record_lines - of_records) <= 0.05 * record_lines, record_lines


@pytest.mark.slow
async def test_a_bash_call_is_a_few_functions_from_solve_all_in_files_of_the_page() -> None:
    functions = await functions_to_bash()

    files = {path for path, _ in functions}
    assert functions[-1] == ("coder/tools/bash.py", "Bash.call")
    assert len(functions) <= MOST_FUNCTIONS
    assert len(files) <= MOST_FILES
    assert [path for path in sorted(files) if f"`{path}`" not in CORE] == []
