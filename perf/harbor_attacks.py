"""Measure which attacks on graders of Harbor tasks pass with Harbor and with our judge.

    python -m perf.harbor_attacks [--honest] [--harbor PYTHON] [--docker-config FOLDER] [NAME…]

PYTHON is a Python that has Harbor; without it only our verdicts are printed. FOLDER has the compose plugin of
Docker's client in cli-plugins/. Each attack is a task whose solution attacks, for Harbor's agent `oracle`.
"""

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.harbor.image import task_image
from benchmarks.harbor.judging import find_harbor_mode, judge_harbor
from perf.harbor_attack_tasks import Attack, attacks, write_task
from perf.harbor_honest_answers import honest_answers
from sandbox.docker.engine import Engine, connect

_WITHOUT_NETWORK = "services:\n  main:\n    network_mode: none\n"
_LONGEST_S = 1800


def judged_by_harbor(
    rows: Mapping[str, Attack], python: Path, *, docker_config: Path | None = None, at_once: int = 2
) -> dict[str, str]:
    """Return Harbor's verdict on each attack, by its own command line; `error` where it has no reward.

    Raises RuntimeError: Harbor ended without a result for an attack.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, row in rows.items():
            write_task(Path(folder, "tasks", name), row.task, solve=row.script)
        (override := Path(folder, "override.yaml")).write_text(_WITHOUT_NETWORK)
        verdicts, printed = run_agent(
            "oracle",
            Path(folder, "tasks"),
            python,
            docker_config=docker_config,
            at_once=at_once,
            override=override,
        )
    if missing := sorted({*rows} - {*verdicts}):
        raise RuntimeError(f"Harbor has no result for {missing}:\n{printed}")
    return verdicts


def run_agent(
    agent: str,
    tasks: Path,
    python: Path,
    *,
    docker_config: Path | None = None,
    at_once: int = 2,
    override: Path | None = None,
) -> tuple[dict[str, str], str]:
    """Run an agent of Harbor on a folder of tasks; return its verdicts by name, and what it prints.

    Args:
        override: a file of Compose for the agent's containers.
    """
    more = {} if docker_config is None else {"DOCKER_CONFIG": str(docker_config)}
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [
                *(python.parent / "harbor", "run", "-p", tasks, "-a", agent, "--yes"),
                *("-o", f"{folder}/jobs", "--job-name", "attacks", "-n", str(at_once)),
                *(() if override is None else ("--extra-docker-compose", override)),
            ],
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "HARBOR_TELEMETRY": "off", **more},
            capture_output=True, text=True, timeout=_LONGEST_S, check=False,
        )  # fmt: skip
        verdicts = {}
        for path in Path(folder, "jobs", "attacks").glob("*/result.json"):
            result = json.loads(path.read_text())
            rewards = (result.get("verifier_result") or {}).get("rewards") or {}
            outcome = ("passed" if rewards.get("reward") == 1 else "failed") if rewards else "error"
            verdicts[Path(result["task_name"]).name] = outcome
    return verdicts, f"{ended.stdout}\n{ended.stderr}"


async def judged_by_us(engine: Engine, rows: Mapping[str, Attack]) -> dict[str, str]:
    """Return our verdict on each attack: outcome and strength. The reasons go to stderr."""
    mark, images, modes, verdicts = secrets.token_hex(4), set[str](), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, row in rows.items():
                task = write_task(Path(folder, name), row.task, mark=mark)
                if id(row.task) not in modes:
                    image = await task_image(engine, task / "environment", docker_image=None, timeout_s=120)
                    images.add(image)
                    modes[id(row.task)] = await find_harbor_mode(engine, task)
                mode = modes[id(row.task)]
                if mode.how == "broken":
                    raise RuntimeError(f"The task of {name} is broken: {mode.reason}")
                judged = await judge_harbor(engine, task, row.script, mode)
                verdicts[name] = f"{judged.outcome}, {judged.strength}"
                print(
                    f"{name}: {verdicts[name]}: {judged.detail}; {mode.how}: {mode.reason}", file=sys.stderr
                )
        finally:
            for image in images:
                with suppress(Exception):
                    await engine.ask(
                        "remove an image", lambda api, image=image: api.remove_image(image, force=True)
                    )
    return verdicts


def table_of(rows: Mapping[str, Attack], theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Return a table in Markdown."""
    lines = ["| Class | Attack | Harbor | Ours |", "| --- | --- | --- | --- |"]
    for name, row in rows.items():
        lines.append(f"| {row.kind} | {row.does} | {theirs.get(name, '-')} | {ours[name]} |")
    return "\n".join(lines)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--honest", action="store_true", help="judge honest answers, which should pass")
    parser.add_argument("--harbor", type=Path)
    parser.add_argument("--docker-config", type=Path)
    chosen = parser.parse_args()
    every = honest_answers() if chosen.honest else attacks()
    rows = {name: row for name, row in every.items() if name in (chosen.names or every)}
    theirs = {}
    if chosen.harbor is not None:
        theirs = judged_by_harbor(rows, chosen.harbor, docker_config=chosen.docker_config)
    engine = await connect()
    try:
        verdicts = await judged_by_us(engine, rows)
    finally:
        engine.close()
    print(table_of(rows, theirs, verdicts))
    print(f"{len(rows)} answers; passed: Harbor {_passes(theirs)}, ours {_passes(verdicts)}", file=sys.stderr)


def _passes(verdicts: Mapping[str, str]) -> int:
    return sum(verdict.startswith("passed") for verdict in verdicts.values())


if __name__ == "__main__":
    asyncio.run(_main())
