"""Whole files and excerpts within a budget."""

from collections.abc import Sequence

from coder.context.best_places import QuotedPlace
from coder.context.quoting import tokens
from coder.context.shown_files import show_files


def excerpts(path: str, text: str, lines: Sequence[int], *, budget: int) -> str:
    """The lines around these."""
    places = [QuotedPlace(path, line) for line in lines]
    return show_files({path: text}, places, extents={}, whole_shares={}, budget=budget)[0]


def test_an_excerpt_is_the_file_s_own_text_with_numbers_apart() -> None:
    text = "".join(f"line {i}\n" for i in range(1, 201))

    quotes = excerpts("a.py", text, [50, 60, 150], budget=5000)

    assert "`a.py`, lines 20 to 90 of 200:\n```\nline 20\n" in quotes
    assert "`a.py`, lines 120 to 180 of 200:\n```\nline 120\n" in quotes


def test_an_excerpt_keeps_to_its_budget_whatever_fence_it_needs() -> None:
    text = "a\n" * 9 + "`" * 3_000 + "\n" + "b\n" * 90

    quotes = excerpts("a.md", text, [1, 80], budget=3_000)

    assert "lines 50 to 100" in quotes
    assert "lines 1 to" not in quotes
    assert tokens(quotes) <= 1_200


def test_an_excerpt_says_where_its_definition_ends() -> None:
    text = "def one():\n" + "    x = 1\n" * 8 + "\n    return x\n\ndef two(\n    x,\n):\n    return 2\n"
    place = QuotedPlace("a.py", 1)

    cut, head, whole = (
        show_files({"a.py": text}, [place], extents={place: extent}, whole_shares={}, budget=5000)[0]
        for extent in [(1, 9), (13, 15), (1, 11)]
    )

    assert "lines 1 to 9 of 16 (the definition ends at line 11):" in cut
    assert "lines 13 to 15 of 16 (the definition ends at line 16):" in head
    assert "lines 1 to 11 of 16:" in whole


def test_lines_that_are_not_there_show_nothing() -> None:
    assert excerpts("a.py", "one\ntwo\n", [0, 3, 10**9], budget=5000) == ""


def test_a_file_with_a_share_is_shown_whole_where_it_fits() -> None:
    texts = {"a.py": "one\ntwo\n"}

    quotes = show_files(texts, [QuotedPlace("a.py", 2)], extents={}, whole_shares={"a.py": 0.5}, budget=500)

    assert quotes == ("\n`a.py`:\n```\none\ntwo\n```\n", {"a.py": {1, 2}})


def test_excerpts_a_few_lines_apart_are_one() -> None:
    text = "".join(f"line {i}\n" for i in range(1, 41))
    places = [QuotedPlace("a.py", line) for line in (5, 15, 30)]
    extents = dict(zip(places, [(1, 10), (14, 20), (25, 35)], strict=True))

    quotes, lines = show_files({"a.py": text}, places, extents=extents, whole_shares={}, budget=5000)

    assert "lines 1 to 20 of 40" in quotes
    assert "lines 25 to 35 of 40" in quotes
    assert lines == {"a.py": {*range(1, 21), *range(25, 36)}}


def test_a_long_docstring_in_an_excerpt_is_its_first_line() -> None:
    doc = '    """Round.\n\n    To cents.\n    Always.\n    """\n'
    text = f'def rounded(x):\n{doc}    return """\n1\n2\n3\n"""\n'
    place = QuotedPlace("a.py", 1)

    quotes = show_files({"a.py": text}, [place], extents={place: (1, 11)}, whole_shares={}, budget=500)[0]

    assert '"""Round.\n    … (docstring to line 6 left out)\n    return """\n1\n2\n3\n"""' in quotes


def test_the_first_line_of_a_long_definition_alone_is_not_shown() -> None:
    text = "class TestLoop:\n" + "    x = 1\n" * 90
    place = QuotedPlace("a.py", 1)

    quotes = show_files({"a.py": text}, [place], extents={place: (1, 1)}, whole_shares={}, budget=500)

    assert quotes == ("", {"a.py": set()})
