"""Connect to the forge of a job, by the variables that GitHub and GitLab set in every job."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from coder.base.errors import UsageError
from coder.people.forge.api import Api
from coder.people.forge.github import GitHub
from coder.people.forge.gitlab import GitLab
from coder.people.forge.remote import Remote
from coder.people.forge.request import Forge
from coder.workspace.git.found import Repository, find_repository


@asynccontextmanager
async def connected(
    repository_name: str, clone: Path, *, is_gitlab: bool
) -> AsyncIterator[tuple[Forge, Remote]]:
    """Yield the forge and the remote of a repository.

    Raises UsageError if the token or an address is missing, or there is no clone.
    """
    repository = _repository(clone)
    if repository is None:
        raise UsageError(f"{clone} is in no git repository. Check out the repository first.")
    if is_gitlab:
        token = _required("GITLAB_TOKEN", "a token of the project with the scopes api and write_repository")
        address = _required("CI_API_V4_URL", "the address of GitLab's API")
        server = _required("CI_SERVER_URL", "the address of GitLab")
        headers, user = {"PRIVATE-TOKEN": token}, "oauth2"
    else:
        token = _required("GITHUB_TOKEN", "secrets.GITHUB_TOKEN, or another token of the repository")
        address = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
        server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        user = "x-access-token"
    async with Api(address, headers) as api:
        forge = GitLab(api, repository_name) if is_gitlab else GitHub(api, repository_name)
        remote = Remote(f"{server.rstrip('/')}/{repository_name}.git", user, token, repository)
        yield forge, remote


def _repository(clone: Path) -> Repository | None:
    return find_repository(clone.resolve())


def _required(variable: str, meaning: str) -> str:
    if value := os.environ.get(variable, "").strip():
        return value
    raise UsageError(f"${variable} isn't set: {meaning}.")
