"""How a function is begun for a model that goes on with it."""

from coder.engine.sampling.outline import missing_function, outline, without_cut_statement
from coder.source.python_names import parse_source

SOURCE = (
    'from math import pi\n\n\ndef area(r: float) -> float:\n  """Of a circle.\n  >>> area(0)\n  0\n  """\n'
)
WORDS = 'Add two "numbers".\nassert add(1, 2) == 3\n'


def test_a_prompt_that_is_source_is_gone_on_with_as_it_stands() -> None:
    source_outline = outline(SOURCE, "area")

    assert source_outline is not None
    assert source_outline.with_docstring() == SOURCE.rstrip() + "\n "
    assert source_outline.with_comment().endswith(
        "# Of a circle.\n# >>> area(0)\n# 0\ndef area(r: float) -> float:\n "
    )


def test_a_prompt_in_words_gets_a_head_from_its_examples() -> None:
    source_outline = outline(WORDS, "add", examples=["assert add(1, 2) == 3"])

    assert source_outline is not None
    assert source_outline.head == "def add(n1, n2):"
    assert '    >>> add(1, 2)\n    3\n    """' in source_outline.with_docstring()
    assert source_outline.unheaded() == "def add("
    assert parse_source(source_outline.with_docstring() + " return n1 + n2") is not None


def test_parameters_are_named_by_what_they_are_given() -> None:
    source_outline = outline("Do it.", "f", examples=["assert f('a', [1], 2.5, {}, other=True) == 1"])

    assert source_outline is not None
    assert source_outline.head == "def f(text, items, x, mapping, other):"


def test_words_that_would_end_the_docstring_do_not() -> None:
    source_outline = outline('Print """ and \\d.', "f", examples=["assert f(1) == 1"])

    assert source_outline is not None
    assert parse_source(source_outline.with_docstring() + " return 1") is not None


def test_nothing_is_begun_where_nobody_says_how_it_is_called() -> None:
    assert outline("Add two numbers.", "add") is None
    assert outline("def add(a, b):\n    return a + b\n", "add") is None


def test_a_body_that_was_cut_off_ends_with_its_last_whole_line() -> None:
    assert without_cut_statement("def f():\n    x = 1\n    return [x,") == "def f():\n    x = 1\n"
    assert without_cut_statement("def f():\n    return 1\nThat was it.") == "def f():\n    return 1\n"


def test_the_missing_function_is_the_one_that_a_prompt_ends_in() -> None:
    helped = "def half(n):\n    return n / 2\n\n\n" + SOURCE.replace("from math import pi", "")

    assert missing_function(helped, ["half"]) == "area"
    assert missing_function(SOURCE, ["area", "other"]) is None
    assert missing_function(WORDS, ["add"]) == "add"
    assert missing_function(WORDS, ["add", "subtract"]) is None
