"""GitLab's payloads and API, by its documentation: https://docs.gitlab.com/api/merge_requests."""

import json
from typing import Any

import pytest

from coder.people.forge.api import Api
from coder.people.forge.gitlab import GitLab
from coder.people.forge.gitlab_event import gitlab_request
from coder.people.forge.request import ForgeRequest, NothingToDo, Trigger
from tests.coder.people.forge.gitlab_stub import MERGE, PROJECT, USER, serving


def request(kind: str, attributes: dict[str, Any], *, label: str = "", **more: Any) -> ForgeRequest:
    payload = {"object_kind": kind, "user": USER, "project": PROJECT, "object_attributes": attributes, **more}
    return gitlab_request(json.dumps(payload).encode(), Trigger(phrase="@coder", label=label))


def test_a_new_issue_with_the_phrase_is_a_request_and_a_closed_one_is_none() -> None:
    issue = {"iid": 12, "title": "Sums", "description": "@coder mend it", "action": "open"}

    issue_request = request("issue", issue)

    assert (
        issue_request.number,
        issue_request.text,
        issue_request.actor_id,
        issue_request.on_pull_request,
    ) == (
        12,
        "@coder mend it",
        9,
        False,
    )
    with pytest.raises(NothingToDo):
        request("issue", {**issue, "action": "close"})


def test_a_label_is_a_request_when_it_is_new() -> None:
    issue = {"iid": 12, "title": "Sums", "description": "They are wrong.", "action": "update"}
    new = {"labels": {"previous": [], "current": [{"title": "mend"}]}}
    old = {"labels": {"previous": [{"title": "mend"}], "current": [{"title": "mend"}]}}

    assert request("issue", issue, label="mend", changes=new).number == 12
    with pytest.raises(NothingToDo):
        request("issue", issue, label="mend", changes=old)


def test_a_note_on_a_merge_request_has_its_place_and_its_discussion() -> None:
    position = {"new_path": "calc.py", "new_line": 4}
    note = {
        "note": "@coder rename it",
        "noteable_type": "DiffNote",
        "discussion_id": "d1",
        "position": position,
    }

    note_request = request("note", note, merge_request={"iid": 4, "title": "Sums"})

    assert (note_request.number, note_request.on_pull_request, note_request.thread) == (4, True, "d1")
    assert (note_request.remarks[0].path, note_request.remarks[0].line) == ("calc.py", 4)
    with pytest.raises(NothingToDo):
        request("note", {**note, "system": True}, merge_request={"iid": 4, "title": "Sums"})


@pytest.mark.slow
async def test_a_developer_may_ask_and_a_reporter_or_a_blocked_member_may_not() -> None:
    asks = request("issue", {"iid": 12, "title": "S", "description": "@coder", "action": "open"})
    path = "GET /projects/group%2Fshop/members/all/9"
    member = {"username": "ada", "state": "active", "access_level": 30}
    for change, may in (({}, True), ({"access_level": 20}, False), ({"state": "blocked"}, False)):
        with serving({path: {**member, **change}}) as (url, _):
            async with Api(url, {"PRIVATE-TOKEN": "glpat-x"}) as api:
                assert await GitLab(api, "group/shop").may_write(asks) is may
    with serving({}) as (url, _):
        async with Api(url, {"PRIVATE-TOKEN": "glpat-x"}) as api:
            assert not await GitLab(api, "group/shop").may_write(asks)


async def test_a_merge_request_is_opened_found_and_answered_in_its_discussion() -> None:
    root = "/projects/group%2Fshop"
    answers: dict[str, Any] = {
        f"POST {root}/merge_requests": MERGE,
        f"GET {root}/merge_requests?state=opened&source_branch=coder%2Fissue-12": [MERGE],
        f"POST {root}/merge_requests/4/discussions/d1/notes": {"id": 1},
        f"POST {root}/issues/12/notes": {"id": 2},
    }
    note = {"note": "@coder rename it", "discussion_id": "d1"}
    on_merge = request("note", note, merge_request={"iid": 4, "title": "Sums"})
    on_issue = request("note", note, issue={"iid": 12, "title": "Sums"})
    with serving(answers) as (url, posted):
        async with Api(url, {"PRIVATE-TOKEN": "glpat-x"}) as api:
            gitlab = GitLab(api, "group/shop")
            opened = await gitlab.propose(title="Sums", body="B", branch="coder/issue-12", base="main")
            merge_request = await gitlab.open_pull_request("coder/issue-12")
            await gitlab.answer(on_merge, "Done.")
            await gitlab.answer(on_issue, "Not done.")

    assert opened == MERGE["web_url"]
    assert merge_request is not None
    assert (merge_request.number, merge_request.is_own, merge_request.is_open) == (4, True, True)
    fields = {"title": "Sums", "description": "B", "source_branch": "coder/issue-12", "target_branch": "main"}
    assert posted[0] == (f"{root}/merge_requests", fields)
    assert [body for _, body in posted[1:]] == [{"body": "Done."}, {"body": "Not done."}]
