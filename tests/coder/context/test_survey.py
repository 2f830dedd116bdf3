"""What is chosen of a repository for a task."""

from coder.context.survey import take_survey
from coder.run.target import Target

FILLER = {f"shop/module{n}.py": f"def total_{n}():\n" + f"    part_{n} = {n}\n" * 300 for n in range(9)}
PARSER = (
    '_FRAME = compile(r"File (?P<path>.+)")\n_OTHER = 1\n'
    + "\n\ndef idle():\n" + "    wait()\n" * 900
    + "\n\ndef parse_frame(line):\n    return _FRAME.match(line)\n"
)  # fmt: skip
TABLE = (
    "from shop.parser import parse_frame\n\n\n@mark.parametrize(\n    ('line', 'wanted'),\n    [\n"
    + "".join(f"        ('line {n}', {n}),\n" for n in range(80))
    + "    ],\n)\ndef test_parse_frame(line, wanted):\n    assert parse_frame(line) == wanted\n"
)  # fmt: skip


async def shown(texts: dict[str, str], prompt: str) -> str:
    survey = await take_survey(texts, prompt=prompt, target=Target("", (), ()), budget=4_000, cache=None)
    return survey.files


async def test_a_constant_that_a_shown_function_uses_is_shown_with_it() -> None:
    files = await shown({**FILLER, "shop/parser.py": PARSER}, "parse_frame fails on a line without a path")

    assert "return _FRAME.match(line)" in files
    assert '_FRAME = compile(r"File (?P<path>.+)")' in files
    assert "_OTHER = 1" not in files


async def test_of_a_test_with_a_long_table_the_end_of_the_table_and_the_test_are_shown() -> None:
    texts = {**FILLER, "shop/parser.py": PARSER, "tests/test_parser.py": TABLE}

    files = await shown(texts, "parse_frame fails on a line without a path")

    assert "        ('line 79', 79),\n    ],\n)\ndef test_parse_frame(line, wanted):\n    assert" in files
    assert "'line 60'" not in files
