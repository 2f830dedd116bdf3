"""Terminal: lines with editing, history, several lines a message, and completion. Needs the extra `chat`."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coder.chat.commands import COMMANDS, is_message
from coder.chat.line_reader import Cancelled, PlainReader, Reader
from coder.errors import MachineError, install_command
from coder.fs.private_folder import private_folder

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings

HISTORY = "chat_history"
"""The file of what was typed, in the user's data folder."""
_MOST_COMPLETIONS = 100


def open_reader(folder: Path, *, paths: Callable[[], Sequence[str]]) -> Reader:
    """A terminal with all that prompt_toolkit gives, else plain lines.

    Args:
        folder: where the history is kept, readable by its user only.
        paths: the files that can be named, for completion.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        return PlainReader()
    try:
        import prompt_toolkit  # noqa: F401
    except ImportError:
        print(f"Plain input; for history and completion: {install_command('chat')}", file=sys.stderr)
        return PlainReader()
    return TerminalReader(_private_file(private_folder(folder) / HISTORY), paths=paths)


class TerminalReader:
    """Enter sends; Alt-Enter, and a backslash at the end, begin a further line; Ctrl-O: the latest call."""

    def __init__(self, history: Path, *, paths: Callable[[], Sequence[str]]) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import Completer
        from prompt_toolkit.history import FileHistory
        from prompt_toolkit.output import create_output

        class Names(Completer):
            def get_completions(self, document: "Document", complete_event: object) -> "Iterable[Completion]":
                return _completions(document, paths)

        self._output = create_output(stdout=sys.stderr)
        self._session: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)),
            completer=Names(),
            complete_while_typing=False,
            multiline=True,
            key_bindings=_keys(self._unfold),
            prompt_continuation="  ",
            reserve_space_for_menu=4,
            output=self._output,
        )
        self._draft = ""
        self._plain: PromptSession[str] = PromptSession(output=self._output)

    async def line(self, question: str) -> str | None:
        """What was typed; questions other than the prompt itself leave no trace in the history."""
        session, draft = self._plain, ""
        if question.strip() == ">":
            session, draft, self._draft = self._session, self._draft, ""
        try:
            return await session.prompt_async(
                question, default=draft, handle_sigint=False, set_exception_handler=False
            )
        except KeyboardInterrupt as error:
            raise Cancelled from error
        except EOFError:
            return None

    def _unfold(self, draft: str) -> str:
        """The line that Ctrl-O stands for; what was typed so far is there again afterwards."""
        self._draft = draft
        return "/show"


def completed(before: str, names: Sequence[str]) -> list[str]:
    """What could stand in place of the last word: commands at the beginning of a line, else paths."""
    if before.startswith("/") and " " not in before:
        return [f"/{name}" for name in COMMANDS if f"/{name}".startswith(before)]
    word = before.rpartition(" ")[2]
    if not word:
        return []
    mark, word = ("@", word[1:]) if word.startswith("@") else ("", word)
    return [f"{mark}{name}" for name in names if name.startswith(word)][:_MOST_COMPLETIONS]


def _completions(document: "Document", paths: Callable[[], Sequence[str]]) -> "Iterable[Completion]":
    from prompt_toolkit.completion import Completion

    before = document.current_line_before_cursor
    word = before if before.startswith("/") and " " not in before else before.rpartition(" ")[2]
    return [Completion(name, start_position=-len(word)) for name in completed(before, paths())]


def _keys(unfold: Callable[[str], str]) -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.char_before_cursor == "\\":
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        elif event.key_processor.input_queue and is_message([buffer.text, ""]):
            buffer.insert_text("\n")  # more came at once: pasted, on a terminal that doesn't mark that
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-o")
    def _unfold(event: KeyPressEvent) -> None:
        event.app.exit(result=unfold(event.current_buffer.text))

    return keys


def _private_file(path: Path) -> Path:
    """The file, made so that only its user can read it."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MachineError(f"Can't write {path}: {error.strerror}.") from error
    return path
