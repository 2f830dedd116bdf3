"""coder as an agent of Harbor's own command line, on a task made here, in Harbor's Docker environment.

Without Harbor and the compose plugin of Docker's client, which `.ci/run` installs, this test isn't there.

python3.12 -m venv DIR && DIR/bin/pip install harbor==0.24.0        CODER_HARBOR_PYTHON=DIR/bin/python
python3 tools/compose_plugin.py FOLDER                              CODER_DOCKER_CONFIG=FOLDER
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.coder.show.test_atif_harbor import accepted
from tests.docker_engine import IMAGE
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint
from tests.ordinary_user import REPOSITORY

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
KEY = "sk-of-the-user-0123456789abcdef"
TASK = {
    "task.toml": 'schema_version = "1.4"\n[task]\nname = "made/answer"\n[agent]\ntimeout_sec = 300\n',
    "instruction.md": "Write 42 to answer.txt, and 'made' to /etc/made.\n",
    "environment/Dockerfile": f"FROM {IMAGE}\nUSER root\nWORKDIR /app\n",
    "tests/test.sh": '#!/bin/bash\nif [ "$(cat /app/answer.txt /etc/made)" = "42\nmade" ]; then echo 1;'
    " else echo 0; fi > /logs/verifier/reward.txt\n",
}
WORKS = "echo 42 > answer.txt; echo made > /etc/made; echo \"key: '$OPENAI_API_KEY'\""
HOST = "services:\n  main:\n    network_mode: host\n"
"""The model's endpoint is on this machine's loopback."""


def run_harbor(folder: Path, endpoint: FaultyEndpoint) -> dict[str, Any]:
    """Return Harbor's result of the one trial."""
    for path, text in TASK.items():
        (folder / "task" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "task" / path).write_text(text)
    (folder / "override.yaml").write_text(HOST)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder / "wheels")]
    subprocess.run([*wheel, str(REPOSITORY)], check=True)
    harbor = Path(os.environ["CODER_HARBOR_PYTHON"]).parent / "harbor"
    ended = subprocess.run(
        [
            *(harbor, "run", "-p", folder / "task", "-a", "coder.harbor:Agent", "-m", "openai/toy", "--yes"),
            *("--ak", f"wheels={folder / 'wheels'}", "--ak", "price=1,1", "--ak", "max_calls=5"),
            *("-o", folder / "jobs", "--job-name", "job", "--extra-docker-compose", folder / "override.yaml"),
        ],
        env={
            **os.environ,
            "DOCKER_CONFIG": os.environ["CODER_DOCKER_CONFIG"],
            "HARBOR_TELEMETRY": "off",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": endpoint.url,
            "PYTHONPATH": str(REPOSITORY),
        },
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    results = list((folder / "jobs/job").glob("*/result.json"))
    assert len(results) == 1, ended.stdout + ended.stderr
    result: dict[str, Any] = json.loads(results[0].read_text())
    return result


if {"CODER_HARBOR_PYTHON", "CODER_DOCKER_CONFIG"} <= {*os.environ}:

    @pytest.mark.usefixtures("docker_engine")
    async def test_harbor_installs_coder_runs_it_in_place_and_reads_its_trajectory(tmp_path: Path) -> None:
        script = (calls("bash", command=WORKS), calls("done", summary="It is done."))

        with faulty_endpoint(*script) as endpoint:
            result = run_harbor(tmp_path, endpoint)

        assert result["exception_info"] is None
        assert result["verifier_result"]["rewards"] == {"reward": 1.0}
        assert result["agent_info"]["name"] == "coder"
        assert result["agent_info"]["version"][0].isdigit()
        assert result["agent_result"]["n_input_tokens"] > 0
        assert result["agent_result"]["cost_usd"] > 0
        assert endpoint.requests[0].body["model"] == "toy"
        (trajectory,) = tmp_path.glob("jobs/job/*/agent/trajectory.json")
        assert accepted(trajectory)
        assert "key: ''" in trajectory.read_text()
        files = [path for path in tmp_path.glob("jobs/**/*") if path.is_file()]
        assert not any(KEY.encode() in path.read_bytes() for path in files)
