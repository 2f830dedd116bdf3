"""A suite of Harbor tasks in CI: the script of the action gates it, and leaves what a reviewer opens."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import pytest_asyncio

from tests.benchmarks.harbor.tasks_made import TEST_SH, make_task
from tests.faulty_endpoint import calls, faulty_endpoint

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
ROOT = Path(__file__).parents[3]
KEY = "sk-of-the-reviewer-0123456789abcdef"
LOGS = TEST_SH.replace("#!/bin/bash\n", "#!/bin/bash\necho looked at $(cat /app/answer.txt)\n")


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


def gated(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of CI on the tasks of a folder."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "SUITE": "harbor:tasks",
        "OPENAI_API_KEY": KEY,
        **variables,
    }
    command = ["bash", str(ROOT / "tools/gate.sh")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


async def test_a_model_that_solves_one_of_two_tasks_fails_the_gate_and_leaves_pages(tmp_path: Path) -> None:
    for name in ("a/first", "b/second"):
        make_task(tmp_path / "tasks" / name, test=LOGS)
    script = (
        calls("bash", command="echo 42 > answer.txt; echo $OPENAI_API_KEY"),
        calls("done", summary="It is done."),
        calls("done", summary="It is done, too."),
    )

    with faulty_endpoint(*script) as endpoint:
        ended = gated(
            tmp_path,
            MODEL="toy",
            ARGUMENTS=f"--base-url {endpoint.url} --price 1,1 --workers 1",
            MIN_PASS="0.9",
            MIN_STRENGTH="apart",
            MAX_COST="1",
        )

    assert ended.returncode == 1, ended.stderr
    folder = tmp_path / "coder-report"
    report = (folder / "report.html").read_text()
    links = re.findall(r'"page":"(cases/[\w-]+\.html)"', report)
    pages = [(folder / link).read_text() for link in links]
    assert len(pages) == 2
    (passed,) = [page for page in pages if 'class="verdict passed"' in page]
    for text in (
        "Write the answer to /app/answer.txt",
        "+++ b/app/answer.txt",
        "looked at 42",
        "It is done.",
    ):
        assert text in passed
    cases = ElementTree.parse(folder / "junit.xml").iter("testcase")
    assert {case.findtext("system-out") for case in cases} == {"strength: apart"}
    assert KEY not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


async def test_the_tasks_own_solutions_become_a_baseline_that_doing_nothing_falls_below(
    tmp_path: Path,
) -> None:
    make_task(tmp_path / "tasks/first")

    oracle = gated(tmp_path, ARGUMENTS="--agent oracle", MIN_PASS="1", STRICT="true")
    (tmp_path / "coder-report/report.json").rename(tmp_path / "baseline.json")
    nothing = gated(tmp_path, ARGUMENTS="--agent nop", BASELINE="baseline.json", STRICT="true")

    assert oracle.returncode == 0, oracle.stderr
    assert nothing.returncode == 1, nothing.stderr
