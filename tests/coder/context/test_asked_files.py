"""What words name: files of the workspace, and lines of them."""

import pytest

from coder.context.asked_files import asked_files

PATHS = ("cart.py", "shop/stock.py", "Makefile", "docs/run")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Please show me cart.py.", {"cart.py": ()}),
        ("Show me `stock.py`, please.", {"shop/stock.py": ()}),
        ("I need `Makefile`.", {"Makefile": ()}),
        ("Show me cart.py:10-40.", {"cart.py": ((10, 40),)}),
        ("Show me cart.py#L10-L40", {"cart.py": ((10, 40),)}),
        ("Show me lines 290-350.", {"cart.py": ((290, 350),)}),
        ("Show me lines 290\u2013350 of shop/stock.py", {"shop/stock.py": ((290, 350),)}),
        ("In `stock.py`, lines 5 to 9 and 20 to 30", {"shop/stock.py": ((5, 9), (20, 30))}),
        ("line 12 of cart.py, lines 3-4 of stock.py", {"cart.py": ((12, 12),), "shop/stock.py": ((3, 4),)}),
        ("Look at cart.py (lines 1 through 3), then stock.py", {"cart.py": ((1, 3),), "shop/stock.py": ()}),
        ("I'd run the Makefile for 2-3 days, and other.py", {}),
    ],
)  # fmt: skip
def test_words_name_files_and_lines(words: str, found: dict[str, tuple[tuple[int, int], ...]]) -> None:
    assert asked_files(words, PATHS, default="cart.py") == found


def test_lines_without_a_file_belong_to_none_where_the_task_is_about_none() -> None:
    assert asked_files("Show me lines 290-350.", PATHS, default="solution.py") == {}
