"""What every event says: a frozen body of a type and a version."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from coder.run.events import Draft


class Body(BaseModel):
    """What an event says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    durable: ClassVar[bool] = True
    """Must outlive a power cut. False where losing it only means that work in the sandbox is done again, or a
    reservation forgotten: no effect outside rests on it (docs/decisions/0014-one-sync-a-turn.md)."""
    later: ClassVar[tuple[str, ...]] = ()
    """Fields that came after the first release; left out where they are empty."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        document: dict[str, object] = plain(self)
        return {name: value for name, value in document.items() if value or name not in self.later}

    def draft(self) -> Draft:
        """This body as an event that waits for its number."""
        return Draft(
            type=self.type, version=self.version, body=self.model_dump(mode="json"), durable=self.durable
        )
