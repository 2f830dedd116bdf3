"""`/commit` and `/pr`: run the user's own git, gh or glab on the host, after showing and confirming each
command.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from coder.base.errors import UsageError, own_command
from coder.base.fs.safe_open import open_folder, read_regular
from coder.base.text.sanitize import count_of, one_line, visible
from coder.engine.chat.chat_session import ChatSession
from coder.people.chat.wording import clean_message, latest_words, write_message
from coder.people.cli.editor import edit_files
from coder.people.cli.host_programs import (
    HostPrograms,
    branch_name,
    first_line,
    on_one_line,
    opener_of,
    pull_request_command,
)
from coder.run.event_types import CommitMade
from coder.run.questions import YES_OR_NO, is_no, is_yes
from coder.show.interrupt import until_ctrl_c
from coder.show.line_reader import LineReader
from coder.show.screen import Screen
from coder.workspace.commit_message import subject_of
from coder.workspace.conversation_patch import standing_landings
from coder.workspace.diff import unified_diff
from coder.workspace.folder import MAX_FILE_BYTES
from coder.workspace.git.known_files import contents_at_head
from coder.workspace.git.pending import (
    CheckedOutBranch,
    Pending,
    hooks_of,
    literal,
    mixed_in,
    pending_in,
    place_of,
    proposed_in,
    settings_in,
    startable,
)
from coder.workspace.git.run_git import program_outside
from coder.workspace.landing import is_made
from coder.workspace.read import read_workspace

_LISTED_PATHS = 8
_MESSAGE_FILE = "MESSAGE"


class HostCommands:
    """Commands of a conversation that run outside of the sandbox, after confirmation."""

    def __init__(self, session: ChatSession, reader: LineReader, screen: Screen) -> None:
        """Initialize with the conversation, and the reader for the user's answers."""
        self._session = session
        self._host = HostPrograms(reader, screen, session.settings.rules)
        self._screen = screen

    async def commit(self, wish: str) -> None:
        """Commit this conversation's changes with the user's git. Raises UsageError if there are none."""
        checkout = place_of(self._session.root)
        written_files = self._written_files(checkout)
        changes = pending_in(checkout, written_files)
        if not changes.paths:
            other_note = (
                f" Other changes aren't committed here: {_list_paths(changes.others)}"
                if changes.others
                else ""
            )
            raise UsageError(f"Nothing that this conversation has written is left to commit.{other_note}")
        self._tell_pending(checkout, changes, written_files)
        self._tell_programs(checkout, "commit")
        state = self._session.journal.state
        texts = {"The change": self._diff(checkout, changes), "The conversation": latest_words(state)}
        subject = first_line(wish or subject_of(state, changes.paths))
        draft = await self._draft("commit", texts, wish) or subject
        adds = [["git", "add", "--intent-to-add", "--", *map(literal, changes.new)]] if changes.new else []
        commands = [*adds, ["git", "commit", f"--file={_MESSAGE_FILE}", "--", *map(literal, changes.paths)]]
        message = await self._agree("commit", draft, texts, commands)
        if message and await self._commit(checkout, changes, message, commands):
            head = checkout.repository.head()
            assert head is not None
            await self._session.journal.append(CommitMade(commit=head, branch=checkout.branch))

    async def pull_request(self, wish: str) -> None:
        """Push the branch, and open a pull request by gh or glab. Raises UsageError without new commits."""
        checkout = place_of(self._session.root)
        proposal = proposed_in(checkout)
        if not proposal.log:
            raise UsageError(
                f"{checkout.branch} has no commit beyond {proposal.remote}/{proposal.base}. /commit first."
            )
        if uncommitted := pending_in(checkout, self._written_files(checkout)).paths:
            self._screen.tell(f"  ! not committed, so not part of it: {_list_paths(uncommitted)}")
        opener = opener_of(proposal.url, lambda name: program_outside(name, checkout.top))
        texts = {"The commits": proposal.log, "Their files": proposal.stat}
        draft, branch = "", checkout.branch
        if opener is not None or branch == proposal.base:
            commit_list = proposal.log.removeprefix("- ")
            draft = await self._draft("pull-request", texts, wish) or first_line(wish or commit_list)
        if branch == proposal.base:
            self._screen.tell(f"  ! {branch} is the default branch: a pull request needs one of its own")
            branch = await self._new_branch(checkout, branch_name(draft) or "change")
        if not branch or not await self._push(checkout, proposal.remote, branch):
            return
        if opener is None:
            self._screen.tell("  · no gh or glab is here: open it on the page that the remote names above")
            return
        command = partial(pull_request_command, opener, branch=branch, base=proposal.base)
        if message := await self._agree("pull-request", draft, texts, [command(title="TITLE", body="BODY")]):
            title, _, body = message.partition("\n")
            await self._run(checkout, command(title=title, body=body.strip()))

    async def _push(self, checkout: CheckedOutBranch, remote: str, branch: str) -> bool:
        self._tell_programs(checkout, "push")
        for address in checkout.repository.push_addresses(remote):
            self._screen.tell(f"  · pushes to {on_one_line(address)}")
        command = ["git", "push", "--set-upstream", remote, branch]
        is_agreed = is_yes(await self._host.ask([command], YES_OR_NO))
        return is_agreed and await self._run(checkout, command)

    async def _run(self, checkout: CheckedOutBranch, command: Sequence[str]) -> bool:
        """Run a program. Hooks may call programs of the repository, so PATH includes it if hooks run."""
        hooks = hooks_of(checkout, command[1]) if command[0] == "git" else []
        return await self._host.run(command, checkout.top, finds_inside=bool(hooks))

    def _written_files(self, checkout: CheckedOutBranch) -> dict[str, list[bytes | None]]:
        """Return the paths that the conversation has written, with their earlier contents.

        Paths are relative to the top of the repository.
        """
        contents: dict[str, list[bytes | None]] = {}
        state = self._session.state
        for landing in standing_landings(state) if state is not None else ():
            for change in landing.plan.changes:
                path = (Path(landing.plan.root) / change.path).relative_to(checkout.top).as_posix()
                old_file = landing.before.get(change.path)
                contents.setdefault(path, []).append(old_file.content if old_file is not None else None)
        return contents

    def _patch_of_all(self, checkout: CheckedOutBranch) -> str:
        """Return a patch of all changes by this conversation, as hooks and filters may run any of them."""
        written_files = self._written_files(checkout)
        current_contents = {path: _content(checkout.top / path) for path in written_files}
        return unified_diff(
            {path: earlier_contents[0] for path, earlier_contents in written_files.items()}, current_contents
        )

    def _diff(self, checkout: CheckedOutBranch, changes: Pending) -> str:
        """Return a patch of the changes to commit."""
        folder = self._session.root.relative_to(checkout.top)
        current_files = read_workspace(self._session.task, lands=False).files.items()
        stored_files = {(folder / path).as_posix(): stored for path, stored in current_files}
        head_contents = contents_at_head(checkout.top, changes.paths)
        return unified_diff(
            {path: head_contents.get(path) for path in changes.paths},
            {path: stored_files[path].content if path in stored_files else None for path in changes.paths},
        )

    def _tell_pending(
        self, checkout: CheckedOutBranch, changes: Pending, written_files: Mapping[str, list[bytes | None]]
    ) -> None:
        unchanged_by_path: dict[Path, bool] = {}
        for landing in standing_landings(self._session.journal.state):
            root = Path(landing.plan.root)
            unchanged_by_path |= {
                root / change.path: is_made(landing.plan, change) for change in landing.plan.changes
            }
        mixed_paths = {*mixed_in(checkout, {path: written_files[path] for path in changes.paths})}
        mixed_paths |= {path for path in changes.paths if not unchanged_by_path[checkout.top / path]}
        self._screen.tell(f"  · {count_of(len(changes.paths), 'file')} on {one_line(checkout.branch)}")
        if mixed_paths:
            self._screen.tell(f"  ! with changes of your own, too: {_list_paths(sorted(mixed_paths))}")
        if changes.others:
            self._screen.tell(f"  · stays out: {_list_paths(changes.others)}")

    def _tell_programs(self, checkout: CheckedOutBranch, command: str) -> None:
        """Print the programs that a git command runs. Raises UsageError if the conversation wrote one."""
        if written_programs := startable(checkout, self._written_files(checkout)):
            raise UsageError(
                f"This conversation has written {_list_paths(written_programs)}, which git may run "
                "outside of the sandbox. Look at it, and do it yourself."
            )
        settings = settings_in(checkout)
        if hooks := hooks_of(checkout, command):
            self._screen.tell(f"  ! runs outside of the sandbox: {_list_paths(hooks)}")
        for setting in settings:
            self._screen.tell(f"  ! may run outside of the sandbox: {on_one_line(setting)}")
        if (hooks or settings) and (patch := self._patch_of_all(checkout)):
            self._screen.tell("  ! and may run what this conversation has changed:")
            self._screen.tell(visible(patch.rstrip("\n")))

    async def _draft(self, kind: str, texts: Mapping[str, str], wish: str) -> str | None:
        """Return the message that the model writes; None if it fails or the user presses Ctrl-C."""
        work = self._screen.spinning(write_message(self._session, kind, texts, wish=wish))
        return await until_ctrl_c(
            work, f"{own_command()} chat --resume {self._session.run}", then=self._screen.rest
        )

    async def _agree(
        self, kind: str, draft: str, texts: Mapping[str, str], commands: Sequence[Sequence[str]]
    ) -> str | None:
        """Return the message that the user approves; None if they refuse."""
        while True:
            self._screen.rest()
            self._screen.tell("\n".join(f"    {line}".rstrip() for line in draft.split("\n")))
            answer = await self._host.ask(
                commands, "[y]es, [N]o, [e]dit the message, or say what it should be: "
            )
            if is_yes(answer):
                return draft
            if is_no(answer):
                return None
            if answer in ("e", "edit"):
                try:
                    draft = (
                        clean_message(
                            (await edit_files({_MESSAGE_FILE: draft}, environ=os.environ))[_MESSAGE_FILE]
                            or ""
                        )
                        or draft
                    )
                except UsageError as error:
                    self._screen.tell(f"  ! {one_line(str(error), width=300)}")
            else:
                revised_texts = {**texts, "The message that was proposed": draft}
                draft = await self._draft(kind, revised_texts, answer) or clean_message(answer)

    async def _new_branch(self, checkout: CheckedOutBranch, name: str) -> str:
        """Create a branch and return its name; empty if the user refuses, or git fails."""
        self._tell_programs(checkout, "switch")
        while True:
            command = ["git", "switch", "--create", name]
            answer = await self._host.ask([command], "[y]es, [N]o, or another name: ")
            if is_yes(answer):
                return name if await self._run(checkout, command) else ""
            if is_no(answer):
                return ""
            name = branch_name(answer) or name

    async def _commit(
        self, checkout: CheckedOutBranch, changes: Pending, text: str, commands: Sequence[Sequence[str]]
    ) -> bool:
        with TemporaryDirectory(prefix="coder-commit-") as folder:
            file = Path(folder) / _MESSAGE_FILE
            file.write_text(f"{text}\n", encoding="utf-8")
            for command in commands:
                real_command = [
                    f"--file={file}" if word == f"--file={_MESSAGE_FILE}" else word for word in command
                ]
                if not await self._run(checkout, real_command):
                    break
            else:
                return True
        if changes.new:  # new files were added to the index, so remove them again
            command_to_unstage = ["git", "rm", "--cached", "--quiet", "--", *map(literal, changes.new)]
            await self._run(checkout, command_to_unstage)
        return False


def _content(path: Path) -> bytes | None:
    """Return a file's content; None if it is no regular file, or too large."""
    try:
        with open_folder(path.parent) as folder:
            return read_regular(folder, path.name, limit=MAX_FILE_BYTES)[0]
    except OSError:
        return None


def _list_paths(paths: Sequence[str]) -> str:
    remainder = f" and {len(paths) - _LISTED_PATHS} more" if len(paths) > _LISTED_PATHS else ""
    return f"{', '.join(one_line(path) for path in paths[:_LISTED_PATHS])}{remainder}"
