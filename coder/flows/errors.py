"""How a flow stops other than by its result.

CoderError
├── StepFailed       1  a step raised an exception, or its run ended by an error; a flow may catch it
└── UsageError       2
    └── FlowDiffers     the flow's code takes other steps than the recorded ones
"""

from coder.base.errors import CoderError, UsageError
from coder.run.event_types import StepError


class StepFailed(CoderError):
    """A step failed. Every resume raises the same error, unless the failure ended the flow."""

    exit_code = 1

    def __init__(self, position: str, name: str, error: StepError) -> None:
        super().__init__(f"Step {position}, `{name}`, failed: {error.type}: {error.message}")
        self.position = position
        self.name = name
        self.error = error


class FlowDiffers(UsageError):
    """A resumed flow differs from its log."""

    def __init__(self, position: str, what: str) -> None:
        super().__init__(
            f"Step {position} differs from the recorded one: {what}\n"
            "The flow's code was changed, or depends on the clock, chance, or the order of a set. Use "
            "flow.now(), flow.random() and sorted(), or resume with the earlier code; or start a new flow."
        )
        self.position = position


class FlowEnds(BaseException):
    """Ends the flow's function at once, so that no `except Exception` of the user stops it."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause
