"""The wheel coder-sandbox holds the sandbox and its verdicts, and works without the agent."""

import tempfile
import tomllib
from pathlib import Path

import pytest

from tests.ordinary_user import REPOSITORY
from tests.wheel_user import User

PROJECT = REPOSITORY / "tools/coder_sandbox"
TOOLS = ("autogen", "harbor", "inspect", "smolagents", "verifiers")
"""Extras of other tools, which have the sandbox as a part."""
SCRIPT = """
import importlib.util
from sandbox import PythonCode
from sandbox.open import open_sandbox_sync
from sandbox.verdicts import check
with open_sandbox_sync() as sandbox:
    print(sandbox.run(PythonCode(source="print(6 * 7)")).stdout.strip(), sandbox.backend)
print(importlib.util.find_spec("coder"), check.__name__)
"""


def test_its_backends_and_requirements_are_those_of_the_whole() -> None:
    own = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    whole = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    groups = whole["dependency-groups"]

    assert own["entry-points"]["sandbox.backends"] == whole["project"]["entry-points"]["sandbox.backends"]
    assert own["dependencies"] == groups["verdicts"]
    extras = own["optional-dependencies"]
    of_tools = {name: needs for name, needs in extras.items() if name in TOOLS}
    own_needs = [need for name, needs in extras.items() if name not in TOOLS for need in needs]
    assert {*own["dependencies"], *own_needs} == {*groups["sandbox"]}
    assert of_tools == {name: whole["project"]["optional-dependencies"][name] for name in TOOLS}
    assert own["entry-points"]["inspect_ai"] == whole["project"]["entry-points"]["inspect_ai"]


@pytest.mark.foreign
@pytest.mark.slow
def test_pip_installs_it_and_a_program_runs_without_the_agent() -> None:
    with tempfile.TemporaryDirectory(prefix="coder-user-", ignore_cleanup_errors=True) as home:
        user = User(Path(home), PROJECT)
        python = user.venv_with(user.wheel) / "python"

        lines = user.runs(python, "-c", SCRIPT).splitlines()
        assert lines == [
            "42 bubblewrap",
            "None sandbox.verdicts.check",
        ]
