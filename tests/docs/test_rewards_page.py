"""The page about rewards: each line of its code runs, and prints what stands beside it."""

import ast
import inspect
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/how-to/reward-a-model.md").read_text()
CODE = "".join(re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.slow
async def test_the_code_of_the_page_prints_what_stands_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}

    running = eval(compile(CODE, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    assert inspect.iscoroutine(running)
    await running

    assert capsys.readouterr().out.splitlines() == re.findall(r"^print.*  # (.*)$", CODE, flags=re.MULTILINE)
