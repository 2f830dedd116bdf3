"""Every route answers ordinary requests without a warning of pydantic or of another library."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.coder.people.cli.console import CODER, Console
from tests.coder.platform.server.served import configure
from tests.faulty_endpoint import faulty_endpoint, says

FUNCTION = {
    "kind": "function",
    "id": "a",
    "prompt": "Add.",
    "entry_point": "add",
    "check": {"source": "def check(add):\n    assert add(1, 2) == 3\n"},
}
SCRIPT = {"kind": "script", "id": "b", "prompt": "Say 1.", "runs": [{"stdout": "1\n"}]}
GETS = (
    *("/healthz", "/openapi.json", "/runs", "/runs?limit=5", "/flows", "/runs/{run}", "/runs/{run}/events"),
    *("/runs/{run}/patch", "/runs/{run}/bundle", "/worker", "/", "/login", "/reports", "/reports/compare"),
    *(
        "/teams",
        "/new",
        "/studio/{run}",
        "/studio/{run}/trace",
        "/studio/{run}/files",
        "/studio/{run}/output",
    ),
    *("/studio/compare?run={run}", "/studio/flows"),
)
POSTS = {
    "/runs": {"prompt": "Say hi.", "limits": {"max_calls": 1}},
    "/runs/{run}/answers": {"decision": "yes", "words": "Go on."},
    "/runs/{run}/messages": {"text": "Go on."},
    "/runs/{run}/stop": None,
    "/runs/{run}/resume": None,
    "/flows/none": {"input": {"a": 1}},
    "/run": {"code": "print(open('a').read())", "files": {"a": "1"}, "timeout_s": 60},
    "/judge": {"case": SCRIPT, "answers": ["print(1)"], "slow_s": 60},
    "/run_code": {"code": "print(1)", "language": "python", "run_timeout": 60.5, "files": {"a": "YQ=="}},
    "/run_jupyter": {"cells": ["1 + 1"], "files": {}},
    "/submit": {"dataset": "none", "id": 1, "completion": "print(1)", "config": {}},
    "/jobs": {"judge": "another", "jobs": [{"key": "1", "case": "c", "text": "print(1)", "kind": "sample"}]},
    "/session": {"token": "none"},
    "/logout": None,
    "/studio/new": {"prompt": "Say hi.", "max_calls": "1"},
    "/studio/flows/none": {"a": "1"},
    "/studio/teams/fields": {"name": "two", "kind": "round-robin", "name-0": "ann"},
    "/studio/teams/toml": {"name": "three", "toml": 'kind = "round-robin"\n'},
}


@pytest.mark.slow
def test_no_route_warns_about_an_ordinary_request(tmp_path: Path) -> None:
    console = Console(tmp_path)
    with faulty_endpoint(says("Hi.")) as endpoint:
        configure(tmp_path, base_url=endpoint.url, model="toy")
        command = [
            sys.executable,
            "-W",
            "error::UserWarning",
            CODER,
            "serve",
            "--port",
            "0",
            "--workers",
            "8",
        ]
        with subprocess.Popen(
            [*command, "--root", str(tmp_path)], env=console.environ, stderr=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stderr is not None
                url = server.stderr.readline().split()[1]
                statuses = ask_all(url)
            finally:
                server.terminate()
            warnings = server.stderr.read()

    assert {path for path, status in statuses.items() if status >= 500} == set()
    assert "Warning" not in warnings


def ask_all(url: str) -> dict[str, int]:
    """Call each route once; the run is the first one that is begun."""
    statuses: dict[str, int] = {}
    with httpx2.Client(base_url=url, timeout=120, headers={"Origin": url}) as http:
        run = http.post("/runs", json=POSTS["/runs"]).json()["run_id"]
        for path in GETS:
            statuses[f"GET {path}"] = http.get(path.format(run=run)).status_code
        for path, body in POSTS.items():
            statuses[f"POST {path}"] = http.post(path.format(run=run), json=body).status_code
        document = json.loads(http.get("/openapi.json").text)
    asked = {f"{method} {path.partition('?')[0]}" for method, path in map(str.split, statuses)}
    documented = {
        f"{method.upper()} {path.replace('{name}', 'none')}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert documented <= asked, documented - asked
    return statuses
