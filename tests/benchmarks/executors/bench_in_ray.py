"""Run by a Python that has Ray, in a network namespace of its own: `coder bench run --ray`. Prints JSON.

python -m tests.benchmarks.executors.bench_in_ray
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.cli.test_run_cost import CASES
from tests.faulty_endpoint import FaultyEndpoint, begins, faulty_endpoint, says

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
TOP = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # short: Ray's sockets lie below it
os.environ["RAY_TMPDIR"] = str(TOP / "ray")
KEY = "sk-of-the-driver-1234567890"
CODE = "```python\ndef f0(n):\n    return n\n\n\nf1 = f2 = f3 = f0\n```\n"
RIGHT = says(CODE)
"""An answer to every case; a token of $100 a million, $0.0001."""
LONG = says(CODE, *["\n"] * 15)
"""The same in 16 tokens, $0.0016."""
WORDS = ("--one-shot", "--price", "0,100", "--json", "-m", "toy")
CODER = Path(sys.executable).with_name("coder")
ENVIRON = os.environ | {"HOME": str(TOP), "CODER_HOME": str(TOP / "data"), "CODER_API_KEY": KEY}


def start(*arguments: str) -> "subprocess.Popen[str]":
    """Start `coder bench run`, which has the key."""
    command = [str(CODER), "bench", "run", *arguments, *WORDS]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRON, cwd=TOP)


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a run gave, in short."""
    out, err = process.communicate(timeout=150)
    lines = out.splitlines()
    report = json.loads(lines[-1]) if lines else {"verdicts": [], "cost_usd": None}
    verdicts = sorted((row["id"], row["verdict"], row["strength"]) for row in report["verdicts"])
    run = re.findall("bench_[0-9a-z]+", err)
    return {
        "code": process.returncode,
        "lines": len(lines),
        "verdicts": verdicts,
        "cost": report["cost_usd"],
        "run": run[0] if run else "",
        "err": (out + err)[-5000:],
    }


def keys_of(server: FaultyEndpoint) -> list[str]:
    """The keys that requests had."""
    return sorted({request.headers.get("authorization", "") for request in server.requests})


def kill_workers() -> int:
    """Kill the actors of our cluster, and return their number."""
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_ours = str(TOP).encode() in (folder / "environ").read_bytes()
            if is_ours and (folder / "cmdline").read_bytes().startswith(b"ray::RayWorker"):
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
    return killed


def leaks() -> list[str]:
    """Files of Ray and of coder that have the key."""
    files = (file for file in TOP.rglob("*") if file.is_file() and not file.is_symlink())
    return [str(file.relative_to(TOP)) for file in files if KEY.encode() in file.read_bytes()]


def measured(cluster: Any) -> dict[str, Any]:
    """A whole run on two nodes, a limited one that is continued, and one whose nodes are killed in a call."""
    spread = ("--ray", cluster.address)
    result: dict[str, Any] = {}
    with faulty_endpoint(RIGHT) as server:
        result["whole"] = ended(start("suite.jsonl", "--base-url", server.url, *spread))
        result["keys"] = keys_of(server)
    with faulty_endpoint(LONG) as server:
        url = ("--base-url", server.url)
        answers = ("--max-answer-tokens", "16")
        limited = ended(start("suite.jsonl", *url, *spread, *answers, "--max-cost", "0.0025"))
        result["limited"] = limited | {"calls": len(server.requests), "at once": server.most_busy}
        more = ended(start("--resume", limited["run"], *url, *spread, "--max-cost", "10"))
        result["more"] = more | {"calls": len(server.requests)}
    with faulty_endpoint(begins("hel", ending="hang")) as server:
        process = start("suite.jsonl", "--base-url", server.url, *spread, "--max-cost", "0.5")
        server.wait_until(lambda seen: seen.busy == 1)
        result["killed"] = kill_workers()
        result["lost"] = ended(process) | {"calls": len(server.requests)}
    return result


def main() -> None:
    from ray.cluster_utils import Cluster  # imported late: it reads the environment

    (TOP / "suite.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "resources": {"judge": 1}})
    try:
        cluster.add_node(num_cpus=2, resources={"judge": 1})
        cluster.wait_for_nodes()
        result = measured(cluster)
        result["leaks"] = leaks()
    finally:
        with contextlib.suppress(Exception):
            cluster.shutdown()
        shutil.rmtree(TOP, ignore_errors=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
