"""Member: a team member as plain data, and the ways it speaks: words, edits, or tools in the session."""

import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, model_validator

from coder.base.prompts import prompt
from coder.engine.participants.coder import Coder, Conversing, Work
from coder.engine.participants.participant import Participant
from coder.engine.participants.plain_dialogue import PlainDialogue
from coder.engine.participants.planner import Planner
from coder.engine.participants.role import Role
from coder.engine.participants.text_work import MAX_REASKS, answer_message, misfit_words, read_edits
from coder.engine.prompting.files_shown import survey_of
from coder.engine.prompting.first_request import task_words
from coder.engine.prompting.task_parts import current_target
from coder.engine.prompting.thread import thread_words
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, JsonObject, ToolSpec
from coder.run.attempts import code_to_repair
from coder.run.message import HUMAN, CodeMessage, Message, QuestionMessage
from coder.run.team_message import HandoffMessage, WordsMessage

BUILT_IN = ("coder", "planner", "executor")
"""Built-in members, which take no brief."""
RESERVED = (HUMAN, "expert", "picker", "orchestrator", "attempts")
_HANDOFF = re.compile(r"^[^\w\n]*HANDOFF:\s*([a-z][\w-]*)[^\w\n]*$", re.MULTILINE)


class Member(BaseModel):
    """A team member, with a prompt, a model and tools of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    brief: str = ""
    """The member's role, as its model is told."""
    model: str | None = None
    """PROVIDER/MODEL; None uses the run's model."""
    tools: tuple[str, ...] | None = None
    """Names of the user's tools that the member may call; None: all."""
    acts: bool | None = None
    """Whether the member works by tools in the session; None: it does if its model can."""

    def __init__(self, name: str = "", brief: str = "", **fields: object) -> None:
        super().__init__(name=name, brief=brief, **fields)

    @model_validator(mode="after")
    def _is_its_own(self) -> "Member":
        if self.name in RESERVED or (self.name in BUILT_IN and self.brief):
            raise ValueError(
                f"the name {self.name!r} is that of a part of coder, whose role is fixed: "
                "give the member another name"
            )
        return self

    def participant_for(
        self, within: tuple[str, ...], hands_to: tuple[str, ...] = (), *, is_in_words: bool = False
    ) -> Participant:
        """Return the participant that speaks for the member.

        Args:
            within: the nested teams that the member belongs to, outermost first.
            hands_to: names of members that it may hand over to.
            is_in_words: whether the member has no tools, and its answers are never read as code.
        """
        if self.name == Planner.name:
            return Planner(within, acts=bool(self.acts) and not is_in_words, is_member=True)
        if self.acts and not is_in_words:
            return Acting(self, within, hands_to)
        return Talking(self, within, hands_to, is_in_words)

    def words(self, hands_to: tuple[str, ...]) -> str:
        """Return the part of the prompt that tells the model its name, its role and its colleagues."""
        handoff_text = prompt("handoff").format(names=", ".join(hands_to)) if hands_to else ""
        return prompt("member").format(name=self.name, brief=self.brief, hands=handoff_text).strip()

    def message_of(self, text: str, hands_to: tuple[str, ...]) -> HandoffMessage | WordsMessage:
        """Return an answer as a message; a line `HANDOFF: name` hands over to that member."""
        match = _HANDOFF.search(text)
        if match is None or match[1] not in hands_to:
            return WordsMessage(author=self.name, text=text)
        return HandoffMessage(author=self.name, text=text, to=match[1])


@dataclass(frozen=True, slots=True)
class Talking(Conversing):
    """A member that answers with words, or with edits, which are verified."""

    member: Member
    within: tuple[str, ...]
    hands_to: tuple[str, ...]
    is_in_words: bool

    @property
    def name(self) -> str:
        """The member's name."""
        return self.member.name

    async def begin(self, turn: Turn) -> Work:
        """Begin a dialogue with the task, the thread and the member's words."""
        if self.name == Coder.name:
            return await Coder().begin(turn)
        state, target = turn.state, current_target(turn.state)
        task_text = task_words(
            state, target, await survey_of(turn), form="whole", context=turn.abilities.context
        )
        thread_text = thread_words(state, self.name, self.within)
        request = "\n\n".join(filter(None, [task_text, thread_text, prompt("your-turn")]))
        system = ChatMessage(role="system", content=self.member.words(self.hands_to))
        view = [system, ChatMessage(role="user", content=request)]
        return MemberWork(self, PlainDialogue(turn, view), turn)


class MemberWork:
    """Work of a member without tools: words or edits; edits that don't fit are asked for again."""

    def __init__(self, speaker: Talking, talk: PlainDialogue, turn: Turn) -> None:
        """Begin a turn of `speaker` with this dialogue."""
        self.talk = talk
        self._speaker, self._turn = speaker, turn
        self._reasks = MAX_REASKS
        self._doubted: dict[str, str] = {}

    async def carry_out_calls(self) -> Message | None:
        """Return None: without tools, no call ends a turn."""
        return None

    async def ask(self) -> None:
        """Ask the model for the next answer."""
        await self.talk.ask(self._turn.state.settings.sampling())

    async def read(self) -> Message | str:
        """Return the member's words or change, or a request to repeat edits that don't fit."""
        speaker, state, text = self._speaker, self._turn.state, self.talk.words or ""
        target, repaired_code = current_target(state), code_to_repair(state)
        edits = read_edits(text, state, target, repaired_code, doubted=self._doubted)
        self._doubted = edits.doubted
        if speaker.is_in_words:
            return speaker.member.message_of(text, speaker.hands_to)
        if not edits.fits and self._reasks:
            self._reasks -= 1
            return misfit_words(self._turn, edits, repaired_code)
        if not (edits.files or edits.apart):
            return speaker.member.message_of(text, speaker.hands_to)
        message = answer_message(edits, state, target, repaired_code, author=speaker.name, text=text)
        if not self._turn.has_hooks:
            return message
        from coder.engine.participants.hooked_answer import through_hooks  # imported late: few have hooks

        message, reason = await through_hooks(self._turn, message)
        if not reason or not self._reasks:
            return message
        self._reasks -= 1
        return reason


class Acting:
    """A member that works in the session by tools; an answer without calls is a message to the team."""

    def __init__(self, member: Member, within: tuple[str, ...], hands_to: tuple[str, ...]) -> None:
        self._member, self._hands_to = member, hands_to
        self.name, self.within = member.name, within
        brief = member.words(hands_to) if member.name != Coder.name else ""
        endings = tuple(map(_hand_to, hands_to))
        role = Role(member.name, within, brief, tools=member.tools, endings=endings, is_member=True)
        self._coder = Coder(role, acts=True)

    async def speak(self, turn: Turn) -> Message:
        """Work until the member is done, asks, hands over or answers with words."""
        message = await self._coder.speak(turn)
        is_change = isinstance(message, CodeMessage) and message.is_change and not message.repeats
        if isinstance(message, QuestionMessage | HandoffMessage) or is_change or self.name == Coder.name:
            return message
        return self._member.message_of(message.text, self._hands_to)


def _hand_to(name: str) -> ToolSpec:
    receiver = "the user" if name == HUMAN else name
    words_schema: JsonObject = {"type": "string", "description": "What they need to know."}
    parameters: JsonObject = {"type": "object", "properties": {"words": words_schema}, "required": ["words"]}
    return ToolSpec(name=f"to_{name}", description=f"Hand over to {receiver}.", parameters=parameters)
