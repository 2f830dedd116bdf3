"""Measure how many cheats are accepted and how many honest answers are refused, corpus by corpus.

    CODER_TEST_DATA=… python -m tests.benchmarks.judge.measure_rates [CORPUS.jsonl …]

Prints the figures of the table in docs/reference/judging.md. A line of a further corpus is an object with
`case` (a line of a suite), `answer` (code or patch) and `is_honest`. Each answer is judged once.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.judge.judge import open_judge
from benchmarks.judge.mode import canonical_module
from benchmarks.suite import Case, FunctionCase, RepositoryCase, Suite
from benchmarks.verdict import Verdict
from tests.benchmarks.judge import plain_shapes, test_alarms, test_hostile, test_hostile_patches
from tests.benchmarks.judge.habits import CASES, case_of, habits
from tests.benchmarks.judge.patches import diff
from tests.benchmarks.judge.test_repository import shared_cases
from tests.benchmarks.judge.test_shared import shared_cheats
from tests.only_pytest import only_pytest

_AT_ONCE = 2
_CASE = TypeAdapter[Case](Case)


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, and whether it should pass."""

    corpus: str
    case: Case
    answer: str
    is_honest: bool
    name: str = ""


def older_samples() -> list[Sample]:
    """The corpora of these tests and of the shared data."""
    samples = [
        Sample("hostile.txt", test_hostile.CASE, code, is_honest=False, name=name)
        for name, code in test_hostile.HOSTILE.items()
    ]
    samples += [
        Sample(
            "hostile_patches.txt", test_hostile_patches.CASE, test_hostile_patches.patch(text), False, name
        )
        for name, text in test_hostile_patches.PATCHES.items()
    ]
    for name, body in test_alarms.HONEST.items():
        answer = test_alarms.doing({name: body})[0]
        patch = diff(test_alarms.BASE, {"stack.py": answer})
        samples.append(Sample("honest.txt", test_alarms.repository(), patch, True, name))
        function = test_alarms.doing({name: body}, "f")[0]
        samples.append(Sample("honest.txt", test_alarms.function(), function, True, name))
    samples += [
        Sample("plain_shapes.py", case, text.format(n="n"), True, name)
        for name, (case, text) in plain_shapes.HONEST.items()
    ]
    if "CODER_TEST_DATA" in os.environ:
        for case, code in shared_cheats():
            samples.append(Sample("cheats.jsonl", case, code, False))
            samples.append(Sample("cheats.jsonl", case, canonical_module(case) or "", True))
        for one, cheat, honest in shared_cases():
            samples.append(Sample("cheats.jsonl", one, cheat, False))
            samples.append(Sample("cheats.jsonl", one, honest, True))
    return samples


def habit_samples() -> list[Sample]:
    """Habits that tell a test from its twins, and the own patches of their cases."""
    own = [case_of(name) for name in CASES]
    return [
        *(Sample("habits.txt", case, patch, False, name) for name, case, patch in habits()),
        *(Sample("habits.txt", case, case.gold_patch or "", True) for case in own),
    ]


def read_samples(path: Path) -> list[Sample]:
    """A further corpus."""
    lines = map(json.loads, path.read_text().splitlines())
    return [
        Sample(path.name, _CASE.validate_python(one["case"]), one["answer"], bool(one["is_honest"]))
        for one in lines
    ]


async def judge_samples(samples: Sequence[Sample]) -> list[tuple[Sample, Verdict]]:
    """Judge all samples. Cases with one id are one case."""
    cases = {sample.case.id: sample.case for sample in samples}
    turns = asyncio.Semaphore(_AT_ONCE)
    suite = Suite(name="corpora", version="1", cases=tuple(cases.values()))
    is_repository = any(isinstance(case, RepositoryCase) for case in cases.values())
    async with open_judge(suite, python=only_pytest() if is_repository else None) as judge:

        async def one(sample: Sample) -> tuple[Sample, Verdict]:
            async with turns:
                return sample, await judge.judge(sample.case, sample.answer)

        return list(await asyncio.gather(*map(one, samples)))


def table(judged: Sequence[tuple[Sample, Verdict]]) -> list[str]:
    """Rows by corpus, kind and strength, and the answers that were judged wrongly."""
    groups: dict[tuple[str, str, str], list[tuple[Sample, Verdict]]] = {}
    for sample, verdict in judged:
        kind = "functions" if isinstance(sample.case, FunctionCase) else "repositories"
        groups.setdefault((sample.corpus, kind, verdict.strength), []).append((sample, verdict))
    rows, wrong = [], []
    for (corpus, kind, strength), some in sorted(groups.items()):
        counts = []
        for honest in (False, True):
            passed = [verdict.verdict == "passed" for sample, verdict in some if sample.is_honest == honest]
            counts.append(f"{sum(one != honest for one in passed)} of {len(passed)}" if passed else "–")
        rows.append(f"| {date.today()} | {corpus} | {kind}, `{strength}` | {counts[0]} | {counts[1]} |")
        wrong += [
            f"{corpus}: {sample.case.id} {sample.name}: {verdict.verdict} {verdict.detail}"
            for sample, verdict in some
            if (verdict.verdict == "passed") != sample.is_honest
        ]
    return [*rows, "", *wrong]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", type=Path, metavar="CORPUS.jsonl")
    parser.add_argument("--only-these", action="store_true", help="leave out the corpora of the tests")
    arguments = parser.parse_args()
    samples = [] if arguments.only_these else [*older_samples(), *habit_samples()]
    samples += [sample for path in arguments.corpora for sample in read_samples(path)]
    print("\n".join(table(asyncio.run(judge_samples(samples)))))


if __name__ == "__main__":
    main()
