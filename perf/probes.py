"""What is contained where: the shared probes on each backend, as one table.

Run: python -m perf.probes [COLUMN…]. CODER_TEST_DATA names the folder with probes.jsonl; the runner is
tools/run_probes.py beside that folder. A column takes a quarter of a minute.
"""

import fcntl
import functools
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.ordinary_user import REPOSITORY, run_as_ordinary_user

ADAPTER = REPOSITORY / "tests" / "security" / "probe_adapter.py"
LONGEST_S = 1800
HASTE = {"SANDBOX_WALL_S": "1"}
"""For programs that only wait for the end of their time: a short one shows as much as a long one."""
_REPORT = "the report follows"
_HERE = "import perf.probes; perf.probes.answer({0!r})"


@dataclass(frozen=True, slots=True)
class Column:
    """One way to run them."""

    name: str
    settings: dict[str, str]
    """Variables that the adapter reads."""
    as_user: bool = False


COLUMNS = (
    Column("root", {"SANDBOX_DOOR": "fresh"}),
    Column("no-cgroups", {"SANDBOX_DOOR": "fresh", "SANDBOX_WITHOUT": "cgroup"}),
    Column("user", {"SANDBOX_DOOR": "fresh"}, as_user=True),
    Column("one-wall", {"SANDBOX_DOOR": "fresh", "SANDBOX_WALLS": "one"}),
    Column("lasting", {"SANDBOX_DOOR": "lasting"}),
    Column("session", {"SANDBOX_DOOR": "session"}),
    Column("docker", {"SANDBOX_DOOR": "fresh", "SANDBOX_BACKEND": "docker"}),
    Column("coder-run", {"SANDBOX_DOOR": "command"}),
    Column("docker-run", {"SANDBOX_DOOR": "command", "CODER_SANDBOX": "docker"}),
)


def judged(column: Column, data: Path, *, categories: Collection[str] | None = None) -> list[dict[str, Any]]:
    """What the runner says of each probe, or of each in some categories."""
    rows = list(map(json.loads, (data / "probes.jsonl").read_text().splitlines()))
    chosen_rows = [row for row in rows if categories is None or row["category"] in categories]
    runner = (data.parent / "tools" / "run_probes.py").read_text()
    script = _HERE.format(json.dumps({"settings": column.settings, "runner": runner, "probes": chosen_rows}))
    # Not from a pipe of its own: what the runner leaves for a minute would hold it open.
    if column.as_user:
        ended = run_as_ordinary_user(script, timeout_s=LONGEST_S)
    else:
        environ = os.environ | column.settings | {"PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-c", script]
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LONGEST_S)
    report = ended.stdout.partition(_REPORT)[2]
    if not report:
        raise SystemExit(f"No report was made:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    found: list[dict[str, Any]] = json.loads(report)
    order = [row["id"] for row in chosen_rows]
    return sorted(found, key=lambda row: order.index(row["id"]))


def answer(job: str) -> None:
    """Judge the probes of a job, print the runners' reports of them, and end this process.

    Runners are forked from it, so that they share its imports.
    """
    fields = json.loads(job)
    answering = os.dup(1)  # runners inherit stdout and stderr, but not this one
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.environ.update(fields["settings"])
    importlib.import_module("tests.security.probe_adapter")
    groups: dict[str, list[str]] = {}
    for row in fields["probes"]:
        groups.setdefault(_group(row), []).append(row["id"])
    measured = groups.pop(_MEASURED, [])
    with tempfile.TemporaryDirectory() as place, ADAPTER.open() as turn:
        Path(place, "runner.py").write_text(fields["runner"])
        Path(place, "probes.jsonl").write_text("\n".join(map(json.dumps, fields["probes"])))
        run = functools.partial(_run_beside_each_other, place)
        fcntl.flock(turn, fcntl.LOCK_SH)
        outcomes = run(groups)
        fcntl.flock(turn, fcntl.LOCK_UN)
        fcntl.flock(turn, fcntl.LOCK_EX)
        outcomes += measure(lambda ids: run({_MEASURED: ids}), measured) if measured else []
        fcntl.flock(turn, fcntl.LOCK_UN)
    if len(outcomes) != len(fields["probes"]):
        raise SystemExit(f"Of {len(fields['probes'])} probes only {len(outcomes)} were judged.")
    with open(answering, "w") as report:
        report.write(_REPORT + json.dumps(outcomes))
    os._exit(0)


def _run_beside_each_other(place: str, groups: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Run one runner for each group of probes, all at the same time."""
    reports = {_fork_runner(place, group, ids): Path(place, f"{group}.json") for group, ids in groups.items()}
    for runner in reports:
        os.waitpid(runner, 0)
    for report in reports.values():
        if not report.exists():
            output = report.with_suffix(".txt").read_text("utf-8", "replace")
            raise SystemExit(f"The runner made no report:\n{output[-2000:]}")
    found = [row for report in reports.values() for row in json.loads(report.read_text())]
    for report in reports.values():
        report.unlink()
    return found


def _fork_runner(place: str, group: str, ids: list[str]) -> int:
    if runner := os.fork():
        return runner
    try:
        with open(f"{place}/{group}.txt", "wb") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.environ.update(HASTE if group == _ENDLESS else {})
        files = (f"{place}/runner.py", str(ADAPTER), f"{place}/probes.jsonl", f"{place}/{group}.json")
        sys.argv = [*files, "--only", ",".join(ids)]
        runpy.run_path(files[0], run_name="__main__")
    except SystemExit:
        pass  # its code repeats the report: whether all are contained
    except BaseException:  # noqa: BLE001 - its output has the traceback
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def measure(run: Callable[[list[str]], list[dict[str, Any]]], ids: list[str]) -> list[dict[str, Any]]:
    """Return what the runner says of probes that it measures by the whole machine, of which others take, too.

    What escapes does so in each of three measurements; a neighbor that fills memory or a disk does so in one.
    """
    answers = {row["id"]: row for row in run(ids)}
    for _ in range(_MEASURED_AGAIN):
        if again := [probe for probe, row in answers.items() if not row["contained"]]:
            answers |= {row["id"]: row for row in run(again)}
    return [*answers.values()]


_ENDLESS, _MEASURED = "endless", "measured"
_MEASURED_AGAIN = 2


def _group(probe: dict[str, Any]) -> str:
    """Which runner takes a probe: those that wait, for time or another program, do so beside the others.

    Some runners look at the memory or the disk of the whole machine: no other may run beside these.
    """
    check = (probe.get("host_check") or {}).get("check")
    if check in ("host_mem", "host_disk"):
        return _MEASURED
    if {"timeout", "killed"}.issuperset(probe["expect"]["status_in"]):
        return _ENDLESS
    return "waiting" if probe.get("concurrent") or check == "no_tagged_process" else "others"


def main() -> None:
    """Print the table, and beneath it what was not contained."""
    data = os.environ.get("CODER_TEST_DATA")
    if data is None:
        raise SystemExit("CODER_TEST_DATA is not set: it names the folder with probes.jsonl.")
    columns = [column for column in COLUMNS if column.name in sys.argv[1:] or len(sys.argv) == 1]
    results = {}
    for column in columns:
        print(f"{column.name}…", file=sys.stderr, flush=True)
        results[column.name] = judged(column, Path(data))
    categories = Counter(row["category"] for row in next(iter(results.values())))
    print(f"{'category':<12}" + "".join(f"{name:>12}" for name in results))
    for category in [*categories, "all"]:
        counts = [
            [row["contained"] for row in rows if category in ("all", row["category"])]
            for rows in results.values()
        ]
        print(f"{category:<12}" + "".join(f"{f'{sum(each)}/{len(each)}':>12}" for each in counts))
    for name, rows in results.items():
        reasons: dict[str, list[str]] = {}
        for row in rows:
            if not row["contained"]:
                reasons.setdefault("; ".join(row["why"]), []).append(row["id"])
        for why, ids in reasons.items():
            print(f"{name}: {', '.join(ids)}: {why}")


if __name__ == "__main__":
    main()
