"""Try a model: a few small calls that show what it can do behind its endpoint, and what it costs."""

from collections.abc import AsyncIterator, Awaitable, Callable

from pydantic import BaseModel, ConfigDict

from coder.errors import ModelError
from coder.models.model import Answer, ChatMessage, Form, Model, Sampling, ToolSpec
from coder.models.structured import answer_as

SMALL = Sampling(temperature=0, max_tokens=400)
"""Enough for a short answer of a model that reasons first."""
ADD = ToolSpec(
    name="add",
    description="Add two integers.",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
)


class Trial(BaseModel):
    """One ability, and what a call showed of it."""

    model_config = ConfigDict(frozen=True)

    name: str
    works: bool
    text: str


class _City(BaseModel):
    model_config = ConfigDict(extra="forbid")

    city: str
    country: str


async def try_model(model: Model) -> AsyncIterator[Trial]:
    """What works, one after the other; where the first call fails, it is the only one."""
    pieces: list[str] = []
    try:
        answer = await model.answer(_ask("Say hello in five words."), sampling=SMALL, on_token=pieces.append)
    except ModelError as error:
        yield Trial(name="answers", works=False, text=str(error))
        return
    said = " ".join(answer.text.split())[:60]
    yield Trial(name="answers", works=bool(said), text=f"{said or 'nothing'} ({answer.seconds:.1f} s)")
    yield Trial(name="streaming", works=len(pieces) > 1, text=f"it came in {len(pieces)} pieces")
    yield _counted(answer)
    yield _priced(model, answer)
    yield await _tried("tools", lambda: _tools(model))
    yield await _tried("structured", lambda: _structured(model))


async def _tried(name: str, trial: Callable[[], Awaitable[Trial]]) -> Trial:
    try:
        return await trial()
    except ModelError as error:
        return Trial(name=name, works=False, text=str(error))


async def _tools(model: Model) -> Trial:
    asked = _ask("What is 17 + 25? Call the tool add; don't compute it yourself.")
    answer = await model.answer(asked, sampling=SMALL, form=Form(tools=(ADD,)))
    if not answer.tool_calls:
        return Trial(name="tools", works=False, text="it answered without calling the tool")
    call = answer.tool_calls[0]
    try:
        arguments = call.parsed()
    except ValueError as error:
        return Trial(name="tools", works=False, text=str(error))
    right = call.name == ADD.name and sorted(arguments.values(), key=str) == [17, 25]
    return Trial(name="tools", works=right, text=f"it called {call.name}({call.arguments})")


async def _structured(model: Model) -> Trial:
    asked = _ask("What is the capital of France? Give city and country.")
    found = await answer_as(model, asked, kind=_City, sampling=SMALL)
    again = "" if len(found.answers) == 1 else ", asked twice"
    return Trial(name="structured", works=True, text=f"{found.value.model_dump_json()}{again}")


def _counted(answer: Answer) -> Trial:
    usage = answer.usage
    text = f"{usage.input_tokens} tokens in, {usage.output_tokens} out"
    if usage.is_estimate:
        return Trial(name="usage", works=False, text=f"the endpoint counts nothing; we estimate {text}")
    return Trial(name="usage", works=True, text=text)


def _priced(model: Model, answer: Answer) -> Trial:
    million = model.price(1_000_000, 0), model.price(0, 1_000_000)
    if answer.cost_usd is None or None in million:
        return Trial(name="price", works=False, text="unknown; give it in [prices] or by --price IN,OUT")
    return Trial(
        name="price", works=True, text=f"${million[0]:.4g} in, ${million[1]:.4g} out a million tokens"
    )


def _ask(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]
