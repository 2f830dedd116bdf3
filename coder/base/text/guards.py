"""Guards: the user's functions that check each text that enters or leaves a run.

A guard is called after secrets are redacted. It returns the text, a changed text, or a refusal. Installed
packages offer guards by the entry-point group `coder.guards`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Literal

from coder.base.errors import Refused, UsageError
from sandbox.interpreter.plugins import find_plugins

GROUP = "coder.guards"

Where = Literal["prompt", "request", "tool_result", "answer"]
"""Route of a text: from a person to the run, from the run to the model, from a tool to the run, or from the
model to the run."""

Guard = Callable[[str, Where], str | Refused]
"""Check one text. Return it, changed or not, or a `Refused` with the reason.

A guard is called again with a text that it has returned, and must return that unchanged.
"""


class Guards:
    """The guards of one run, called in order; each gets the text that the previous guard returned."""

    def __init__(self, guards: Mapping[str, Guard] | None = None) -> None:
        self._guards = dict(guards or {})

    def __bool__(self) -> bool:
        return bool(self._guards)

    def check(self, text: str, where: Where) -> str:
        """Return the text as the guards permit it.

        Raises:
            Refused: a guard refuses the text, or fails.
        """
        if not text:
            return text
        for name, guard in self._guards.items():
            text = _checked(name, guard, text, where)
        return text


def guards_for(own: Iterable[Guard] | None = None) -> Guards:
    """Return the installed guards by name, followed by the caller's own.

    Raises UsageError if an installed guard can't be loaded.
    """
    names = {f"{guard_name(guard)} ({position})": guard for position, guard in enumerate(own or (), 1)}
    return Guards({**installed_guards(), **names})


@cache
def installed_guards() -> Mapping[str, Guard]:
    """Return the guards of installed packages, by name and in the order of their names.

    Raises UsageError if a guard can't be loaded, so that no text passes unchecked.
    """
    guards: dict[str, Guard] = {}
    for entry in sorted(find_plugins(GROUP), key=lambda entry: entry.name):
        try:
            guard = entry.load()
        except Exception as error:  # a package of other people may raise anything
            raise UsageError(_UNUSABLE.format(name=entry.name, value=entry.value, reason=error)) from error
        if not callable(guard):
            raise UsageError(_UNUSABLE.format(name=entry.name, value=entry.value, reason="it is no function"))
        guards[entry.name] = guard
    return guards


_UNUSABLE = (
    "The guard {name} ({value}) can't be used: {reason}. Mend or uninstall its package; "
    "without the guard, nothing is sent."
)


def guard_name(guard: Guard) -> str:
    """Return the name of a guard in messages."""
    return str(getattr(guard, "__name__", type(guard).__name__))


def _checked(name: str, guard: Guard, text: str, where: Where) -> str:
    """Return the text that a guard returns for a text. Raises Refused."""
    checked_text = _result(name, guard, text, where)
    # Requests repeat earlier texts: a guard that changed its own output would change the dialogue each time.
    if checked_text != text and _result(name, guard, checked_text, where) != checked_text:
        raise Refused(f"The guard {name} changes its own output, so the {_WORDS[where]} is refused.")
    return checked_text


def _result(name: str, guard: Guard, text: str, where: Where) -> str:
    try:
        result: object = guard(text, where)
    except Refused as refusal:
        result = refusal
    except Exception as error:  # fail closed, whatever a guard raises
        reason = f"{type(error).__name__}: {error}"
        raise Refused(f"The guard {name} failed, so the {_WORDS[where]} is refused: {reason}") from error
    if isinstance(result, Refused):
        raise Refused(f"The guard {name} refused the {_WORDS[where]}: {result}")
    if not isinstance(result, str):
        kind = type(result).__name__
        raise Refused(
            f"The guard {name} returned {kind}, not str or Refused, so the {_WORDS[where]} is refused."
        )
    return result


_WORDS: Mapping[Where, str] = {
    "prompt": "prompt",
    "request": "request",
    "tool_result": "result of a tool",
    "answer": "model's answer",
}
