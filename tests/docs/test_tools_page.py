"""The page about tools for code: both of its programs run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import coder
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from tests.memory_log import MemoryLog

PAGE = (Path(__file__).parents[2] / "docs/how-to/give-tools-to-code.md").read_text()
OURS, THE_MODELS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_models_program_calls_the_pages_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    command = json.dumps({"command": f"python3 - <<'END'\n{THE_MODELS}END"})
    call = ToolCall(id="a" * 9, name="bash", arguments=command)
    model = Scripted([[call], "totals.py\n```python\nORDERS = 500\n```"])

    def solve_sync(task: coder.Task, **options: Any) -> coder.Run:
        tested = task.model_copy(update={"test_command": ("python3", "-c", "import totals")})
        return original(tested, model=model, settings=Settings(strategy="act"), log=MemoryLog(), **options)

    original = coder.solve_sync
    monkeypatch.setattr(coder, "solve_sync", solve_sync)
    exec(OURS, {})

    assert model.requests[1].messages[-1].content.startswith("500\n[exit 0, ")
