"""Make this version's golden logs: `python -m tests.coder.golden_make OUT`, OUT a new folder in golden/.

Each is of a run that really happened: the installed `coder`, a real sandbox, git and pytest, in folders below
/tmp/golden, which is emptied first. The answers come from an endpoint on loopback. NAME.jsonl holds the run's
events, NAME.json what they fold to, files/ what `bench` read and wrote. A version makes its logs once; later
versions read them as they are.
"""

import asyncio
import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from coder.engine.agent import solve_sync
from coder.models.abilities import Abilities
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.events import Event
from coder.run.task import Task
from coder.store import SqliteLog
from coder.workspace.read import MAX_STORED_FILES
from tests.coder.people.cli.console import Console
from tests.coder.test_golden_logs import told
from tests.faulty_endpoint import FaultyEndpoint, Reply, error, faulty_endpoint, hangs, says
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

PLACE = Path("/tmp/golden")
TASK = "Write a Python function total(prices) in prices.py that returns their sum."
CHECK = "assert total([2, 3]) == 5"
TEST = "from prices import total\n\n\ndef test_total():\n    assert total([2, 3]) == 5\n"
WRONG, RIGHT = "def total(prices):\n    return 0\n", "def total(prices):\n    return sum(prices)\n"
BLOCK = f"<<<<<<< SEARCH\n{WRONG}=======\n{RIGHT}>>>>>>> REPLACE\n"
LENGTH, DOUBLE = WRONG.replace("0", "len(prices)"), RIGHT.replace("sum", "2 * sum")
W, R, L, ONE, TWO = (
    says(f"```python\n{text}```\n")
    for text in (WRONG, RIGHT, LENGTH, "def one(n):\n    return n + 1\n", "def two(n):\n    return n\n")
)
W_FILE, R_FILE, L_FILE, D_FILE = (
    says(f"`prices.py`\n```python\n{text}```\n") for text in (WRONG, RIGHT, LENGTH, DOUBLE)
)
TALK = b"What is wrong?\nMend it.\ny\nDouble it.\nn\n/undo\n"
CASES = "".join(
    json.dumps({"id": f"shop/{name}", "entry_point": name, "prompt": f"def {name}(n):\n    \"n plus {n}\"\n",
                "test": f"def check(candidate):\n    assert candidate(4) == 4 + {n}\n"}) + "\n"
    for n, name in enumerate(("one", "two"), 1)
)  # fmt: skip
SOLVE = f"solve {shlex.quote(TASK)}"
GIVEN = f"{SOLVE} --strategy repair --check {shlex.quote(CHECK)}"
CHECKED = f"{GIVEN} --samples 1"
BENCH = f"bench run {PLACE}/suite.jsonl --one-shot --workers 1"
DOWN, KILLED = error(503, "down", {"retry-after": "0"}), -9
KINDS: dict[str, tuple[list[Reply], dict[str, int]]] = {
    "solve": ([W, R], {CHECKED: 0}),
    "planned": ([says("1. Sum the prices."), R], {f"{CHECKED} --plan": 0}),
    "best-of-n": ([W, L, R], {f"{SOLVE} --check {shlex.quote(CHECK)} --strategy best-of-n --samples 3": 0}),
    "landed": ([R_FILE], {f"{CHECKED} .": 0}),
    "undone": ([R_FILE], {f"{CHECKED} .": 0, "undo RUN": 0}),
    "proposed": ([R_FILE], {f"{CHECKED} . --no-apply": 0}),
    "changed": ([replace(R_FILE, pause_s=1.0)], {f"{CHECKED} .": 0}),
    "resumed": ([W, R], {f"{CHECKED} --max-calls 1": 3, "resume RUN --max-calls 4": 0}),
    "cut": ([W_FILE, hangs()], {f"{CHECKED} .": KILLED}),
    "spent": ([R], {f"{CHECKED} --max-tokens 100": 3}),
    "failed": ([error(401, "no such key")], {CHECKED: 4}),
    "retried": ([DOWN, R], {CHECKED: 0}),
    "switched": ([DOWN, DOWN, R], {f"{CHECKED} --fallback toy-large@URL": 0}),
    "stuck": ([W], {GIVEN: 6}),
    "unsolved": ([W, L], {f"{CHECKED} --repairs 1": 1}),
    "answered": ([says("It sums."), says("As I said.")], {f"{CHECKED} .": 8}),
    "unverified": ([R], {f"{SOLVE} --strategy repair --samples 1": 8}),
    "fix": ([L_FILE, R_FILE], {"fix --strategy repair --samples 1 -- pytest -q": 0}),
    "fix-commit": ([R_FILE], {"fix --strategy repair --samples 1 --commit -- pytest -q": 0}),
    "fix-staged": ([R_FILE], {f"{CHECKED} . --commit": 0}),
    "chat": ([says("It ignores them."), R_FILE, D_FILE], {"chat . --strategy repair": 7}),
    "bench": ([ONE, TWO], {f"{BENCH} --out {PLACE}/report.json": 0}),
    "bench-resumed": ([ONE, hangs(), TWO], {BENCH: KILLED, "bench run --resume RUN": 0}),
}


def made() -> Iterator[tuple[str, list[Event]]]:
    """Run each kind, and give its events."""
    for name, (script, commands) in KINDS.items():
        folder, run = shop(name), ""
        with faulty_endpoint(*script) as endpoint:
            for command, ends in commands.items():
                words = shlex.split(command.replace("RUN", run).replace("URL", endpoint.url))
                code = ended(endpoint, words, folder, is_killed=ends == KILLED)
                assert code == ends, (name, words, code)
                log = PLACE / "data" / ("bench" if words[0] == "bench" else ".")
                run, events = newest(log, "bench_" if words[0] == "bench" else "run_")
        yield name, events
        if name == "bench":
            yield "bench-sample", newest(log, "run_")[1]
    look = ToolCall(id="a", name="read_file", arguments='{"path": "prices.py"}')
    model = Scripted([[look], "Enough.", f"`prices.py`\n```\n{BLOCK}```"], abilities=Abilities(tools=True))
    folder = shop("large")  # it fits into no prompt, and no log
    for n in range(MAX_STORED_FILES + 1):
        (folder / f"part{n}.py").write_text(f"def part{n}():\n    return {n}  # {'x' * 100}\n")
    with SqliteLog(PLACE / "data") as log:
        solve_sync(Task(prompt=TASK, workspace=folder, checks=(CHECK,)), model=model, log=log)
    yield "large", newest(PLACE / "data", "run_")[1]


def ended(endpoint: FaultyEndpoint, words: list[str], folder: Path, *, is_killed: bool) -> int:
    """The exit code of a command."""
    variables = {"CODER_BASE_URL": endpoint.url, "CODER_MODEL": "toy"}
    process = Console(PLACE).start(*words, cwd=folder, **ENVIRONMENT, **variables)
    if is_killed and endpoint.wait_until(lambda it: len(it.requests) == 2):
        process.kill()
    if folder.name == "changed" and endpoint.wait_until(lambda it: len(it.requests) == 1):
        (folder / "prices.py").write_text(f"# Of a shop.\n{WRONG}")
    process.communicate(TALK if words[0] == "chat" else b"")
    return process.returncode


def newest(folder: Path, prefix: str) -> tuple[str, list[Event]]:
    """The newest run of a log whose id begins so."""
    with SqliteLog(folder) as log:
        run = next(one.run for one in asyncio.run(log.runs()) if one.run.startswith(prefix))
        return run, asyncio.run(log.read(run))


def shop(name: str) -> Path:
    """A folder with a function that is wrong, and its test."""
    files = {"prices__py": WRONG, "test_prices__py": TEST}
    folder = GitRepository(PLACE / name)
    if name.startswith("fix"):
        make_repository(folder.top, **files)
    folder.top.mkdir(exist_ok=True)
    folder.write(**files)
    if name == "fix-staged":  # what is staged is left to its owner to commit
        folder.write(prices__py=f"# Of a shop.\n{WRONG}")
        folder.git("add", "--all")
    return folder.top


def main(out: Path) -> None:
    """Make all logs."""
    shutil.rmtree(PLACE, ignore_errors=True)
    (out / "files").mkdir(parents=True)
    for path in (PLACE / "suite.jsonl", out / "files" / "suite.jsonl"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(CASES)
    for name, events in made():
        lines = "".join(f"{event.model_dump_json()}\n" for event in events)
        (out / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        (out / f"{name}.json").write_text(json.dumps(told(events), indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {len(events)} events")
    shutil.copy(PLACE / "report.json", out / "files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
