"""Packages that the tests need are offered to be installed, once, before a model is asked."""

import zipfile
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says

TEST = """import unittest
from calc import add
from expects import five


class Calc(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), five())
"""
OFFER, CHANGE = "Install it?", "Change calc.py?"
HOSTS = "may reach pypi.org, files.pythonhosted.org"


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder whose test needs a package that a wheel in the folder holds, and fails besides."""
    (folder / "wheels").mkdir()
    with zipfile.ZipFile(folder / "wheels" / "expects-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("expects.py", "def five():\n    return 5\n")
        metadata = {
            "METADATA": "Metadata-Version: 2.1\nName: expects\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }
        for name, text in metadata.items():
            wheel.writestr(f"expects-1.0.dist-info/{name}", text)
    (folder / "requirements.txt").write_text("--no-index\n--find-links wheels\nexpects\n")
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(TEST)
    return folder


def typed(console: Console, endpoint: FaultyEndpoint, *words: str, **answers: str) -> Finished:
    flags = ("--base-url", endpoint.url, "-m", "toy")
    by_text = {{"offer": OFFER, "change": CHANGE}[name]: f"{text}\n" for name, text in answers.items()}
    return console.on_terminal(*words, *flags, answers=by_text, columns=200)


@pytest.mark.slow
def test_a_yes_installs_them_and_the_tests_decide(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        done = typed(console, endpoint, "fix", str(project), offer="y", change="y")

    assert (done.code, (project / "calc.py").read_text()) == (0, RIGHT), done.out
    before, _, after = done.out.partition(OFFER)
    assert "The tests need expects, which isn't installed" in before
    assert HOSTS in before
    assert "answers" in before  # the model is named, and not asked
    assert "python -m unittest, from test_calc.py; 1 fails" in after
    assert OFFER not in after


@pytest.mark.slow
def test_a_no_ends_a_task_to_mend_tests_without_a_call(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        done = typed(console, endpoint, "fix", str(project), offer="n")

    assert done.code == 2
    assert done.out.count(OFFER) == 1
    assert endpoint.requests == []


@pytest.mark.slow
def test_a_no_lets_another_task_go_on_without_tests(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        words = ("solve", "Mend add(): it subtracts.", str(project), "--keep")
        done = typed(console, endpoint, *words, offer="n", change="y")

    assert done.out.count(OFFER) == 1
    assert "from test_calc.py; they can't be run: The tests need expects" in done.out
    assert endpoint.requests != []


@pytest.mark.slow
def test_a_no_to_packages_of_a_given_command_refuses(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        words = ("fix", str(project), "--test", "python3 -m unittest -q")
        done = typed(console, endpoint, *words, offer="n")

    assert done.code == 7
    assert endpoint.requests == []


@pytest.mark.slow
def test_without_a_person_the_flag_is_named(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        done = console.run("fix", ".", "--base-url", endpoint.url, "-m", "toy", cwd=project)

    assert done.code == 2
    assert OFFER not in done.err
    assert "with --install" in done.err
    assert endpoint.requests == []
