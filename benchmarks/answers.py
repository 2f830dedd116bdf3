"""The answers of a run as a samples file, which can be graded, shown and shared."""

import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.runlog import BenchJudged
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.written import write_text


def write_answers(path: Path, suite: Suite, judged: Iterable[BenchJudged]) -> None:
    """Write a line for each answer, in the order of the suite, then of the samples.

    Raises:
        MachineError: the folder can't be written to, or the disk is full.
    """
    order = {case.id: number for number, case in enumerate(suite.cases)}
    patches = {case.id for case in suite.cases if isinstance(case, RepositoryCase)}
    known = sorted(judged, key=lambda one: (order[one.verdict.id], one.verdict.sample))
    write_text(path, "".join(_line(one, patch=one.verdict.id in patches) for one in known))


def _line(judged: BenchJudged, *, patch: bool) -> str:
    text = judged.text or ""
    if patch:
        return json.dumps({"instance_id": judged.verdict.id, "model_patch": text}) + "\n"
    return json.dumps({"task_id": judged.verdict.id, "solution": text}) + "\n"
