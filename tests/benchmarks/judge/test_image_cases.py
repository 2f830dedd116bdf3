"""Cases in an image of their own: the image's Python runs the patched tree, and no case is left out."""

import asyncio
import functools
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.swebench_image import BASE, GOLD, RECORD, answer, build, instance
from tests.coder.people.cli.console import Console
from tests.docker_engine import IMAGE
from tests.docker_images import remove
from tests.faulty_endpoint import faulty_endpoint, says
from tests.only_pytest import only_pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")
OTHER = RepositoryCase(
    id="other",
    prompt="",
    files={"one.py": b"def one():\n    return 2\n"},
    hidden_tests={"test_one.py": "import one\n\n\ndef test_one(): assert one.one() == 1\n"},
    fail_to_pass=("test_one.py::test_one",),
)
ONE = "--- a/one.py\n+++ b/one.py\n@@ -2 +2 @@\n-    return 2\n+    return 1\n"
PRICES = "src/shop/prices.py"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def image(docker_engine: None) -> AsyncIterator[str]:
    tag = f"coder-test-swebench:{secrets.token_hex(4)}"
    await asyncio.to_thread(build, tag)
    yield tag
    await asyncio.to_thread(remove, tag)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def judge(image: str) -> AsyncIterator[Judge]:
    async with open_judge(Suite(name="images", version="1", cases=(instance(image),))) as judge:
        yield judge


@pytest.mark.slow
async def test_its_own_patch_passes_among_decoys_and_the_tree_as_it_is_fails(
    judge: Judge, image: str
) -> None:
    case = instance(image)

    right = await judge.judge(case, case.gold_patch or "")
    nothing = await judge.judge(case, "")

    assert (right.verdict, right.strength) == ("passed", "decoyed")
    assert nothing.verdict == "failed"
    assert "test_rate" in nothing.detail


@pytest.mark.slow
@pytest.mark.parametrize(
    "after",
    [
        {PRICES: "import os\nos._exit(0)\n"},
        {"conftest.py": "import pytest\n\n\ndef pytest_runtest_call(item): item.obj = lambda: None\n"},
        {PRICES: "import _pytest.python as p\np.Function.runtest = lambda self: None\ntotal = None\n"},
    ],
    ids=["ends the process", "adds a conftest", "replaces the test"],
)
async def test_a_patch_that_cheats_does_not_pass(judge: Judge, image: str, after: dict[str, str]) -> None:
    assert (await judge.judge(instance(image), answer(after))).verdict in ("failed", "tampered")


@pytest.mark.slow
async def test_a_package_that_python_takes_from_the_image_judges_nobody(judge: Judge, image: str) -> None:
    first = instance(image, instance_id="first").model_copy(
        update={"environment": {"SHOP_EDITABLE_FIRST": "1"}}
    )

    verdict = await judge.judge(first, first.gold_patch or "")

    assert verdict.verdict == "infrastructure"
    assert "shop is imported from /testbed/src/shop" in verdict.detail


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_a_case_with_its_own_files_and_the_image_s_python_is_judged_apart(judge: Judge) -> None:
    one = OTHER.model_copy(update={"image": IMAGE, "gold_patch": ONE})

    right = await judge.judge(one, ONE)

    assert (right.verdict, right.strength) == ("passed", "strong")


@pytest.mark.usefixtures("docker_engine")
async def test_a_folder_that_the_image_lacks_is_said(judge: Judge) -> None:
    lost = instance(IMAGE, instance_id="lost")

    assert "There is no /testbed of the image" in (await judge.judge(lost, "")).detail


@pytest.mark.slow
async def test_an_image_that_is_not_there_is_said_and_other_cases_go_on() -> None:
    missing = instance("coder-test-swebench:nowhere")
    suite = Suite(name="images", version="1", cases=(missing, OTHER))

    async with open_judge(suite, python=only_pytest()) as judge:
        unjudged = await judge.judge(missing, answer(GOLD))
        other = await judge.judge(OTHER, ONE)

    assert unjudged.verdict == "infrastructure"
    assert "docker pull coder-test-swebench:nowhere" in unjudged.detail or "Docker" in unjudged.detail
    assert other.verdict == "passed"


@pytest.mark.slow
async def test_a_model_is_given_the_tree_of_the_image_and_its_patch_is_judged(
    image: str, tmp_path: Path
) -> None:
    (tmp_path / "suite.jsonl").write_text(json.dumps({**RECORD, "image": image, "patch": None}))
    edit = f"<<<<<<< SEARCH\n{BASE[PRICES]}=======\n{GOLD[PRICES]}>>>>>>> REPLACE\n"

    with faulty_endpoint(says(f"{PRICES}\n```python\n{edit}```\n")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--one-shot", "--price", "1,1", "--json")
        run = functools.partial(Console(tmp_path).run, OPENAI_API_KEY="x")
        done = await asyncio.to_thread(run, "bench", "run", "suite.jsonl", *model)

    (verdict,) = json.loads(done.out)["verdicts"]
    assert (verdict["verdict"], verdict["strength"], done.code) == ("passed", "weak", 0), done.err
