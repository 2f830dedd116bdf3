"""Every hostile program of the shared probes is contained and every legitimate one works."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ordinary_user import REPOSITORY

ADAPTER = Path(__file__).parent / "probe_adapter.py"


@pytest.mark.parametrize("without", ["", "cgroup"], ids=["best", "without cgroups"])
def test_all_probes_are_contained_and_all_controls_work(tmp_path: Path, without: str) -> None:
    shared = os.environ.get("CODER_TEST_DATA")
    if shared is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared probes")
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        str(Path(shared).parent / "tools" / "run_probes.py"),
        str(ADAPTER),
        str(Path(shared) / "probes.jsonl"),
        str(report),
    ]

    subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "SANDBOX_WITHOUT": without},
        capture_output=True,
        timeout=600,
        check=False,
    )

    judged = json.loads(report.read_text())
    assert len(judged) >= 70
    assert [(row["id"], row["why"]) for row in judged if not row["contained"]] == []
