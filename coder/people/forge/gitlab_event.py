"""Read payloads of GitLab's webhooks: issue and note events.

A webhook that triggers a pipeline leaves its payload in the file that `TRIGGER_PAYLOAD` names. The fields
are those of https://docs.gitlab.com/user/project/integrations/webhook_events.
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
    id: int
    username: str


class _Project(BaseModel, frozen=True):
    path_with_namespace: RepositoryName
    default_branch: str


class _Subject(BaseModel, frozen=True):
    iid: int
    title: str
    description: str | None = None


class _Label(BaseModel, frozen=True):
    title: str


class _Labels(BaseModel, frozen=True):
    previous: tuple[_Label, ...] = ()
    current: tuple[_Label, ...] = ()


class _Changes(BaseModel, frozen=True):
    labels: _Labels = _Labels()


class _Position(BaseModel, frozen=True):
    new_path: str | None = None
    new_line: int | None = None


class _Attributes(BaseModel, frozen=True):
    iid: int | None = None
    title: str | None = None
    description: str | None = None
    action: str | None = None
    note: str | None = None
    system: bool = False
    discussion_id: str | None = None
    position: _Position | None = None


class _Event(BaseModel, frozen=True):
    object_kind: str
    user: _User
    project: _Project
    object_attributes: _Attributes
    changes: _Changes = _Changes()
    issue: _Subject | None = None
    merge_request: _Subject | None = None


def gitlab_request(document: bytes, trigger: Trigger) -> ForgeRequest:
    """Return the request of a payload. Raises NothingToDo and UsageError, as `github_request` does."""
    try:
        event = _Event.model_validate_json(document)
    except ValidationError as error:
        raise unreadable_event(error) from error
    attributes, subject = event.object_attributes, event.merge_request or event.issue
    request = ForgeRequest(
        repository=event.project.path_with_namespace,
        base=event.project.default_branch,
        actor=event.user.username,
        actor_id=event.user.id,
        number=subject.iid if subject else attributes.iid or 0,
        title=(subject.title if subject else attributes.title) or "",
        text=(subject.description if subject else attributes.description) or "",
    )
    if event.object_kind == "issue" and _is_request(event, trigger):
        return request
    if event.object_kind == "note" and subject and not attributes.system and trigger.is_in(attributes.note):
        place = attributes.position or _Position()
        remark = Remark(
            author=event.user.username, text=attributes.note or "", path=place.new_path, line=place.new_line
        )
        if event.merge_request is None:
            return request.model_copy(update={"remarks": (remark,)})
        details = {
            "on_pull_request": True,
            "text": "",
            "remarks": (remark,),
            "thread": attributes.discussion_id,
        }
        return request.model_copy(update=details)
    raise NothingToDo(f"the event {event.object_kind} has neither {trigger.phrase!r} nor a new label")


def _is_request(event: _Event, trigger: Trigger) -> bool:
    attributes, labels = event.object_attributes, event.changes.labels
    if attributes.action == "open" and trigger.is_in(attributes.title, attributes.description):
        return True
    new_labels = {label.title for label in labels.current} - {label.title for label in labels.previous}
    return bool(trigger.label) and trigger.label in new_labels
