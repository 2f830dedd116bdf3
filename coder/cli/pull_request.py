"""Pull requests: the command of the user's own tool that opens one, and the page where one can be. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

_LONGEST_NAME = 50


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One that is to be opened."""

    branch: str
    base: str

    def command(self, opener: str, title: str, body: str) -> list[str]:
        """The command that opens it.

        Args:
            opener: `gh` or `glab`.
        """
        if opener == "gh":
            told = [f"--head={self.branch}", f"--base={self.base}", f"--title={title}", f"--body={body}"]
            return ["gh", "pr", "create", *told]
        told = [f"--source-branch={self.branch}", f"--target-branch={self.base}", f"--title={title}"]
        return ["glab", "mr", "create", *told, f"--description={body}", "--yes"]


def opener_of(host: str | None, find: Callable[[str], str | None]) -> str | None:
    """The tool that opens pull requests on a host, where the user has it."""
    names = ("glab", "gh") if host is not None and "gitlab" in host else ("gh", "glab")
    return next((name for name in names if find(name) is not None), None)


def page_of(host: str | None, path: str, request: PullRequest) -> str | None:
    """The page where one can be opened by hand; None on servers that aren't known."""
    branch, base = quote(request.branch, safe="/"), quote(request.base, safe="/")
    if host is not None and "github" in host:
        return f"https://{host}/{path}/compare/{base}...{branch}?expand=1"
    if host is not None and "gitlab" in host:
        return f"https://{host}/{path}/-/merge_requests/new?merge_request%5Bsource_branch%5D={branch}"
    return None


def branch_name(text: str) -> str:
    """A name for a branch from the first line of a text."""
    words = re.findall(r"[a-z0-9._/]+", text.partition("\n")[0].lower())
    return "-".join(words)[:_LONGEST_NAME].strip("-./")
