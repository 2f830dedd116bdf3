"""Which changed files belong to the tests: those that only tests and the test command use, however deep."""

from pathlib import Path

import pytest

from coder.run.find_target import find_target
from coder.run.ownership import Ownership
from coder.run.stored_file import StoredFile
from coder.run.target import Target, decides
from coder.run.task import Task
from tests.linear_work import assert_linear

SHOP = "def price(n):\n    return n\n"
TEST = "from shop import price\n\n\ndef test_price():\n    assert price(2) == 4\n"
PROMPT = "Doubling is wrong for two."
UNDER_TEST = ("shop.py", "lib/price.js", "src/price.c")


def cases(name: str, only: str = "") -> list[object]:
    """Folders of a file beside this one: `=== PATH | COMMAND | PROMPT`, and `--- PATH` before each text.

    Args:
        only: the command whose folders are meant; empty for all.
    """
    rows: list[object] = []
    for case in Path(__file__).with_name(name).read_text().removeprefix("=== ").split("\n=== "):
        head, *parts = case.split("\n--- ")
        path, command, *prompt = head.split(" | ")
        files = {part.partition("\n")[0]: part.partition("\n")[2] + "\n" for part in parts}
        if only in ("", command):
            case_id = f"{len(rows)} {path}"
            rows.append(pytest.param(path, command, (prompt or [PROMPT])[0], files, id=case_id))
    return rows


def target_of(files: dict[str, str], command: str, prompt: str = PROMPT) -> tuple[Task, Target]:
    task = Task(prompt=prompt, test_command=tuple(command.split()))
    return task, find_target(task, {path: StoredFile(text=text) for path, text in files.items()})


@pytest.mark.parametrize(("path", "command", "prompt", "files"), cases("files_of_tests.txt"))
def test_a_file_that_only_the_tests_use_is_the_tests(
    path: str, command: str, prompt: str, files: dict[str, str]
) -> None:
    task, target = target_of(files, command, prompt)

    assert decides(path, task, target)
    assert not any(decides(one, task, target) for one in UNDER_TEST)


@pytest.mark.parametrize(("path", "command", "prompt", "files"), cases("files_of_products.txt"))
def test_a_repair_of_a_file_of_the_product_is_none_of_the_tests(
    path: str, command: str, prompt: str, files: dict[str, str]
) -> None:
    task, target = target_of(files, command, prompt)

    assert not decides(path, task, target)


def test_what_may_be_tested_or_a_part_of_the_tests_is_unclear() -> None:
    test = "from shop import price\nfrom helper import same\n\ndef test_p(): same(price(2), 4)\n"
    files = {"shop.py": SHOP, "test_it.py": test, "helper.py": "def same(a, b): return a == b or 1 / 0\n"}
    task, target = target_of(files, "pytest")

    assert not decides("helper.py", task, target)
    assert target.is_unclear("helper.py")


def test_a_check_that_the_task_names_beside_another_file_decides() -> None:
    files = {
        "shop.py": SHOP,
        "run.sh": "python3 check.py\n",
        "check.py": "import shop\nassert shop.price(2) == 4\n",
    }
    task, target = target_of(files, "sh run.sh", "Mend shop.py so that check.py passes.")

    assert decides("check.py", task, target)
    assert not decides("shop.py", task, target)


@pytest.mark.slow
def test_a_side_takes_time_that_grows_with_the_number_of_files() -> None:
    def project(count: int) -> tuple[Task, Target]:
        files = {f"src/part{n % 300}/m{n}.py": SHOP * 40 for n in range(count)}
        files |= {"test_shop.py": f"{TEST}open('wanted.json')\n", "shop.py": SHOP, "wanted.json": "4\n"}
        return target_of(files, "pytest")

    def decide(of: tuple[Task, Target]) -> None:
        assert decides("wanted.json", *of)

    assert_linear(decide, project, size=30_000)


def test_data_that_the_tests_read_beside_no_code_is_what_they_test() -> None:
    texts = {"test_sum.py": "def test_it():\n    assert open('sum.txt').read() == '3'\n", "sum.txt": "0"}

    owned = Ownership(texts, ["test_sum.py"], started=("pytest",), prompt="Mend it.")

    assert owned.side("sum.txt") == "product"
