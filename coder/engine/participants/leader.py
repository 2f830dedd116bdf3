"""Leaders of teams: a Picker asks a model for the next speaker, an Orchestrator for facts and a plan."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ValidationError

from coder.base.errors import ToolsRefused
from coder.base.prompts import prompt
from coder.base.text.sanitize import join_surrogates
from coder.engine.prompting.task_parts import what_to_pass
from coder.engine.prompting.thread import thread_words
from coder.engine.turn.turn import Turn
from coder.engine.turn.whole_answer import ask_whole_answer
from coder.models.model import ChatMessage, Form, JsonObject, ToolSpec
from coder.run.event_types import CallAnswered
from coder.run.team_message import ChoiceMessage, Ledger, LedgerMessage

_CHOICE_TOKENS, _LEDGER_TOKENS = 300, 1_200


@dataclass(frozen=True, slots=True)
class Picker:
    """Asks a model for the next speaker's name, at most twice; without a name, `otherwise` speaks."""

    roles: Mapping[str, str]
    """The roles of the members to choose from, by name."""
    within: tuple[str, ...]
    brief: str
    otherwise: str
    """Member that speaks next if two answers hold no name."""
    name: ClassVar[str] = "picker"

    async def speak(self, turn: Turn) -> ChoiceMessage:
        """Choose the next speaker."""
        view = _view(self, turn, prompt("picker").format(brief=self.brief), "picker-asked")
        form: Form | None = Form(tools=(_tool(tuple(self.roles)),))
        sampling, chosen_name = turn.state.settings.sampling(most=_CHOICE_TOKENS), None
        for _ in range(2):
            try:
                answer = await turn.answer(view, sampling=sampling, form=form)
            except ToolsRefused:
                form = None
                answer = await turn.answer(view, sampling=sampling)
            if (chosen_name := name_in(answer, self.roles)) is not None:
                break
            reply = ChatMessage(role="assistant", content=answer.text or "(no name)")
            correction = f"Answer with one of these names alone: {', '.join(self.roles)}"
            view = [*view, reply, ChatMessage(role="user", content=correction)]
        text = (
            f"{chosen_name} is next"
            if chosen_name
            else f"{self.otherwise} is next by the order: no name was given"
        )
        return ChoiceMessage(author=self.name, text=text, to=chosen_name or self.otherwise)


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """Asks a model for a ledger as JSON; an answer that isn't a ledger becomes a ledger without a plan."""

    roles: Mapping[str, str]
    """The roles of the members, by name."""
    within: tuple[str, ...]
    is_new: bool
    """Whether to make a new plan; False reviews why the current plan makes no progress."""
    name: ClassVar[str] = "orchestrator"

    async def speak(self, turn: Turn) -> LedgerMessage:
        """Ask for the ledger."""
        prompt_name = "orchestrator-new" if self.is_new else "orchestrator-look"
        view = _view(self, turn, prompt("orchestrator"), prompt_name)
        text = await ask_whole_answer(turn, view, sampling=turn.state.settings.sampling(most=_LEDGER_TOKENS))
        ledger = ledger_in(text, self.roles)
        return LedgerMessage(author=self.name, text=text, ledger=ledger)


def _view(leader: Picker | Orchestrator, turn: Turn, system: str, prompt_name: str) -> list[ChatMessage]:
    state = turn.state
    request_text = prompt(prompt_name).format(
        task=state.task.prompt.strip(),
        tests=what_to_pass(state, turn.abilities.context),
        members="\n".join(f"- {name}: {brief}".rstrip(": ") for name, brief in leader.roles.items()),
        said=thread_words(state, leader.name, leader.within) or "(nothing yet)",
    )
    return [
        ChatMessage(role="system", content=system.strip()),
        ChatMessage(role="user", content=request_text),
    ]


def ledger_in(text: str, names: Mapping[str, str]) -> Ledger:
    """Return the ledger in an answer, with steps of existing members only; an empty one if it holds none."""
    json_start = text.find("{")
    try:
        document = json.JSONDecoder().raw_decode(text, json_start)[0]
        ledger = Ledger.model_validate_json(join_surrogates(json.dumps(document, ensure_ascii=False)))
    except (ValueError, RecursionError, ValidationError):
        return Ledger(facts=text)
    return ledger.model_copy(update={"steps": tuple(step for step in ledger.steps if step.member in names)})


def name_in(answer: CallAnswered, names: Mapping[str, str]) -> str | None:
    """Return the name that an answer gives: as the tool's argument, or as the only name in the text."""
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
