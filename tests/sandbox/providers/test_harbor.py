"""Our sandbox as an environment of Harbor's own command line, on tasks made here, in Harbor's environment.

Without it, which `.ci/run` makes where there is a python3.12, these tests aren't there:

python3.12 -m venv DIR && DIR/bin/pip install harbor==0.26.0        CODER_HARBOR_PYTHON=DIR/bin/python
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ordinary_user import REPOSITORY
from tests.processes import processes_with

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
TASK = {
    "task.toml": 'schema_version = "1.4"\n[task]\nname = "made/product"\n[environment]\nmemory_mb = 512\n'
    'network_mode = "no-network"\n',
    "instruction.md": "Write the product of the numbers in numbers.txt to answer.txt.\n",
    "environment/numbers.txt": "6 7\n",
    "solution/solve.sh": "#!/bin/bash\nread a b < numbers.txt; echo $((a * b)) > answer.txt; whoami\n"
    "echo kept > /logs/artifacts/kept.txt; sleep 31564 > /dev/null 2>&1 &\n",
    "tests/test.sh": "#!/bin/bash\n/tests/check.py /app/answer.txt > /logs/verifier/reward.txt\n",
    "tests/check.py": "#!/usr/bin/env python3\nimport pathlib, socket, sys\n"
    "answer = pathlib.Path(sys.argv[1])\nprint(int(answer.exists() and answer.read_text() == '42\\n'))\n"
    "try:\n    socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as error:\n"
    "    print(error.strerror, file=sys.stderr)\n",
}


UNPACK = """
import io, sys, tarfile
from pathlib import Path
from sandbox.providers import harbor

harbor._MAX_BYTES = 10_000
for name, size in (("small", 1000), ("large", 20_000)):
    with tarfile.open(fileobj=(packed := io.BytesIO()), mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = size
        archive.addfile(member, io.BytesIO(bytes(size)))
    try:
        harbor.unpack(packed.getvalue(), sys.argv[1])
        print("unpacked", Path(sys.argv[1], name).stat().st_size)
    except OSError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with coder-sandbox, for Harbor's Python."""
    folder = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, str(REPOSITORY / "tools/coder_sandbox")], check=True)
    return folder


def run_harbor(
    packages: Path, folder: Path, *options: object, files: Mapping[str, str] = TASK
) -> tuple[str, list[Path]]:
    """Return Harbor's output, and the paths of its trials' results."""
    for path, text in files.items():
        (folder / "task" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "task" / path).write_text(text)
        (folder / "task" / path).chmod(0o755)
    harbor = Path(os.environ["CODER_HARBOR_PYTHON"]).with_name("harbor")
    command = (harbor, "run", "-p", folder / "task", "-e", "sandbox.providers.harbor:Environment")
    ended = subprocess.run(
        [*command, "--yes", "-o", folder / "jobs", "--job-name", "job", *options],
        env={**os.environ, "HARBOR_TELEMETRY": "off", "PYTHONPATH": str(packages)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return ended.stdout + ended.stderr, list((folder / "jobs/job").glob("*/result.json"))


def result_of(output: str, results: list[Path]) -> dict[str, Any]:
    """Return Harbor's result of the one trial."""
    assert len(results) == 1, output
    result: dict[str, Any] = json.loads(results[0].read_text())
    return result


if "CODER_HARBOR_PYTHON" in os.environ:

    def test_a_task_runs_in_bubblewrap_and_its_oracle_passes(packages: Path, tmp_path: Path) -> None:
        output, results = run_harbor(packages, tmp_path, "-a", "oracle")

        result = result_of(output, results)
        assert result["exception_info"] is None
        assert result["verifier_result"]["rewards"] == {"reward": 1.0}
        trial = results[0].parent
        assert (trial / "agent/oracle.txt").read_text() == "sandbox\n"
        assert "unreachable" in (trial / "verifier/test-stdout.txt").read_text()
        assert [path.read_text() for path in trial.glob("artifacts/**/kept.txt")] == ["kept\n"]
        assert not processes_with("31564")

    def test_an_archive_that_grows_too_large_is_not_unpacked(packages: Path, tmp_path: Path) -> None:
        ended = subprocess.run(
            [os.environ["CODER_HARBOR_PYTHON"], "-c", UNPACK, tmp_path],
            env={**os.environ, "PYTHONPATH": str(packages)},
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

        assert ended.stdout.splitlines() == ["unpacked 1000", "The files of the sandbox have over 1 GiB."]
        assert [path.name for path in tmp_path.iterdir()] == ["small"]

    def test_an_agent_that_does_nothing_gets_no_reward(packages: Path, tmp_path: Path) -> None:
        result = result_of(*run_harbor(packages, tmp_path, "-a", "nop"))

        assert result["exception_info"] is None
        assert result["verifier_result"]["rewards"] == {"reward": 0.0}

    def test_a_task_with_an_image_is_refused_unless_it_is_told_what_to_use(
        packages: Path, tmp_path: Path
    ) -> None:
        files = {
            **TASK,
            "environment/Dockerfile": "FROM nowhere\n",
            "solution/solve.sh": "echo 42 > answer.txt\n",
        }

        output, results = run_harbor(packages, tmp_path / "refused", "-a", "oracle", files=files)
        on_host = run_harbor(packages, tmp_path / "told", "-a", "oracle", "--ek", "image=host", files=files)

        assert results == []
        assert "docker save IMAGE" in output
        assert result_of(*on_host)["verifier_result"]["rewards"] == {"reward": 1.0}
