"""What it takes to go on with a graded run that was all but over: seconds, and memory.

    python -m perf.resume SUITE [--samples 1640]

SUITE is HumanEval's file. A run is started, interrupted, and its log filled with the verdicts that are
missing; then `coder bench grade --resume` reads it, judges nothing more and reports.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.runner.runlog import BenchJudged, RunLog
from benchmarks.suites.load import load_suite
from benchmarks.verdict import Verdict
from coder.store import SqliteLog
from perf.judge import salted

CODER = Path(sys.executable).with_name("coder")


def main() -> None:
    """Print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", type=Path)
    parser.add_argument("--samples", type=int, default=1640)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["CODER_HOME"] = place
        samples = salted(load_suite(str(arguments.suite)), arguments.samples)
        file = Path(place, "samples.jsonl")
        with file.open("w") as lines:
            for case, completion in samples:
                lines.write(json.dumps({"task_id": case.id, "completion": completion}) + "\n")
        run = begin(arguments.suite, file)
        asyncio.run(fill(run, Path(place), [case.id for case, _ in samples]))
        seconds, resident_mb = resume(run, Path(place))
    print(
        f"a resumed run, {arguments.samples} samples: {seconds:.2f} s, {resident_mb:.0f} MiB resident at most"
    )


def begin(suite: Path, file: Path) -> str:
    """Id of a run that was interrupted at its beginning."""
    grading: list[str | Path] = [CODER, "bench", "grade", suite, "--samples", file, "--no-results"]
    started = subprocess.Popen(grading, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (runs := _runs()):
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    started.communicate()
    return str(runs[0]["run"])


def _runs() -> list[dict[str, object]]:
    listing = subprocess.run([CODER, "bench", "list", "--runs", "--json"], capture_output=True, check=False)
    found: list[dict[str, object]] = json.loads(listing.stdout or b"[]")
    return found


async def fill(run: str, home: Path, cases: list[str]) -> None:
    """Give a run's log the verdicts that it lacks, as if all samples had passed."""
    with SqliteLog(home / "bench") as log:
        async with log.lease(run) as token:
            record = RunLog(run, log, token=token)
            await record.load()
            numbers: dict[str, int] = {}
            for case in cases:
                number = numbers[case] = numbers.get(case, -1) + 1
                if not record.is_done(case, number):
                    verdict = Verdict(
                        id=case, sample=number, verdict="passed", strength="strong", cpu_s=0.01, wall_s=0.02
                    )
                    await record.judge(BenchJudged(verdict=verdict))
            await record.flush()


def resume(run: str, home: Path) -> tuple[float, float]:
    """Seconds and MiB of the command that goes on with a run."""
    began = time.perf_counter()
    resumed: list[str | Path] = [
        CODER,
        "bench",
        "grade",
        "--resume",
        run,
        "--no-results",
        "-o",
        home / "report.json",
        "-q",
    ]
    process = subprocess.Popen(resumed, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"It ended with {os.waitstatus_to_exitcode(status)}.")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
