"""What is contained where: the shared probes on each backend, as one table.

Run: python -m perf.probes [COLUMN…]. CODER_TEST_DATA names the folder with probes.jsonl; the runner is
tools/run_probes.py beside that folder. A column takes a quarter of a minute.
"""

import fcntl
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.ordinary_user import REPOSITORY, run_as_ordinary_user

ADAPTER = REPOSITORY / "tests" / "security" / "probe_adapter.py"
LONGEST_S = 1800
HASTE = {"SANDBOX_WALL_S": "3"}
"""For programs that only wait for the end of their time: a short one shows as much as a long one."""
_REPORT = "the report follows"
_AS_A_USER = """
import json, os, pathlib, runpy, sys
import tests.security
given = json.loads({given!r})
answer = os.dup(1)  # not inherited: what the runner leaves for a minute would hold the pipe open
nothing = os.open(os.devnull, os.O_WRONLY)
os.dup2(nothing, 1)
os.dup2(nothing, 2)
os.environ.update(given["settings"])
home = pathlib.Path.home()
for name in ("runner.py", "probes.jsonl"):
    (home / name).write_text(given[name])
adapter = next(pathlib.Path(place) / "probe_adapter.py" for place in tests.security.__path__)
sys.argv = ["runner", str(adapter), str(home / "probes.jsonl"), str(home / "report.json"), *given["only"]]
try:
    runpy.run_path(str(home / "runner.py"), run_name="__main__")
except SystemExit:
    pass
with open(answer, "w") as told:
    told.write({report!r} + (home / "report.json").read_text())
os._exit(0)
"""


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
    wanted = [row for row in rows if categories is None or row["category"] in categories]
    groups: dict[str, list[str]] = {}
    for row in wanted:
        groups.setdefault(_group(row), []).append(row["id"])
    measured = groups.pop(_MEASURED, None)
    judge = functools.partial(_judged_for_a_user if column.as_user else _judged, data=data)

    def run(group: str, ids: list[str]) -> list[dict[str, Any]]:
        return judge(column.settings | (HASTE if group == _BRIEF else {}), only=("--only", ",".join(ids)))

    found: list[dict[str, Any]] = []
    with ADAPTER.open() as turn, ThreadPoolExecutor() as at_once:
        fcntl.flock(turn, fcntl.LOCK_SH)
        for some in at_once.map(run, groups, groups.values()):
            found += some
        fcntl.flock(turn, fcntl.LOCK_UN)
        fcntl.flock(turn, fcntl.LOCK_EX if measured else fcntl.LOCK_UN)
        found += measure(functools.partial(run, _MEASURED), measured) if measured else []
    if len(found) != len(wanted):
        raise SystemExit(f"Of {len(wanted)} probes only {len(found)} were judged.")
    order = [row["id"] for row in wanted]
    return sorted(found, key=lambda row: order.index(row["id"]))


def measure(run: Callable[[list[str]], list[dict[str, Any]]], ids: list[str]) -> list[dict[str, Any]]:
    """Return what the runner says of probes that it measures by the whole machine, of which others take, too.

    What escapes does so in each of three measurements; a neighbor that fills memory or a disk does so in one.
    """
    answers = {row["id"]: row for row in run(ids)}
    for _ in range(_MEASURED_AGAIN):
        if again := [probe for probe, row in answers.items() if not row["contained"]]:
            answers |= {row["id"]: row for row in run(again)}
    return [*answers.values()]


_BRIEF, _MEASURED = "brief", "measured"
_MEASURED_AGAIN = 2


def _group(probe: dict[str, Any]) -> str:
    """Which runner takes a probe: those that wait, for time or another program, do so beside the others.

    Some runners look at the memory or the disk of the whole machine: no other may run beside these.
    """
    check = (probe.get("host_check") or {}).get("check")
    if check in ("host_mem", "host_disk"):
        return _MEASURED
    if probe["category"] == "time":
        return _BRIEF
    if probe.get("concurrent"):
        return "two at once"
    return "left running" if check == "no_tagged_process" else "others"


def _judged_for_a_user(
    settings: dict[str, str], *, data: Path, only: tuple[str, str]
) -> list[dict[str, Any]]:
    runner, probes = _runner(data).read_text(), (data / "probes.jsonl").read_text()
    given = {"settings": settings, "only": only, "runner.py": runner, "probes.jsonl": probes}
    script = _AS_A_USER.format(given=json.dumps(given), report=_REPORT)
    ended = run_as_ordinary_user(script, timeout_s=LONGEST_S)
    found: list[dict[str, Any]] = json.loads(ended.stdout.partition(_REPORT)[2])
    return found


def _judged(settings: dict[str, str], *, data: Path, only: tuple[str, str]) -> list[dict[str, Any]]:
    # Into a file: what the runner leaves for a minute would hold a pipe open.
    with tempfile.TemporaryDirectory() as place, open(f"{place}/said", "w+b") as said:
        report = f"{place}/report.json"
        subprocess.run(
            [sys.executable, str(_runner(data)), str(ADAPTER), str(data / "probes.jsonl"), report, *only],
            env=os.environ | settings | {"PYTHONPATH": str(REPOSITORY)},
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
            check=False,
        )
        if not os.path.exists(report):
            said.seek(0)
            raise SystemExit(f"The runner made no report:\n{said.read()[-2000:].decode('utf-8', 'replace')}")
        found: list[dict[str, Any]] = json.loads(Path(report).read_text())
        return found


def _runner(data: Path) -> Path:
    return data.parent / "tools" / "run_probes.py"


def main() -> None:
    """Print the table, and beneath it what was not contained."""
    data = os.environ.get("CODER_TEST_DATA")
    if data is None:
        raise SystemExit("CODER_TEST_DATA is not set: it names the folder with probes.jsonl.")
    wanted = [column for column in COLUMNS if column.name in sys.argv[1:] or len(sys.argv) == 1]
    found = {}
    for column in wanted:
        print(f"{column.name}…", file=sys.stderr, flush=True)
        found[column.name] = judged(column, Path(data))
    categories = Counter(row["category"] for row in next(iter(found.values())))
    print(f"{'category':<12}" + "".join(f"{name:>12}" for name in found))
    for category in [*categories, "all"]:
        counts = [
            [row["contained"] for row in rows if category in ("all", row["category"])]
            for rows in found.values()
        ]
        print(f"{category:<12}" + "".join(f"{f'{sum(each)}/{len(each)}':>12}" for each in counts))
    for name, rows in found.items():
        reasons: dict[str, list[str]] = {}
        for row in rows:
            if not row["contained"]:
                reasons.setdefault("; ".join(row["why"]), []).append(row["id"])
        for why, ids in reasons.items():
            print(f"{name}: {', '.join(ids)}: {why}")


if __name__ == "__main__":
    main()
