"""What a model that answers without tools is sent, byte by byte: recordings replay by it.

`requests.json` holds the requests of these runs. To write it anew:
python -m tests.coder.engine.participants.test_requests
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from coder.engine.chat.opening import open_session
from coder.models.abilities import Abilities
from coder.models.scripted import Scripted
from coder.run.questions import Decision, Question
from coder.run.settings import Budget, EditFormat, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched, Watch
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

REQUESTS = Path(__file__).with_name("requests.json")
MINUS, TIMES, PLUS = (f"def add(a, b):\n    return a {sign} b\n" for sign in "-*+")
FILLER = "".join(f"NUMBER_{i} = {i}  # one of many lines\n" for i in range(300))
HUMAN_EVAL = (
    "from typing import List\n\n\ndef half(n):\n    return n / 2\n\n\n"
    'def halves(numbers: List[int]) -> List[float]:\n    """Halve each.\n\n'
    '    >>> halves([2])\n    [1.0]\n    """\n'
)
CHECK = "assert add(2, 3) == 5"
TEST = "from a import one\nfrom b import two\n\n\ndef test_both():\n    assert (one(), two()) == (1, 2)\n"


class Person(Unwatched):
    """Somebody who is there, with answers ready."""

    def __init__(self, *decisions: Decision) -> None:
        self._decisions = list(decisions)

    def is_there(self, question: Question) -> bool:
        """Always."""
        return True

    async def decide(self, question: Question) -> Decision:
        """The next answer; then no."""
        return self._decisions.pop(0) if self._decisions else Decision(decision="no")


def fenced(code: str, path: str = "") -> str:
    heading = f"`{path}`\n" if path else ""
    return f"{heading}```python\n{code}```\n"


def block(old: str, new: str, path: str = "sums.py") -> str:
    return f"{path}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


async def solved(
    folder: Path | None,
    *answers: str,
    prompt: str = "Write add(a, b).",
    checks: tuple[str, ...] = (CHECK,),
    test_command: tuple[str, ...] | None = None,
    form: EditFormat | None = None,
    repairs: int = 2,
    context: int | None = None,
    watch: Watch | None = None,
    **settings: Any,
) -> Scripted:
    """A run by repairs, with these answers."""
    model = Scripted(answers, abilities=Abilities(context=context))
    task = Task(prompt=prompt, workspace=folder, checks=checks, test_command=test_command)
    budget = Budget(samples=1, repairs=repairs, max_calls=12)
    options = {"plan": False, **settings}
    run_settings = Settings(strategy="repair", edit_format=form, budget=budget, **options)
    await solve(task, model=model, settings=run_settings, log=MemoryLog(), watch=watch or Unwatched())
    return model


async def talked(
    folder: Path, says: tuple[str, ...], *answers: str, decisions: tuple[Decision, ...] = (), form: Any = None
) -> Scripted:
    """A conversation with these messages."""
    model = Scripted(answers)
    settings = Settings(strategy="repair", plan=False, edit_format=form, budget=Budget(samples=1, repairs=2))
    task = Task(prompt="-", workspace=folder)
    person = Person(*decisions)
    async with open_session(MemoryLog(), task, settings=settings, model=model, watch=person) as session:
        for words in says:
            await session.say(words)
    return model


def sums(folder: Path, filler: str = "") -> Path:
    (folder / "sums.py").write_text(filler + MINUS)
    return folder


def two_files(folder: Path) -> Path:
    (folder / "a.py").write_text("def one():\n    return 0\n")
    (folder / "b.py").write_text("def two():\n    return 0\n")
    (folder / "test_both.py").write_text(TEST)
    return folder


YES, ANOTHER = Decision(decision="yes"), Decision(decision="no", words="multiply, please")
ONE, TWO = ("def one():\n    return 1\n", "def two():\n    return 2\n")
MISFIT = block("    return a -- b\n", "    return a + b\n")
TO_TIMES, TO_PLUS = (block("    return a - b\n", f"    return a {sign} b\n") for sign in "*+")
FROM_TIMES = block("    return a * b\n", "    return a + b\n")
MEND: dict[str, Any] = {"prompt": "Mend add in sums.py."}

RUNS: Mapping[str, Callable[[Path], Awaitable[Scripted]]] = {
    "first": lambda folder: solved(None, fenced(PLUS)),
    "form": lambda folder: solved(None, "I shall do it.", fenced(PLUS)),
    "words": lambda folder: solved(None, "I shall do it.", "Soon.", fenced(PLUS)),
    "question": lambda folder: solved(None, "Which sign do you mean?", fenced(PLUS)),
    "broken": lambda folder: solved(None, fenced("def add(a, b:\n"), fenced(PLUS)),
    "repair": lambda folder: solved(None, fenced(MINUS), fenced(PLUS)),
    "two repairs": lambda folder: solved(None, fenced(MINUS), fenced(TIMES), "Hm.", fenced(PLUS)),
    "repeated": lambda folder: solved(None, fenced(MINUS), fenced(MINUS), fenced(PLUS)),
    "empty": lambda folder: solved(None, "", "", "", fenced(PLUS)),
    "givens": lambda folder: solved(
        None,
        fenced("def halves(numbers: List[int]) -> List[float]:\n    return numbers\n"),
        fenced("def halves(numbers: List[int]) -> List[float]:\n    return [half(n) for n in numbers]\n"),
        prompt=HUMAN_EVAL,
        checks=(),
    ),
    "folder": lambda folder: solved(sums(folder), fenced(TIMES, "sums.py"), fenced(PLUS, "sums.py"), **MEND),
    "small context": lambda folder: solved(
        sums(folder), fenced(TIMES, "sums.py"), fenced(PLUS, "sums.py"), context=2048, **MEND
    ),
    "edits": lambda folder: solved(sums(folder, FILLER), TO_TIMES, FROM_TIMES, **MEND),
    "misfit": lambda folder: solved(sums(folder, FILLER), MISFIT, "Oh.", MISFIT, TO_PLUS, **MEND),
    "misfit of a repair": lambda folder: solved(
        sums(folder), TO_TIMES, TO_PLUS, FROM_TIMES, form="search-replace", **MEND
    ),
    "misfit of whole files": lambda folder: solved(sums(folder), MISFIT, fenced(PLUS, "sums.py"), **MEND),
    "several files": lambda folder: solved(
        two_files(folder),
        fenced(ONE, "a.py"),
        "And now b.py.",
        fenced(TWO, "b.py"),
        prompt="Have both right.",
        checks=(),
        test_command=("pytest", "-q"),
    ),
    "given test": lambda folder: solved(
        two_files(folder),
        fenced(ONE, "a.py"),
        fenced("def test_both():\n    assert True\n", "test_both.py"),
        fenced(TWO, "b.py"),
        prompt="Have both right.",
        checks=(),
        test_command=("pytest", "-q"),
    ),
    "asked": lambda folder: talked(
        sums(folder), ("what is add?", "make it right"), "It adds.", fenced(PLUS, "sums.py")
    ),
    "chat": lambda folder: talked(
        sums(folder), ("mend add", "thanks"), fenced(PLUS, "sums.py"), "Welcome.", decisions=(YES,)
    ),
    "rejected": lambda folder: talked(
        sums(folder),
        ("change add",),
        fenced(PLUS, "sums.py"),
        fenced(TIMES, "sums.py"),
        decisions=(ANOTHER, YES),
    ),
    "rejected edits": lambda folder: talked(
        sums(folder), ("change add",), TO_PLUS, TO_TIMES, decisions=(ANOTHER, YES), form="search-replace"
    ),
    "rejected, and words": lambda folder: talked(
        sums(folder), ("change add",), fenced(PLUS, "sums.py"), "Why not?", decisions=(ANOTHER, YES)
    ),
    "planned": lambda folder: solved(
        sums(folder), "1. Mend add in sums.py.", fenced(PLUS, "sums.py"), plan=True, **MEND
    ),
    "planned otherwise": lambda folder: solved(
        sums(folder),
        "1. Guess.",
        "1. Mend add in sums.py.",
        fenced(PLUS, "sums.py"),
        plan=None,
        approve=("plan",),
        watch=Person(Decision(decision="no", words="measure first"), YES, YES),
        **MEND,
    ),
    "planned unasked": lambda folder: solved(
        two_files(folder),
        "1. Write a.py.\n2. Write b.py.",
        f"{fenced(ONE, 'a.py')}\n{fenced(TWO, 'b.py')}",
        prompt="Mend a.py and b.py.",
        plan=None,
    ),
    "chat, off form": lambda folder: talked(sums(folder), ("change add",), MISFIT, TO_PLUS, decisions=(YES,)),
}


async def requests_of(name: str, parent: Path) -> list[dict[str, Any]]:
    """What the run of this name asks its model."""
    folder = parent / "project"
    folder.mkdir()
    model = await RUNS[name](folder)
    return [
        {
            "messages": [[message.role, message.content] for message in request.messages],
            "sampling": request.sampling.model_dump(mode="json", exclude_defaults=True, exclude={"room"}),
            "form": request.form,
        }
        for request in model.requests
    ]


@pytest.mark.parametrize("name", RUNS)
async def test_a_model_that_only_answers_is_sent_what_it_always_was(name: str, tmp_path: Path) -> None:
    stored_requests = json.loads(REQUESTS.read_text())

    assert await requests_of(name, tmp_path) == stored_requests[name]


async def _written() -> dict[str, object]:
    requests: dict[str, object] = {}
    for name in RUNS:
        parent = Path(tempfile.mkdtemp())
        requests[name] = await requests_of(name, parent)
        shutil.rmtree(parent)
    return requests


if __name__ == "__main__":
    REQUESTS.write_text(json.dumps(asyncio.run(_written()), indent=1) + "\n")
