"""Handle a request: check who asks, have the task solved, propose what is shown, or say what is missing."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from coder.base.errors import CoderError, Refused, UsageError
from coder.people.forge import evidence
from coder.people.forge.prompt import prompt_of
from coder.people.forge.remote import Remote
from coder.people.forge.request import Forge, ForgeError, ForgeRequest, PullRequest
from coder.run.run import EXIT_CODES, Run
from coder.run.state import State
from coder.show.failure import single
from sandbox import SandboxError

Solve = Callable[[str, Mapping[str, object]], Awaitable[tuple[Run, State]]]
"""Function that solves a prompt with the given delivery settings."""


@dataclass(frozen=True, slots=True)
class Handled:
    """Outcome of a request."""

    run: Run
    branch: str | None = None
    """The branch that was pushed."""
    url: str | None = None
    """Address of the pull request."""


@dataclass(frozen=True, slots=True)
class Handler:
    """Handles the requests of one repository."""

    forge: Forge
    remote: Remote
    solve: Solve
    branch_prefix: str
    instructions: str = ""

    async def handle(self, request: ForgeRequest) -> Handled:
        """Handle a request; an error is also reported to the person who asked.

        Raises:
            Refused: the person may not write to the repository. Nothing is reported there.
            CoderError, SandboxError: as `solve` does; ForgeError, GitFailed: the forge failed.
        """
        if not await self.forge.may_write(request):
            raise Refused(
                f"{request.actor} has no write access to {request.repository}; no model was called."
            )
        try:
            return await self._handle(request)
        except (CoderError, SandboxError, ExceptionGroup) as error:
            cause = single(error)
            message = str(cause) if isinstance(cause, CoderError | SandboxError) else type(cause).__name__
            with suppress(ForgeError):  # the first error is the one to report
                await self.forge.answer(request, evidence.failure_of(message))
            raise

    async def _handle(self, request: ForgeRequest) -> Handled:
        number, pull = await self._subject(request)
        if pull is None:
            branch = await asyncio.to_thread(self._free_branch, number)
            prompt = await self._prompt(request, number)
            run, state = await self.solve(prompt, {"branch": branch})
            return await self._propose(request, run, state, branch)
        await asyncio.to_thread(self.remote.check_out, pull.branch)
        prompt = await self._prompt(request.model_copy(update={"on_pull_request": True}), number)
        run, state = await self.solve(prompt, {"commit": True, "accept_unverified": True})
        return await self._revise(request, run, state, pull, number)

    async def _subject(self, request: ForgeRequest) -> tuple[int, PullRequest | None]:
        """Return the issue's number, and our open pull request for it or None. Raises UsageError."""
        if not request.on_pull_request:
            for branch in await asyncio.to_thread(self._taken_branches, request.number):
                if (pull := await self.forge.open_pull_request(branch)) is not None and pull.is_own:
                    return request.number, pull
            return request.number, None
        pull = await self.forge.pull_request(request.number)
        number = re.match(rf"{re.escape(self.branch_prefix)}issue-(\d+)(-\d+)?\Z", pull.branch)
        if not pull.is_own or not pull.is_open or number is None:
            raise UsageError(
                f"Only an open pull request from a branch {self.branch_prefix}issue-N of this repository is "
                f"worked on; this one is from {pull.branch}."
            )
        return int(number[1]), pull

    def _taken_branches(self, number: int) -> list[str]:
        first = f"{self.branch_prefix}issue-{number}"
        return [
            name for name in self.remote.branches(first) if re.fullmatch(rf"{re.escape(first)}(-\d+)?", name)
        ]

    def _free_branch(self, number: int) -> str:
        first = f"{self.branch_prefix}issue-{number}"
        branches = {*self._taken_branches(number)}
        names = (first, *(f"{first}-{count}" for count in range(2, len(branches) + 3)))
        return next(name for name in names if name not in branches)

    async def _prompt(self, request: ForgeRequest, number: int) -> str:
        is_known = request.number == number and bool(request.text or request.remarks)
        issue = (request.title, request.text) if is_known else await self.forge.issue(number)
        remarks = request.remarks
        if request.review is not None:
            remarks = (*remarks, *await self.forge.remarks(request))
        return prompt_of(request, issue=issue, remarks=remarks, instructions=self.instructions)

    async def _propose(self, request: ForgeRequest, run: Run, state: State, branch: str) -> Handled:
        change_evidence = evidence.evidence_of(run, state)
        if run.status != "solved" or run.commit is None or not change_evidence.shows_change:
            await self.forge.answer(request, evidence.missing_of(run, state, change_evidence))
            return Handled(_unproposed(run))
        await self._push(run, run.commit, branch, request.number)
        body = evidence.proposal_of(run, state, change_evidence, request.number)
        try:
            url = await self.forge.propose(
                title=evidence.title_of(request.title), body=body, branch=branch, base=request.base
            )
        except ForgeError as error:
            raise ForgeError(f"{error}\nThe change is on the branch {branch}: open it by hand.") from error
        return Handled(run, branch, url)

    async def _revise(
        self, request: ForgeRequest, run: Run, state: State, pull: PullRequest, number: int
    ) -> Handled:
        change_evidence = evidence.evidence_of(run, state)
        if run.commit is None or run.exit_code != 0:
            await self.forge.answer(request, evidence.missing_of(run, state, change_evidence))
            return Handled(_unproposed(run), url=pull.url)
        commit = await self._push(run, run.commit, pull.branch, number)
        await self.forge.answer(request, evidence.follow_up_of(run, state, change_evidence, commit))
        return Handled(run, pull.branch, pull.url)

    async def _push(self, run: Run, commit: str, branch: str, number: int) -> str:
        message = evidence.message_of(run, number)
        return await asyncio.to_thread(self.remote.push, commit, branch, message=message)


def _unproposed(run: Run) -> Run:
    """Return a run that isn't proposed: a solution without evidence counts as unverified."""
    if run.exit_code != 0 or run.status == "answered":
        return run
    fields = {"status": "unverified", "exit_code": EXIT_CODES["unverified"]}
    return run.model_copy(update=fields)
