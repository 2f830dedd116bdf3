"""Member: one of a team, as plain data; a team's rules give it its turn."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from coder.run.message import HUMAN

if TYPE_CHECKING:
    from coder.participants.participant import Participant

HOUSE = ("coder", "planner", "executor")
"""Members that are there already; they have no brief of their own."""
TAKEN = (HUMAN, "expert", "picker", "orchestrator", "chooser")


class Member(BaseModel):
    """A participant with words of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    brief: str = ""
    """What it is for, in words to its model."""
    model: str | None = None
    """PROVIDER/MODEL; None is the run's."""
    tools: tuple[str, ...] | None = None
    """Names of the run's own tools that it may call; None: all."""
    acts: bool | None = None
    """It works in the session by tools; None: where its model can."""

    def __init__(self, name: str = "", brief: str = "", **more: object) -> None:
        """Take a name and a brief, and the other fields by name."""
        super().__init__(name=name, brief=brief, **more)

    @model_validator(mode="after")
    def _is_its_own(self) -> "Member":
        if self.name in TAKEN or (self.name in HOUSE and self.brief):
            raise ValueError(f"the name {self.name!r} is taken: give the member another one")
        return self

    def taking_part(
        self, within: tuple[str, ...], hands_to: tuple[str, ...] = (), *, is_in_words: bool = False
    ) -> "Participant":
        """The participant that speaks for it, in these nested teams.

        Args:
            within: the nested teams, outermost first.
            hands_to: whom it may hand over to.
            is_in_words: it has no tools, and what it answers is never taken for code.
        """
        from coder.participants import member

        if self.name == "planner":
            from coder.participants.planner import Planner

            planner = Planner()
            planner.within = within
            return planner
        part = member.Part(self.name, self.brief, within, self.tools, hands_to, is_in_words)
        return member.Acting(part) if self.acts and not is_in_words else member.Talking(part)
