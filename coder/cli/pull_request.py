"""Pull requests: the command of gh or glab that opens one. Pure."""

import re
from collections.abc import Callable

_LONGEST_NAME = 50


def opener_of(url: str, find: Callable[[str], str | None]) -> str | None:
    """The tool that opens pull requests on a remote, where the user has it."""
    names = ("glab", "gh") if "gitlab" in url else ("gh", "glab")
    return next((name for name in names if find(name) is not None), None)


def opening(tool: str, *, branch: str, base: str, title: str, body: str) -> list[str]:
    """The command that opens one by `gh` or `glab`."""
    if tool == "gh":
        told = [f"--head={branch}", f"--base={base}", f"--title={title}", f"--body={body}"]
        return ["gh", "pr", "create", *told]
    told = [f"--source-branch={branch}", f"--target-branch={base}", f"--title={title}"]
    return ["glab", "mr", "create", *told, f"--description={body}", "--yes"]


def branch_name(text: str) -> str:
    """A name for a branch from the first line of a text."""
    words = re.findall(r"[a-z0-9._/]+", text.partition("\n")[0].lower())
    return "-".join(words)[:_LONGEST_NAME].strip("-./")
