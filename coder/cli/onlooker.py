"""Onlooker: what a person sees of a conversation while a message is worked on, and is asked."""

import os
import sys
from typing import Literal

from coder.bodies import BaselineTaken, FilesChanged, PatchProposed, RunStarted, StepStarted, parse
from coder.chat.editor import edited
from coder.chat.reader import Cancelled, Reader
from coder.cli.screen import Screen
from coder.errors import UsageError
from coder.events import Event
from coder.participants.human import Decision, Proposal
from coder.printable import printable

QUESTION = "Write it? [y]es, [N]o, [e]dit, or say what should be different: "
FAILING = "It doesn't pass. Write it all the same? [y]es, [N]o, [e]dit, or say what should be different: "


class Onlooker:
    """A Watch that can ask."""

    def __init__(self, screen: Screen, reader: Reader, *, yes: bool) -> None:
        """Take the screen that tells, and where answers come from.

        Args:
            yes: what passes lands without a question.
        """
        self._screen = screen
        self._reader = reader
        self._yes = yes
        self._terminal = sys.stderr.isatty()
        self._began = False

    def event(self, event: Event) -> None:
        """Tell what happened."""
        body = parse(event)
        began, self._began = self._began, isinstance(body, StepStarted)
        if began and isinstance(body, FilesChanged | BaselineTaken):
            return  # of the user's own between two messages
        if isinstance(body, PatchProposed | RunStarted | StepStarted):
            self._screen.showed_diff = False
        self._screen.event(event)
        self._screen.tell_waiting()

    def token(self, text: str) -> None:
        """A piece of an answer."""
        self._screen.token(text)

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Something that a program wrote."""
        self._screen.output(stream, data)

    async def confirm(self, question: str, diff: str) -> bool:
        """Agree: what lands here was decided before."""
        return True

    async def decide(self, proposal: Proposal) -> Decision:
        """Show the change, and ask until there is an answer; the end of input is a no."""
        passed = proposal.outcome is not None and proposal.outcome.passed
        self._screen.rest()
        if not self._terminal:
            print(printable(proposal.patch), end="", flush=True)
        if self._yes and passed:
            return Decision(approved=True)
        while True:
            try:
                answer = await self._reader.line(QUESTION if passed else FAILING)
            except Cancelled:
                return Decision(approved=False)
            match (answer or "").strip():
                case "y" | "yes" | "Y":
                    return Decision(approved=True)
                case "" | "n" | "no" | "N":
                    return Decision(approved=False)
                case "e" | "edit":
                    try:
                        return Decision(
                            approved=False, files=await edited(proposal.files, environ=os.environ)
                        )
                    except UsageError as error:
                        self._screen.note(str(error))
                        self._screen.tell_waiting()
                case words:
                    return Decision(approved=False, words=words)
