"""Members of teams: participants with a brief of their own, that answer in words or work in the session."""

import re
from dataclasses import dataclass

from coder.models.model import ChatMessage, JsonObject, ToolSpec
from coder.participants.actor import Actor
from coder.participants.coder import Coder, answered_in, made_of
from coder.prompting.asking import target_now
from coder.prompting.files_shown import survey_of
from coder.prompting.messages import task_words
from coder.prompting.thread import thread_words
from coder.prompts import prompt
from coder.run.attempts import next_round
from coder.run.message import HUMAN, Message
from coder.turn import Turn

_HANDOFF = re.compile(r"^\W*HANDOFF:\s*([a-z][\w-]*)\W*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """What a member is."""

    name: str
    brief: str = ""
    within: tuple[str, ...] = ()
    """The nested teams that it speaks in, outermost first."""
    tools: tuple[str, ...] | None = None
    """The user's tools that it may call; None: all."""
    hands_to: tuple[str, ...] = ()
    is_in_words: bool = False
    """What it answers is never taken for code."""

    @property
    def words(self) -> str:
        """Who it is, in words to its model."""
        hands = prompt("handoff").format(names=", ".join(self.hands_to)) if self.hands_to else ""
        return prompt("member").format(name=self.name, brief=self.brief, hands=hands).strip()


@dataclass(frozen=True, slots=True)
class Talking:
    """Answers once a turn: with words, or with edits, which are tried."""

    part: Part

    @property
    def name(self) -> str:
        """The member's."""
        return self.part.name

    @property
    def within(self) -> tuple[str, ...]:
        """The nested teams that it speaks in."""
        return self.part.within

    async def speak(self, turn: Turn) -> Message:
        """Ask its model."""
        state, target = turn.state, target_now(turn.state)
        if self.name == Coder.name:
            return await Coder().speak(turn)
        words = task_words(state, target, await survey_of(turn), context=turn.abilities.context)
        said = thread_words(state, self.name, self.within)
        view = [
            ChatMessage(role="system", content=self.part.words),
            ChatMessage(role="user", content="\n\n".join(filter(None, [words, said, prompt("your-turn")]))),
        ]
        text = await turn.ask(view, sampling=state.settings.sampling())
        upcoming = next_round(state)
        answered = answered_in(text, state, target, upcoming)
        if (answered.files or answered.apart) and not self.part.is_in_words:
            message = Message(
                author=self.name, kind="code", sample=upcoming.sample, attempt=upcoming.attempt, text=text
            )
            return made_of(message, answered, state, target, upcoming)
        return spoken(self.part, text)


class Acting(Actor):
    """Works in the session by tools; words alone are what it says."""

    speaks = True

    def __init__(self, part: Part) -> None:
        self._part = part
        self.name = part.name
        self.within = part.within
        self.own_tools = part.tools
        self.brief = part.words if part.name != Coder.name else ""
        self.endings = tuple(_hand_to(name) for name in part.hands_to)

    async def speak(self, turn: Turn) -> Message:
        """Act until it is done, asks, hands over or has something to say."""
        message = await super().speak(turn)
        message = message.model_copy(update={"author": self.name})
        is_change = message.kind == "code" and message.is_change and not message.repeats
        if message.kind in ("question", "handoff") or is_change or self.name == Coder.name:
            return message
        return spoken(self._part, message.text)


def spoken(part: Part, text: str) -> Message:
    """What a member says; a line `HANDOFF: name` hands over."""
    found = _HANDOFF.search(text)
    to = found[1] if found is not None and found[1] in part.hands_to else ""
    kind = "handoff" if to else "words"
    return Message.model_validate(
        {"author": part.name, "kind": kind, "sample": 1, "attempt": 1, "text": text, "to": to}
    )


def _hand_to(name: str) -> ToolSpec:
    whom = "the user" if name == HUMAN else name
    words: JsonObject = {"type": "string", "description": "What they need to know."}
    return ToolSpec(
        name=f"to_{name}",
        description=f"Hand over to {whom}.",
        parameters={"type": "object", "properties": {"words": words}, "required": ["words"]},
    )
