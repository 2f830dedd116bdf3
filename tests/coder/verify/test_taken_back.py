"""What passes where the functions of a change do what they did before it shows nothing of the change."""

import pytest

from coder.verify.change_trace import Seen
from coder.verify.taken_back import take_back
from tests.coder.verify.test_change_trace import DOUBLED, MARKED, SHOP, TABLE, verified
from tests.coder.verify.test_trial import PASSED, begun, trial_of
from tests.kept_sandboxes import KEPT

pytestmark = KEPT

TOUCHED = MARKED.replace("    return RATE * n", "    n = n\n    return RATE * n")
TOTAL = f"{SHOP}\n\ndef total(items):\n    pass\n"
RATES = {"shop.py": TABLE, "rates.json": '{"de": 1}'}
CONFIG = "class Config:\n    rate = 1\n\n    def price(self, n):\n        return self.rate * n\n"


def python(code: str) -> str:
    return f"python3 -c '{code}'"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "check"),
    [
        ({"shop.py": SHOP}, {"shop.py": TOUCHED}, python("import shop; shop.price(1); assert shop.FIXED")),
        (
            {"shop.py": SHOP},
            {"shop.py": TOUCHED},
            python("import shop; assert shop.price(1) == 1 and shop.FIXED"),
        ),
        (
            {"shop.py": SHOP},
            {"shop.py": DOUBLED},
            f"grep -q '2 . n' shop.py && {python('import shop; shop.price(1)')}",
        ),
        (
            {"shop.py": SHOP},
            {"shop.py": DOUBLED, "DONE": ""},
            python('import os, shop\ntry: assert shop.price(2) == 0\nexcept AssertionError: open("DONE")'),
        ),
        ({"shop.py": SHOP}, {"shop.py": TOTAL}, python("import shop; shop.total([])")),
        (
            RATES,
            {"rates.json": '{"de": 1, "x": 2}'},
            python('import json, shop; shop.rate("de"); assert json.load(open("rates.json"))["x"]'),
        ),
        ({"app.py": "print(1)\n"}, {"app.py": "X = 1\nprint(1)\n"}, "python3 app.py && grep X app.py"),
        (
            {"shop.py": CONFIG},
            {"shop.py": CONFIG.replace("rate = 1", "rate = 1\n    fixed = True")},
            python("import shop; c = shop.Config(); c.price(1); assert c.fixed"),
        ),
    ],
    ids=[
        "a constant", "a constant and an old value", "its source", "a swallowed error", "an empty function",
        "data", "a program's source", "a constant of a class",
    ],
)  # fmt: skip
async def test_a_check_that_passes_without_what_the_functions_of_a_change_do_proves_nothing(
    before: dict[str, str], after: dict[str, str], check: str
) -> None:
    outcome = await verified(before, after, check)

    assert outcome.verified != "reproduced"
    assert outcome.unshown.endswith("so it proves nothing")


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"shop.js": "let n = 1;\n"}], ids=["Python", "another language, too"])
@pytest.mark.parametrize(
    ("body", "shown"),
    [("price(3) == 6", True), ("price(0) == 0 and shop.FIXED", False)],
    ids=["value", "constant"],
)
async def test_nor_does_such_a_new_test(body: str, shown: bool, more: dict[str, str]) -> None:
    files: dict[str, str | None] = {
        **more,
        "shop.py": DOUBLED + "FIXED = True\n",
        "test_two.py": f"import shop\nfrom shop import price\n\n\ndef test_it():\n    assert {body}\n",
    }

    async with trial_of(begun({"shop.py": SHOP}), files) as trial:
        outcome = await trial.tests(PASSED, ("test_two.py::test_it",))

    assert (outcome.verified == "reproduced") is shown
    assert ("passes, too, where the functions of the change do" in outcome.unshown) is not shown


CORE = "def total(items):\n    return sum(items)\n"
WORDS = """import re

WORD = '[a-z]+'
PATTERN = re.compile(WORD)


def words(text):
    return PATTERN.findall(text)
"""
HANDLERS = "HANDLERS = {}\n\n\ndef two():\n    return 2\n"
POINT = "import dataclasses\n\n\n@dataclasses.dataclass\nclass P:\n    x: int\n"
OVER = "class A:\n    def x(self):\n        return 1\n\n\nclass B(A):\n    def x(self):\n        return 2\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "check"),
    [
        (
            {"pkg/__init__.py": "", "pkg/core.py": CORE},
            {"pkg/__init__.py": "from .core import total\n"},
            python("import pkg; assert pkg.total([1, 2]) == 3"),
        ),
        (
            {"shop.py": WORDS},
            {"shop.py": WORDS.replace("a-z", "a-z0-9")},
            python('import shop; assert shop.words("a1 b") == ["a1", "b"]'),
        ),
        (
            {"shop.py": "price = lambda n: n\n"},
            {"shop.py": "price = lambda n: 2 * n\n"},
            python("import shop; assert shop.price(2) == 4"),
        ),
        (
            {"shop.py": HANDLERS},
            {"shop.py": f"{HANDLERS}\n\nHANDLERS['two'] = two\n"},
            python('import shop; assert shop.HANDLERS["two"]() == 2'),
        ),
        (
            {"conf.py": "RATE = 1\n", "shop.py": "import conf\n\ndef price(n):\n    return conf.RATE * n\n"},
            {"conf.py": "RATE = 2\n"},
            python("import shop; assert shop.price(2) == 4"),
        ),
        (
            {"shop.py": SHOP},
            {"pricing.py": "def price(n):\n    return 2 * n\n", "shop.py": "from pricing import price\n"},
            python("import shop; assert shop.price(2) == 4"),
        ),
        (
            {"shop.py": POINT},
            {"shop.py": f"{POINT}    y: int = 3\n"},
            python("import shop; assert shop.P(1).y == 3"),
        ),
        (
            {"shop.py": OVER},
            {"shop.py": OVER.rpartition("    def")[0] + "    pass\n"},
            python("import shop; assert shop.B().x() == 1"),
        ),
        (
            {"shop.py": CONFIG},
            {"shop.py": CONFIG + "\n\nclass Dear(Config):\n    rate = 3\n"},
            python("import shop; assert shop.Dear().price(1) == 3"),
        ),
        (RATES, {"rates.json": '{"de": 2}'}, python('import shop; assert shop.rate("de") == 2')),
    ],
    ids=[
        "export", "pattern", "lambda", "registration", "settings", "moved", "field", "removed", "subclass",
        "data",
    ],
)  # fmt: skip
async def test_a_check_of_what_the_change_does_outside_of_functions_still_reproduces_the_task(
    before: dict[str, str], after: dict[str, str], check: str
) -> None:
    outcome = await verified(before, after, check)

    assert (outcome.verified, outcome.unshown) == ("reproduced", "")


def test_what_is_taken_back_keeps_the_text_of_the_change_in_comments() -> None:
    taken_back = take_back({"shop.py": SHOP}, {"shop.py": DOUBLED}, {"shop.py": DOUBLED}, Seen())

    assert "#     return 2 * n\n" in taken_back["shop.py"]
    assert taken_back["shop.py"].endswith(
        "\ndef price(n):\n    return RATE * n\n\ndef rebate(n):\n    return 0\n"
    )
