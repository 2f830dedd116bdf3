"""Leaders of teams: a Picker asks a model who speaks next, an Orchestrator asks it for facts and a plan."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ValidationError

from coder.base.errors import ModelRefused
from coder.base.prompts import prompt
from coder.base.text.sanitize import join_surrogates
from coder.engine.prompting.messages import what_to_pass
from coder.engine.prompting.thread import thread_words
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, Form, JsonObject, ToolSpec
from coder.run.event_types import CallAnswered
from coder.run.message import ChoiceMessage, Ledger, LedgerMessage

_CHOICE_TOKENS, _LEDGER_TOKENS = 300, 1_200


@dataclass(frozen=True, slots=True)
class Picker:
    """One call, and a second one where the first gives no name; then the order decides."""

    about: Mapping[str, str]
    """The names to choose from, with what each is for."""
    within: tuple[str, ...]
    brief: str
    otherwise: str
    """Who is next where no name was given twice."""
    name: ClassVar[str] = "picker"

    async def speak(self, turn: Turn) -> ChoiceMessage:
        """Choose."""
        view = _view(self, turn, prompt("picker").format(brief=self.brief), "picker-asked")
        form: Form | None = Form(tools=(_tool(tuple(self.about)),))
        sampling, to = turn.state.settings.sampling(most=_CHOICE_TOKENS), None
        for _ in range(2):
            try:
                answer = await turn.answer(view, sampling=sampling, form=form)
            except ModelRefused:
                if form is None:
                    raise
                form = None  # its endpoint takes no tools
                answer = await turn.answer(view, sampling=sampling)
            if (to := name_in(answer, self.about)) is not None:
                break
            reply = ChatMessage(role="assistant", content=answer.text or "(no name)")
            again = f"Answer with one of these names alone: {', '.join(self.about)}"
            view = [*view, reply, ChatMessage(role="user", content=again)]
        text = f"{to} is next" if to else f"{self.otherwise} is next by the order: no name was given"
        return ChoiceMessage(author=self.name, text=text, to=to or self.otherwise)


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """One call that gives a ledger as JSON; an answer that is none is a ledger without a plan."""

    about: Mapping[str, str]
    """The members, with what each is for."""
    within: tuple[str, ...]
    is_new: bool
    """It plans anew; else it looks at what holds the plan up."""
    name: ClassVar[str] = "orchestrator"

    async def speak(self, turn: Turn) -> LedgerMessage:
        """Plan."""
        prompt_name = "orchestrator-new" if self.is_new else "orchestrator-look"
        view = _view(self, turn, prompt("orchestrator"), prompt_name)
        text = await turn.ask(view, sampling=turn.state.settings.sampling(most=_LEDGER_TOKENS))
        ledger = ledger_in(text, self.about)
        return LedgerMessage(author=self.name, text=text, ledger=ledger)


def _view(leader: Picker | Orchestrator, turn: Turn, system: str, prompt_name: str) -> list[ChatMessage]:
    state = turn.state
    words = prompt(prompt_name).format(
        task=state.task.prompt.strip(),
        tests=what_to_pass(state, turn.abilities.context),
        members="\n".join(f"- {name}: {brief}".rstrip(": ") for name, brief in leader.about.items()),
        said=thread_words(state, leader.name, leader.within) or "(nothing yet)",
    )
    return [ChatMessage(role="system", content=system.strip()), ChatMessage(role="user", content=words)]


def ledger_in(text: str, names: Mapping[str, str]) -> Ledger:
    """The ledger that an answer holds, with steps of known members only; an empty one where it holds none."""
    at = text.find("{")
    try:
        document = json.JSONDecoder().raw_decode(text, at)[0]
        ledger = Ledger.model_validate_json(join_surrogates(json.dumps(document, ensure_ascii=False)))
    except (ValueError, RecursionError, ValidationError):
        return Ledger(facts=text)
    return ledger.model_copy(update={"steps": tuple(s for s in ledger.steps if s.member in names)})


def name_in(answer: CallAnswered, names: Mapping[str, str]) -> str | None:
    """The name that an answer gives: as the tool's argument, as its only word, or as the only one in it."""
    for call in answer.tool_calls:
        try:
            choice = call.parsed().get("name")
        except ValueError:
            continue
        if isinstance(choice, str) and choice in names:
            return choice
    mentions = {name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", answer.text)}
    return mentions.pop() if len(mentions) == 1 else None


def _tool(names: tuple[str, ...]) -> ToolSpec:
    properties: JsonObject = {"name": {"enum": [*names]}, "why": {"type": "string"}}
    parameters: JsonObject = {"type": "object", "properties": properties, "required": ["name"]}
    return ToolSpec(name="speak_next", description="Say who speaks next.", parameters=parameters)
