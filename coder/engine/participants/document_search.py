"""The tool `lookup` in a run, which pays for the embedder of the user's documents."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from coder.context.documents import Documents
from coder.engine.turn.turn import Turn
from coder.run.budget import spent_budget
from coder.run.event_types import TextsEmbedded
from coder.run.journal import Journal
from coder.tools.lookup_tool import MEANING_SPEC, LookupTool


def lookup_tool(turn: Turn, documents: Documents) -> LookupTool:
    """Return the tool that searches these documents."""
    if turn.state.settings.embedder is None:
        return LookupTool(documents)
    # The spec stays the same after an error of the embedder, since it is part of each request.
    account = _RunAccount(turn.journal, turn.bench.redactor.redact)
    return LookupTool(documents, account, spec=MEANING_SPEC)


@dataclass(frozen=True, slots=True)
class _RunAccount:
    """The budget and the log of a run, for its embedder."""

    journal: Journal
    redact: Callable[[str], str]

    def refusal(self, tokens: int, usd: Decimal) -> str:
        """Return the limit that these tokens or dollars would break; empty if there is none."""
        limit = spent_budget(self.journal.spend, "embedding", tokens=tokens, usd=usd)
        return limit.text if limit is not None else ""

    async def record(self, event: TextsEmbedded) -> None:
        """Log an event of the run, without secrets."""
        await self.journal.append(event.model_copy(update={"error": self.redact(event.error)}))
