"""Orchestrator: states the facts and plans who does what; asked again only where tests show no progress."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ValidationError

from coder.models.model import ChatMessage
from coder.prompting.messages import what_to_pass
from coder.prompting.thread import thread_words
from coder.prompts import prompt
from coder.run.message import Ledger, Message
from coder.turn import Turn

_TOKENS = 1_200


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """One call that gives a ledger as JSON; an answer that is none is a ledger without a plan."""

    about: Mapping[str, str]
    """The members, with what each is for."""
    within: tuple[str, ...]
    is_new: bool
    """It plans anew; else it looks at what holds the plan up."""
    name: ClassVar[str] = "orchestrator"

    async def speak(self, turn: Turn) -> Message:
        """Plan."""
        state = turn.state
        members = "\n".join(
            f"- {name}: {brief}" if brief else f"- {name}" for name, brief in self.about.items()
        )
        said = thread_words(state, self.name, self.within)
        asked = prompt("orchestrator-new" if self.is_new else "orchestrator-look").format(
            task=state.task.prompt.strip(),
            tests=what_to_pass(state, turn.abilities.context),
            members=members,
            said=said or "(nothing yet)",
        )
        view = [
            ChatMessage(role="system", content=prompt("orchestrator")),
            ChatMessage(role="user", content=asked),
        ]
        text = await turn.ask(view, sampling=state.settings.sampling(most=_TOKENS))
        return Message(
            author=self.name,
            kind="ledger",
            sample=1,
            attempt=1,
            text=text,
            ledger=ledger_in(text, self.about),
        )


def ledger_in(text: str, names: Mapping[str, str]) -> Ledger:
    """The ledger that an answer holds, with steps of known members only; an empty one where it holds none."""
    decoder = json.JSONDecoder()
    for at, sign in enumerate(text):
        if sign != "{":
            continue
        try:
            found, _ = decoder.raw_decode(text, at)
            ledger = Ledger.model_validate(found)
        except (ValueError, RecursionError, ValidationError):
            return Ledger(facts=text)
        steps = tuple(step for step in ledger.steps if step.member in names)
        return ledger.model_copy(update={"steps": steps})
    return Ledger(facts=text)
