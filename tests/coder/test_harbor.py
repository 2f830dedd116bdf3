"""coder as an agent of Harbor's own command line, on a task made here, in Harbor's Docker environment.

Without Harbor and the compose plugin of Docker's client, which `.ci/run` installs, this test isn't there.

python3.12 -m venv DIR && DIR/bin/pip install harbor==0.26.0        CODER_HARBOR_PYTHON=DIR/bin/python
python3 tools/compose_plugin.py FOLDER                              CODER_DOCKER_CONFIG=FOLDER
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.coder.show.test_atif_harbor import accepted
from tests.docker_engine import IMAGE
from tests.faulty_endpoint import calls, faulty_endpoint
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
OURS = {
    "task.toml": 'schema_version = "1.4"\n[task]\nname = "made/answer"\n[agent]\ntimeout_sec = 300\n'
    '[environment]\nmemory_mb = 1024\nnetwork_mode = "public"\n'
    '[environment.healthcheck]\ncommand = "python3 /app/model.py > /tmp/model.log 2>&1 & sleep 2"\n',
    "instruction.md": "Write 42 to answer.txt.\n",
    "tests/test.sh": '#!/bin/bash\nif [ "$(cat /app/answer.txt)" = 42 ]; then echo 1; else echo 0; fi'
    " > /logs/verifier/reward.txt\n",
    "environment/model.py": """
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

CALLS = [("bash", {"command": "echo 42 > answer.txt"}), ("done", {"summary": "It is done."})]


class Model(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        name, arguments = CALLS.pop(0)
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": name, "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        shape = {"id": "a", "object": "chat.completion", "created": 1, "model": "toy"}
        content = json.dumps({**shape, "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


HTTPServer(("127.0.0.1", 8099), Model).serve_forever()
""",
}
"""A task for our environment, whose programs don't reach this machine's loopback: its model is inside."""


def run_harbor(
    folder: Path, url: str, *options: object, task: Mapping[str, str] = TASK, python: str = sys.executable
) -> dict[str, Any]:
    """Return Harbor's result of the one trial; `python`: the version of Python in its environment."""
    for path, text in task.items():
        (folder / "task" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "task" / path).write_text(text)
    wheel = [python, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder / "wheels")]
    subprocess.run([*wheel, str(REPOSITORY)], check=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder / "packages"),
    ]
    subprocess.run([*pip, str(REPOSITORY / "tools/coder_sandbox")], check=True)
    harbor = Path(os.environ["CODER_HARBOR_PYTHON"]).parent / "harbor"
    ended = subprocess.run(
        [
            *(harbor, "run", "-p", folder / "task", "-a", "coder.harbor:Agent", "-m", "openai/toy", "--yes"),
            *("--ak", f"wheels={folder / 'wheels'}", "--ak", "price=1,1", "--ak", "max_calls=5"),
            *("-o", folder / "jobs", "--job-name", "job", *options),
        ],
        env={
            **os.environ,
            "DOCKER_CONFIG": os.environ["CODER_DOCKER_CONFIG"],
            "HARBOR_TELEMETRY": "off",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": url,
            "PYTHONPATH": f"{folder / 'packages'}:{REPOSITORY}",
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

        (tmp_path / "override.yaml").write_text(HOST)
        with faulty_endpoint(*script) as endpoint:
            options = ("--extra-docker-compose", tmp_path / "override.yaml")
            result = run_harbor(tmp_path, endpoint.url, *options)

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

    def test_the_agent_works_in_our_environment_of_harbor_too(tmp_path: Path) -> None:
        python = os.environ["CODER_HARBOR_PYTHON"]
        options = ("-e", "sandbox.providers.harbor:Environment")

        result = run_harbor(tmp_path, "http://127.0.0.1:8099/v1", *options, task=OURS, python=python)

        assert result["exception_info"] is None
        assert result["verifier_result"]["rewards"] == {"reward": 1.0}
        assert result["agent_result"]["n_input_tokens"] == 18
