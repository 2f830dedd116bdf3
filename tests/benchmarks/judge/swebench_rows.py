"""Rows of Verified, Live, Pro, rebench and Multilingual, two made here for each.

They are about one tree, with a package in Python and one in Go. Nothing here is of the data sets themselves.
"""

import json
import secrets

from benchmarks.suite import RepositoryCase
from benchmarks.suites.records import Record
from benchmarks.suites.swebench import swebench_case
from tests.benchmarks.judge.patches import diff
from tests.benchmarks.judge.swebench_image import BASE, GOLD

NAME = f"coder-test-rows:{secrets.token_hex(4)}"
"""The image of all rows."""
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
