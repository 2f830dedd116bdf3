"""Which events of GitHub are requests; payloads are what its published schema takes."""

import json
from typing import Any

import pytest

from coder.base.errors import UsageError
from coder.people.forge.github_event import github_request
from coder.people.forge.request import ForgeRequest, NothingToDo, Trigger
from tests.coder.people.forge.github_events import event
from tests.coder.people.forge.github_schema import require_schema

ISSUE: dict[str, Any] = {"number": 12, "title": "Sums", "body": "@coder mend it"}
PULL = {"number": 3, "title": "Sums"}


@pytest.fixture(autouse=True)
def _schema() -> None:
    require_schema()


def request(name: str, payload: dict[str, Any], *, phrase: str = "@coder", label: str = "") -> ForgeRequest:
    return github_request(name, json.dumps(payload).encode(), Trigger(phrase=phrase, label=label))


@pytest.mark.parametrize("text", ["@coder", "Please, @Coder: mend it", "(@coder)", "so?\n@coder", "@coder."])
def test_an_issue_with_the_phrase_as_a_word_is_a_request(text: str) -> None:
    issue_request = request("issues", event("issues-opened", issue={**ISSUE, "body": text}))

    assert (issue_request.number, issue_request.text, issue_request.actor, issue_request.repository) == (
        12,
        text,
        "ada",
        "ada/shop",
    )


@pytest.mark.parametrize(
    "text", ["me@coder.com", "@coder-team", "@coders", "x/@coder", "", None, "@coder.example"]
)
def test_a_part_of_a_name_or_an_address_is_no_phrase(text: str | None) -> None:
    with pytest.raises(NothingToDo):
        request("issues", event("issues-opened", issue={**ISSUE, "body": text}))


def test_an_empty_phrase_makes_no_text_a_request() -> None:
    with pytest.raises(NothingToDo):
        request("issues", event("issues-opened", issue=ISSUE), phrase="")


def test_a_review_comment_has_its_place_and_the_thread_that_it_began_or_answers() -> None:
    comment = {"id": 7, "body": "@coder rename it", "path": "calc.py", "line": 4}
    first = request(
        "pull_request_review_comment",
        event("pull-request-review-comment-created", pull_request=PULL, comment=comment),
    )
    later = request(
        "pull_request_review_comment",
        event(
            "pull-request-review-comment-created",
            pull_request=PULL,
            comment={**comment, "id": 9, "in_reply_to_id": 7},
        ),
    )

    (remark,) = first.remarks
    assert (remark.path, remark.line, remark.author) == ("calc.py", 4, "ada")
    assert (first.on_pull_request, first.thread, later.thread) == (True, "7", "7")


def test_a_comment_on_a_pull_request_is_told_from_one_on_an_issue() -> None:
    comment = {"body": "@coder again"}
    on_issue = request("issue_comment", event("issue-comment-created", issue=ISSUE, comment=comment))
    pull = {**ISSUE, "pull_request": {"url": "https://github.example/x"}}
    on_pull = request("issue_comment", event("issue-comment-created", issue=pull, comment=comment))

    assert (on_issue.on_pull_request, on_pull.on_pull_request) == (False, True)
    assert (on_issue.text, on_pull.text) == ("@coder mend it", "")


def test_an_event_that_lacks_what_is_read_is_named_so() -> None:
    with pytest.raises(UsageError, match="The event can't be read: repository: Field required"):
        github_request("issues", b'{"sender": {"login": "ada"}}', Trigger(phrase="@coder", label=""))


@pytest.mark.parametrize("name", ["ada/shop?x=/y", "ada/../bob/shop", "ada/..", "ada", "/etc"])
def test_a_repository_whose_name_leads_elsewhere_is_refused(name: str) -> None:
    payload = event("issues-opened", issue=ISSUE)
    payload["repository"]["full_name"] = name

    with pytest.raises(UsageError, match="repository"):
        request("issues", payload)
