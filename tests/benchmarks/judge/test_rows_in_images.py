"""Rows of Verified, Live, Pro, rebench and Multilingual, two made here for each, judged in an image.

The image has one tree, with a package in Python and one in Go, at each place where these data sets have it.
Go is the machine's own. Nothing here is of the data sets themselves.
"""

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from benchmarks.suites.records import Record
from benchmarks.suites.swebench import swebench_case
from tests.benchmarks.judge.patches import diff
from tests.benchmarks.judge.swebench_image import BASE, ENVIRONMENT, GOLD
from tests.docker_engine import IMAGE
from tests.docker_images import build_from, remove
from tests.programs import require_toolchain

pytestmark = [pytest.mark.slow, pytest.mark.foreign, pytest.mark.asyncio(loop_scope="module")]
NAME = f"coder-test-rows:{secrets.token_hex(4)}"
GO = Path("/usr/lib/go-1.19")
GO_BASE = {
    "go.mod": "module example.org/shop\n\ngo 1.19\n",
    "count/count.go": "package count\n\nfunc Count(items []int) int { return 0 }\n",
}
GO_GOLD = {"count/count.go": "package count\n\nfunc Count(items []int) int { return len(items) }\n"}
GO_TESTS = {
    "count/count_test.go": """package count

import "testing"

func TestSome(t *testing.T) {
	for _, size := range []int{1, 3} {
		t.Run("size", func(t *testing.T) {
			if Count(make([]int, size)) != size {
				t.Fatal("wrong")
			}
		})
	}
}

func TestNone(t *testing.T) {
	if Count(nil) != 0 {
		t.Fatal("wrong")
	}
}
"""
}
FILES = {**BASE, **GO_BASE}
TESTS = {
    "tests/test_prices.py": BASE["tests/test_prices.py"]
    + "\n\nimport pytest\n\n\n@pytest.mark.parametrize('rate', [0.5, 1])\ndef test_rate(rate):\n"
    + "    assert total([1, 2], rate) == 3 * (1 + rate)\n"
    + "\n\nclass TestTotal:\n    def test_none(self): assert total([]) == 0\n"
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
PYTEST: Record = {
    "patch": diff(FILES, GOLD),
    "test_patch": diff(FILES, TESTS),
    "FAIL_TO_PASS": ["tests/test_prices.py::test_rate[0.5]", "tests/test_prices.py::test_rate[1]"],
    "PASS_TO_PASS": ["tests/test_prices.py::test_sum", "tests/test_prices.py::TestTotal::test_none"],
}
GO_TEST: Record = {
    "patch": diff(FILES, GO_GOLD),
    "test_patch": diff(FILES, GO_TESTS),
    "FAIL_TO_PASS": ["TestSome", "TestSome/size"],
    "PASS_TO_PASS": ["TestNone"],
}


def row(name: str, tests: Record, **more: object) -> RepositoryCase:
    common: Record = {
        "instance_id": f"org__shop-{name}",
        "repo": "org/shop",
        "base_commit": "0" * 40,
        "problem_statement": "It is wrong.",
        "image_name": NAME,
        "version": "1.0",
        "created_at": "2026-01-01T00:00:00Z",
        "hints_text": "",
    }
    return swebench_case({**common, **tests, **more}, "rows.jsonl, line 1")


def as_json(tests: Record) -> Record:
    """Lists as strings, as SWE-bench has them."""
    return {name: json.dumps(value) if isinstance(value, list) else value for name, value in tests.items()}


def as_python(tests: Record) -> Record:
    """Lists in Python's notation under names in lower case, as Pro has them."""
    return {name.lower(): str(value) if isinstance(value, list) else value for name, value in tests.items()}


def rebench(test_cmd: object, log_parser: str) -> dict[str, object]:
    return {"install_config": {"test_cmd": test_cmd, "log_parser": log_parser}, "meta": {}}


ROWS = {
    "Verified": (
        row("1", as_json(PYTEST), environment_setup_commit="0" * 40, difficulty="<15 min fix"),
        row("2", as_json({**PYTEST, "PASS_TO_PASS": []}), difficulty="1-4 hours"),
    ),
    "Live": (
        row("3", PYTEST, test_cmds=["pytest -rA"], log_parser="pytest"),
        row("4", GO_TEST, test_cmds=["go test -v ./..."], log_parser="go"),
    ),
    "Pro": (
        row("5", as_python(PYTEST), dockerhub_tag="org.shop-5", repo_language="python"),
        row("6", as_python(GO_TEST), dockerhub_tag="org.shop-6", repo_language="go"),
    ),
    "rebench": (
        row("7", PYTEST, **rebench("pytest --no-header -rA", "parse_log_pytest")),
        row("8", GO_TEST, language="go", **rebench(["go test -v ./..."], "parse_log_gotest")),
    ),
    "Multilingual": (
        row("9", as_json(GO_TEST)),
        row("10", as_json({**GO_TEST, "FAIL_TO_PASS": ["TestSome"], "PASS_TO_PASS": []})),
    ),
}


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


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge(tmp_path_factory: pytest.TempPathFactory, docker_engine: None) -> AsyncIterator[Judge]:
    go = await asyncio.to_thread(write_go, tmp_path_factory.mktemp("go"))
    tree = {f"tree/{path}": text for path, text in FILES.items()}
    await asyncio.to_thread(build_from, NAME, DOCKERFILE, tree, {"go": go})
    cases = tuple(case for pair in ROWS.values() for case in pair)
    async with open_judge(Suite(name="rows", version="1", cases=cases)) as judge:
        yield judge
    await asyncio.to_thread(remove, NAME)


@pytest.mark.parametrize("cases", ROWS.values(), ids=ROWS)
async def test_the_patch_of_a_row_passes_and_its_base_fails(
    judge: Judge, cases: tuple[RepositoryCase, RepositoryCase]
) -> None:
    for case in cases:
        own = await judge.judge(case, case.gold_patch or "")
        nothing = await judge.judge(case, "")

        assert own.verdict == "passed", own.detail
        assert (own.strength == "weak") == (case.runner == "go"), own.strength
        assert nothing.verdict == "failed", nothing.detail


async def test_the_rows_lie_where_their_data_sets_have_them() -> None:
    trees = {name: {case.tree for case in cases} for name, cases in ROWS.items()}

    assert trees == {
        "Verified": {"/testbed"},
        "Live": {"/testbed"},
        "Pro": {"/app"},
        "rebench": {"/testbed", "/shop"},
        "Multilingual": {"/testbed"},
    }
