"""What a launcher such as `uv run` starts."""

import pytest

from coder.run.command_inputs import reporter_arguments, split_assignments


@pytest.mark.parametrize(
    ("command", "started"),
    [
        ("uv run pytest -q", "pytest -q"),
        ("/opt/bin/uv run --frozen --group dev -- pytest -q", "pytest -q"),
        ("uv run --python=3.12 check.py", "python check.py"),
        ("uv run -m pytest", "python -m pytest"),
        ("poetry run pytest", "pytest"),
        ("uv run --with requests pytest", "uv run --with requests pytest"),
        ("uv sync --frozen", "uv sync --frozen"),
        ("hatch test tests", "hatch test tests"),
    ],
)
def test_a_launcher_is_read_as_the_command_that_it_starts(command: str, started: str) -> None:
    assert split_assignments(command.split())[1] == tuple(started.split())


def test_variables_before_a_launcher_are_kept() -> None:
    assert split_assignments(("A=1", "uv", "run", "pytest")) == ({"A": "1"}, ("pytest",))
    assert reporter_arguments(("A=1", "uv", "run", "pytest", "-q")) == ["-m", "pytest", "-q"]
