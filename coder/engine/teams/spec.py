"""Teams as data: their members and rules. The log holds them, so a resume has an equal team.

A spec is a Team: `next` is pure even if a model picks, as its choice is a message before the turn.
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

from coder.engine.participants.member import BUILT_IN, RESERVED, Member
from coder.engine.participants.participant import Participant
from coder.run.conditions import condition_of
from coder.run.conversation import is_rejection
from coder.run.message import AnswerMessage, Message
from coder.run.state import State
from coder.run.team_message import TURNS
from coder.run.termination import Stop

Place = tuple[str, ...]
"""Names of the nested teams that contain a team, outermost first."""


def _text_of_stop(stop: object) -> object:
    return stop.text if isinstance(stop, Stop) else stop


Condition = Annotated[str, BeforeValidator(_text_of_stop)]
"""Text of a Stop of `conditions.py`."""


class TeamSpec(BaseModel):
    """The members of a team, and the rule by which they take turns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    members: "tuple[Member | Nested, ...]" = Field(min_length=1)

    def __init__(self, members: "tuple[Member | Nested, ...]" = (), **fields: Any) -> None:  # noqa: ANN401 - fields
        super().__init__(members=members, **fields)

    @model_serializer(mode="wrap")
    def _with_kind(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**serialize(self), "kind": self.kind}

    @model_validator(mode="after")
    def _has_own_names(self) -> Self:
        names = [*(member.name for member in self.leaves()), *(team.name for team in self.nested())]
        if len({*names}) < len(names):
            repeated_name = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f"two members are named {repeated_name!r}: roles, costs and events go by the name"
            )
        return self

    @model_validator(mode="after")
    def _has_speakers(self) -> Self:
        if not self.speakers:
            raise ValueError("the executor alone is no team: it runs whatever somebody has written")
        return self

    @property
    def speakers(self) -> "list[Member | Nested]":
        """The members and nested teams that take turns; the executor takes its turns by itself."""
        return [node for node in self.members if node.name != "executor"]

    def leaves(self) -> "Iterator[Member]":
        """Yield all members, including those of nested teams."""
        for node in self.members:
            yield from [node] if isinstance(node, Member) else node.team.leaves()

    def nested(self) -> "Iterator[Nested]":
        """Yield all nested teams."""
        for node in self.members:
            if isinstance(node, Nested):
                yield node
                yield from node.team.nested()

    def with_acts(self, acts: bool) -> Self:
        """Return the team with `acts` set for members that have no value."""
        members = [
            node.model_copy(update={"acts": acts if node.acts is None else node.acts})
            if isinstance(node, Member)
            else node.model_copy(update={"team": node.team.with_acts(acts)})
            for node in self.members
        ]
        return self.model_copy(update={"members": tuple(members)})

    def next(self, state: State, within: Place = ()) -> Participant:
        """Return the participant that speaks next; a nested team continues until its own condition holds."""
        node = self.open_team(state, within) or self.choose(state, within)
        if isinstance(node, Member):
            return node.participant_for(within, self.hands_to(node))
        return node.next(state, within) if isinstance(node, Nested) else node

    def open_team(self, state: State, within: Place) -> "Nested | None":
        """Return the nested team that has spoken last, unless it has finished."""
        # The user's rejection of a change belongs to no team: the team that made the change reads it.
        latest = next(
            (message for message in reversed(state.progress.messages) if not is_rejection(message)), None
        )
        latest_place = latest.within if latest is not None else ()
        if len(latest_place) <= len(within):  # a choice or a plan of this team is newer
            return None
        node = self.find_node(latest_place[len(within)])
        return node if isinstance(node, Nested) and not node.is_over(state, within) else None

    def choose(self, state: State, within: Place) -> "Member | Nested | Participant":
        """Return the next speaker by the rule of this team."""
        return self.next_in_order(state, within)

    def next_in_order(self, state: State, within: Place) -> "Member | Nested":
        """Return the speaker after the last one, in the order of the members."""
        order = self.speakers
        last_speaker = speaker_of(state, within)
        index = next((number for number, node in enumerate(order, 1) if node.name == last_speaker), 0)
        return order[index % len(order)]

    def find_node(self, name: str) -> "Member | Nested | None":
        """Return the member or nested team of this name; None if there is none."""
        return next((node for node in self.members if node.name == name), None)

    def hands_to(self, member: Member) -> tuple[str, ...]:
        """Return the names of members that a member may hand over to."""
        return ()


def speaker_of(state: State, within: Place) -> str:
    """Return the name of the member or nested team that has spoken last in a team; empty if none has."""
    depth = len(within)
    for message in reversed(state.progress.messages):
        if message.within[:depth] != within:
            continue
        if len(message.within) > depth:
            return message.within[depth]
        if message.kind in TURNS:
            return message.author
    return ""


def team_of(value: object) -> "TeamSpec":
    """Return `value` if it is a team, else the team parsed from its JSON form. Raises ValueError."""
    if isinstance(value, TeamSpec):
        return value
    import_module("coder.engine.teams.kinds")  # defines the subclasses of TeamSpec
    teams_by_kind = {team.model_fields["kind"].default: team for team in TeamSpec.__subclasses__()}
    kind = value.get("kind", "round-robin") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in teams_by_kind:
        raise ValueError(f"a team has a kind: {', '.join(teams_by_kind)}")
    return teams_by_kind[kind].model_validate(value)


class Nested(BaseModel):
    """A team as a member: the other members read its last message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    team: Annotated[SerializeAsAny[TeamSpec], BeforeValidator(team_of)]
    stop: Condition = "turns(4)"
    """Condition that ends the nested team's part."""
    brief: str = ""
    """The team's role, for the model that picks or plans."""

    def __init__(self, name: str = "", team: TeamSpec | None = None, **fields: object) -> None:
        super().__init__(name=name, team=team, **fields)

    @model_validator(mode="after")
    def _can_end(self) -> Self:
        if self.name in (*RESERVED, *BUILT_IN):
            raise ValueError(f"the name {self.name!r} is taken: give the team another one")
        condition_of(self.stop)
        return self

    def next(self, state: State, within: Place) -> Participant:
        """Return the participant of the nested team that speaks next."""
        return self.team.next(state, (*within, self.name))

    def is_over(self, state: State, within: Place) -> bool:
        """Return whether the team's own condition holds for its messages since it began."""
        own_path = (*within, self.name)
        block: list[Message] = []
        for message in reversed(state.progress.messages):
            if message.within[: len(own_path)] != own_path:
                break
            block.insert(0, message)
        if block and isinstance(
            block[-1], AnswerMessage
        ):  # the member that asked has not read the user's answer yet
            return False
        return condition_of(self.stop)(state.with_messages(tuple(block))) is not None


class RoundRobin(TeamSpec):
    """Members in order."""

    kind: Literal["round-robin"] = "round-robin"


TeamSpec.model_rebuild()
RoundRobin.model_rebuild()
