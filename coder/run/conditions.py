"""Conditions that end a team's work: functions of a run's state, combined by `|` and `&`.

A condition keeps its text, so that the log stores it and a resume parses it again (`condition_of`).
"""

import ast
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec

from pydantic import validate_call

from coder.base.errors import UsageError
from coder.run import termination
from coder.run.event_types import Status
from coder.run.state import State
from coder.run.team_message import TURNS, HandoffMessage
from coder.run.termination import Reason, Stop

P = ParamSpec("P")
tests_pass = Stop(termination.tests_pass.rule, "tests_pass()")
"""Stop when the given tests and checks have passed."""
_BUILDERS: dict[str, Callable[..., Stop]] = {"tests_pass": lambda: tests_pass}


def _condition(
    text: str, status: Status = "unverified"
) -> Callable[[Callable[P, Callable[[State], bool]]], Callable[P, Stop]]:
    """Return a decorator for functions that return a test of the state; `text` is the reason to stop."""

    def of(make: Callable[P, Callable[[State], bool]]) -> Callable[P, Stop]:
        validated = validate_call(make)

        @wraps(make)
        def build(*args: P.args, **options: P.kwargs) -> Stop:
            test = validated(*args, **options)
            words = [*map(repr, args), *(f"{name}={value!r}" for name, value in options.items())]
            source = f"{make.__name__}({', '.join(words)})"
            reason = Reason(status, text.format(*args, *options.values()))
            return Stop(lambda state: reason if test(state) else None, source)

        _BUILDERS[make.__name__] = build
        return build

    return of


@_condition("{0} messages were said")
def messages(n: int) -> Callable[[State], bool]:
    """Stop after n messages, including results of programs."""
    return lambda state: len(state.progress.messages) >= n


@_condition("{0} turns were taken")
def turns(n: int) -> Callable[[State], bool]:
    """Stop after n messages of members; results, choices and plans don't count."""
    return lambda state: sum(message.kind in TURNS for message in state.progress.messages) >= n


@_condition("{0!r} was said")
def said(text: str, by: str | None = None) -> Callable[[State], bool]:
    """Stop when any member, or the member `by`, has said this text."""
    return lambda state: any(
        text in message.text for message in state.progress.messages if by in (None, message.author)
    )


@_condition("{0} has spoken")
def spoke(name: str) -> Callable[[State], bool]:
    """Stop when a member has spoken."""
    return lambda state: any(message.author == name for message in state.progress.messages)


@_condition("it was handed to {0}")
def handed_to(name: str) -> Callable[[State], bool]:
    """Stop when the latest message hands over to a member, or to `human`."""
    return lambda state: isinstance(state.last, HandoffMessage) and state.last.to == name


@_condition("{0} was called")
def called(tool: str) -> Callable[[State], bool]:
    """Stop when a model has called a tool."""
    return lambda state: any(
        call.name == tool
        for talk in (state.dialogue, *state.dialogue.others.values())
        for message in talk.messages
        for call in message.tool_calls
    )


@_condition("{0} tokens were used", "limit")
def tokens(n: int) -> Callable[[State], bool]:
    """Stop after n input and output tokens of all calls."""
    return lambda state: state.spend.usage.input_tokens + state.spend.usage.output_tokens >= n


@_condition("{0} US dollars were spent", "limit")
def cost(usd: float) -> Callable[[State], bool]:
    """Stop after this cost in US dollars; calls of unknown price don't count."""
    return lambda state: float(state.spend.cost_usd) >= usd


@_condition("{0} s have passed", "limit")
def seconds(s: float) -> Callable[[State], bool]:
    """Stop after this many seconds of the run's own work."""
    return lambda state: state.spend.seconds >= s


@_condition("somebody asked for the end", "interrupted")
def asked_to_stop() -> Callable[[State], bool]:
    """Stop on request by `coder stop`, a server or a client; every run has this condition."""
    return lambda state: state.progress.stop_requested is not None


@cache
def condition_of(text: str) -> Stop:
    """Parse a condition without executing the text. Raises UsageError if it isn't a condition."""
    try:
        return _read(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        names = ", ".join(_BUILDERS)
        raise UsageError(
            f"{text!r} is no condition: {error}. Write such as: turns(8) | said('DONE'). There are: {names}"
        ) from error


def _read(node: ast.expr) -> Stop:
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            return _read(left) | _read(right)
        case ast.BinOp(left, ast.BitAnd(), right):
            return _read(left) & _read(right)
        case ast.Call(ast.Name(name), args, keywords) if name in _BUILDERS:
            options = {str(word.arg): ast.literal_eval(word.value) for word in keywords}
            return _BUILDERS[name](*map(ast.literal_eval, args), **options)
        case ast.Name("tests_pass"):
            return tests_pass
        case _:
            raise ValueError(f"{ast.unparse(node)} can't be read")
