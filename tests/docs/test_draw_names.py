"""The draw of docstrings and names that readers judge."""

import pytest

from tools.draw_names import main


def drawn(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], list[str]]:
    """The docstrings and the names of a draw."""
    main([*arguments])
    docstrings, names = capsys.readouterr().out.split("\n\n")
    return docstrings.splitlines(), names.splitlines()


@pytest.mark.slow
def test_a_draw_has_as_many_different_lines_as_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    docstrings, names = drawn(capsys, "7", "--docstrings", "30", "--names", "40")

    assert (len(set(docstrings)), len(names)) == (30, 40)
    assert all(": " in line for line in docstrings)


@pytest.mark.slow
def test_a_seed_gives_the_same_draw_and_another_one_a_different_draw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, again, other = (drawn(capsys, seed, "--docstrings", "30") for seed in ("7", "7", "8"))

    assert first == again
    assert first != other
