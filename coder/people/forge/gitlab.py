"""GitLab by its REST API, version 4."""

from collections.abc import Mapping
from typing import Any

from coder.people.forge.api import Api, segment
from coder.people.forge.request import ForgeRequest, PullRequest, Remark

_DEVELOPER = 30
"""Access level from which a member may push branches."""


class GitLab:
    """A project of GitLab."""

    def __init__(self, api: Api, repository: str) -> None:
        """Initialize with the API and the project's path."""
        self._api, self._path = api, f"/projects/{segment(repository)}"

    async def may_write(self, request: ForgeRequest) -> bool:
        """Whether the actor has at least the role of a developer in the project."""
        document = await self._api.get(f"{self._path}/members/all/{request.actor_id}", absent={})
        is_active = document.get("state") == "active" and document.get("username") == request.actor
        return is_active and int(document.get("access_level") or 0) >= _DEVELOPER

    async def issue(self, number: int) -> tuple[str, str]:
        """Return title and description of an issue."""
        document = await self._api.get(f"{self._path}/issues/{number}")
        return document["title"], document.get("description") or ""

    async def pull_request(self, number: int) -> PullRequest:
        """Return a merge request."""
        return _pull_request(await self._api.get(f"{self._path}/merge_requests/{number}"))

    async def open_pull_request(self, branch: str) -> PullRequest | None:
        """Return the open merge request of a branch of the project, or None."""
        path = f"{self._path}/merge_requests"
        pulls = map(_pull_request, await self._api.get(path, state="opened", source_branch=branch))
        return next((pull for pull in pulls if pull.is_own and pull.branch == branch), None)

    async def remarks(self, request: ForgeRequest) -> tuple[Remark, ...]:
        """Return nothing: GitLab reports each comment of a review by an event of its own."""
        return ()

    async def propose(self, *, title: str, body: str, branch: str, base: str) -> str:
        """Open a merge request, and return its address."""
        fields = {"title": title, "description": body, "source_branch": branch, "target_branch": base}
        return str((await self._api.post(f"{self._path}/merge_requests", **fields))["web_url"])

    async def answer(self, request: ForgeRequest, body: str) -> None:
        """Comment on the issue or merge request of a request, in its discussion if it has one."""
        kind = "merge_requests" if request.on_pull_request else "issues"
        thread = f"/discussions/{segment(request.thread)}" if request.thread is not None else ""
        await self._api.post(f"{self._path}/{kind}/{request.number}{thread}/notes", body=body)


def _pull_request(document: Mapping[str, Any]) -> PullRequest:
    return PullRequest(
        number=document["iid"],
        title=document["title"],
        branch=document["source_branch"],
        is_own=document["source_project_id"] == document["target_project_id"],
        is_open=document["state"] == "opened",
        url=document["web_url"],
    )
