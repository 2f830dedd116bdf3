"""Every block of the README does what the text around it says."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faulty_endpoint import calls, faulty_endpoint, says
from tests.programs import require_embedded_model

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
FIXED = "add.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n"
TEST = """import unittest
from add import add

class Adding(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(add(2, 3), 5)
"""


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """Environment of a new user, after a first `./run`, so that the set-up prints nothing later."""
    prefixes = ("CODER_", "VIRTUAL_ENV")
    kept = {n: v for n, v in os.environ.items() if not n.endswith("_API_KEY") and not n.startswith(prefixes)}
    shell("./run --version", kept)
    return kept


@pytest.fixture
def environ(variables: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return variables | {"HOME": str(tmp_path), "CODER_HOME": str(tmp_path / "data")}


def block(words: str) -> str:
    """The one block with these words in it."""
    (content,) = [text for _, text in BLOCKS if words in text]
    return str(content)


def shell(text: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-e", "-c", text],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_the_first_run_is_solved_by_the_embedded_model_and_says_so_first(environ: dict[str, str]) -> None:
    require_embedded_model()
    done = shell(block('./run solve "Write'), environ)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith("✓ solved")
    assert "def is_even" in done.stdout
    assert "small model" in done.stderr


def test_a_model_of_the_users_own_is_shown_before_the_embedded_one() -> None:
    first = next(text for _, text in BLOCKS if "./run solve" in text)

    assert "--base-url" in first
    assert BLOCKS.index(("sh", first)) < BLOCKS.index(("sh", block('./run solve "Write')))


@pytest.mark.slow
def test_a_folder_and_an_endpoint_of_ones_own(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "add.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "project" / "test_add.py").write_text(TEST)

    with faulty_endpoint(says(FIXED)) as endpoint:
        done = shell(block("~/project").replace("http://127.0.0.1:8080/v1", endpoint.url), environ)

    assert done.returncode == 0, done.stderr
    assert "return a + b" in (tmp_path / "project" / "add.py").read_text()


@pytest.mark.slow
def test_a_failing_test_is_mended_as_the_recording_shows(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "add.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "shop" / "test_add.py").write_text(TEST)
    command = "sed -i 's/a - b/a + b/' add.py && python3 -m unittest"

    with faulty_endpoint(calls("bash", command=command), calls("done", summary="")) as endpoint:
        acts = {
            "CODER_BASE_URL": endpoint.url,
            "CODER_MODEL": "m",
            "CODER_STRATEGY": "act",
        }
        done = shell(block("./run fix"), {**environ, **acts})

    assert done.returncode == 0, done.stderr
    assert "return a + b" in (tmp_path / "shop" / "add.py").read_text()
    assert _masked(done.stderr) == _masked(block("programs run in bubblewrap"))


def _masked(text: str) -> str:
    """The text without names of models and runs, and without figures that differ between runs."""
    text = re.sub(r"· \S+ answers", "· MODEL answers", text)
    return re.sub(r"cost unknown|run_\w+|\$?[\d,]*\d\.\d+|[\d,]+ tokens", "N", text).strip()


@pytest.mark.slow
def test_a_suite_is_scored_and_gated(environ: dict[str, str], tmp_path: Path) -> None:
    with faulty_endpoint(says(FIXED)) as endpoint:
        script = block("--min-strength apart").replace("report.json", f"{tmp_path}/report.json")
        model = f"--slice 0:1 --base-url {endpoint.url} --model m"
        done = shell(script.replace("--model openai/gpt-5.4-mini", model), environ)

    assert done.returncode == 1, "the one answer is wrong, and the gate says so: " + done.stderr
    assert "pass@1" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_right_answer_is_rewarded(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(block("Rewarder"))

    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert done.stdout == "[1.0]\n", done.stderr


@pytest.mark.slow
def test_the_doctor_finds_that_it_can_work(environ: dict[str, str]) -> None:
    done = shell(block("./run doctor"), environ)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("✓")


@pytest.mark.slow
def test_the_library_example_solves_its_task(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(block("solve_sync"))

    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert done.stdout == "solved checks\n", done.stderr


def test_no_block_is_left_without_a_test() -> None:
    assert len(BLOCKS) == 9
    assert len(README.split()) <= 900
