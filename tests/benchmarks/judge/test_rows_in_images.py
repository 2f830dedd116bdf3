"""Rows of data sets like SWE-bench, judged in an image: each runner at each of two places, with its tests.

The image has the tree at each place where these data sets have it. Go is the machine's own. What is read
of all rows, `tests/benchmarks/suites/test_rows_of_data_sets.py` tests: it makes cases such as these of each.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.swebench_image import ENVIRONMENT
from tests.benchmarks.judge.swebench_rows import FILES, NAME, ROWS
from tests.docker_engine import IMAGE
from tests.docker_images import build_from, remove
from tests.programs import require_toolchain

pytestmark = [pytest.mark.slow, pytest.mark.foreign, pytest.mark.asyncio(loop_scope="session")]
GO = Path("/usr/lib/go-1.19")
JUDGED = {
    "pytest in /testbed, no tests that passed before": ROWS["Verified"][1],
    "pytest in /app": ROWS["Pro"][0],
    "go in /shop, by the row's command": ROWS["rebench"][1],
    "go in /testbed, by the files of its tests": ROWS["Multilingual"][1],
}
DOCKERFILE = f"""\
FROM {IMAGE}
USER root
COPY tree /testbed
COPY tree /app
COPY tree /shop
COPY go {GO}
ENV PATH=$PATH:{GO}/bin
RUN python3 -m venv --without-pip {ENVIRONMENT} && \\
    own=$(echo {ENVIRONMENT}/lib/python3*/site-packages) && \\
    image=$(echo /opt/sandbox/lib/python3*/site-packages) && \\
    touch $own/only_in_testbed.py && \\
    echo $image > $own/tool.pth && printf '/testbed/src\\n/app/src\\n' > $own/shop.pth
"""


def write_go(folder: Path) -> Path:
    """Copy what `go test` needs of the machine's own Go: 1.19 has its standard library compiled."""
    require_toolchain("go", path=str(GO / "bin"))
    unused = shutil.ignore_patterns("*_test.go", "testdata", "cmd", "linux_amd64_*", "api", "misc", "test")
    tools = shutil.ignore_patterns("trace", "pprof", "dist", "doc", "cover", "objdump", "fix", "cgo", "api")
    for name in ("bin", "VERSION", "src", "pkg/linux_amd64", "pkg/include"):
        if (GO / name).is_dir():
            shutil.copytree((GO / name).resolve(), folder / name, ignore=unused)
        elif (GO / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(GO / name, folder / name)
    shutil.copytree(GO / "pkg/tool", folder / "pkg/tool", ignore=tools)
    return folder


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def judge(tmp_path_factory: pytest.TempPathFactory, docker_engine: None) -> AsyncIterator[Judge]:
    go = await asyncio.to_thread(write_go, tmp_path_factory.mktemp("go"))
    tree = {f"tree/{path}": text for path, text in FILES.items()}
    await asyncio.to_thread(build_from, NAME, DOCKERFILE, tree, {"go": go})
    async with open_judge(Suite(name="rows", version="1", cases=tuple(JUDGED.values()))) as judge:
        yield judge
    await asyncio.to_thread(remove, NAME)


@pytest.mark.parametrize("case", JUDGED.values(), ids=JUDGED)
async def test_the_patch_of_a_row_passes_and_its_base_fails(judge: Judge, case: RepositoryCase) -> None:
    own = await judge.judge(case, case.gold_patch or "")
    nothing = await judge.judge(case, "")

    assert own.verdict == "passed", own.detail
    assert (own.strength == "weak") == (case.runner == "go"), own.strength
    assert nothing.verdict == "failed", nothing.detail
