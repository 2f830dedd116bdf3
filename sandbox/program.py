"""What a sandbox can run: Python code, or a command."""

from typing import Annotated

from pydantic import AfterValidator, Field

from sandbox.result import Value


def _check_word(word: str) -> str:
    """Check an argument or value. Raises ValueError if the kernel can't pass it to a new program."""
    if "\0" in word:
        raise ValueError(f"{word[:80]!r} holds a null character, at which a program's words end")
    try:
        word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"{word[:80]!r} is no text: it can't be written as UTF-8") from error
    return word


def _check_variable_name(name: str) -> str:
    if not name or "=" in name:
        raise ValueError(f"{name[:80]!r} can't be the name of a variable")
    return name


Word = Annotated[str, AfterValidator(_check_word)]
Environment = dict[Annotated[str, AfterValidator(_check_variable_name), AfterValidator(_check_word)], Word]
"""Variables by name."""


class PythonCode(Value):
    """Python source that runs as `__main__`, as with `python FILE`."""

    source: str
    filename: str = "main.py"
    """Name in tracebacks and `__file__`, relative to `cwd`; the file need not exist."""
    arguments: tuple[str, ...] = ()
    environment: Environment = Field(default_factory=dict)
    """Override the sandbox's variables. Of Python's own variables, only PYTHONPATH has an effect."""
    cwd: str = "."
    """The working directory, a folder of the workspace."""


class Command(Value):
    """A program on the sandbox's PATH, with its arguments."""

    argv: tuple[Word, ...] = Field(min_length=1)
    environment: Environment = Field(default_factory=dict)
    """Override the sandbox's variables."""
    cwd: str = "."
    """The working directory, a folder of the workspace."""


Program = PythonCode | Command
