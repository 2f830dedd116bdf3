"""What no program can be given is refused where it is said, not by a traceback of ours in its output."""

import pytest
from pydantic import ValidationError

from sandbox import Command, Policy


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_a_word_that_can_not_be_handed_over_is_refused(word: str) -> None:
    with pytest.raises(ValidationError, match=r"null character|no text"):
        Command(argv=("echo", word))
    with pytest.raises(ValidationError, match=r"null character|no text"):
        Policy(environment={"NAME": word})


@pytest.mark.parametrize("name", ["", "A=B", "A\0", "\ud800"])
def test_a_variable_needs_a_name(name: str) -> None:
    for refusing in (Policy, lambda environment: Command(argv=("env",), environment=environment)):
        with pytest.raises(ValidationError, match=r"name of a variable|null character|no text"):
            refusing(environment={name: "x"})


def test_bytes_of_another_encoding_are_words_too() -> None:
    assert Command(argv=("echo", "\udcff")).argv[1] == "\udcff"
