"""Every example on the pages about the sandbox alone and its kernel prints what stands beside it."""

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-sandbox-alone.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
KERNEL = (PAGE.parent / "use-a-kernel.md").read_text()
FIRST, *EXAMPLES = [*BLOCKS, *re.findall(r"^```python\n(.*?)^```$", KERNEL, flags=re.MULTILINE | re.DOTALL)]


def comment(line: str) -> str:
    return line.rpartition("  # ")[2]


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: next(iter(text.splitlines())))
async def test_an_example_prints_what_stands_beside_it(example: str) -> None:
    pairs: list[tuple[str, str]] = []

    def note(*words: object) -> None:
        line = example.splitlines()[sys._getframe(1).f_lineno - 1]
        pairs.append((" ".join(" ".join(map(str, words)).split()), comment(line)))

    names: dict[str, Any] = {"print": note}
    exec(FIRST, names)
    code = compile(example, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, names)
    if inspect.iscoroutine(running):
        await running

    assert pairs
    for printed, promised in pairs:
        assert printed == promised


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 8
