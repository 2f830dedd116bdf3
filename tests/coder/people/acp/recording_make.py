"""Record a day's work in an editor as text: `python -m tests.coder.people.acp.recording_make` writes it.

The agent, its sandbox and the client are real; the model's answers are written by hand. With `--check`, it
writes nothing, and fails where the page isn't what a client receives today.
"""

import argparse
import asyncio
import difflib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from acp.schema import AgentMessageChunk, ToolCallProgress, ToolCallStart, UserMessageChunk

from tests.coder.people.acp.editor import Editor, spawned
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import WRONG
from tests.faulty_endpoint import calls, faulty_endpoint, says

FILE = Path(__file__).parents[4] / "docs" / "how-to" / "editor-recording.txt"
HEAD = """\
# A day in an editor, as the client of coder acp received it. The model's answers were written by hand.
# Made by: python -m tests.coder.people.acp.recording_make

"""
TEST = ("--test", "python -c 'from calc import add; assert add(1, 2) == 3'")
DONE = calls("done", summary="Done.")
FIGURES = ((r"run_\w+", "run_…"), (r"\d+(\.\d+)? s\b", "… s"), (r"[\d,]+ tokens", "… tokens"))


def edits(old: str, new: str) -> Any:
    """A call that changes the text of calc.py."""
    return calls("bash", command=f"sed -i 's/{old}/{new}/' calc.py")


class Recorder(Editor):
    """An editor that writes down what it is sent, in order."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.lines = root, [""]
        self._is_open = False

    def write(self, text: str) -> None:
        """Write a paragraph."""
        for pattern, replacement in ((re.escape(str(self.root)), "~/project"), *FIGURES):
            text = re.sub(pattern, replacement, text)
        self.lines += [line.rstrip() for line in text.splitlines()]
        self._is_open = False

    async def session_update(self, session_id: str, update: Any, **more: object) -> None:
        match update:
            case AgentMessageChunk() if self._is_open:
                self.lines[-1] = (self.lines[-1] + update.content.text).rstrip()
            case AgentMessageChunk():
                self.write(update.content.text)
                self._is_open = True
            case UserMessageChunk():
                self.write(f"(earlier) > {update.content.text}")
            case ToolCallStart():
                self.write(f"[{update.kind}] {update.title}")
            case ToolCallProgress():
                self.write(f"[{update.status}]")
                self.show(update.content)
        await super().session_update(session_id, update, **more)

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **more: Any
    ) -> Any:
        self.write(f"? {tool_call.title}")
        self.show(tool_call.content)
        self.write(f"  {' | '.join(option.name for option in options)}: {self.answers[0]}")
        return await super().request_permission(session_id, tool_call, options, **more)

    def show(self, parts: Any) -> None:
        """Write the diffs among the parts of a call."""
        for part in parts or ():
            if part.type == "diff":
                old, new = (part.old_text or "").splitlines(), part.new_text.splitlines()
                self.write(part.path)
                self.write("\n".join(["  " + line for line in difflib.ndiff(old, new) if line[0] in "+-"]))

    async def type(self, session: str, text: str) -> None:
        """Send a message, and write down why it stopped."""
        self.write(f"\n> {text}")
        self.write(f"({await self.say(session, text)})")


async def record(home: Path) -> str:
    """Return the recording of a day."""
    root = home / "project"
    root.mkdir()
    (root / "calc.py").write_text(WRONG)
    editor = Recorder(root)
    replies = [says("It subtracts b from a, which its name doesn't say."), edits("a - b", "a + b"), DONE]
    replies += [edits("a + b", "b + a"), DONE, calls("bash", command="sleep 600")]
    replies += [edits("a + b", "sum((a, b))"), DONE]
    with faulty_endpoint(*replies) as endpoint:
        async with spawned(Console(home=home), endpoint, editor, more_flags=TEST):
            session = await editor.open(root)
            await editor.type(session, "What does add do?")
            editor.answers = ["yes", "no"]
            await editor.type(session, "Mend add.")
            await editor.type(session, "Turn the sum around.")
            begun = len([one for one in editor.updates if isinstance(one, ToolCallStart)])
            work = asyncio.create_task(editor.type(session, "Wait for the tests of the others."))
            while len([one for one in editor.updates if isinstance(one, ToolCallStart)]) == begun:
                editor.arrived.clear()
                await editor.arrived.wait()
            await editor.agent.cancel(session_id=session)
            await work
            editor.write("\nmode: auto")
            await editor.agent.set_session_mode(session_id=session, mode_id="auto")
            await editor.type(session, "Use sum.")
            await editor.type(session, "/undo")
            editor.write("\nsession/close, session/load")
            await editor.agent.close_session(session_id=session)
            await editor.agent.load_session(cwd=str(root), session_id=session, mcp_servers=[])
    return HEAD + "\n".join(editor.lines).strip() + "\n"


def main() -> None:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, and fail where the page is another"
    )
    is_check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        today = asyncio.run(record(Path(folder)))
    if is_check:
        lines = difflib.unified_diff(FILE.read_text().splitlines(), today.splitlines(), lineterm="", n=1)
        sys.exit("\n".join(lines) or None)
    FILE.write_text(today)


if __name__ == "__main__":
    main()
