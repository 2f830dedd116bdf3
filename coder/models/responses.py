"""The Responses API's answers, read into the same Unfinished as those of chat completions."""

from collections.abc import Iterator

from coder.models.model import Usage
from coder.models.retries import Passing
from coder.models.stream import Finish, Unfinished
from coder.models.tokens import count, counted, field

_INCOMPLETE: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "refusal"}


def take_event(unfinished: Unfinished, event: object) -> str:
    """Take one event of a stream in and return the text that it adds; often none.

    Raises:
        Passing: the endpoint says that it failed.
    """
    kind = field(event, "type")
    delta = field(event, "delta")
    match kind:
        case "response.output_text.delta" | "response.refusal.delta":
            unfinished.seen_choice = True
            return unfinished.say(delta if isinstance(delta, str) else "")
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            unfinished.think(delta if isinstance(delta, str) else "")
        case "response.completed" | "response.incomplete":
            return take_response(unfinished, field(event, "response"))
        case "response.failed" | "error":
            failed = field(event, "response") or event
            error = field(failed, "error") or failed
            raise Passing(f"an error in the middle of the answer: {_text(error, 'message') or 'unknown'}")
    return ""


def take_response(unfinished: Unfinished, response: object) -> str:
    """Take a whole response in and return what of its text was not there before."""
    unfinished.seen_choice = True
    unfinished.usage = _usage(field(response, "usage")) or unfinished.usage
    model = field(response, "model")
    unfinished.model = model if isinstance(model, str) and model else unfinished.model
    items = [*_rows(response, "output")]
    place = 0
    for at, item in enumerate(items):
        kind = field(item, "type")
        if kind == "reasoning" and field(item, "encrypted_content"):
            unfinished.keep(item, place)
        elif kind == "function_call":
            names = {"id": "call_id", "name": "name", "arguments": "arguments"}
            unfinished.call(at, **{ours: _text(item, theirs) for ours, theirs in names.items()})
            place = max(place, 1) + 1
        elif kind == "message":
            place = max(place, 1)
    said = [part for item in items for part in _rows(item, "content")]
    refusal = "".join(_text(part, "refusal") for part in said)
    details = field(response, "incomplete_details")
    reason = _text(details, "reason")
    unfinished.end("refusal" if refusal else _INCOMPLETE.get(reason, "other") if reason else "stop")
    if unfinished.has_text:
        return ""
    return unfinished.say("".join(_text(part, "text") for part in said) + refusal)


def _usage(usage: object) -> Usage | None:
    return counted(
        Usage(
            input_tokens=count(usage, "input_tokens"),
            output_tokens=count(usage, "output_tokens"),
            cached_tokens=count(field(usage, "input_tokens_details"), "cached_tokens"),
            reasoning_tokens=count(field(usage, "output_tokens_details"), "reasoning_tokens"),
        )
    )


def _rows(holder: object, name: str) -> Iterator[object]:
    rows = field(holder, name)
    yield from rows if isinstance(rows, list) else ()


def _text(holder: object, name: str) -> str:
    text = field(holder, name)
    return text if isinstance(text, str) else ""
