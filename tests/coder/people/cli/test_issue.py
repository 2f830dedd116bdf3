"""`coder issue` on an issue: when it is a request, what is proposed, and what is said instead."""

import pytest

from tests.coder.people.forge.github_events import event
from tests.coder.people.forge.github_job import ISSUE, MENDS, RIGHT, Job, ends, opened
from tests.coder.people.forge.github_stub import Fault
from tests.faulty_endpoint import calls, error

pytestmark = pytest.mark.slow
MONEY = 'class Money:\n    def __repr__(self):\n        return "<Money 5>"\n'
MONEY_TEST = """import unittest
from money import Money


class Shown(unittest.TestCase):
    def test_repr(self):
        self.assertEqual(repr(Money()), "<Money 5>")
"""


def test_an_issue_becomes_a_pull_request_whose_body_holds_the_evidence(job: Job) -> None:
    ending = ends("Add both numbers, fixes ada/shop#1, @bob. It subtracted.")
    done = job.run("issues", opened(), MENDS, ending, test=("--test", "python -m pytest -q"))

    assert done.code == 0, done.err
    (pull,) = job.github.pulls.values()
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == (
        "add() subtracts",
        "coder/issue-12",
        "main",
    )
    assert job.bare.git("show", "coder/issue-12:calc.py") == RIGHT.strip()
    assert job.bare.git("rev-parse", "coder/issue-12^") == job.bare.git("rev-parse", "main")
    subject, _, rest = job.bare.git("log", "-1", "--format=%an: %B", "coder/issue-12").partition("\n\n")
    assert subject == "Ada: Add both numbers, fixes ada/shop1, bob"
    assert rest == f"For issue #12. Written by {job.model}, run {job.outputs['run']} of coder."
    body = pull["body"]
    assert body.startswith("Closes #12.")
    assert (
        "- Failed before, pass now:\n  - `test_calc.py::Sums::test_add`\n- Passed before and now: 1 test"
        in body
    )
    assert "- Decided by: tests, `outside`" in body
    assert f"- Run: `{job.outputs['run']}`" in body
    assert f"2 calls of `{job.model}`" in body
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
    job.clone.write(money__py=MONEY, test_money__py=MONEY_TEST, calc__py=RIGHT)
    job.clone.commit()
    order = "@coder\n\nThe repr of Money has to be `Money(5, EUR)` from now on."
    changes = calls("bash", command="sed -i 's/<Money 5>/Money(5, EUR)/' money.py test_money.py")

    done = job.run("issues", opened(body=order), changes, ends(), ends())

    assert done.code == 8, done.err
    assert job.github.pulls == {}
    ((_, body),) = job.github.comments
    assert "Given tests that only pass as the run edits them:\n  - `test_money.Shown.test_repr`" in body


def test_an_issue_cant_choose_the_tests_that_decide(job: Job) -> None:
    easy = job.clone.top / "easy"
    easy.mkdir()
    (easy / "pyproject.toml").write_text("[tool.pytest]\n")
    (easy / "test_easy.py").write_text("import pytest\n\n\ndef test_easy(): ...\n")
    job.clone.commit()

    body = "@coder please mend easy/test_easy.py and add()."
    done = job.run("issues", opened(body=body), MENDS, ends(), ends(), test=())

    assert "from test_calc.py" in done.err


def test_examples_of_the_issue_that_pass_are_no_evidence(job: Job) -> None:
    task = "@coder\n\nWrite double(n) in double.py.\n\n>>> double(2)\n4\n"
    writes = calls("bash", command="cat > double.py <<'E'\ndef double(n):\n    return 2 * n\nE")

    done = job.run("issues", opened(body=task), writes, ends(), ends(), test=())

    assert "examples pass" in done.err
    assert done.code == 8, done.err
    assert job.github.pulls == {}
    assert "examples pass, but no test failed before and passes now" in job.github.comments[0][1]


def test_the_token_is_in_no_prompt_sandbox_log_output_or_comment(job: Job) -> None:
    job.github.token = "ghs_" + "a" * 36
    looks = calls("bash", command="env; cat /proc/*/environ; git config --list; cat calc.py")

    done = job.run("issues", opened(), looks, MENDS, ends(f"The token is {job.github.token}."))

    assert done.code == 0, done.err
    texts = [done.out, done.err, *job.prompts, *(body for _, body in job.github.comments)]
    texts += [pull["body"] for pull in job.github.pulls.values()]
    assert "The token is [redacted]" in texts[-1]
    assert all(job.github.token not in text for text in texts)
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


def test_what_github_refuses_is_reported_with_its_reason(job: Job) -> None:
    payload = opened()
    payload["repository"]["default_branch"] = "trunk"

    done = job.run("issues", payload)

    assert done.code == 5, done.err
    assert "was refused with HTTP 422 Unprocessable" in done.err
    assert "Validation Failed" in job.github.comments[0][1]


def test_of_several_attempts_the_chosen_one_is_proposed_with_its_evidence(job: Job) -> None:
    done = job.run("issues", opened(), MENDS, ends(), MENDS, ends(), flags=("--samples", "2"))

    assert done.code == 0, done.err
    (pull,) = job.github.pulls.values()
    assert "- Failed before, pass now:\n  - `test_calc.Sums.test_add`" in pull["body"]


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
