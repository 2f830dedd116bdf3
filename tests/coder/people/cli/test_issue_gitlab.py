"""`coder issue` in a pipeline of GitLab, from the payload of a webhook to a merge request."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.forge.github_job import MENDS, RIGHT, TEST, UNITTEST, WRONG, ends
from tests.coder.people.forge.gitlab_stub import MERGE, PROJECT, USER, serving
from tests.faulty_endpoint import Reply, calls, faulty_endpoint
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

pytestmark = pytest.mark.slow

ROOT = "/projects/group%2Fshop"
ISSUE = {"iid": 12, "title": "add() subtracts", "description": "@coder add(2, 3) gives -1."}


class Pipeline:
    """A clone as a runner has it, its bare repository, and the answers of GitLab's API."""

    def __init__(self, console: Console, folder: Path) -> None:
        self.console = console
        self.bare = GitRepository(folder / "server" / "group" / "shop.git")
        source = make_repository(folder / "source", calc__py=WRONG, test_calc__py=TEST)
        source.git("clone", "--quiet", "--bare", str(source.top), str(self.bare.top))
        source.git("clone", "--quiet", "--depth", "1", f"file://{self.bare.top}", str(folder / "clone"))
        self.clone = GitRepository(folder / "clone")
        self.answers: dict[str, Any] = {
            f"GET {ROOT}/members/all/9": {"username": "ada", "state": "active", "access_level": 30},
            f"GET {ROOT}/issues/12": ISSUE,
            f"GET {ROOT}/merge_requests?state=opened&source_branch=coder%2Fissue-12": [],
            f"POST {ROOT}/merge_requests": MERGE,
            f"GET {ROOT}/merge_requests/4": MERGE,
            f"POST {ROOT}/issues/12/notes": {"id": 1},
            f"POST {ROOT}/merge_requests/4/notes": {"id": 2},
            f"POST {ROOT}/merge_requests/4/discussions/d1/notes": {"id": 3},
        }
        self.posted: list[tuple[str, dict[str, str]]] = []

    def run(self, kind: str, attributes: dict[str, Any], *script: Reply, **more: Any) -> Finished:
        """Run the command on the payload of a webhook."""
        payload = {"object_kind": kind, "user": USER, "project": PROJECT, "object_attributes": attributes}
        place = self.console.home / "payload.json"
        place.write_text(json.dumps({**payload, **more}))
        with serving(self.answers) as (url, posted), faulty_endpoint(*script) as endpoint:
            variables = {
                "CI": "true",
                "GITLAB_CI": "true",
                "TRIGGER_PAYLOAD": str(place),
                "CI_API_V4_URL": url,
                "CI_SERVER_URL": f"file://{self.bare.top.parent.parent}",
                "GITLAB_TOKEN": "glpat-x",
                **{name: value for name, value in ENVIRONMENT.items() if name.startswith("GIT_")},
            }
            arguments = ("--base-url", endpoint.url, "-m", "toy", *UNITTEST)
            done = self.console.run("issue", *arguments, cwd=self.clone.top, **variables)
            self.requests = len(endpoint.requests)
        self.posted = posted
        return done


@pytest.fixture
def pipeline(console: Console, tmp_path: Path) -> Pipeline:
    return Pipeline(console, tmp_path)


def test_an_issue_becomes_a_merge_request_and_a_note_on_it_a_further_commit(pipeline: Pipeline) -> None:
    opened = pipeline.run("issue", {**ISSUE, "action": "open"}, MENDS, ends("Add both numbers."))

    assert opened.code == 0, opened.err
    ((path, fields),) = pipeline.posted
    assert path == f"{ROOT}/merge_requests"
    assert (fields["source_branch"], fields["target_branch"]) == ("coder/issue-12", "main")
    assert fields["description"].startswith("Closes #12.")
    assert "- Failed before, pass now:\n  - `test_calc.Sums.test_add`" in fields["description"]
    assert pipeline.bare.git("show", "coder/issue-12:calc.py") == RIGHT.strip()
    assert "glpat-x" not in opened.out + opened.err

    note = {"note": "@coder say what it does", "noteable_type": "DiffNote", "discussion_id": "d1"}
    adds = calls("bash", command="echo '# the sum' >> calc.py")
    answered = pipeline.run("note", note, adds, ends("Say what it does."), merge_request=MERGE)

    assert answered.code == 0, answered.err
    assert pipeline.bare.git("show", "coder/issue-12:calc.py") == f"{RIGHT}# the sum"
    assert [path for path, _ in pipeline.posted] == [f"{ROOT}/merge_requests/4/discussions/d1/notes"]


def test_a_reporter_starts_nothing(pipeline: Pipeline) -> None:
    pipeline.answers[f"GET {ROOT}/members/all/9"] = {
        "username": "ada",
        "state": "active",
        "access_level": 20,
    }

    done = pipeline.run("issue", {**ISSUE, "action": "open"}, MENDS, ends())

    assert done.code == 7, done.err
    assert (pipeline.posted, pipeline.requests) == ([], 0)
