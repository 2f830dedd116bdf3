"""How rules give their programs."""

from sandbox.program import PythonCode


def python(source: str) -> PythonCode:
    """Source as a program."""
    return PythonCode(source=source)
