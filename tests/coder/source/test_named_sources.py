"""Names of files in a prompt; a prompt may be of any length and shape, as the text of an issue is."""

import pytest

from coder.run.command_inputs import deciding_files
from coder.source.named_sources import named_sources
from tests.linear_work import assert_linear

SOURCES = ("calc.py", "pkg/core.py", "pkg/text.sh")


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("Mend calc.py.", ["calc.py"]),
        ("see ...calc.py, --file=./pkg/core.py", ["calc.py", "pkg/core.py"]),
        ("(-calc.py) /work/pkg/text.sh:3", ["calc.py", "pkg/text.sh"]),
        ("../pkg/core.py and .calc", ["pkg/core.py"]),
        ("no file here, e.g. xxxx", []),
    ],
)
def test_files_are_named_by_their_paths(prompt: str, named: list[str]) -> None:
    assert named_sources(prompt, SOURCES) == named


@pytest.mark.parametrize("unit", ["x", "a/", "-", "a.", "/", ".", "./", ".-", "-x"])
def test_a_long_word_in_a_prompt_costs_no_more_than_its_length(unit: str) -> None:
    def read(prompt: str) -> None:
        named_sources(prompt, SOURCES)
        deciding_files(["sh", "calc.py"], dict.fromkeys(SOURCES, ""), prompt=prompt)

    assert_linear(read, lambda size: f"Mend it. {unit * (size // len(unit))}", size=64_000)


@pytest.mark.parametrize(
    ("command", "deciding"),
    [
        (["python", "-m", "doctest", "calc.py"], set[str]()),
        (["python", "-m", "doctest", "README.md"], {"README.md"}),
        (["python", "calc.py"], {"calc.py"}),
    ],
)
def test_a_module_whose_doctests_run_may_be_changed(command: list[str], deciding: set[str]) -> None:
    files = dict.fromkeys(("calc.py", "README.md"), "")

    assert deciding_files(command, files, prompt="Mend it.") == deciding
