"""`examples/agent.py` is a working agent: it acts in a sandbox, and is judged where its code can't reach."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.faulty_endpoint import FaultyEndpoint, calls, error, faulty_endpoint, says

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "examples" / "agent.py"
CHECK = "assert add(2, 3) == 5"
RIGHT = "printf 'def add(a, b):\\n    return a + b\\n' > solution.py"
WRONG = "printf 'def add(a, b):\\n    return a - b\\n' > solution.py"


def run(address: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = (
        sys.executable,
        str(AGENT),
        "Write add(a, b).",
        "--base-url",
        address,
        "--model",
        "toy",
        *arguments,
    )
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def contents(endpoint: FaultyEndpoint, number: int) -> list[str]:
    """The contents of the messages of a request."""
    return [message["content"] for message in endpoint.requests[number].body["messages"]]


@pytest.mark.slow
def test_code_that_fails_a_check_is_repaired_until_it_passes() -> None:
    first, second = calls("bash", command=WRONG), calls("bash", command=RIGHT)
    with faulty_endpoint(first, says("Done."), second, says("Now it adds.")) as endpoint:
        done = run(endpoint.url, "--check", CHECK)

    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "solved"), done.stderr
    assert done.stdout == "# solution.py\ndef add(a, b):\n    return a + b\n\n"
    assert contents(endpoint, 1)[-1] == "\n[exit 0]"
    assert contents(endpoint, 2)[-1] == f"Checks fail:\n{CHECK}\n  expected: 5\n  actual:   -1"


@pytest.mark.slow
def test_at_the_limit_of_answers_it_is_unsolved_and_shows_what_there_is() -> None:
    with faulty_endpoint(calls("bash", command=WRONG), says("Done.")) as endpoint:
        done = run(endpoint.url, "--check", CHECK, "--max-answers", "2")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "unsolved"), done.stderr
    assert "return a - b" in done.stdout
    assert len(endpoint.requests) == 2


@pytest.mark.slow
def test_a_call_that_cannot_be_carried_out_is_told_to_the_model() -> None:
    other, broken = calls("python", source="1"), calls("bash", script="ls")
    with faulty_endpoint(other, broken, calls("bash", command=RIGHT), says("Done.")) as endpoint:
        done = run(endpoint.url, "--check", CHECK)

    assert done.returncode == 0, done.stderr
    assert contents(endpoint, 1)[-1] == "There is no tool 'python'. Call: bash"
    assert contents(endpoint, 2)[-1] == "The call wasn't carried out: KeyError('command')"


@pytest.mark.slow
def test_commands_of_the_model_reach_nothing_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a secret of mine")
    reach = (
        f"cat {tmp_path}/secret.txt; echo spoilt > {tmp_path}/made.txt; echo spoilt > /var/tmp/of-the-agent"
    )
    with faulty_endpoint(
        calls("bash", command=reach), calls("bash", command=RIGHT), says("Done.")
    ) as endpoint:
        done = run(endpoint.url, "--check", CHECK)

    assert done.returncode == 0, done.stderr
    assert "a secret of mine" not in contents(endpoint, 1)[-1]
    assert not (tmp_path / "made.txt").exists()
    assert not Path("/var/tmp/of-the-agent").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "cheat",
    [
        "import os\nos._exit(0)",
        "class Five:\n    def __eq__(self, other):\n        return True\ndef add(a, b):\n    return Five()",
        "import builtins\nbuiltins.AssertionError = ValueError\ndef add(a, b):\n    return 0",
    ],
)
def test_code_that_forges_its_verdict_is_unsolved(cheat: str) -> None:
    write = f"cat > solution.py <<'END'\n{cheat}\nEND"
    with faulty_endpoint(calls("bash", command=write), says("Done.")) as endpoint:
        done = run(endpoint.url, "--check", CHECK, "--max-answers", "2")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "unsolved"), done.stderr


@pytest.mark.slow
def test_an_endpoint_that_refuses_the_key_is_one_line() -> None:
    with faulty_endpoint(error(401, "no key")) as endpoint:
        refused = run(endpoint.url, "--check", CHECK)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: ")


def test_the_readme_shows_the_heart_of_the_example() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (heart,) = [block for block in blocks if "model.answer" in block]

    assert textwrap.indent(heart, "    ") in AGENT.read_text()
    assert len(AGENT.read_text().splitlines()) <= 200
