"""Print the functions between `solve` and the program of a `bash` call.

PYTHONPATH=. python tools/count_frames.py

A scripted model repairs a function in a real sandbox. The stack is taken where the program is first passed to
`sandbox`; a task's stack goes on with that of the code that created it.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from coder.engine.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import SqliteLog

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "sed -i 's/a - b/a + b/' calc.py"
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
}

Stack = list[tuple[str, str]]


class StackOfProgram:
    """Profiler that keeps the first stack in which `sandbox` gets the program."""

    def __init__(self) -> None:
        self.stack: Stack = []
        self._creators: WeakKeyDictionary[asyncio.Task[Any], Stack] = WeakKeyDictionary()

    def create_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: object
    ) -> asyncio.Task[Any]:
        """Create a task and keep the stack of the code that created it: a factory of tasks."""
        task = asyncio.Task(coroutine, loop=loop, **options)  # type: ignore[arg-type]
        self._creators[task] = self._stack_from(sys._getframe(1))
        return task

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """Look for the program in the arguments of a call into `sandbox`."""
        if self.stack or event != "call" or not frame.f_code.co_filename.startswith(f"{ROOT}/sandbox/"):
            return
        if any(PROGRAM in repr(value) for value in frame.f_locals.values()):
            self.stack = self._stack_from(frame)

    def _stack_from(self, frame: FrameType | None) -> Stack:
        stack = []
        while frame is not None:
            stack.append((frame.f_code.co_filename, frame.f_code.co_qualname))
            frame = frame.f_back
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        return stack if task is None else stack + self._creators.get(task, [])


async def functions_to_bash() -> Stack:
    """Return file and name of each function of `coder` between `solve` and the program, outermost first."""
    profiler = StackOfProgram()
    asyncio.get_running_loop().set_task_factory(profiler.create_task)  # type: ignore[arg-type]
    bash = ToolCall(id="bash1", name="bash", arguments=json.dumps({"command": PROGRAM}))
    done = ToolCall(id="done1", name="done", arguments=json.dumps({"summary": "It adds now."}))
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory() as logs,
        SqliteLog(Path(logs)) as log,
    ):
        for path, text in FILES.items():
            (Path(name) / path).write_text(text)
        task = Task(prompt="Mend add.", workspace=Path(name), test_command=("python", "-m", "pytest", "-q"))
        sys.setprofile(profiler.profile)
        try:
            await solve(task, model=Scripted([[bash], [done]]), settings=Settings(strategy="act"), log=log)
        finally:
            sys.setprofile(None)
            asyncio.get_running_loop().set_task_factory(None)
    prefix = f"{ROOT}/"
    frames = [(path.removeprefix(prefix), function) for path, function in reversed(profiler.stack)]
    frames = [entry for entry in frames if entry[0].startswith("coder/")]
    return frames[frames.index(("coder/engine/agent.py", "solve")) + 1 :]


def main() -> None:
    """Print the functions, and how many they are."""
    functions = asyncio.run(functions_to_bash())
    for path, function in functions:
        print(path, function)
    print(f"{len(functions)} functions in {len({path for path, _ in functions})} files")


if __name__ == "__main__":
    main()
