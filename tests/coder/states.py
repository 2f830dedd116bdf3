"""States for tests of pure functions, built the way real ones are: by folding events."""

from collections.abc import Sequence
from decimal import Decimal

from coder.models.model import Sampling, Usage
from coder.run.event_types import Body, CallAnswered, CallIntended, RunStarted, Spoken
from coder.run.events import Event
from coder.run.message import AnswerChanges, CheckLine, CodeMessage, Outcome, OutcomeMessage, Verified
from coder.run.reducer import fold_all
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task


def started(
    task: Task | None = None, *, budget: Budget | None = None, plan: bool | None = False
) -> RunStarted:
    """The first event's body."""
    settings = Settings(budget=budget or Budget(), plan=plan)
    return RunStarted(task=task or Task(prompt="add two numbers"), settings=settings, model="test/model")


def events(bodies: Sequence[Body], *, run: str = "run_test", step_s: float = 1.0) -> list[Event]:
    """Numbered events, one every step_s seconds."""
    drafts = [body.draft() for body in bodies]
    return [
        Event(run=run, seq=i, time=1000 + i * step_s, type=d.type, version=d.version, body=d.body)
        for i, d in enumerate(drafts, start=1)
    ]


def state_of(bodies: Sequence[Body]) -> State:
    """The state after these bodies."""
    return fold_all(events(bodies))


def call(number: int, *, text: str = "x", cost: str | None = "0.01", tokens: int = 10) -> list[Body]:
    """A model call's two events."""
    intent = CallIntended(
        call=number, participant="coder", key=f"k{number}", messages=(), sampling=Sampling(),
        reserved_tokens=100, reserved_usd=Decimal("0.10"),
    )  # fmt: skip
    answer = CallAnswered(
        call=number, key=f"k{number}", model="test/model", text=text, finish="stop",
        usage=Usage(input_tokens=tokens, output_tokens=tokens), seconds=0.1,
        cost_usd=Decimal(cost) if cost else None,
    )  # fmt: skip
    return [intent, answer]


def code(text: str, *, sample: int = 1, attempt: int = 1, repeats: bool = False) -> Spoken:
    """The Coder's message."""
    return Spoken(
        message=CodeMessage(
            author="coder", text=text, repeats=repeats,
            changes=AnswerChanges(files={"solution.py": text} if text else {}),
        )
    )  # fmt: skip


def outcome(
    passed: bool,
    *,
    verified: Verified = "checks",
    sample: int = 1,
    attempt: int = 1,
    checks: Sequence[bool] = (),
) -> Spoken:
    """The Executor's message."""
    lines = tuple(CheckLine(name=f"c{i}", passed=ok) for i, ok in enumerate(checks))
    verdict = Outcome(passed=passed, verified=verified, checks=lines, feedback="" if passed else "it fails")
    message = OutcomeMessage(author="executor", outcome=verdict)
    return Spoken(message=message)


def distinct_cuts(events: Sequence[Event], begin: int, end: int) -> list[int]:
    """Lengths in [begin, end) at which a log ends in a state that no shorter one ends in.

    A state is the last event's kind, what or whom it names, the number of messages so far, and the kind of
    the event that follows: an answer doesn't name its member, and a selector is asked before each message.
    """
    states: dict[object, int] = {}
    message_count = 0
    for length in range(begin, end):
        body, following = events[length - 1].body, events[length] if length < len(events) else None
        message_count += events[length - 1].type == "message.spoken"
        names = [body.get(key) for key in ("participant", "what", "name", "finish")]
        author = body.get("message", {}).get("author")
        key = (events[length - 1].type, author, *map(str, names), message_count, following and following.type)
        states.setdefault(key, length)
    return list(states.values())
