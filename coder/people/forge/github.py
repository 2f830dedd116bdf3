"""GitHub by its REST API, version 2022-11-28."""

from collections.abc import Mapping
from typing import Any

from coder.people.forge.api import Api, segment
from coder.people.forge.request import ForgeRequest, PullRequest, Remark

_MAX_REMARKS = 100
"""Comments of a review that are read: one page."""


class GitHub:
    """A repository of GitHub."""

    def __init__(self, api: Api, repository: str) -> None:
        """Initialize with the API and `owner/name`."""
        self._api = api
        self._owner = repository.partition("/")[0]
        self._path = "/repos/" + "/".join(map(segment, repository.split("/")))

    async def may_write(self, request: ForgeRequest) -> bool:
        """Whether the actor's permission is `write` or `admin`; `maintain` is reported as `write`."""
        path = f"{self._path}/collaborators/{segment(request.actor)}/permission"
        document = await self._api.get(path, absent={})
        return document.get("permission") in ("admin", "write")

    async def issue(self, number: int) -> tuple[str, str]:
        """Return title and description of an issue."""
        document = await self._api.get(f"{self._path}/issues/{number}")
        return document["title"], document.get("body") or ""

    async def pull_request(self, number: int) -> PullRequest:
        """Return a pull request."""
        return self._pull_request(await self._api.get(f"{self._path}/pulls/{number}"))

    async def open_pull_request(self, branch: str) -> PullRequest | None:
        """Return the open pull request of a branch of the repository, or None."""
        pull_requests = await self._api.get(
            f"{self._path}/pulls", state="open", head=f"{self._owner}:{branch}"
        )
        pulls = [self._pull_request(document) for document in pull_requests]
        return next((pull for pull in pulls if pull.branch == branch), None)

    async def remarks(self, request: ForgeRequest) -> tuple[Remark, ...]:
        """Return the comments of the request's review."""
        path = f"{self._path}/pulls/{request.number}/reviews/{request.review}/comments"
        documents = await self._api.get(path, per_page=_MAX_REMARKS)
        return tuple(
            Remark(
                author=(document.get("user") or {}).get("login", request.actor),
                text=document["body"],
                path=document.get("path"),
                line=document.get("line") or document.get("original_line"),
            )
            for document in documents
        )

    async def propose(self, *, title: str, body: str, branch: str, base: str) -> str:
        """Open a pull request, and return its address."""
        document = await self._api.post(f"{self._path}/pulls", title=title, body=body, head=branch, base=base)
        return str(document["html_url"])

    async def answer(self, request: ForgeRequest, body: str) -> None:
        """Comment on the issue or pull request of a request, in its thread if it has one."""
        path = f"{self._path}/issues/{request.number}/comments"
        if request.thread is not None:
            path = f"{self._path}/pulls/{request.number}/comments/{request.thread}/replies"
        await self._api.post(path, body=body)

    def _pull_request(self, document: Mapping[str, Any]) -> PullRequest:
        head, base = document["head"], document["base"]
        return PullRequest(
            number=document["number"],
            title=document["title"],
            branch=head["ref"],
            is_own=head["repo"] is not None and head["repo"]["id"] == base["repo"]["id"],
            is_open=document["state"] == "open",
            url=document["html_url"],
        )
