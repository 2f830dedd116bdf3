"""`coder issue` on its own pull request: comments and reviews are answered by further commits."""

import pytest

from tests.coder.people.forge.github_events import event
from tests.coder.people.forge.github_job import ISSUE, Job, ends, opened
from tests.coder.people.forge.github_stub import review_comment
from tests.faulty_endpoint import calls

pytestmark = pytest.mark.slow


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
