"""Our sandbox inside Inspect, in an environment of its own: Inspect's checks, and a made evaluation.

Without it, which `.ci/run` makes, these tests aren't there:

pip install -e '.[inspect]' pytest pytest-asyncio        CODER_INSPECT_PYTHON=…/bin/python
"""

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
HERE = Path(__file__).parent
PYTEST = (
    *(
        "-m",
        "pytest",
        "-c",
        "/dev/null",
        "--rootdir",
        str(HERE),
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-q",
    ),
    *("-o", "asyncio_default_fixture_loop_scope=module", "-o", "asyncio_default_test_loop_scope=module"),
    *("-o", "asyncio_mode=auto", str(HERE / "self_check_inspect.py")),
)
CHECKS = 44
"""Of inspect-ai 0.3.285's `self_check`; a later one may have more."""

if "CODER_INSPECT_PYTHON" in os.environ:
    PYTHON = os.environ["CODER_INSPECT_PYTHON"]

    def test_inspects_own_checks_pass_but_those_that_need_root(tmp_path: Path) -> None:
        report = tmp_path / "report.xml"

        ended = subprocess.run(
            [PYTHON, *PYTEST, f"--junitxml={report}"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr
        suite = ElementTree.parse(report).getroot().find("testsuite")
        assert suite is not None
        assert int(suite.attrib["tests"]) >= CHECKS
        skipped = [case.attrib["name"] for case in suite.iter("testcase") if case.find("skipped") is not None]
        assert skipped == ["test_exec_as_user"]

    def test_an_evaluation_runs_a_models_commands_in_our_sandbox(tmp_path: Path) -> None:
        command = (Path(PYTHON).with_name("inspect"), "eval", "made_inspect_task.py", "--sandbox", "coder")
        options = ("--log-dir", tmp_path, "--log-format", "json", "--display", "plain")

        ended = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=300, check=False, cwd=HERE
        )

        assert ended.returncode == 0, ended.stdout + ended.stderr
        log = json.loads(next(tmp_path.glob("*.json")).read_text())
        assert log["status"] == "success"
        assert log["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 1.0
        (sample,) = log["samples"]
        outputs = [message["content"] for message in sample["messages"] if message["role"] == "tool"]
        assert outputs == ["sandbox\n6 and 7\nset up\n"]
