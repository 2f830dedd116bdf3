"""Read events of GitHub: `issues`, `issue_comment`, `pull_request_review` and its comments.

The fields are those of https://docs.github.com/webhooks/webhook-events-and-payloads.
"""

from pydantic import BaseModel, ValidationError

from coder.people.forge.request import (
    ForgeRequest,
    NothingToDo,
    Remark,
    RepositoryName,
    Trigger,
    unreadable_event,
)


class _User(BaseModel, frozen=True):
    login: str
    type: str = "User"


class _Repository(BaseModel, frozen=True):
    full_name: RepositoryName
    default_branch: str


class _Issue(BaseModel, frozen=True):
    number: int
    title: str
    body: str | None = None
    pull_request: dict[str, object] | None = None


class _Comment(BaseModel, frozen=True):
    id: int
    body: str
    path: str | None = None
    line: int | None = None
    in_reply_to_id: int | None = None


class _Label(BaseModel, frozen=True):
    name: str


class _Review(BaseModel, frozen=True):
    id: int
    body: str | None = None


class _Event(BaseModel, frozen=True):
    action: str = ""
    sender: _User
    repository: _Repository
    issue: _Issue | None = None
    comment: _Comment | None = None
    label: _Label | None = None
    pull_request: _Issue | None = None
    review: _Review | None = None


def github_request(name: str, document: bytes, trigger: Trigger) -> ForgeRequest:
    """Return the request of an event.

    Raises:
        NothingToDo: the event isn't meant for us.
        UsageError: the event can't be read.
    """
    try:
        event = _Event.model_validate_json(document)
    except ValidationError as error:
        raise unreadable_event(error) from error
    if event.sender.type == "Bot":  # an answer of ours must not cause another run
        raise NothingToDo(f"{event.sender.login} is a bot")
    subject = event.issue or event.pull_request
    if subject is None:
        raise NothingToDo(f"the event {name} has no issue and no pull request")
    request = ForgeRequest(
        repository=event.repository.full_name,
        base=event.repository.default_branch,
        actor=event.sender.login,
        number=subject.number,
        title=subject.title,
    )
    if (details := _details(name, event, subject, trigger)) is not None:
        return request.model_copy(update=details)
    triggers = f"{trigger.phrase!r}" + (f" or the label {trigger.label!r}" if trigger.label else "")
    raise NothingToDo(f"the event {name} ({event.action or 'no action'}) doesn't have {triggers}")


def _details(name: str, event: _Event, subject: _Issue, trigger: Trigger) -> dict[str, object] | None:
    """Return the fields of a request that depend on the kind of event; None if it is no request."""
    author, comment, review = event.sender.login, event.comment, event.review
    match name, event.action:
        case ("issues", "opened") if trigger.is_in(subject.title, subject.body):
            return {"text": subject.body or ""}
        case ("issues", "labeled") if trigger.label and event.label and event.label.name == trigger.label:
            return {"text": subject.body or ""}
        case ("issue_comment", "created") if comment and trigger.is_in(comment.body):
            remarks = (Remark(author=author, text=comment.body),)
            if subject.pull_request is not None:
                return {"on_pull_request": True, "remarks": remarks}
            return {"text": subject.body or "", "remarks": remarks}
        case ("pull_request_review_comment", "created") if comment and trigger.is_in(comment.body):
            remark = Remark(author=author, text=comment.body, path=comment.path, line=comment.line)
            thread = str(comment.in_reply_to_id or comment.id)
            return {"on_pull_request": True, "remarks": (remark,), "thread": thread}
        case ("pull_request_review", "submitted") if review and trigger.is_in(review.body):
            remark = Remark(author=author, text=review.body or "")
            return {"on_pull_request": True, "remarks": (remark,), "review": review.id}
    return None
