"""The answers of a run as a samples file, which can be graded, shown and shared."""

import json
from pathlib import Path

from benchmarks.runner.runlog import BenchJudged, RunLog
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.written import replacing


async def write_answers(path: Path, suite: Suite, log: RunLog) -> None:
    """Write a line for each answer, in the order of the suite, then of the samples.

    Raises:
        MachineError: the folder can't be written to, or the disk is full.
        LogDamaged: an event can't be read.
    """
    order = {case.id: number for number, case in enumerate(suite.cases)}
    patches = {case.id for case in suite.cases if isinstance(case, RepositoryCase)}
    places = [((order[one.verdict.id], one.verdict.sample), seq) async for seq, one in log.samples()]
    with replacing(path) as file:
        for _, seq in sorted(places):
            one = await log.sample(seq)
            file.write(_line(one, patch=one.verdict.id in patches))


def _line(judged: BenchJudged, *, patch: bool) -> str:
    text = judged.text or ""
    if patch:
        return json.dumps({"instance_id": judged.verdict.id, "model_patch": text}) + "\n"
    return json.dumps({"task_id": judged.verdict.id, "solution": text}) + "\n"
