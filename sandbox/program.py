"""What a sandbox can run: Python code by fork of its warm server, or any command by exec."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _given(word: str) -> str:
    """What the kernel can hand to a new program: bytes that end at the first null."""
    if "\0" in word:
        raise ValueError(f"{word[:80]!r} holds a null character, at which a program's words end")
    try:
        word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"{word[:80]!r} is no text: it can't be written as UTF-8") from error
    return word


def _named(name: str) -> str:
    if not name or "=" in name:
        raise ValueError(f"{name[:80]!r} can't be the name of a variable")
    return name


Word = Annotated[str, AfterValidator(_given)]
Environment = dict[Annotated[str, AfterValidator(_named), AfterValidator(_given)], Word]
"""Variables by name."""


class PythonCode(BaseModel):
    """Source that runs as `__main__`, as `python FILE` would run it, in a folder of the workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    filename: str = "main.py"
    """Name in tracebacks and `__file__`, relative to `cwd`; it need not exist there."""
    arguments: tuple[str, ...] = ()
    environment: Environment = Field(default_factory=dict)
    """Over the sandbox's variables. Of those that Python reads as it starts, PYTHONPATH alone counts."""
    cwd: str = "."
    """A folder of the workspace, where it begins."""


class Command(BaseModel):
    """A program and its arguments, found on the sandbox's PATH, started in a folder of the workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    argv: tuple[Word, ...] = Field(min_length=1)
    environment: Environment = Field(default_factory=dict)
    """Over the sandbox's variables."""
    cwd: str = "."
    """A folder of the workspace, where it begins."""


Program = PythonCode | Command
