"""Fetch and push branches of a forge by git, with its token. No hooks and no configured helpers run."""

import base64
import os
from dataclasses import dataclass, field

from coder.people.forge.api import require_encrypted
from coder.workspace.git.found import Repository, moving_environment
from coder.workspace.git.run_git import run_git

_PASSED_ON = ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY")
"""Variables by which git reaches hosts."""
_PERSON_FORMS = {
    "GIT_AUTHOR_NAME": "%an",
    "GIT_AUTHOR_EMAIL": "%ae",
    "GIT_COMMITTER_NAME": "%cn",
    "GIT_COMMITTER_EMAIL": "%ce",
}
"""Variables of a commit's persons, with the forms by which git prints them."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository of a forge, and the local clone of it.

    Git gets the token as an HTTP header for `url` through its environment: it is in no file, no command
    line and no URL.
    """

    url: str
    user: str
    """User name that goes with the token."""
    token: str = field(repr=False)
    repository: Repository

    def branches(self, prefix: str) -> dict[str, str]:
        """Return the commits of branches with this prefix, by name. Raises GitFailed."""
        rows = self._run("ls-remote", "--heads", "--", self.url, f"refs/heads/{prefix}*").splitlines()
        pairs = (row.split("\t", 1) for row in rows)
        return {ref.removeprefix("refs/heads/"): commit for commit, ref in pairs}

    def check_out(self, branch: str) -> None:
        """Fetch a branch, and check it out. Raises GitFailed, for example if local changes conflict."""
        self._run("fetch", "--no-tags", "--no-recurse-submodules", "--", self.url, f"refs/heads/{branch}")
        self._run("checkout", "--no-recurse-submodules", "-B", branch, "FETCH_HEAD")

    def push(self, commit: str, branch: str, *, message: str) -> str:
        """Push a commit to a branch, without force, and with another message; return the pushed commit.

        Raises GitFailed, for example if the branch has changed meanwhile.
        """
        form = "%n".join(_PERSON_FORMS.values())
        values = self._run("show", "--no-patch", f"--format={form}", commit).splitlines()
        person = dict(zip(_PERSON_FORMS, values, strict=True))
        arguments = ("commit-tree", f"{commit}^{{tree}}", "-p", f"{commit}^", "-m", message)
        pushed = self._run(*arguments, **person)
        self._run("push", "--no-verify", "--", self.url, f"{pushed}:refs/heads/{branch}")
        return pushed

    def _run(self, *arguments: str, **variables: str) -> str:
        top = self.repository.top
        printed = run_git(arguments, environment=self._environment() | variables, cwd=top, tree=top)
        return printed.decode("utf-8", "replace").strip()

    def _environment(self) -> dict[str, str]:
        environment = moving_environment(self.repository)
        entries = {"credential.helper": "", "http.followRedirects": "false"}
        if not self.url.startswith("file:"):
            require_encrypted(self.url)
            login = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
            entries[f"http.{self.url}.extraHeader"] = f"Authorization: Basic {login}"
        count = int(environment["GIT_CONFIG_COUNT"])
        for index, (key, value) in enumerate(entries.items(), count):
            environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        environment |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return environment | {
            "GIT_CONFIG_COUNT": str(count + len(entries)),
            "GIT_WORK_TREE": str(self.repository.top),
            "GIT_ALLOW_PROTOCOL": "https:http:file",
        }
