"""What a sandbox can run: Python code by fork of its warm server, or any command by exec."""

from pydantic import BaseModel, ConfigDict, Field


class PythonCode(BaseModel):
    """Source that runs as `__main__`, as `python FILE` would run it, in the workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    filename: str = "main.py"
    """Name in tracebacks and `__file__`, relative to the workspace; it need not exist there."""
    arguments: tuple[str, ...] = ()


class Command(BaseModel):
    """A program and its arguments, found on the sandbox's PATH, started in the workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    argv: tuple[str, ...] = Field(min_length=1)
    environment: dict[str, str] = Field(default_factory=dict)


Program = PythonCode | Command
