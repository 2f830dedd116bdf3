"""SWE-bench as JSON Lines: an instance a line, whose tree lies in an image of its own.

Its hidden tests come as a patch, applied in memory to the tree that is read out of the image. Only projects
that pytest tests can be judged: the names in FAIL_TO_PASS have to be pytest's.
"""

from benchmarks.suite import RepositoryCase
from benchmarks.suites.fields import make
from benchmarks.suites.records import Record
from benchmarks.suites.repotasks import difficulty, node_ids

FIELDS = frozenset({"instance_id", "problem_statement", "test_patch", "FAIL_TO_PASS"})
TREE = "/testbed"
"""Where the official images have the repository."""
TIMEOUT_S = 1800.0
"""The official harness' limit for the tests of one instance."""


def swebench_case(record: Record, where: str) -> RepositoryCase:
    """The case of one line."""
    fail = node_ids(record, "FAIL_TO_PASS", where)
    passing = node_ids(record, "PASS_TO_PASS", where)
    image = record.get("image") or record.get("image_name")
    return make(
        RepositoryCase,
        where,
        id=record.get("instance_id"),
        prompt=record.get("problem_statement"),
        timeout_s=TIMEOUT_S,
        files={},
        tree=TREE,
        hidden_tests={},
        test_patch=record.get("test_patch"),
        gold_patch=record.get("patch"),
        fail_to_pass=fail,
        pass_to_pass=passing,
        difficulty=difficulty(record),
        image=image or official_image(str(record.get("instance_id"))),
    )


def official_image(instance: str) -> str:
    """The name that the benchmark's authors give an instance's image on Docker's registry."""
    return f"swebench/sweb.eval.x86_64.{instance.lower().replace('__', '_1776_')}:latest"
