"""`coder solve` on a task that says what a given test has to expect: typed, in a file, and by others."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says

OLD, NEW = "<Money 5>", "Money(5, EUR)"
CODE = f'class Money:\n    def __repr__(self):\n        return "{OLD}"\n'
TEST = f"""import unittest
from money import Money


class Shown(unittest.TestCase):
    def test_repr(self):
        self.assertEqual(repr(Money()), "{OLD}")
"""
TASK = f"The repr of Money has to be `{NEW}` from now on."
CHANGE = f"```bash\nsed -i 's/{OLD}/{NEW}/' money.py test_money.py\n```"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["typed", "in a file", "standard input", "in CI"])
async def test_only_the_users_own_words_change_what_a_given_test_expects(
    console: Console, folder: Path, tmp_path: Path, way: str
) -> None:
    (folder / "money.py").write_text(CODE)
    (folder / "test_money.py").write_text(TEST)
    (tmp_path / "task.md").write_text(TASK)
    task = {"in a file": ("--file", str(tmp_path / "task.md")), "standard input": ("-",)}.get(way, (TASK,))
    flags = ("--strategy", "act", "--test", "python3 -m unittest -q", "--json")
    with faulty_endpoint(says(CHANGE), says("DONE")) as endpoint:
        flags += ("--base-url", endpoint.url, "-m", "toy")
        typed = TASK.encode() if way == "standard input" else b""
        done = console.run(
            "solve", *task, ".", *flags, cwd=folder, stdin=typed, CI="true" if way == "in CI" else ""
        )

    run = json.loads(done.out)
    assert run["reproduced_by"] == ["test_money.Shown.test_repr"], done.err
    assert (run["calls"], len(endpoint.requests)) == (2, 2)
    if way in ("typed", "in a file"):
        assert (done.code, run["status"], run["ordered"]) == (0, "solved", ["test_money.Shown.test_repr"])
        assert "the task changes what these tests expect: test_money.Shown.test_repr" in done.err
        assert NEW in (folder / "test_money.py").read_text()
    else:
        assert (done.code, run["status"], run["landed"]) == (8, "unverified", [])
