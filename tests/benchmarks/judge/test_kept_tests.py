"""What this machine can't run, or a patch has no content of, is left out and named."""

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import RECORDED
from tests.benchmarks.judge.patches import diff
from tests.benchmarks.judge.test_logged_tests import DJANGO, DJANGO_GOLD
from tests.benchmarks.judge.test_repository import BASE, GOLD, HIDDEN, case

pytestmark = [pytest.mark.asyncio(loop_scope="session"), RECORDED]

SKIPPED = """

@pytest.mark.skipif(True, reason="there is no such machine")
def test_elsewhere():
    assert False


def test_later():
    pytest.skip("not now")
"""
WHOLE = "import pytest\n\npytest.importorskip('no_such_module')\n\n\ndef test_other():\n    assert False\n"
RATES = ["tests/test_prices.py::test_rate[0.5-4.5]", "tests/test_prices.py::test_rate[0.1-3.3]"]
KEPT = [f"tests/test_prices.py::test_{name}" for name in ("sum", "elsewhere", "later")]
STUB = "diff --git a/a.png b/a.png\nnew file mode 100644\nBinary files /dev/null and b/a.png differ\n"
STUB_REMARK = "(left out, as the patch has no content of them: a.png)"


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


def with_skips(**more: object) -> RepositoryCase:
    hidden = {"tests/test_prices.py": HIDDEN["tests/test_prices.py"] + SKIPPED, "tests/test_more.py": WHOLE}
    names = {"fail_to_pass": RATES, "pass_to_pass": [*KEPT, "tests/test_more.py::test_other"]}
    return case(hidden_tests=hidden, **({"id": "skips"} | names | more))


@pytest.mark.slow
async def test_tests_to_keep_that_are_skipped_with_the_cases_own_patch_too_count_as_kept(
    judge: Judge,
) -> None:
    own = await judge.judge(with_skips(), diff(BASE, GOLD))
    wrong = await judge.judge(with_skips(), "")

    skipped = "tests/test_more.py::test_other, tests/test_prices.py::test_elsewhere, "
    remark = f"(skipped here with the case's own patch, too: {skipped}tests/test_prices.py::test_later)"
    assert (own.verdict, own.strength, own.detail) == ("passed", "strong", remark)
    assert wrong.verdict == "failed"


@pytest.mark.slow
async def test_one_that_has_to_be_mended_is_not_skipped(judge: Judge) -> None:
    missing = with_skips(id="missing", fail_to_pass=[*RATES, KEPT[1]], pass_to_pass=[])

    judged = await judge.judge(missing, diff(BASE, GOLD))

    assert judged.verdict == "infrastructure"
    assert KEPT[1] in judged.detail


@pytest.mark.slow
async def test_the_log_of_another_runner_tells_it_too(judge: Judge) -> None:
    tests = (
        "import unittest\nfrom django.text import slug\n\n\nclass SlugTests(unittest.TestCase):\n"
        "    def test_blank(self):\n        self.assertEqual(slug('A b'), 'a-b')\n\n"
        "    @unittest.skip('no database')\n    def test_data(self):\n        self.fail()\n"
    )
    names = [f"test_{name} (text.tests.SlugTests.test_{name})" for name in ("blank", "data")]
    django = case(
        id="django", runner="django", files={path: text.encode() for path, text in DJANGO.items()},
        hidden_tests={"tests/text/tests.py": tests}, gold_patch=diff(DJANGO, DJANGO_GOLD),
        fail_to_pass=names[:1], pass_to_pass=names[1:],
    )  # fmt: skip

    judged = await judge.judge(django, diff(DJANGO, DJANGO_GOLD))

    assert (judged.verdict, judged.strength) == ("passed", "weak")
    assert names[1] in judged.detail


@pytest.mark.slow
async def test_a_binary_file_without_content_beside_a_right_change_is_left_out_and_named(
    judge: Judge,
) -> None:
    right = await judge.judge(case(), f"{diff(BASE, GOLD)}{STUB}")
    alone = await judge.judge(case(), STUB)

    assert (right.verdict, right.strength, right.detail) == ("passed", "strong", STUB_REMARK)
    assert (alone.verdict, alone.detail) == (
        "error",
        "the patch can't be applied: no content of binary files: a.png",
    )
