"""Prompts: Markdown files beside this one, with {fields} to fill in."""

from functools import cache
from importlib.resources import files


@cache
def prompt(name: str) -> str:
    """Return the text of the prompt `<name>.md`."""
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
