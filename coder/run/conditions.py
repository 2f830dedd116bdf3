"""Conditions that end a team's work: pure rules over the messages and counts of a run, joined by `|` and `&`.

Each keeps how it is written, so that the log holds it and a resume reads it again (`condition_of`).
"""

import ast
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec

from pydantic import validate_call

from coder.base.errors import UsageError
from coder.run import termination
from coder.run.event_types import Status
from coder.run.message import TURNS, HandoffMessage
from coder.run.state import State
from coder.run.termination import Reason, Stop

P = ParamSpec("P")
tests_pass = Stop(termination.tests_pass.rule, "tests_pass()")
"""What was given to check it by has passed."""
_KNOWN: dict[str, Callable[..., Stop]] = {"tests_pass": lambda: tests_pass}


def _condition(
    text: str, status: Status = "unverified"
) -> Callable[[Callable[P, Callable[[State], bool]]], Callable[P, Stop]]:
    """A condition of a function that makes a test of the state; `text` is its reason."""

    def of(make: Callable[P, Callable[[State], bool]]) -> Callable[P, Stop]:
        checked = validate_call(make)

        @wraps(make)
        def build(*args: P.args, **options: P.kwargs) -> Stop:
            holds = checked(*args, **options)
            words = [*map(repr, args), *(f"{name}={value!r}" for name, value in options.items())]
            written = f"{make.__name__}({', '.join(words)})"
            reason = Reason(status, text.format(*args, *options.values()))
            return Stop(lambda state: reason if holds(state) else None, written)

        _KNOWN[make.__name__] = build
        return build

    return of


@_condition("{0} messages were said")
def messages(n: int) -> Callable[[State], bool]:
    """So many messages, results of programs among them."""
    return lambda state: len(state.progress.messages) >= n


@_condition("{0} turns were taken")
def turns(n: int) -> Callable[[State], bool]:
    """So many messages of members: no results, choices and plans of the team itself."""
    return lambda state: sum(m.kind in TURNS for m in state.progress.messages) >= n


@_condition("{0!r} was said")
def said(text: str, by: str | None = None) -> Callable[[State], bool]:
    """A member, or a given one, has used these words."""
    return lambda state: any(text in m.text for m in state.progress.messages if by in (None, m.author))


@_condition("{0} has spoken")
def spoke(name: str) -> Callable[[State], bool]:
    """A member has spoken."""
    return lambda state: any(m.author == name for m in state.progress.messages)


@_condition("it was handed to {0}")
def handed_to(name: str) -> Callable[[State], bool]:
    """The latest message hands over to a member, or to `human`."""
    return lambda state: isinstance(state.last, HandoffMessage) and state.last.to == name


@_condition("{0} was called")
def called(tool: str) -> Callable[[State], bool]:
    """A model has called a tool."""
    return lambda state: any(
        call.name == tool
        for talk in (state.dialogue, *state.dialogue.others.values())
        for message in talk.messages
        for call in message.tool_calls
    )


@_condition("{0} tokens were used", "limit")
def tokens(n: int) -> Callable[[State], bool]:
    """So many tokens of all calls, in and out."""
    return lambda state: state.spend.usage.input_tokens + state.spend.usage.output_tokens >= n


@_condition("{0} US dollars were spent", "limit")
def cost(usd: float) -> Callable[[State], bool]:
    """So many US dollars, as far as prices are known."""
    return lambda state: float(state.spend.cost_usd) >= usd


@_condition("{0} s have passed", "limit")
def seconds(s: float) -> Callable[[State], bool]:
    """So many seconds of the run's own work."""
    return lambda state: state.spend.seconds >= s


@_condition("somebody asked for the end", "interrupted")
def asked_to_stop() -> Callable[[State], bool]:
    """`coder stop`, a server or a client; every run ends so, whatever its conditions."""
    return lambda state: state.progress.stop_requested is not None


@cache
def condition_of(text: str) -> Stop:
    """The condition that is written so. Raises UsageError: it isn't one; nothing of the text is run."""
    try:
        return _read(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        names = ", ".join(_KNOWN)
        raise UsageError(
            f"{text!r} is no condition: {error}. Write such as: turns(8) | said('DONE'). There are: {names}"
        ) from error


def _read(node: ast.expr) -> Stop:
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            return _read(left) | _read(right)
        case ast.BinOp(left, ast.BitAnd(), right):
            return _read(left) & _read(right)
        case ast.Call(ast.Name(name), args, keywords) if name in _KNOWN:
            options = {str(word.arg): ast.literal_eval(word.value) for word in keywords}
            return _KNOWN[name](*map(ast.literal_eval, args), **options)
        case ast.Name("tests_pass"):
            return tests_pass
        case _:
            raise ValueError(f"{ast.unparse(node)} can't be read")
