"""Teams as data: who takes part and by which rule. They stand in the log, so that a resume has the same team.

A spec is a Team: `next` is pure, also where a model picks, since its choice is a message before the turn.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from coder.engine.participants.member import HOUSE, TAKEN, Member
from coder.engine.participants.participant import Participant
from coder.run.attempts import is_rejection
from coder.run.conditions import condition_of
from coder.run.message import TURNS, AnswerMessage, Message
from coder.run.state import State
from coder.run.termination import Stop

Place = tuple[str, ...]
"""The nested teams that a team stands in, outermost first."""


def _written(stop: object) -> object:
    return stop.text if isinstance(stop, Stop) else stop


Condition = Annotated[str, BeforeValidator(_written)]
"""A Stop of `conditions.py`, as it is written."""


class TeamSpec(BaseModel):
    """Members, and the rule by which they take turns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    members: "tuple[Member | Nested, ...]" = Field(min_length=1)

    def __init__(self, members: "tuple[Member | Nested, ...]" = (), **more: Any) -> None:  # noqa: ANN401 - fields
        super().__init__(members=members, **more)

    @model_serializer(mode="wrap")
    def _with_kind(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**written(self), "kind": self.kind}

    @model_validator(mode="after")
    def _has_own_names(self) -> Self:
        names = [*(member.name for member in self.leaves()), *(team.name for team in self.nested())]
        if len({*names}) < len(names):
            doubled = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two members are named {doubled!r}: roles, costs and events go by the name")
        return self

    @model_validator(mode="after")
    def _has_speakers(self) -> Self:
        if not self.speakers:
            raise ValueError("the executor alone is no team: it runs whatever somebody has written")
        return self

    @property
    def speakers(self) -> "list[Member | Nested]":
        """Who takes turns: the executor has its own, whatever the team."""
        return [node for node in self.members if node.name != "executor"]

    def leaves(self) -> "Iterator[Member]":
        """All members, those of nested teams too."""
        for node in self.members:
            yield from [node] if isinstance(node, Member) else node.team.leaves()

    def nested(self) -> "Iterator[Nested]":
        """All nested teams."""
        for node in self.members:
            if isinstance(node, Nested):
                yield node
                yield from node.team.nested()

    def acting(self, acts: bool) -> Self:
        """The same, where members that leave it open act or don't."""
        members = [
            node.model_copy(update={"acts": acts if node.acts is None else node.acts})
            if isinstance(node, Member)
            else node.model_copy(update={"team": node.team.acting(acts)})
            for node in self.members
        ]
        return self.model_copy(update={"members": tuple(members)})

    def next(self, state: State, within: Place = ()) -> Participant:
        """Whose turn it is; a nested team goes on until its own condition holds."""
        node = self.going_on(state, within) or self.chosen(state, within)
        if isinstance(node, Member):
            return node.taking_part(within, self.hands_to(node))
        return node.next(state, within) if isinstance(node, Nested) else node

    def going_on(self, state: State, within: Place) -> "Nested | None":
        """The nested team that has spoken last and isn't through."""
        # The user's words to a change stand in no team: the one that made it hears them.
        last = next(
            (message for message in reversed(state.progress.messages) if not is_rejection(message)), None
        )
        place = last.within if last is not None else ()
        if len(place) <= len(within):  # a choice or a plan of this team's own came after it
            return None
        node = self.find_node(place[len(within)])
        return node if isinstance(node, Nested) and not node.is_over(state, within) else None

    def chosen(self, state: State, within: Place) -> "Member | Nested | Participant":
        """Who is next by the rule of this team."""
        return self.after(state, within)

    def after(self, state: State, within: Place) -> "Member | Nested":
        """Who comes behind the last speaker, in the order of the members."""
        order = self.speakers
        spoke = speaker_of(state, within)
        at = next((i for i, node in enumerate(order, 1) if node.name == spoke), 0)
        return order[at % len(order)]

    def find_node(self, name: str) -> "Member | Nested | None":
        """The member or nested team of this name."""
        return next((node for node in self.members if node.name == name), None)

    def hands_to(self, member: Member) -> tuple[str, ...]:
        """Whom a member may hand over to."""
        return ()


def speaker_of(state: State, within: Place) -> str:
    """The member or nested team of the team at this place that has spoken last; empty before that."""
    deep = len(within)
    for message in reversed(state.progress.messages):
        if message.within[:deep] != within:
            continue
        if len(message.within) > deep:
            return message.within[deep]
        if message.kind in TURNS:
            return message.author
    return ""


def team_of(value: object) -> "TeamSpec":
    """The team of its JSON form, or itself. Raises ValueError: it is none."""
    if isinstance(value, TeamSpec):
        return value
    import_module("coder.engine.teams.kinds")  # they are TeamSpecs
    kinds = {team.model_fields["kind"].default: team for team in TeamSpec.__subclasses__()}
    kind = value.get("kind", "round-robin") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"a team has a kind: {', '.join(kinds)}")
    return kinds[kind].model_validate(value)


class Nested(BaseModel):
    """A team as a member: the others read its last message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    team: Annotated[SerializeAsAny[TeamSpec], BeforeValidator(team_of)]
    stop: Condition = "turns(4)"
    """When it is through."""
    brief: str = ""
    """What it is for, in words to the model that picks or plans."""

    def __init__(self, name: str = "", team: TeamSpec | None = None, **more: object) -> None:
        super().__init__(name=name, team=team, **more)

    @model_validator(mode="after")
    def _can_end(self) -> Self:
        if self.name in (*TAKEN, *HOUSE):
            raise ValueError(f"the name {self.name!r} is taken: give the team another one")
        condition_of(self.stop)
        return self

    def next(self, state: State, within: Place) -> Participant:
        """Whose turn it is in it."""
        return self.team.next(state, (*within, self.name))

    def is_over(self, state: State, within: Place) -> bool:
        """Whether its own condition holds for what it has said since it began."""
        place = (*within, self.name)
        block: list[Message] = []
        for message in reversed(state.progress.messages):
            if message.within[: len(place)] != place:
                break
            block.insert(0, message)
        if block and isinstance(block[-1], AnswerMessage):  # the user's: whoever asked has yet to read it
            return False
        return condition_of(self.stop)(state.with_messages(tuple(block))) is not None


class RoundRobin(TeamSpec):
    """Members in order."""

    kind: Literal["round-robin"] = "round-robin"


TeamSpec.model_rebuild()
RoundRobin.model_rebuild()
