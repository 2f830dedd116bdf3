"""A Docker image as SWE-bench has one for each instance: a package in /testbed, installed in place."""

import json
from collections.abc import Mapping

from benchmarks.suite import RepositoryCase
from benchmarks.suites.swebench import swebench_case
from tests.benchmarks.judge.patches import diff
from tests.docker_engine import IMAGE
from tests.docker_images import build_from

ENVIRONMENT = "/opt/miniconda3/envs/testbed"
"""Where SWE-bench's images have the Python of the tests."""
BASE = {
    "src/shop/__init__.py": "",
    "src/shop/prices.py": "def total(prices, rate=0):\n    return sum(prices)\n",
    "tests/conftest.py": "import only_in_testbed\n",
    "tests/test_prices.py": "from shop.prices import total\n\n\ndef test_sum(): assert total([1, 2]) == 3\n",
    ".git/HEAD": "ref: refs/heads/main\n",
}
GOLD = {"src/shop/prices.py": "def total(prices, rate=0):\n    return round(sum(prices) * (1 + rate), 2)\n"}
TESTS = {
    "tests/test_prices.py": BASE["tests/test_prices.py"]
    + "\n\ndef test_rate():\n    assert total([1, 2], 0.5) == 4.5\n"
    + "\n\ndef test_place():\n    import shop\n    assert shop.__file__.startswith('/w/src/')\n"
}
RECORD = {
    "instance_id": "org__shop-1",
    "repo": "org/shop",
    "base_commit": "0" * 40,
    "problem_statement": "total() ignores its rate.",
    "patch": diff(BASE, GOLD),
    "test_patch": diff(BASE, TESTS),
    "FAIL_TO_PASS": json.dumps(["tests/test_prices.py::test_rate"]),
    "PASS_TO_PASS": json.dumps(["tests/test_prices.py::test_sum", "tests/test_prices.py::test_place"]),
}
SITE = {
    "only_in_testbed.py": "",
    "__editable___shop_1_finder.py": """
import importlib.util, os, sys
MAPPING = {"shop": "/testbed/src/shop"}
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            return importlib.util.spec_from_file_location(name, MAPPING[name] + "/__init__.py")
first = bool(os.environ.get("SHOP_EDITABLE_FIRST"))
sys.meta_path.insert(0 if first else len(sys.meta_path), Finder)
""",
    "__editable__.shop-1.pth": "import __editable___shop_1_finder",
}
"""Of that Python: what installs the package in place, as setuptools does, or, when it is told so, Meson."""
_DOCKERFILE = f"""\
FROM {IMAGE}
USER root
COPY testbed /testbed
COPY site /tmp/site
RUN ln -s prices.py /testbed/src/shop/linked.py && \\
    python3 -m venv --without-pip {ENVIRONMENT} && \\
    place=$(echo {ENVIRONMENT}/lib/python3*/site-packages) && \\
    echo /opt/sandbox/lib/python3*/site-packages > $place/tool.pth && \\
    cp /tmp/site/* $place/
"""


def build(tag: str) -> None:
    """Build it on top of the image that sandboxes have, without a network."""
    testbed = {f"testbed/{path}": text for path, text in BASE.items()}
    build_from(tag, _DOCKERFILE, testbed | {f"site/{path}": text for path, text in SITE.items()})


def instance(image: str, **more: object) -> RepositoryCase:
    """The case of a line of SWE-bench."""
    return swebench_case({**RECORD, "image": image, **more}, "suite.jsonl, line 1")


def answer(after: Mapping[str, str | None]) -> str:
    """A patch of the base."""
    return diff(BASE, after)
