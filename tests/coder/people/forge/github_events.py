"""Events of GitHub that its published schema takes."""

from typing import Any

from tests.coder.people.forge.github_schema import problems, sample
from tests.coder.people.forge.github_stub import REPOSITORY


def event(kind: str, *, actor: str = "ada", bot: bool = False, **given: dict[str, Any]) -> dict[str, Any]:
    """A payload by the name of its schema, such as `issues-opened`; fields go into the schema's objects."""
    schema = {"$ref": f"#/components/schemas/webhook-{kind}"}
    payload: dict[str, Any] = sample(schema)
    repository = {"full_name": REPOSITORY, "default_branch": "main"}
    payload["repository"] = {**payload["repository"], **repository}
    user = sample({"$ref": "#/components/schemas/simple-user"}, login=actor, type="Bot" if bot else "User")
    payload["sender"] = user
    for name, fields in given.items():
        payload[name] = {**payload.get(name, {}), **fields}
    if "issue" in payload and payload["issue"].get("user") is None:
        payload["issue"]["user"] = {"login": actor, "id": 1}
    assert not problems(schema, payload), problems(schema, payload)
    return payload
