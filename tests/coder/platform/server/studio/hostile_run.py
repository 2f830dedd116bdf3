"""A run in which each text that a model, a program or a task can hold tries to harm who looks at it."""

from coder.models.model import ChatMessage, Sampling, ToolCall, Usage
from coder.run.event_types import (
    Body,
    CallAnswered,
    CallIntended,
    ModelCallFailed,
    QuestionAsked,
    RunStopped,
    Spoken,
    ToolAnswered,
)
from coder.run.message import AnswerChanges, CheckLine, CodeMessage, Outcome, OutcomeMessage
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from tests.benchmarks.reports.hostile import HOSTILE
from tests.coder.states import started

MINE = "</textarea></pre></title><script>window.hurt = 1</script> javascript:alert(1)"
ALL = "\n".join([MINE, *HOSTILE.values()])
LINE = "y" * (1 << 20)


def hostile_run() -> list[Body]:
    """Its events; it waits for an answer."""
    outcome = Outcome(
        passed=False, verified="checks", checks=(CheckLine(name=ALL, passed=False, message=ALL),),
        stdout=LINE, stderr=ALL, feedback=ALL, reproduced_by=(ALL,), unshown=ALL, note=ALL,
    )  # fmt: skip
    files = dict.fromkeys(HOSTILE.values(), ALL) | {MINE: LINE}
    return [
        started(Task(prompt=f"{MINE}\n{ALL}")).model_copy(update={"model": MINE, "notes": (ALL,)}),
        CallIntended(
            call=1, participant=MINE, key="k", messages=(ChatMessage(role="user", content=ALL),),
            sampling=Sampling(), reserved_tokens=1, reserved_usd=None,
        ),
        CallAnswered(
            call=1, key="k", model=MINE, text=ALL, reasoning=ALL, finish="stop", usage=Usage(), cost_usd=None,
            tool_calls=tuple(ToolCall(id="i", name=one, arguments=one) for one in (MINE, ALL)), seconds=0.1,
        ),
        ToolAnswered(
            call=1, id="i", name=MINE, text=f"{ALL}{LINE}",
            changes={one: StoredFile.of(ALL.encode("utf-8", "replace")) for one in files},
        ),
        Spoken(message=CodeMessage(author="coder", changes=AnswerChanges(files=files), check=ALL)),
        Spoken(message=OutcomeMessage(author=MINE, outcome=outcome)),
        ModelCallFailed(call=1, error=MINE, message=ALL),
        QuestionAsked(
            id=MINE, kind="approve", about="landing", text=ALL, options=(MINE, ALL), patch=ALL, note=ALL,
            by=MINE,
        ),
        RunStopped(status="waiting", reason=ALL, error=ALL, exit_code=9),
    ]  # fmt: skip
