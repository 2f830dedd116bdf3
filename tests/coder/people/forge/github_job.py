"""A job of GitHub's with `coder issue`: a stub of its API, a bare repository, and a script for the model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.forge.github_events import event
from tests.coder.people.forge.github_schema import require_schema
from tests.coder.people.forge.github_stub import REPOSITORY, GitHubStub, serving
from tests.faulty_endpoint import Reply, calls, faulty_endpoint
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = """import unittest
from calc import add


class Sums(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_zero(self):
        self.assertEqual(add(0, 0), 0)
"""
UNITTEST = ("--test", "python -m unittest -q")
"""Takes a fifth of the processor time of pytest."""
ISSUE = {"number": 12, "title": "add() subtracts", "body": "@coder please: add(2, 3) gives -1."}
MENDS = calls("bash", command=f"cat > calc.py <<'E'\n{RIGHT}E")


def ends(words: str = "Add both numbers in calc.add.") -> Reply:
    return calls("done", summary=words)


@dataclass
class Job:
    """A job of GitHub's: the clone that a runner has checked out, and the stub."""

    console: Console
    github: GitHubStub
    bare: GitRepository
    clone: GitRepository

    def run(
        self,
        kind: str,
        payload: dict[str, Any],
        *script: Reply,
        flags: tuple[str, ...] = (),
        test: tuple[str, ...] = UNITTEST,
    ) -> Finished:
        """Run the command on an event; `prompts` are the requests that the model got."""
        place = self.console.home / "event.json"
        place.write_text(json.dumps(payload))
        (self.console.home / "outputs").unlink(missing_ok=True)
        variables = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": kind,
            "GITHUB_EVENT_PATH": str(place),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": f"file://{self.console.home}/server",
            "GITHUB_TOKEN": self.github.token,
            "GITHUB_OUTPUT": str(self.console.home / "outputs"),
            **{name: value for name, value in ENVIRONMENT.items() if name.startswith("GIT_")},
        }
        with faulty_endpoint(*(script or (MENDS, ends()))) as endpoint:
            arguments = ("--base-url", endpoint.url, "-m", "toy", *test, *flags)
            done = self.console.run("issue", *arguments, cwd=self.clone.top, **variables)
            self.model = f"127.0.0.1:{endpoint.port}/toy"
            self.prompts = [json.dumps(request.body) for request in endpoint.requests]
        return done

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the step."""
        lines = (self.console.home / "outputs").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def branches(self) -> list[str]:
        """The branches of the forge."""
        return self.bare.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()


@contextmanager
def github_job(console: Console, folder: Path) -> Iterator[Job]:
    """A job whose clone has one test that fails, and one that passes."""
    require_schema()
    bare = GitRepository(folder / "server" / f"{REPOSITORY}.git")
    source = make_repository(folder / "source", calc__py=WRONG, test_calc__py=TEST)
    source.git("clone", "--quiet", "--bare", str(source.top), str(bare.top))
    source.git("clone", "--quiet", "--depth", "1", f"file://{bare.top}", str(folder / "clone"))
    stub = GitHubStub(bare, token="ghs_a")  # with a longer one, the command would not be forked
    stub.issues[12] = {"title": ISSUE["title"], "body": ISSUE["body"]}
    with serving(stub) as github:
        yield Job(console, github, bare, GitRepository(folder / "clone"))


def opened(**more: Any) -> dict[str, Any]:
    return event("issues-opened", issue={**ISSUE, **more})
