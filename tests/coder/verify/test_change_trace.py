"""Whether a test or check runs code of a change: what counts as changed code, and as run."""

from typing import Any

import pytest

from coder.run.message import Outcome
from coder.verify.change_trace import ChangedCode, find_changed_code, started_files
from tests.coder.verify.test_trial import begun, trial_of
from tests.kept_sandboxes import KEPT
from tests.programs import require_toolchain

pytestmark = KEPT

SHOP = "RATE = 1\n\n\ndef price(n):\n    return RATE * n\n\n\ndef rebate(n):\n    return 0\n"
DOUBLED = SHOP.replace("return RATE * n", "return 2 * n")
MARKED = SHOP + "\n\nFIXED = True\n"
TABLE = "import json\n\n\ndef rate(c):\n    return json.load(open('rates.json'))[c]\n"
POINT = "import dataclasses\n\n\n@dataclasses.dataclass\nclass P:\n    x: int\n"
OUTER = """import os, subprocess, sys

program = os.path.abspath("cli.py")
os.mkdir("sub")
print(subprocess.check_output([sys.executable, program], cwd="sub", text=True))
"""
WORKER = """import threading
import shop

threading.Thread(target=lambda: print(shop.price(2))).start()
"""


def changed(before: str, after: str) -> ChangedCode:
    return find_changed_code({"shop.py": before}, {"shop.py": after})


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (SHOP, ChangedCode()),
        (f"# fixed\n{SHOP}", ChangedCode()),
        (SHOP.replace("def rebate(n):\n", 'def rebate(n):\n    """Fixed."""\n'), ChangedCode()),
        (DOUBLED, ChangedCode(functions={"shop.py": (4,)})),
        (SHOP.replace("def price", "@cache\ndef price"), ChangedCode(functions={"shop.py": (4,)})),
        (MARKED, ChangedCode(files=("shop.py",))),
        (SHOP.partition("\n\n\ndef rebate")[0] + "\n", ChangedCode(files=("shop.py",))),
        (SHOP + "class A:\n    X = 1\n", ChangedCode(files=("shop.py",))),
        (SHOP + "class A(Enum):\n    X = 1\n", ChangedCode(functions={"shop.py": (10,)})),
        (
            f"{SHOP}class A:\n    def b(self):\n        return 1\n",
            ChangedCode(functions={"shop.py": (11,)}, files=("shop.py",)),
        ),
        ("price(\n", ChangedCode(files=("shop.py",))),
        (f"X = {' + '.join('1' * 5000)}\n", ChangedCode(files=("shop.py",))),
    ],
)
def test_comments_are_no_code_and_constants_belong_to_no_function(after: str, code: ChangedCode) -> None:
    assert changed(SHOP, after) == code


def test_a_script_that_the_change_adds_for_its_check_is_no_code_of_the_project() -> None:
    paths = {"verify.py", "shop.py", "tools/look.py"}

    assert started_files("python3 verify.py && python -m tools.look -c 'import shop'", paths) == {
        "verify.py",
        "tools/look.py",
    }


async def verified(before: dict[str, str], after: dict[str, Any], check: str) -> Outcome:
    async with trial_of(begun(before), {**after}, check) as trial:
        return await trial.check(Outcome(passed=True, verified="none"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "check"),
    [
        ({"shop.py": SHOP}, {"shop.py": SHOP, "DONE": ""}, "test -f DONE"),
        ({"shop.py": SHOP}, {"shop.py": "# fixed\n" + SHOP}, "head -1 shop.py | grep fixed"),
        ({"shop.py": SHOP}, {"shop.py": MARKED}, "python3 -c 'import shop; assert shop.FIXED'"),
        ({"shop.py": SHOP}, {"shop.py": MARKED}, "python3 -c \"assert 'FIXED' in open('shop.py').read()\""),
        (
            {"shop.py": SHOP},
            {"shop.py": MARKED, "verify.py": "import shop\n\n\ndef main():\n    shop.FIXED\n\n\nmain()\n"},
            "python3 verify.py",
        ),
    ],
    ids=["a file", "a comment", "a constant", "its source", "a script of the check's own"],
)
async def test_a_check_that_runs_nothing_of_the_change_proves_nothing(
    before: dict[str, str], after: dict[str, str], check: str
) -> None:
    outcome = await verified(before, after, check)

    assert (outcome.verified, outcome.strength) == ("none", "none")
    assert outcome.unshown.startswith("the check `")
    assert outcome.unshown.endswith("runs no code of the change, so it proves nothing")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "check"),
    [
        ({"shop.py": SHOP}, {"shop.py": DOUBLED}, "python3 -c 'import shop; assert shop.price(2) == 4'"),
        (
            {"shop.py": SHOP},
            {"shop.py": SHOP.replace("RATE = 1", "RATE = 2")},
            "python3 -c 'import shop; assert shop.price(2) == 4'",
        ),
        ({"shop.py": POINT}, {"shop.py": f"{POINT}    y: int\n"}, "python3 -c 'import shop; shop.P(1, 2)'"),
        (
            {"shop.py": TABLE, "rates.json": '{"de": 1}'},
            {"rates.json": '{"de": 2}'},
            "python3 -c 'import shop; assert shop.rate(\"de\") == 2'",
        ),
        (
            {"lib/shop.py": SHOP, "cli.py": "import shop\nprint(shop.price(2))\n"},
            {"lib/shop.py": DOUBLED},
            "test $(PYTHONPATH=lib python3 cli.py) = 4",
        ),
        (
            {"shop.py": SHOP, "cli.py": "import shop\nprint(shop.price(2))\n", "outer.py": OUTER},
            {"shop.py": DOUBLED},
            "python3 outer.py | grep 4",
        ),
        ({"app.py": "print(1)\n"}, {"app.py": "print(2)\n"}, "python3 app.py | grep 2"),
        ({"shop.py": SHOP, "a.py": WORKER}, {"shop.py": DOUBLED}, "python3 a.py | grep 4"),
        ({"readme.md": ""}, {"app.py": "print(2)\n"}, "python3 app.py | grep 2"),
    ],
    ids=["-c", "a rate", "a field", "data", "PYTHONPATH", "a child", "program", "thread", "new program"],
)  # fmt: skip
async def test_a_check_that_runs_what_changes_reproduces_the_task(
    before: dict[str, str], after: dict[str, str], check: str
) -> None:
    outcome = await verified(before, after, check)

    assert (outcome.verified, outcome.unshown) == ("reproduced", "")


NODE = 'const test = require("node:test"); test("two", () => { if (require("./shop")(2) !== 4) throw 1; });\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "verified_by"),
    [
        ("node --test b.test.js", "reproduced"),
        ("grep 2 shop.js", "none"),
        ("node -e 'process.exit(require(\"./shop\")(2) - 4)'", "none"),
    ],
)
async def test_in_another_language_a_known_runner_has_to_report_a_test(check: str, verified_by: str) -> None:
    require_toolchain("node", path="/usr/bin")
    before = {"shop.js": "module.exports = n => n;\n"}
    after = {"shop.js": "module.exports = n => 2 * n;\n", "b.test.js": NODE}

    outcome = await verified(before, after, check)

    assert outcome.verified == verified_by
