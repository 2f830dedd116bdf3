"""What a prompt that is source brings along, and which Coder opens a session."""

from typing import Any

import pytest

from coder.engine.participants.text_work import with_prompt_code
from coder.environment.workbench import Workbench
from coder.models.scripted import Scripted
from coder.run.find_target import find_target
from coder.run.settings import Settings, StrategyChoice
from coder.run.state import State
from coder.run.task import Task
from tests.coder.states import started, state_of
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

ADD = "def add(a, b):\n    return a + b\n"
HELPERS = "from typing import List\n\n\ndef half(n):\n    return n / 2\n\n\n"
PROMPT = HELPERS + 'def f(xs: List[int]) -> int:\n    """Do it."""\n'


def answered(code: str, *, prompt: str = PROMPT, model: str = "a/b") -> str | None:
    """The answer with what it lacks."""
    first = started(Task(prompt=prompt)).model_copy(update={"model": model})
    state: State = state_of([first])
    target = find_target(state.task, state.files)
    return with_prompt_code({"solution.py": code}, state, target)["solution.py"]


def test_an_answer_without_the_imports_and_helpers_of_the_prompt_gets_them() -> None:
    code = "def f(xs: List[int]) -> int:\n    return half(len(xs))\n"

    assert answered(code) == HELPERS + code


def test_an_answer_that_lacks_nothing_stays_as_it_is() -> None:
    code = "def f(xs):\n    return len(xs)\n"

    assert answered(code) == code
    assert (
        answered("def f(xs):\n    return g(xs)\n", prompt="Write f(xs).") == "def f(xs):\n    return g(xs)\n"
    )


@pytest.mark.parametrize(
    ("prompt", "files", "taken"),
    [
        ("Write add(a, b).", {"add.py": ADD}, {"solution.py": ADD}),
        ("Write add(a, b).", {"other.py": "x = 1\n"}, {"other.py": "x = 1\n"}),  # it isn't what was asked for
        ("Write add(a, b).", {"add.py": ADD, "b.py": ADD}, {"add.py": ADD, "b.py": ADD}),
        ("Write add(a, b) in add.py.", {"add.py": ADD}, {"solution.py": ADD}),  # checks import that
    ],
)
def test_a_file_that_only_the_model_names_is_the_one_that_was_asked_for(
    prompt: str, files: dict[str, str | None], taken: dict[str, str | None]
) -> None:
    task = Task(prompt=prompt, checks=("assert add(2, 3) == 5",))
    state = state_of([started(task)])

    assert with_prompt_code(files, state, find_target(task, {})) == taken


@pytest.mark.parametrize(("strategy", "opens"), [("repair", False), ("one-shot", False), ("act", True)])
async def test_only_a_coder_with_tools_opens_a_session(
    strategy: StrategyChoice, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bool] = []
    session = Workbench.session

    async def counted(bench: Workbench, *arguments: Any, **options: Any) -> Any:
        opened.append(True)
        return await session(bench, *arguments, **options)

    monkeypatch.setattr(Workbench, "session", counted)
    task = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
    settings = Settings(strategy=strategy)

    run = await solve(task, model=Scripted([f"```python\n{ADD}```\n"]), settings=settings, log=MemoryLog())

    assert (run.status, bool(opened)) == ("solved", opens)
