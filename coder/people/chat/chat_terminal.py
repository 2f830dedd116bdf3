"""Terminal: lines with editing, history, several lines a message, and completion. Needs the extra `chat`."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import MachineError, install_command
from coder.base.fs.private_folder import private_folder
from coder.show.chat_commands import COMMANDS, is_message
from coder.show.input_line import InputLine, interrupt
from coder.show.line_reader import Cancelled, LineReader, PlainReader

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

HISTORY = "chat_history"
"""The file of what was typed, in the user's data folder."""
_MOST_COMPLETIONS = 100
_UNFOLD = "/show"
"""What Ctrl-O stands for."""


def open_reader(folder: Path, *, paths: Callable[[], Sequence[str]]) -> LineReader:
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
        from prompt_toolkit.output.vt100 import Vt100_Output

        class Names(Completer):
            def get_completions(self, document: "Document", complete_event: object) -> "Iterable[Completion]":
                return _completions(document, paths)

        def open_session(
            keys: "KeyBindings", output: "Output", *, suspends: bool = False
        ) -> "PromptSession[str]":
            return PromptSession(
                history=written,
                completer=Names(),
                complete_while_typing=False,
                multiline=True,
                key_bindings=keys,
                prompt_continuation="  ",
                reserve_space_for_menu=4,
                output=output,
                enable_suspend=suspends,
            )

        written, output = FileHistory(str(history)), create_output(stdout=sys.stderr)
        self._session = open_session(_keys(_accept, self._unfold), output)
        keys, below = _working_keys(lambda text: self.bottom.send(text)), create_output(stdout=sys.stderr)
        if isinstance(below, Vt100_Output):
            below.enable_cpr = False  # what is printed above moves the row that the terminal would tell
        working = open_session(keys, below, suspends=True)
        working.app.erase_when_done = True
        self.bottom = InputLine(working, sys.stderr)
        """Takes what is typed while the model works."""
        self._plain: PromptSession[str] = PromptSession(output=output)

    async def line(self, question: str) -> str | None:
        """What was typed; questions other than the prompt itself leave no trace in the history."""
        session, draft = self._plain, ""
        if question.strip() == ">":
            session, draft, self.bottom.draft = self._session, self.bottom.draft, ""
        try:
            return await session.prompt_async(
                question, default=draft, handle_sigint=False, set_exception_handler=False
            )
        except KeyboardInterrupt as error:
            raise Cancelled from error
        except EOFError:
            return None

    def _unfold(self, event: "KeyPressEvent") -> None:
        """Send the line that Ctrl-O stands for; what was typed so far is there again afterwards."""
        self.bottom.draft = event.current_buffer.text
        event.app.exit(result=_UNFOLD)


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


def _keys(
    send: "Callable[[KeyPressEvent], None]", unfold: "Callable[[KeyPressEvent], None]"
) -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: "KeyPressEvent") -> None:
        buffer = event.current_buffer
        if buffer.document.char_before_cursor == "\\":
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        elif event.key_processor.input_queue and is_message([buffer.text, ""]):
            buffer.insert_text("\n")  # more came at once: pasted, on a terminal that doesn't mark that
        else:
            send(event)

    @keys.add("escape", "enter")
    def _new_line(event: "KeyPressEvent") -> None:
        event.current_buffer.insert_text("\n")

    keys.add("c-o")(unfold)
    return keys


def _accept(event: "KeyPressEvent") -> None:
    event.current_buffer.validate_and_handle()


def _working_keys(send: Callable[[str], None]) -> "KeyBindings":
    """Key bindings while the agent works: Enter sends the line and clears it, Ctrl-D does nothing."""
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition

    def sent(event: "KeyPressEvent") -> None:
        text = event.current_buffer.text
        event.current_buffer.reset(append_to_history=True)
        send(text)

    keys = _keys(sent, lambda event: send(_UNFOLD))

    @keys.add("c-c")
    def _interrupt(event: "KeyPressEvent") -> None:
        interrupt()

    @keys.add("c-d", filter=Condition(lambda: not get_app().current_buffer.text))
    def _stay(event: "KeyPressEvent") -> None:
        pass

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
