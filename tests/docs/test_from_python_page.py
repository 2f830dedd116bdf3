"""The page about Python: each of its programs runs, and what it says of configuration holds."""

import re
from pathlib import Path

import pytest

from coder import Run, Settings
from tests.faulty_endpoint import faulty_endpoint, says

PAGE = (Path(__file__).parents[2] / "docs/how-to/from-python.md").read_text()
IN_A_FOLDER, WITHOUT = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
WRONG = "def total(prices):\n    return sum(prices) + prices[-1]\n"
RIGHT = "def total(prices):\n    return sum(prices)\n"
TEST = """import unittest

from shop import total


class Test(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([1, 2]), 3)
"""


def ran(program: str, answer: str) -> Run:
    """The run of a program of the page, where an endpoint on loopback gives this answer."""
    names: dict[str, object] = {}
    with faulty_endpoint(says(answer)) as endpoint:
        assert "http://127.0.0.1:8080/v1" in program
        exec(program.replace("http://127.0.0.1:8080/v1", endpoint.url), names)
    run = names["run"]
    assert isinstance(run, Run)
    return run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder for the log, and a configuration of the user's that names another model."""
    config = tmp_path / "config" / "coder" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('model = "nowhere/nothing"\nmax_calls = 1\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_pages_first_program_repairs_a_folder_within_its_limits_and_reads_no_configuration(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = home / "shop"
    shop.mkdir()
    (shop / "shop.py").write_text(WRONG)
    (shop / "test_shop.py").write_text(TEST)

    run = ran(IN_A_FOLDER, f"shop.py\n<<<<<<< SEARCH\n{WRONG}=======\n{RIGHT}>>>>>>> REPLACE\n")

    assert (run.status, run.landed, run.limits.max_calls) == ("solved", ("shop.py",), 20)
    assert (shop / "shop.py").read_text() == RIGHT
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["solved tests pass", "('shop.py',) diff --git a/shop.py b/shop.py"]


@pytest.mark.slow
def test_the_pages_second_program_prints_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    run = ran(WITHOUT, "```python\ndef add(a, b):\n    return a + b\n```\n")

    assert (run.status, run.verified) == ("solved", "checks")
    assert capsys.readouterr().out == "def add(a, b):\n    return a + b\n\n"


def test_the_fields_that_the_page_names_are_there() -> None:
    settings, _, result = PAGE.partition("## The result")
    lines = [line.split(": ", 1)[0] for line in result.splitlines() if line.startswith("- `")]
    field_names = [name for line in lines for name in re.findall(r"`(\w+)`", line)]

    assert len(field_names) > 15
    assert {*field_names} <= {*Run.model_fields}
    assert {*re.findall(r"`(\w+)=", settings)} <= {*Settings.model_fields}
