"""A toy repository mended by acting in three calls of an instant model, and 50 steps of a dialogue.

    python -m perf.acting [--rounds N] [--mini MINI]

MINI is the program of mini-swe-agent, in an environment of its own; it runs our harmless commands on this
machine, without a sandbox. Each round runs all of them in turn. What is printed are medians, and ratios of
the same run: absolute times are this machine's.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import openai

from coder import Budget, Settings, Task, solve
from coder.models.find_model import resolve
from coder.models.roles import Roles, open_roles
from coder.store import SqliteLog
from perf.fix import CHECK, WRONG
from perf.instant import CALLS, instant_endpoint
from perf.wholes import Took, flags, timed
from tests.faulty_endpoint import Reply, calls, completion, faulty_endpoint, tool_call, whole
from tests.git_repository import make_repository

MEND = "sed -i 's/a - b/a + b/' calc.py"
TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


def _whole_call(command: str) -> Reply:
    document = completion(None)
    document["choices"][0]["message"]["tool_calls"] = [tool_call("bash", command=command)]
    return whole(document)


def mended(*, pytest: bool) -> Took:
    """One whole process of ours: a look that runs the test, the change, `done`."""
    test = ["python", "-m", "pytest", "-q"] if pytest else ["python", "check.py"]
    look = calls("bash", command=f"cat calc.py; {' '.join(test)}")
    script = [look, calls("bash", command=MEND), calls("done", summary="It adds now.")]
    with faulty_endpoint(*script) as endpoint, tempfile.TemporaryDirectory() as folder:
        work = _repository(Path(folder), pytest=pytest)
        argv = [
            str(Path(sys.executable).with_name("coder")), "fix", "--path", str(work), "--strategy", "act",
            "--base-url", endpoint.url, "-m", "toy", "--price", "0,0", "--", *test,
        ]  # fmt: skip
        took = timed(argv, env={**os.environ, "CODER_HOME": f"{folder}/home", "OPENAI_API_KEY": "unused"})
        _see(work, len(endpoint.requests))
        return took


def mini(program: str, *, pytest: bool) -> Took:
    """One whole process of mini-swe-agent: the same commands, and the one that ends it."""
    test = "python -m pytest -q" if pytest else "python check.py"
    commands = [f"cat calc.py; {test}", f"{MEND} && {test}", SUBMIT]
    with faulty_endpoint(*map(_whole_call, commands)) as endpoint, tempfile.TemporaryDirectory() as folder:
        work = _repository(Path(folder), pytest=pytest)
        environ = {
            **os.environ, "HOME": folder, "OPENAI_API_KEY": "unused", "OPENAI_API_BASE": endpoint.url,
            "MSWEA_COST_TRACKING": "ignore_errors", "MSWEA_CONFIGURED": "true",
            "MSWEA_GLOBAL_CONFIG_DIR": folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip
        argv = [
            "env", "-C", str(work), program, "-y", "--exit-immediately", "-m", "openai/toy",
            "-t", "Mend add.", "-o", f"{folder}/trajectory",
        ]  # fmt: skip
        took = timed(argv, env=environ)
        _see(work, len(endpoint.requests))
        return took


def _repository(folder: Path, *, pytest: bool) -> Path:
    files = {"test_calc__py": TEST} if pytest else {"check__py": CHECK}
    make_repository(folder / "work", calc__py=WRONG, **files)
    return folder / "work"


def _see(work: Path, requests: int) -> None:
    if requests != 3:
        raise SystemExit(f"expected 3 model calls, saw {requests}")
    if "a + b" not in (work / "calc.py").read_text():
        raise SystemExit("the change did not land")


def _shell(command: str) -> str:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout


async def _bare(url: str) -> None:
    """The SDK alone, with a shell on this machine for each call."""
    messages: list[Any] = [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]
    async with openai.AsyncOpenAI(base_url=url, api_key="unused") as client:
        while True:
            answer = await client.chat.completions.create(model="toy", messages=messages)
            message = answer.choices[0].message
            if not message.tool_calls:
                return
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                command = json.loads(call.function.arguments)["command"]  # type: ignore[union-attr]
                messages.append({"role": "tool", "tool_call_id": call.id, "content": _shell(command)})


async def _ours(url: str) -> None:
    """A run that acts, with its log in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            choice = await resolve("toy", base_url=url, environ={"OPENAI_API_KEY": "unused"})
            model = await stack.enter_async_context(open_roles(Roles(main=choice)))
            log = stack.enter_context(SqliteLog(Path(folder) / "home"))
            work = Path(folder) / "work"
            work.mkdir()
            (work / "calc.py").write_text(WRONG)
            task = Task(prompt="Look.", workspace=work)
            settings = Settings(strategy="act", budget=Budget(max_calls=CALLS + 1))
            await solve(task, model=model, log=log, settings=settings)


async def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _steps(url: str, rounds: int) -> None:
    kinds = {
        "bare openai SDK, bash": lambda: _bare(f"{url}/bash/v1"),
        "act, SQLite": lambda: _ours(f"{url}/bash/v1"),
        "act, no step": lambda: _ours(f"{url}/text/v1"),
    }
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, work in kinds.items():
            taken[name].append(await _seconds(work))
    bare, acting, none = (median(each) for each in taken.values())
    ours = acting - none
    print(
        f"{CALLS} steps: bare SDK and bash {bare:.3f} s, act {ours:.3f} s, ratio {ours / bare:.2f} (aim 1.15)"
    )


def main() -> None:
    """Measure and print."""
    parser = flags(__doc__)
    parser.add_argument("--mini")
    given = parser.parse_args()
    kinds: dict[str, Callable[[], Took]] = {}
    for test in ("python", "pytest"):
        kinds[f"act, {test}"] = lambda test=test: mended(pytest=test == "pytest")  # type: ignore[misc]
        if given.mini:
            kinds[f"mini, {test}"] = lambda test=test: mini(given.mini, pytest=test == "pytest")  # type: ignore[misc]
    taken: dict[str, list[Took]] = {name: [] for name in kinds}
    for _ in range(given.rounds):
        for name, work in kinds.items():
            taken[name].append(work())
    for name, each in taken.items():
        wall, cpu = median(took.seconds for took in each), median(took.cpu_s for took in each)
        print(f"{name:14} {wall:6.3f} s, {cpu:.3f} s of CPU; medians of {given.rounds} (aims 1.2 and 2.5)")
    with instant_endpoint() as url:
        asyncio.run(_steps(url, given.rounds))


if __name__ == "__main__":
    main()
