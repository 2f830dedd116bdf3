"""Names read out of source, tests and prompts; and the target that they give."""

from pathlib import Path

import pytest

from coder.run.examples import find_examples
from coder.run.find_target import find_target
from coder.run.stored_file import StoredFile
from coder.run.target import decides
from coder.run.task import Task, TestSource
from coder.source.python_names import (
    called_free_names,
    defined_names,
    free_names,
    names_in_prompt,
    unknown_modules,
)
from coder.verify.verification import modules_of
from sandbox import Assertion, Example


def test_top_level_names_are_found_below_if_and_try_too() -> None:
    source = (
        "import os\nx: int = 1\nif x:\n    def f(): pass\ntry:\n    class C: pass\nexcept E:\n    y = 2\n"
    )

    assert defined_names(source) == {"os", "x", "f", "C", "y"}


def test_an_annotation_without_a_value_binds_nothing() -> None:
    assert defined_names("Verdict: wrong\nx: int = 1") == {"x"}


def test_a_source_that_does_not_parse_defines_nothing() -> None:
    assert defined_names("def f(:") == set()


def test_free_names_leave_out_builtins_and_what_the_code_binds() -> None:
    source = "xs = [add(i, 1) for i in range(3)]\nassert sorted(xs) == expected"

    assert free_names(source) == ["add", "expected"]
    assert called_free_names(source) == ["add"]


def test_modules_of_the_standard_library_are_known() -> None:
    source = "import math, json\nfrom solution import add, sub\nimport pytest\nfrom . import near"

    assert unknown_modules(source) == {"solution": ["add", "sub"]}


def test_a_prompt_names_its_function() -> None:
    assert names_in_prompt("Write a Python function is_even(n) that returns True for even integers") == [
        "is_even"
    ]


def test_examples_are_doctests_and_assert_lines() -> None:
    prompt = 'def f(x):\n    """Twice.\n    >>> f(2)\n    4\n    """\n\nIt holds:\nassert f(0) == 0\n'

    examples = find_examples(prompt)

    assert examples == [Example(source="f(2)\n", want="4\n"), Assertion(source="assert f(0) == 0")]


def test_a_prompt_without_examples_has_none() -> None:
    assert find_examples("Write a >> b and assert yourself.") == []


def test_the_tests_say_which_module_is_missing(tmp_path: Path) -> None:
    files = {
        "test_cart.py": StoredFile(
            text="from cart import total\n\ndef test_it():\n    assert total([]) == 0\n"
        )
    }
    task = Task(prompt="make it pass", workspace=tmp_path, test_command=("pytest", "-q"))

    target = find_target(task, files)

    assert (target.path, target.names, target.tests) == ("cart.py", ("total",), ("test_cart.py",))


def test_a_given_test_file_names_the_module_and_its_names() -> None:
    source = "from pkg.mathy import add\nassert add(1, 1) == 2\n"
    task = Task(prompt="add", test_files=(TestSource(path="test_it.py", text=source),))

    target = find_target(task, {})

    assert (target.path, target.module, target.names) == ("pkg/mathy.py", "pkg.mathy", ("add",))


def test_checks_name_what_must_be_defined() -> None:
    task = Task(prompt="do it", checks=("assert math.isclose(area(1), 3.14, abs_tol=0.01)",))

    assert find_target(task, {}).names == ("area",)


def test_the_file_that_defines_the_names_is_the_target() -> None:
    files = {
        "util.py": StoredFile(text="def add(a, b):\n    return 0\n"),
        "main.py": StoredFile(text="x = 1\n"),
    }
    task = Task(prompt="fix add", checks=("assert add(1, 1) == 2",))

    assert find_target(task, files).path == "util.py"


@pytest.mark.parametrize(
    "path",
    ["test_cart.py", "tests/util.py", "conftest.py", "pytest.ini", "pyproject.toml", "sitecustomize.py"],
)
def test_an_answer_may_not_write_what_decides(path: str) -> None:
    task = Task(prompt="p", test_command=("pytest",))
    files = {path: StoredFile(text="")}

    assert decides(path, task, find_target(task, files))


@pytest.mark.parametrize(
    ("path", "decided"), [("test_new.py", False), ("tests/new.py", False), ("conftest.py", True)]
)
def test_a_new_test_decides_nothing_and_a_new_setting_does(path: str, decided: bool) -> None:
    task = Task(prompt="p", test_command=("pytest",))

    assert decides(path, task, find_target(task, {})) == decided


def test_an_answer_may_write_code() -> None:
    task = Task(prompt="p", test_command=("pytest",))

    assert not decides("cart.py", task, find_target(task, {}))


def test_the_file_that_the_tests_import_is_the_target(tmp_path: Path) -> None:
    files = {
        "cart.py": StoredFile(text="def total(items):\n    return 0\n"),
        "shop.py": StoredFile(text="x = 1\n"),
        "test_cart.py": StoredFile(
            text="from cart import total\n\ndef test_it():\n    assert total([2]) == 2\n"
        ),
    }
    task = Task(prompt="Make the tests pass.", workspace=tmp_path, test_command=("pytest",))

    assert find_target(task, files).path == "cart.py"


def test_what_a_package_in_src_provides_is_no_name_that_is_missing() -> None:
    texts = {
        "src/shapes/__init__.py": "from shapes.flat import area\n",
        "src/shapes/flat.py": "def area(a): return a\n",
        "tests/test_flat.py": "from shapes.flat import area\n\ndef test_area(): assert area(2) == 4\n",
    }
    files = {path: StoredFile(text=text) for path, text in texts.items()}

    target = find_target(Task(prompt="Make it pass.", test_command=("pytest",), mends=True), files)

    assert (target.names, target.is_known) == ((), False)


def test_modules_are_known_by_their_packages_in_whatever_folder() -> None:
    paths = ["main.py", "src/space/inner/a.py", "lib/pack/__init__.py", "lib/pack/b.py", "lib/one.py"]

    modules = modules_of(dict.fromkeys([*paths, "tests/test_a.py"], b""))

    assert set(modules) == {"main", "src", "space", "lib", "pack", "one"}


CART = "from shop import prices\n\n\ndef total(items):\n    return sum(map(prices.of, items))\n"
PRICES = "def of(item):\n    return item\n"


def test_a_file_that_the_task_asks_for_is_the_target(tmp_path: Path) -> None:
    files = {"notes.py": StoredFile(text="x = 1\n")}
    expected_paths = {
        "Write server.py: an HTTP server that says hello.": "server.py",
        "Create a new file called `lib/clock.py` that tells the time": "lib/clock.py",
        "We need a rate limiter in limits.py.": "limits.py",
        "Write a small script hello.sh": "hello.sh",
    }

    paths = {
        words: find_target(Task(prompt=words, workspace=tmp_path), files).path for words in expected_paths
    }

    assert paths == expected_paths


def test_a_file_that_a_task_only_speaks_of_is_not_asked_for(tmp_path: Path) -> None:
    task = Task(prompt="Write a script that prints what setup.py holds.", workspace=tmp_path)

    target = find_target(task, {})

    assert (target.path, target.is_asked_for) == ("solution.py", False)


def test_of_several_files_that_may_be_at_fault_none_is_asked_for(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": StoredFile(text=""),
        "shop/cart.py": StoredFile(text=CART),
        "shop/prices.py": StoredFile(text=PRICES),
        "tests/test_shop.py": StoredFile(
            text="from shop.prices import of\n\ndef test_of(): assert of(1) == 1\n"
        ),
    }
    task = Task(prompt="The total in cart.py is wrong.", workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert not target.is_known


def test_an_example_of_what_a_package_has_asks_for_no_new_file(tmp_path: Path) -> None:
    files = {
        "src/shop/prices.py": StoredFile(text=PRICES),
        "tests/test_shop.py": StoredFile(text="import shop\n\ndef test_of(): assert shop.of(1) == 1\n"),
    }
    words = "of() cuts:\n\n    >>> shop.of(1.5)\n    1    # expected: 1.5\n"
    task = Task(prompt=words, workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert (target.is_known, target.is_asked_for) == (False, False)


def test_a_file_that_the_tests_import_isn_t_asked_for_where_it_uses_others(tmp_path: Path) -> None:
    files = {
        "shop/cart.py": StoredFile(text=CART),
        "shop/prices.py": StoredFile(text=PRICES),
        "test_cart.py": StoredFile(
            text="from shop.cart import total\n\ndef test_it(): assert total([]) == 0\n"
        ),
    }
    task = Task(prompt="Make the tests pass.", workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert (target.path, target.is_known) == ("shop/cart.py", False)


@pytest.mark.parametrize(("other", "known"), [("README.md", True), ("prices.py", False)])
def test_the_only_module_is_known_as_the_one_under_test(tmp_path: Path, other: str, *, known: bool) -> None:
    test = "from cart import total\n\ndef test_it(): assert total([]) == 0\n"
    texts = {"cart.py": "def total(items): ...\n", "test_cart.py": test, other: PRICES}
    files = {path: StoredFile(text=text) for path, text in texts.items()}
    task = Task(prompt="Make the tests pass.", workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert (target.path, target.is_known) == ("cart.py", known)


@pytest.mark.parametrize("manifest", ["", "freezegun\n"])
def test_what_is_installed_for_the_tests_is_not_to_be_written(tmp_path: Path, manifest: str) -> None:
    test = "from freezegun import freeze_time\nfrom clock import now\n\ndef test_it(): now(freeze_time)\n"
    files = {"tests/test_it.py": StoredFile(text=test), "requirements-dev.txt": StoredFile(text=manifest)}
    if not manifest:
        files["clock.py"] = StoredFile(text="def now(): ...\n")
    task = Task(prompt="Make the tests pass.", workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert target.path == "clock.py"
    assert "freeze_time" not in target.names


@pytest.mark.parametrize("package", ["shop/__init__.py", "src/shop/__init__.py", "src/shop/prices.py"])
def test_where_tests_import_what_is_there_no_further_module_is_to_be_written(
    tmp_path: Path, package: str
) -> None:
    test = "import shop\nfrom typing_extensions import assert_type\n\ndef test_it(): assert_type(shop, int)\n"
    files = {package: StoredFile(text=PRICES), "tests/test_it.py": StoredFile(text=test)}
    files["pyproject.toml"] = StoredFile(text="[project]\nname = 'shop'\n")
    task = Task(prompt="of() cuts its result.", workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert target.path != "typing_extensions.py"
    assert "assert_type" not in target.names


def test_the_only_module_of_src_is_the_one_under_test(tmp_path: Path) -> None:
    test = "from cart import total\n\ndef test_it(): assert total([]) == 0\n"
    texts = {"src/cart.py": "def total(items): ...\n", "tests/test_cart.py": test}
    files = {path: StoredFile(text=text) for path, text in texts.items()}
    task = Task(prompt="Make the tests pass.", workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, files)

    assert (target.path, target.is_known) == ("src/cart.py", True)


def test_code_that_a_task_quotes_is_not_asked_for_beside_files_that_are_there(tmp_path: Path) -> None:
    quoted = "This fails:\n\n```python\ndef load(path):\n    return total(read(path))\n```\n"
    task = Task(prompt=quoted, workspace=tmp_path, test_command=("pytest",))

    target = find_target(task, {"cart.py": StoredFile(text="import prices\n")})

    assert target.names == ()
