"""The tests that are nearest to what a task names, in the words of the command that runs them all."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from coder.config.project_tests.command_lines import PYTEST
from coder.config.project_tests.find import with_found_tests
from coder.config.project_tests.nearest import nearest_tests
from coder.config.task_file import mending_task
from coder.run.found_tests import FoundTests
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task

SHOP = {
    "shop/cart.py": "def total(): ...\n",
    "shop/money.py": "def price(): ...\n",
    "tests/test_cart.py": "from shop import cart\n\n\ndef test_total(): ...\n",
    "tests/test_all.py": "from shop.cart import total\n\n\ndef test_it(): ...\n",
    "tests/test_money.py": "from shop import money\n\n\ndef test_price(): ...\n",
}
UNITTESTS = {path: text.replace("def test_", "class T(TestCase): #") for path, text in SHOP.items()}
JEST = {
    "package.json": '{"scripts": {"test": "jest --ci"}}',
    "src/cart.ts": "export const total = 1;\n",
    "src/cart.test.ts": "import { total } from './cart';\n",
    "src/money.test.ts": "import { price } from './money';\n",
}
NODE = {"cart.js": "", "test/cart.js": "require('node:test')", "test/money.js": "require('node:test')"}
MOCHA = {
    "package.json": '{"scripts": {"test": "mocha --exit -r test/setup.js --reporter spec \'test/*.js\'"}}',
    "lib/cart.js": "",
    "test/setup.js": "",
    "test/cart.js": "require('../lib/cart')",
    "test/money.js": "require('../lib/money')",
}
CRATE = {
    "Cargo.toml": "[package]\nname = 'shop'\n",
    "src/lib.rs": "mod cart;\n",
    "src/cart.rs": "#[cfg(test)]\nmod tests {}\n",
    "tests/all.rs": "use shop::cart::total;\n",
    "tests/other/main.rs": "use shop::money;\n",
}
CRATES = {
    "Cargo.toml": "[workspace]\nmembers = ['a', 'b']\n",
    "a/Cargo.toml": "[package]\nname = 'a-cart'\n",
    "a/src/lib.rs": "#[test]\nfn total() {}\n",
    "b/Cargo.toml": "[package]\nname = 'b'\n",
}
MAVEN = {
    "pom.xml": "<project/>",
    "src/main/java/shop/Cart.java": "package shop; class Cart {}\n",
    "src/test/java/shop/CartTest.java": "class CartTest {}\n",
    "src/test/java/shop/TestAll.java": "class TestAll { Cart cart; }\n",
    "src/test/java/shop/MoneyTest.java": "class MoneyTest {}\n",
}
GO = {"cart/cart.go": "package cart\n", "cart/all_test.go": "package cart\n", "money/money_test.go": ""}


@pytest.mark.parametrize(
    ("texts", "argv", "named", "expected"),
    [
        (SHOP, PYTEST, "shop/cart.py", (*PYTEST, "tests/test_cart.py", "tests/test_all.py")),
        (SHOP, (*PYTEST, "-x", "tests"), "shop/money.py", (*PYTEST, "-x", "tests/test_money.py")),
        (SHOP, PYTEST, "tests/test_all.py", (*PYTEST, "tests/test_all.py")),
        (
            UNITTESTS, ("python", "-m", "unittest", "discover"), "shop/money.py",
            ("python", "-m", "unittest", "tests/test_money.py"),
        ),
        (JEST, ("npm", "test"), "src/cart.ts", ("npm", "test", "--", "src/cart.test.ts")),
        (JEST, ("npx", "vitest", "run"), "src/cart.ts", ("npx", "vitest", "run", "src/cart.test.ts")),
        (
            SHOP, (*PYTEST, "--rootdir", "tests"), "shop/money.py",
            (*PYTEST, "--rootdir", "tests", "tests/test_money.py"),
        ),
        (NODE, ("node", "--test"), "cart.js", ("node", "--test", "test/cart.js")),
        (GO, ("go", "test", "-race", "./..."), "cart/cart.go", ("go", "test", "-race", "./cart")),
        (
            MOCHA, ("npm", "test"), "lib/cart.js",
            ("npx", "mocha", "--exit", "-r", "test/setup.js", "--reporter", "spec", "test/cart.js"),
        ),
        (MOCHA, ("npx", "mocha", "test/"), "test/money.js", ("npx", "mocha", "test/money.js")),
        (
            CRATE, ("cargo", "test", "-r", "--", "--nocapture"), "src/cart.rs",
            ("cargo", "test", "-r", "--lib", "--test", "all", "--", "--nocapture"),
        ),
        (CRATE, ("cargo", "test"), "tests/other/main.rs", ("cargo", "test", "--test", "other")),
        (CRATES, ("cargo", "test", "--workspace"), "a/src/lib.rs", ("cargo", "test", "-p", "a-cart")),
        (
            MAVEN, ("mvn", "test"), "src/main/java/shop/Cart.java",
            ("mvn", "-Dtest=CartTest,TestAll", "-Dsurefire.failIfNoSpecifiedTests=false", "test"),
        ),
    ],
)  # fmt: skip
def test_a_runner_that_takes_files_runs_those_that_are_nearest(
    texts: Mapping[str, str], argv: tuple[str, ...], named: str, expected: tuple[str, ...]
) -> None:
    nearest = nearest_tests(FoundTests(argv=argv, place="a"), [named], texts)

    assert nearest is not None
    assert (nearest.argv, nearest.nearest_to) == (expected, (named,))


def test_a_command_in_a_folder_stays_there() -> None:
    texts = {f"web/{path}": text for path, text in SHOP.items()}
    found = FoundTests(argv=("sh", "-c", "cd web && python -m pytest -q"), place="a")

    nearest = nearest_tests(found, ["web/shop/money.py"], texts)

    assert nearest is not None
    assert nearest.argv[-1] == "cd web && python -m pytest -q tests/test_money.py"


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("make", "test"), "shop/cart.py"),
        (("npm", "test"), "shop/cart.py"),
        (PYTEST, "README.md"),
        (("cargo", "test"), "shop/cart.py"),
        (("npx", "ava"), "shop/cart.py"),
    ],
)
def test_nothing_is_narrowed_for_another_runner_or_where_no_test_is_near(
    argv: tuple[str, ...], named: str
) -> None:
    assert nearest_tests(FoundTests(argv=argv, place="a"), [named], SHOP) is None


def test_they_follow_the_command_that_runs_all_for_a_task_that_names_a_file(tmp_path: Path) -> None:
    files = {path: StoredFile.of(text.encode()) for path, text in SHOP.items()}
    task = Task(prompt="Mend total() in shop/cart.py.", workspace=tmp_path)

    found = with_found_tests(task, Settings(), files).found
    of_no_file = with_found_tests(task.model_copy(update={"prompt": "Mend it."}), Settings(), files).found

    of_fix = with_found_tests(
        mending_task(None, tmp_path, hint="It is in shop/cart.py."), Settings(), files
    ).found

    assert [tests.nearest_to for tests in found[:2]] == [(), ("shop/cart.py",)]
    assert not any(tests.nearest_to for tests in of_fix)  # it waits for all of them
    assert not any(tests.nearest_to for tests in of_no_file)
