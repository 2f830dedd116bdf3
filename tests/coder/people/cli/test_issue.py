"""`coder issue` in a job of GitHub's: a stub of its API by the published schema, a bare repository, a model
that a script speaks for.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.forge.github_events import event
from tests.coder.people.forge.github_schema import require_schema
from tests.coder.people.forge.github_stub import REPOSITORY, Fault, GitHubStub, review_comment, serving
from tests.faulty_endpoint import Reply, calls, error, faulty_endpoint
from tests.git_repository import ENVIRONMENT, GitRepository, make_repository

pytestmark = pytest.mark.slow
WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = """from calc import add


def test_add():
    assert add(2, 3) == 5


def test_zero():
    assert add(0, 0) == 0
"""
GREET = """from greet import greet


def test_greet():
    assert greet() == "Good morning"
"""
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
        self, kind: str, payload: dict[str, Any], *script: Reply, flags: tuple[str, ...] = ()
    ) -> Finished:
        """Run the command on an event; `said` are the requests that the model got."""
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
            arguments = ("--base-url", endpoint.url, "-m", "toy", "--test", "python -m pytest -q", *flags)
            done = self.console.run("issue", *arguments, cwd=self.clone.top, **variables)
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


@pytest.fixture
def job(console: Console, tmp_path: Path) -> Iterator[Job]:
    require_schema()
    bare = GitRepository(tmp_path / "server" / f"{REPOSITORY}.git")
    source = make_repository(tmp_path / "source", calc__py=WRONG, test_calc__py=TEST)
    source.git("clone", "--quiet", "--bare", str(source.top), str(bare.top))
    source.git("clone", "--quiet", "--depth", "1", f"file://{bare.top}", str(tmp_path / "clone"))
    stub = GitHubStub(bare)
    stub.issues[12] = {"title": ISSUE["title"], "body": ISSUE["body"]}
    with serving(stub) as github:
        yield Job(console, github, bare, GitRepository(tmp_path / "clone"))


def opened(**more: Any) -> dict[str, Any]:
    return event("issues-opened", issue={**ISSUE, **more})


def test_an_issue_becomes_a_pull_request_whose_body_holds_the_evidence(job: Job) -> None:
    done = job.run("issues", opened())

    assert done.code == 0, done.err
    (pull,) = job.github.pulls.values()
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == (
        "add() subtracts",
        "coder/issue-12",
        "main",
    )
    assert job.bare.git("show", "coder/issue-12:calc.py") == RIGHT.strip()
    assert job.bare.git("rev-parse", "coder/issue-12^") == job.bare.git("rev-parse", "main")
    body = pull["body"]
    assert body.startswith("Closes #12.")
    assert "- Failed before, pass now:\n  - `test_calc.py::test_add`\n- Passed before and now: 1 test" in body
    assert "- Decided by: tests, `outside`" in body
    assert f"- Run: `{job.outputs['run']}`" in body
    assert "2 calls of `openai-compatible/toy`" in body or "2 calls of" in body
    assert job.outputs["pull-request"] == pull["html_url"]
    assert job.outputs["status"] == "solved"
    assert job.github.comments == []
    assert job.clone.git("status", "--porcelain") == ""


def test_without_evidence_a_comment_says_what_is_missing_and_nothing_is_pushed(job: Job) -> None:
    job.clone.write(calc__py=RIGHT)
    job.clone.commit()
    adds = calls("bash", command="echo '# better' >> calc.py")

    done = job.run("issues", opened(), adds, ends("I improved it. @everyone"), ends())

    assert done.code == 8, done.err
    assert (job.github.pulls, job.branches) == ({}, ["main"])
    ((path, body),) = job.github.comments
    assert path == "issues/12"
    assert "the tests passed before and after: nothing shows that the task is done" in body
    assert "+# better" in body
    assert "```text\nI improved it. @everyone\n```" in body
    assert (job.outputs["status"], job.outputs["pull-request"]) == ("unverified", "")


def test_a_person_without_write_access_starts_nothing(job: Job) -> None:
    job.github.permissions["eve"] = "read"

    done = job.run("issues", event("issues-opened", actor="eve", issue=ISSUE))
    stranger = job.run("issues", event("issues-opened", actor="mallory", issue=ISSUE))

    assert (done.code, stranger.code) == (7, 7)
    assert "eve has no write access to ada/shop; no model was called." in done.err
    assert job.github.comments == []
    assert job.prompts == []


def test_an_issue_cant_order_what_a_given_test_expects(job: Job) -> None:
    order = 'The new result of greet() should be "Good evening to all of you", not "Good morning".'
    job.clone.write(
        greet__py='def greet():\n    return "Good morning"\n',
        test_greet__py=GREET,
    )
    job.clone.write(calc__py=RIGHT)
    job.clone.commit()
    changes = calls(
        "bash", command="sed -i 's/Good morning/Good evening to all of you/' greet.py test_greet.py"
    )

    done = job.run("issues", opened(body=f"@coder {order}"), changes, ends(), ends())

    assert done.code == 8, done.err
    assert job.github.pulls == {}
    ((_, body),) = job.github.comments
    assert "Given tests that only pass as the run edits them:\n  - `test_greet.py::test_greet`" in body


def test_a_comment_on_the_pull_request_adds_a_commit_to_its_branch(job: Job) -> None:
    job.run("issues", opened())
    (number,) = job.github.pulls
    comment = event(
        "pull-request-review-comment-created",
        pull_request={"number": number, "title": "add() subtracts"},
        comment={"id": 7, "body": "@coder add a docstring", "path": "calc.py", "line": 2},
    )
    job.clone.git("checkout", "--quiet", "main")
    documents = calls("bash", command='sed -i \'1a\\    """Sum."""\' calc.py')

    done = job.run(
        "pull_request_review_comment", comment, documents, ends("Document add."), ends("Document add.")
    )

    assert done.code == 0, done.err
    assert '"""Sum."""' in job.bare.git("show", "coder/issue-12:calc.py")
    assert len(job.bare.git("log", "--format=%h", "main..coder/issue-12").split()) == 2
    ((path, body),) = job.github.comments
    assert path == f"pulls/{number}/comments/7"
    assert "No test fails without this commit" in body
    assert "comment by ada on calc.py, line 2" in job.prompts[0]
    assert "add(2, 3) gives -1" in job.prompts[0]
    assert len(job.github.pulls) == 1


def test_a_review_brings_its_comments_and_another_request_on_the_issue_uses_the_same_branch(job: Job) -> None:
    job.run("issues", opened())
    (number,) = job.github.pulls
    job.github.reviews[5] = [review_comment("Say what it returns.", "calc.py", 1)]
    review = event(
        "pull-request-review-submitted",
        pull_request={"number": number, "title": "add() subtracts"},
        review={"id": 5, "body": "@coder see below"},
    )
    more = calls("bash", command="echo '# more' >> calc.py")

    done = job.run("pull_request_review", review, more, ends(), ends())
    assert "Say what it returns." in job.prompts[0]
    again = job.run(
        "issue_comment",
        event("issue-comment-created", issue=ISSUE, comment={"body": "@coder once more"}),
        *(calls("bash", command="echo '# again' >> calc.py"), ends(), ends()),
    )

    assert (done.code, again.code) == (0, 0), done.err + again.err
    assert job.bare.git("show", "coder/issue-12:calc.py").endswith("# more\n# again")
    assert job.branches == ["coder/issue-12", "main"]
    assert [path for path, _ in job.github.comments] == [f"issues/{number}", "issues/12"]


def test_the_token_is_in_no_prompt_sandbox_log_output_or_comment(job: Job) -> None:
    looks = calls("bash", command="env; cat /proc/*/environ; git config --list; cat calc.py")

    done = job.run("issues", opened(), looks, MENDS, ends(f"The token is {job.github.token}."))

    assert done.code == 0, done.err
    seen = [done.out, done.err, *job.prompts, *(body for _, body in job.github.comments)]
    seen += [pull["body"] for pull in job.github.pulls.values()]
    assert "The token is [redacted]" in seen[-1]
    assert all(job.github.token not in text for text in seen)
    places = [path for path in job.console.home.rglob("*") if path.is_file() and "server" not in path.parts]
    assert any(path.suffix.startswith((".sqlite", ".db")) for path in places)
    for path in places:
        assert job.github.token.encode() not in path.read_bytes(), path


def test_what_is_no_request_calls_nobody(job: Job) -> None:
    silent = job.run("issues", event("issues-opened", issue={**ISSUE, "body": "mail me: me@coder.com"}))
    by_bot = job.run("issues", event("issues-opened", bot=True, issue=ISSUE))

    assert (silent.code, by_bot.code) == (0, 0)
    assert "Nothing to do" in silent.err
    assert job.github.requests == []
    assert job.outputs == {"status": "nothing-to-do", "exit-code": "0"}


def test_a_label_is_a_request_whoever_wrote_the_issue(job: Job) -> None:
    label = {"id": 1, "node_id": "x", "url": "https://x.example", "color": "f", "default": False}
    payload = event(
        "issues-labeled",
        issue={**ISSUE, "body": "add(2, 3) gives -1."},
        label={**label, "description": None, "name": "mend"},
    )

    assert job.run("issues", payload).code == 0
    assert job.github.requests == []
    assert job.run("issues", payload, flags=("--label", "mend")).code == 0
    assert len(job.github.pulls) == 1


def test_rate_limits_are_waited_for_and_a_refusal_is_reported_on_the_issue(job: Job) -> None:
    slow = {"message": "You have exceeded a secondary rate limit."}
    job.github.faults = [
        Fault("permission", 429, slow, {"retry-after": "0"}),
        Fault("permission", 403, slow, {"retry-after": "0"}),
        Fault("POST .*/pulls$", 403, {"message": "GitHub Actions is not permitted to create pull requests."}),
    ]

    done = job.run("issues", opened())

    assert done.code == 5, done.err
    assert [line.split("/")[-1] for line in job.github.requests].count("permission") == 3
    assert job.branches == ["coder/issue-12", "main"]
    ((path, body),) = job.github.comments
    assert path == "issues/12"
    assert "GitHub Actions is not permitted to create pull requests." in body
    assert "The change is on the branch coder/issue-12: open it by hand." in body


def test_a_model_that_fails_is_reported_on_the_issue(job: Job) -> None:
    done = job.run("issues", opened(), error(401, "Bad key"))

    assert done.code == 4, done.err
    ((_, body),) = job.github.comments
    assert "Nothing is proposed: the run ended as `error`." in body
    assert "requires a key (HTTP 401): Bad key." in body


def test_an_error_before_the_run_is_reported_on_the_issue(job: Job) -> None:
    job.clone.git("branch", "coder/issue-12")

    done = job.run("issues", opened())

    assert done.code == 2, done.err
    assert "The work ended with an error.\n\n```text\nNo commit can be made" in job.github.comments[0][1]


def test_a_pull_request_of_another_origin_isnt_touched(job: Job) -> None:
    job.bare.git("branch", "feature", "main")
    number = job.github.add_pull("feature")["number"]
    comment = event(
        "issue-comment-created",
        issue={"number": number, "title": "x", "pull_request": {"url": "https://x.example"}},
        comment={"body": "@coder mend it"},
    )

    done = job.run("issue_comment", comment)

    assert done.code == 2, done.err
    assert job.prompts == []
    assert "this one is from feature" in job.github.comments[0][1]
