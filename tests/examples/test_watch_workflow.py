"""The workflow that watches a model: one issue for an alarm, none for a quiet round or a failed one."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / "examples/ci/github-watch.yml"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("code", "opened", "expected", "issues"), [(0, 0, 0, 0), (1, 0, 0, 1), (1, 1, 0, 0), (4, 0, 4, 0)]
)
def test_an_alarm_opens_one_issue(tmp_path: Path, code: int, opened: int, expected: int, issues: int) -> None:
    # GitHub's own runner and `gh` aren't here: two programs stand for `coder` and `gh`.
    (steps,) = [job["steps"] for job in yaml.safe_load(WORKFLOW.read_text())["jobs"].values()]
    program(tmp_path / "coder", f"echo a round; exit {code}")
    program(tmp_path / "gh", f'echo "$@" >>calls; [ "$2" != list ] || echo {opened}')
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path)}

    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", steps[-2]["run"]], cwd=tmp_path, env=environment, check=False
    )

    calls = (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    assert done.returncode == expected
    assert sum(call.startswith("issue create") for call in calls) == issues
    assert (tmp_path / "said.txt").read_text() == "a round\n"


def test_the_history_is_kept_whatever_the_round_ends_with() -> None:
    (steps,) = [job["steps"] for job in yaml.safe_load(WORKFLOW.read_text())["jobs"].values()]
    kept = {step["uses"]: step for step in steps if "cache" in step.get("uses", "")}
    restored, saved = kept["actions/cache/restore@v4"], kept["actions/cache/save@v4"]

    assert saved is steps[-1]
    assert saved["if"] == "always()"
    assert saved["with"] == {name: restored["with"][name] for name in ("path", "key")}
