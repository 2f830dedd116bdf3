"""Answers of the Responses API."""

from coder.models.connection import StatusError
from coder.models.model import Usage
from coder.models.stream import Finish, Unfinished, arguments_of
from coder.models.tokens import count, counted, field, rows, word

_INCOMPLETE: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "refusal"}


def take_event(unfinished: Unfinished, event: object) -> str:
    """Process one event of a stream and return the text that it adds, if any.

    Raises:
        StatusError: the endpoint reports a failure.
    """
    delta = word(event, "delta")
    match field(event, "type"):
        case "response.output_text.delta" | "response.refusal.delta":
            unfinished.seen_choice = True
            return unfinished.say(delta)
        case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
            unfinished.think(delta)
        case "response.completed" | "response.incomplete":
            return take_response(unfinished, field(event, "response"))
        case "response.failed" | "error":
            response = field(event, "response") or event
            error = field(response, "error") or response
            words = {"code": word(error, "code"), "message": word(error, "message") or "unknown"}
            raise StatusError(200, {"error": words}, {})
    return ""


def take_response(unfinished: Unfinished, response: object) -> str:
    """Process a whole response and return the text that wasn't streamed."""
    unfinished.seen_choice = True
    unfinished.usage = _usage(field(response, "usage")) or unfinished.usage
    unfinished.model = word(response, "model") or unfinished.model
    items = rows(response, "output")
    place = 0
    for index, item in enumerate(items):
        kind = field(item, "type")
        if kind == "reasoning" and field(item, "encrypted_content"):
            unfinished.keep(item, place)
        elif kind == "function_call":
            id, name = word(item, "call_id"), word(item, "name")
            unfinished.call(index, id=id, name=name, arguments=arguments_of(item))
            place = max(place, 1) + 1
        elif kind == "message":
            place = max(place, 1)
    content = [part for item in items for part in rows(item, "content")]
    refusal = "".join(word(part, "refusal") for part in content)
    reason = word(field(response, "incomplete_details"), "reason")
    unfinished.end("refusal" if refusal else _INCOMPLETE.get(reason, "other") if reason else "stop")
    if unfinished.has_text:
        return ""
    return unfinished.say("".join(word(part, "text") for part in content) + refusal)


def _usage(usage: object) -> Usage | None:
    return counted(
        Usage(
            input_tokens=count(usage, "input_tokens"),
            output_tokens=count(usage, "output_tokens"),
            cached_tokens=count(field(usage, "input_tokens_details"), "cached_tokens"),
            reasoning_tokens=count(field(usage, "output_tokens_details"), "reasoning_tokens"),
        )
    )
