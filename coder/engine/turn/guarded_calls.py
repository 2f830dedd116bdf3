"""GuardedCalls: logged model calls whose requests and answers pass the guards of the user."""

from functools import partial

from coder.base.errors import Refused
from coder.base.text.guards import Guards
from coder.base.text.redact import Redactor
from coder.base.usage import Used
from coder.engine.turn.logged_calls import LoggedCalls, failure
from coder.models.model import Answer, Model
from coder.run.event_types import CallIntended
from coder.run.journal import Journal


class GuardedCalls(LoggedCalls):
    """The model calls of one turn, with guards."""

    def __init__(
        self, model: Model, participant: str, journal: Journal, redactor: Redactor, guards: Guards
    ) -> None:
        super().__init__(model, participant, journal, redactor)
        self._guards = guards

    def _cleaned(self, text: str) -> str:
        return self._guards.check(super()._cleaned(text), "request")

    def _show(self, token: str) -> None:
        """Show nothing: guards check whole answers, which are shown only after the check."""

    async def _admit(self, intent: CallIntended, answer: Answer) -> Answer:
        """Return an answer that has passed the guards, and show it. Raises Refused and logs the reason."""
        try:
            guarded = answer.rewritten(partial(self._guards.check, where="answer"))
        except Refused as refusal:
            lost = Used(usage=answer.usage, cost_usd=answer.cost_usd)
            await self._journal.append(failure(intent, refusal, lost))
            raise
        if guarded.text:
            self._journal.watch.token(guarded.text)
        return guarded
