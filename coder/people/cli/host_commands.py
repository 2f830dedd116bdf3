"""`/commit` and `/pr`: the user's own git, gh or glab on the host, each command shown and asked about."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from coder.base.errors import UsageError, own_command
from coder.base.fs.safe_open import open_folder, read_regular
from coder.base.text.sanitize import count_of, one_line, visible
from coder.people.chat.chat_session import ChatSession
from coder.people.chat.transcript import standing_landings
from coder.people.chat.wording import latest_words, tidied, worded
from coder.people.cli.editor import edited
from coder.people.cli.host_programs import HostPrograms, branch_name, first_line, opener_of, opening, whole
from coder.run.event_types import CommitMade
from coder.run.questions import YES_OR_NO, is_no, is_yes
from coder.show.interrupt import until_ctrl_c
from coder.show.line_reader import LineReader
from coder.show.screen import Screen
from coder.workspace.commit_message import subject_of
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

_MOST_NAMED = 8
_FILE = "MESSAGE"


class HostCommands:
    """What a conversation may have run outside of the sandbox, on the user's word."""

    def __init__(self, session: ChatSession, reader: LineReader, screen: Screen) -> None:
        """Serve this conversation, and ask by this reader."""
        self._session = session
        self._host = HostPrograms(reader, screen)
        self._screen = screen

    async def commit(self, wish: str) -> None:
        """Commit what this conversation has written, by the user's git; UsageError: there is nothing."""
        place = place_of(self._session.root)
        written = self._written(place)
        pending = pending_in(place, written)
        if not pending.paths:
            others = (
                f" Other changes aren't committed here: {_named(pending.others)}" if pending.others else ""
            )
            raise UsageError(f"Nothing that this conversation has written is left to commit.{others}")
        self._tell_pending(place, pending, written)
        self._tell_started(place, "commit")
        state = self._session.journal.state
        quoted = {"The change": self._diff(place, pending), "The conversation": latest_words(state)}
        subject = first_line(wish or subject_of(state, pending.paths))
        draft = await self._draft("commit", quoted, wish) or subject
        adds = [["git", "add", "--intent-to-add", "--", *map(literal, pending.new)]] if pending.new else []
        commands = [*adds, ["git", "commit", f"--file={_FILE}", "--", *map(literal, pending.paths)]]
        agreed = await self._agreed("commit", draft, quoted, commands)
        if agreed and await self._committed(place, pending, agreed, commands):
            head = place.repository.head()
            assert head is not None
            await self._session.journal.append(CommitMade(commit=head, branch=place.branch))

    async def pull_request(self, wish: str) -> None:
        """Push the branch, and open a pull request by gh or glab; UsageError: nothing to propose."""
        place = place_of(self._session.root)
        proposed = proposed_in(place)
        if not proposed.log:
            raise UsageError(
                f"{place.branch} has no commit beyond {proposed.remote}/{proposed.base}. /commit first."
            )
        if pending := pending_in(place, self._written(place)).paths:
            self._screen.tell(f"  ! not committed, so not part of it: {_named(pending)}")
        opener = opener_of(proposed.url, lambda name: program_outside(name, place.top))
        quoted = {"The commits": proposed.log, "Their files": proposed.stat}
        draft, branch = "", place.branch
        if opener is not None or branch == proposed.base:
            latest = proposed.log.removeprefix("- ")
            draft = await self._draft("pull-request", quoted, wish) or first_line(wish or latest)
        if branch == proposed.base:
            self._screen.tell(f"  ! {branch} is the default branch: a pull request needs one of its own")
            branch = await self._new_branch(place, branch_name(draft) or "change")
        if not branch or not await self._pushed(place, proposed.remote, branch):
            return
        if opener is None:
            self._screen.tell("  · no gh or glab is here: open it on the page that the remote names above")
            return
        command = partial(opening, opener, branch=branch, base=proposed.base)
        if agreed := await self._agreed("pull-request", draft, quoted, [command(title="TITLE", body="BODY")]):
            title, _, body = agreed.partition("\n")
            await self._ran(place, command(title=title, body=body.strip()))

    async def _pushed(self, place: CheckedOutBranch, remote: str, branch: str) -> bool:
        self._tell_started(place, "push")
        for address in place.repository.push_addresses(remote):
            self._screen.tell(f"  · pushes to {whole(address)}")
        command = ["git", "push", "--set-upstream", remote, branch]
        is_agreed = is_yes(await self._host.ask([command], YES_OR_NO))
        return is_agreed and await self._ran(place, command)

    async def _ran(self, place: CheckedOutBranch, command: Sequence[str]) -> bool:
        """Run a program; it finds others in the repository only for hooks, which were told."""
        hooks = hooks_of(place, command[1]) if command[0] == "git" else []
        return await self._host.ran(command, place.top, finds_inside=bool(hooks))

    def _written(self, place: CheckedOutBranch) -> dict[str, list[bytes | None]]:
        """Return the paths that the conversation has written, relative to the top, with earlier contents."""
        contents: dict[str, list[bytes | None]] = {}
        state = self._session.state
        for landing in standing_landings(state) if state is not None else ():
            for change in landing.plan.changes:
                path = (Path(landing.plan.root) / change.path).relative_to(place.top).as_posix()
                old = landing.before.get(change.path)
                contents.setdefault(path, []).append(old.content if old is not None else None)
        return contents

    def _changed(self, place: CheckedOutBranch) -> str:
        """All that this conversation has changed, as a patch: hooks and filters may start any of it."""
        written = self._written(place)
        now = {path: _content(place.top / path) for path in written}
        return unified_diff({path: before[0] for path, before in written.items()}, now)

    def _diff(self, place: CheckedOutBranch, pending: Pending) -> str:
        """What is to be committed, as a patch."""
        below = self._session.root.relative_to(place.top)
        read = read_workspace(self._session.task, lands=False).files.items()
        now = {(below / path).as_posix(): stored for path, stored in read}
        before = contents_at_head(place.top, pending.paths)
        return unified_diff(
            {path: before.get(path) for path in pending.paths},
            {path: now[path].content if path in now else None for path in pending.paths},
        )

    def _tell_pending(
        self, place: CheckedOutBranch, pending: Pending, written: Mapping[str, list[bytes | None]]
    ) -> None:
        standing: dict[Path, bool] = {}
        for landing in standing_landings(self._session.journal.state):
            root = Path(landing.plan.root)
            standing |= {root / change.path: is_made(landing.plan, change) for change in landing.plan.changes}
        mixed = {*mixed_in(place, {path: written[path] for path in pending.paths})}
        mixed |= {path for path in pending.paths if not standing[place.top / path]}
        self._screen.tell(f"  · {count_of(len(pending.paths), 'file')} on {one_line(place.branch)}")
        if mixed:
            self._screen.tell(f"  ! with changes of your own, too: {_named(sorted(mixed))}")
        if pending.others:
            self._screen.tell(f"  · stays out: {_named(pending.others)}")

    def _tell_started(self, place: CheckedOutBranch, command: str) -> None:
        """Name what a command of git's starts; UsageError: the conversation has written some of that."""
        if own := startable(place, self._written(place)):
            raise UsageError(
                f"This conversation has written {_named(own)}, which git may run outside of the sandbox. "
                "Look at it, and do it yourself."
            )
        settings = settings_in(place)
        if hooks := hooks_of(place, command):
            self._screen.tell(f"  ! runs outside of the sandbox: {_named(hooks)}")
        for setting in settings:
            self._screen.tell(f"  ! may run outside of the sandbox: {whole(setting)}")
        if (hooks or settings) and (patch := self._changed(place)):
            self._screen.tell("  ! and may run what this conversation has changed:")
            self._screen.tell(visible(patch.rstrip("\n")))

    async def _draft(self, kind: str, quoted: Mapping[str, str], wish: str) -> str | None:
        """What the model writes; None where it doesn't, or the user presses Ctrl-C."""
        work = self._screen.spinning(worded(self._session, kind, quoted, wish=wish))
        return await until_ctrl_c(
            work, f"{own_command()} chat --resume {self._session.run}", then=self._screen.rest
        )

    async def _agreed(
        self, kind: str, draft: str, quoted: Mapping[str, str], commands: Sequence[Sequence[str]]
    ) -> str | None:
        """The message that the user agrees to; None where they don't."""
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
                    draft = tidied((await edited({_FILE: draft}, environ=os.environ))[_FILE] or "") or draft
                except UsageError as error:
                    self._screen.tell(f"  ! {one_line(str(error), width=300)}")
            else:
                before = {**quoted, "The message that was proposed": draft}
                draft = await self._draft(kind, before, answer) or tidied(answer)

    async def _new_branch(self, place: CheckedOutBranch, name: str) -> str:
        """The branch that was begun; empty where the user wants none, or git refuses."""
        self._tell_started(place, "switch")
        while True:
            command = ["git", "switch", "--create", name]
            answer = await self._host.ask([command], "[y]es, [N]o, or another name: ")
            if is_yes(answer):
                return name if await self._ran(place, command) else ""
            if is_no(answer):
                return ""
            name = branch_name(answer) or name

    async def _committed(
        self, place: CheckedOutBranch, pending: Pending, text: str, commands: Sequence[Sequence[str]]
    ) -> bool:
        with TemporaryDirectory(prefix="coder-commit-") as folder:
            file = Path(folder) / _FILE
            file.write_text(f"{text}\n", encoding="utf-8")
            for command in commands:
                real = [f"--file={file}" if word == f"--file={_FILE}" else word for word in command]
                if not await self._ran(place, real):
                    break
            else:
                return True
        if pending.new:  # git knows them by now, and is to be as it was
            command_to_unstage = ["git", "rm", "--cached", "--quiet", "--", *map(literal, pending.new)]
            await self._ran(place, command_to_unstage)
        return False


def _content(path: Path) -> bytes | None:
    """A file's content; None if there is no plain file, or it is too large."""
    try:
        with open_folder(path.parent) as folder:
            return read_regular(folder, path.name, limit=MAX_FILE_BYTES)[0]
    except OSError:
        return None


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{', '.join(one_line(path) for path in paths[:_MOST_NAMED])}{more}"
