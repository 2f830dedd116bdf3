"""An answer as a pydantic model: held to its schema where that can be, read leniently, asked for twice."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from coder.errors import AnswerUnusable
from coder.models.model import Answer, ChatMessage, Form, Model, OnRetry, Sampling

Kind = TypeVar("Kind", bound=BaseModel)
MOST_STARTS = 50
"""Places of a text at which a JSON document is looked for."""
_FENCE = re.compile(r"```[\w-]*\n(.*?)(?:```|\Z)", re.DOTALL)
_ERRORS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Structured(Generic[Kind]):
    """A value that a model gave, and the answers that it took."""

    value: Kind
    answers: tuple[Answer, ...]


async def answer_as(
    model: Model,
    messages: Sequence[ChatMessage],
    *,
    kind: type[Kind],
    sampling: Sampling,
    on_retry: OnRetry | None = None,
) -> Structured[Kind]:
    """The model's answer as a value of `kind`. One that doesn't fit is asked for once more, with the reason.

    Raises:
        AnswerUnusable: the second one doesn't fit, either.
        ModelError: the model's own.
    """
    schema = kind.model_json_schema()
    form = Form(json_schema=schema)
    asked = [*messages, ChatMessage(role="user", content=_request(schema))]
    answers: list[Answer] = []
    for last in (False, True):
        answer = await model.answer(asked, sampling=sampling, form=form, on_retry=on_retry)
        answers.append(answer)
        try:
            return Structured(read_as(answer.text, kind=kind), tuple(answers))
        except ValueError as error:
            if last:
                raise AnswerUnusable(
                    f"{model.name} gave no {kind.__name__}, asked twice: {error}. Name another --model."
                ) from error
            asked = [
                *asked,
                ChatMessage(role="assistant", content=answer.text or "(empty answer)"),
                ChatMessage(role="user", content=f"That can't be used: {error}. {_request(schema)}"),
            ]
    raise AssertionError("the loop returns or raises")


def read_as(text: str, *, kind: type[Kind]) -> Kind:
    """The value that stands in a text: alone, in a fenced block, or anywhere between words.

    Raises:
        ValueError: there is none; the message is fit for the model that wrote the text.
    """
    problem = "it holds no JSON document"
    for found in _documents(text):
        try:
            return kind.model_validate_json(found)
        except ValidationError as error:
            rows = error.errors(include_url=False, include_input=False)[:_ERRORS_TOLD]
            problem = "; ".join(f"{'.'.join(map(str, row['loc'])) or 'all'}: {row['msg']}" for row in rows)
    raise ValueError(problem)


def _documents(text: str) -> Iterator[str]:
    """Texts that may be the document, the most likely first."""
    for block in (text, *(match[1] for match in _FENCE.finditer(text))):
        if block.strip()[:1] in ("{", "["):
            yield block.strip()
    decoder = json.JSONDecoder()
    starts = [match.start() for match in re.finditer(r"[{[]", text)][:MOST_STARTS]
    end = 0
    for start in starts:
        if start < end:
            continue  # inside of one that was found
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        yield text[start:end]


def _request(schema: dict[str, object]) -> str:
    return f"Answer with one JSON document of this schema, and nothing else:\n{json.dumps(schema)}"
