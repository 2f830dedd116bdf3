"""Picker: asks a model who of a team speaks next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from coder.errors import ModelRefused
from coder.models.model import ChatMessage, Form, JsonObject, ToolSpec
from coder.prompting.thread import thread_words
from coder.prompts import prompt
from coder.run.event_types import CallAnswered
from coder.run.message import Message
from coder.turn import Turn

TOOL = "speak_next"
_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Picker:
    """One call, and a second one where the first gives no name; then the order decides."""

    about: Mapping[str, str]
    """The names to choose from, with what each is for."""
    brief: str
    within: tuple[str, ...]
    otherwise: str
    """Who is next where no name was given twice."""
    name: ClassVar[str] = "picker"

    async def speak(self, turn: Turn) -> Message:
        """Choose."""
        view = [
            ChatMessage(role="system", content=prompt("picker").format(brief=self.brief).strip()),
            ChatMessage(role="user", content=self._asked(turn)),
        ]
        form: Form | None = Form(tools=(_tool(tuple(self.about)),))
        for is_last in (False, True):
            try:
                answer = await turn.answer(
                    view, sampling=turn.state.settings.sampling(most=_TOKENS), form=form
                )
            except ModelRefused:
                if form is None:
                    raise
                form = None  # its endpoint takes no tools
                answer = await turn.answer(view, sampling=turn.state.settings.sampling(most=_TOKENS))
            chosen = name_in(answer, self.about)
            if chosen is not None or is_last:
                break
            said = ChatMessage(role="assistant", content=answer.text or "(no name)")
            again = f"Answer with one of these names alone: {', '.join(self.about)}"
            view = [*view, said, ChatMessage(role="user", content=again)]
        text = f"{chosen} is next" if chosen else f"{self.otherwise} is next by the order: no name was given"
        return Message(
            author=self.name, kind="choice", sample=1, attempt=1, text=text, to=chosen or self.otherwise
        )

    def _asked(self, turn: Turn) -> str:
        members = "\n".join(
            f"- {name}: {brief}" if brief else f"- {name}" for name, brief in self.about.items()
        )
        said = thread_words(turn.state, self.name, self.within)
        return prompt("picker-asked").format(
            task=turn.state.task.prompt.strip(), members=members, said=said or "(nothing yet)"
        )


def name_in(answer: CallAnswered, names: Mapping[str, str]) -> str | None:
    """The name that an answer gives: as the tool's argument, as its only word, or as the only one in it."""
    for call in answer.tool_calls:
        try:
            given = call.parsed().get("name")
        except ValueError:
            continue
        if given in names:
            return str(given)
    found = {name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", answer.text)}
    return found.pop() if len(found) == 1 else None


def _tool(names: tuple[str, ...]) -> ToolSpec:
    properties: JsonObject = {"name": {"enum": [*names]}, "why": {"type": "string"}}
    return ToolSpec(
        name=TOOL,
        description="Say who speaks next.",
        parameters={"type": "object", "properties": properties, "required": ["name"]},
    )
