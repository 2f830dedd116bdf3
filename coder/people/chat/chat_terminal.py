"""Terminal: input with editing, history, multi-line messages and completion. Needs the extra `chat`."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import MachineError, install_command
from coder.base.fs.private_folder import private_folder
from coder.config.command_table import COMMANDS
from coder.show.chat_commands import is_message
from coder.show.input_line import InputLine, interrupt
from coder.show.line_reader import Cancelled, LineReader, PlainReader, discard_typed

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

HISTORY = "chat_history"
"""Name of the history file in the user's data folder."""
_MAX_COMPLETIONS = 100
_UNFOLD_COMMAND = "/show"
"""Command that Ctrl-O sends."""


def open_reader(
    folder: Path, *, paths: Callable[[], Sequence[str]], calls: Callable[[], Sequence[str]] = tuple
) -> LineReader:
    """Return a reader with all features of prompt_toolkit, or a plain one without them.

    Args:
        folder: the folder of the history, readable by its user only.
        paths: returns the files that can be named, for completion.
        calls: returns the names of the user's and the repository's own commands.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        return PlainReader()
    try:
        import prompt_toolkit  # noqa: F401
    except ImportError:
        print(f"Plain input; for history and completion: {install_command('chat')}", file=sys.stderr)
        return PlainReader()
    return TerminalReader(_private_file(private_folder(folder) / HISTORY), paths=paths, calls=calls)


class TerminalReader:
    """Reads lines: Enter sends, Alt-Enter or a final backslash adds a line, Ctrl-O shows the latest call."""

    def __init__(
        self, history: Path, *, paths: Callable[[], Sequence[str]], calls: Callable[[], Sequence[str]] = tuple
    ) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import Completer
        from prompt_toolkit.history import FileHistory
        from prompt_toolkit.output import create_output
        from prompt_toolkit.output.vt100 import Vt100_Output

        class Names(Completer):
            def get_completions(self, document: "Document", complete_event: object) -> "Iterable[Completion]":
                return _completions(document, paths, calls)

        def open_session(keys: "KeyBindings", output: "Output") -> "PromptSession[str]":
            return PromptSession(
                history=file_history,
                completer=Names(),
                complete_while_typing=False,
                multiline=True,
                key_bindings=keys,
                prompt_continuation="  ",
                reserve_space_for_menu=4,
                output=output,
                enable_suspend=True,
            )

        file_history, output = FileHistory(str(history)), create_output(stdout=sys.stderr)
        self._session = open_session(_keys(_accept, self._unfold), output)
        keys, lower_output = (
            _working_keys(lambda text: self.bottom.send(text)),
            create_output(stdout=sys.stderr),
        )
        if isinstance(lower_output, Vt100_Output):
            lower_output.enable_cpr = (
                False  # printed output moves the cursor row that the terminal would report
            )
        working = open_session(keys, lower_output)
        working.app.erase_when_done = True
        self.bottom = InputLine(working, sys.stderr)
        """Reads input while the model works."""
        self._plain: PromptSession[str] = PromptSession(output=output, enable_suspend=True)

    async def line(self, prompt: str) -> str | None:
        """Return the next message, which is added to the history."""
        draft, self.bottom.draft = self.bottom.draft, ""
        return await self._read(self._session, prompt, draft=draft)

    async def answer(self, question: str) -> str | None:
        """Return the line typed after the question was shown."""
        return await self._read(self._plain, question, pre_run=self._discard_typed)

    async def _read(
        self,
        session: "PromptSession[str]",
        prompt: str,
        *,
        draft: str = "",
        pre_run: Callable[[], None] | None = None,
    ) -> str | None:
        try:
            return await session.prompt_async(
                prompt, default=draft, pre_run=pre_run, handle_sigint=False, set_exception_handler=False
            )
        except KeyboardInterrupt as error:
            raise Cancelled from error
        except EOFError:
            return None

    def _discard_typed(self) -> None:
        from prompt_toolkit.input.typeahead import clear_typeahead

        clear_typeahead(self._plain.app.input)
        discard_typed(self._plain.app.input.fileno())

    def _unfold(self, event: "KeyPressEvent") -> None:
        """Send the command of Ctrl-O; the unfinished line is restored afterwards."""
        self.bottom.draft = event.current_buffer.text
        event.app.exit(result=_UNFOLD_COMMAND)


def complete(line_before: str, names: Sequence[str], calls: Sequence[str] = ()) -> list[str]:
    """Return completions of the last word: commands at the beginning of a line, else paths."""
    if line_before.startswith("/") and " " not in line_before:
        return [f"/{name}" for name in (*COMMANDS, *calls) if f"/{name}".startswith(line_before)]
    word = line_before.rpartition(" ")[2]
    if not word:
        return []
    prefix, word = ("@", word[1:]) if word.startswith("@") else ("", word)
    return [f"{prefix}{name}" for name in names if name.startswith(word)][:_MAX_COMPLETIONS]


def _completions(
    document: "Document", paths: Callable[[], Sequence[str]], calls: Callable[[], Sequence[str]]
) -> "Iterable[Completion]":
    from prompt_toolkit.completion import Completion

    line_before = document.current_line_before_cursor
    is_call = line_before.startswith("/") and " " not in line_before
    word = line_before if is_call else line_before.rpartition(" ")[2]
    names = complete(line_before, () if is_call else paths(), calls() if is_call else ())
    return [Completion(name, start_position=-len(word)) for name in names]


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
            buffer.insert_text("\n")  # pasted text, on a terminal without bracketed paste
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
    """Return key bindings while the agent works: Enter sends and clears the line, Ctrl-D does nothing."""
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition

    def send_line(event: "KeyPressEvent") -> None:
        text = event.current_buffer.text
        event.current_buffer.reset(append_to_history=True)
        send(text)

    keys = _keys(send_line, lambda event: send(_UNFOLD_COMMAND))

    @keys.add("c-c")
    def _interrupt(event: "KeyPressEvent") -> None:
        interrupt()

    @keys.add("c-d", filter=Condition(lambda: not get_app().current_buffer.text))
    def _stay(event: "KeyPressEvent") -> None:
        pass

    return keys


def _private_file(path: Path) -> Path:
    """Create a file that only its user can read, and return its path."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MachineError(f"Can't write {path}: {error.strerror}.") from error
    return path
