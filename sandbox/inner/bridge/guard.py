"""Decide what may cross from the candidate to a test, and record what crossed.

A violation ends the candidate for good, even if the test catches the exception.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

from sandbox.inner.bridge.exports import Exports
from sandbox.inner.bridge.handlers import has_handler
from sandbox.inner.bridge.proxies import number_of
from sandbox.inner.bridge.record import ANY_CHANGE, ANY_COMPARISON, UseRecord
from sandbox.inner.bridge.show_values import CandidateGone, show_error, show_kind
from sandbox.inner.bridge.uses import is_failure

ANY_CALL = "*"
"""In place of a digest in `raising`: any call may raise any exception."""
_UNKNOWN, _ITEM = frozenset({"*"}), frozenset({"(item)"})
"""Owners of a change: an unknown argument, and an item that a generator yields again, changed."""
_MAX_CALLS = 1_000
"""Maximum calls recorded as raising, and as returning."""
_OF_ERRORS = frozenset({"error", "class"})
"""Kinds of references that cross with any exception."""
_ROOTS = (Exception, BaseException, object)


class Guard:
    """Checks the values that cross the bridge; a collection that is None allows all values of its kind."""

    def __init__(
        self,
        *,
        kinds: Collection[str] | None = None,
        errors: Collection[str] | None = None,
        raising: Collection[str] = (),
        returning: Collection[str] = (),
        steps: int | None = None,
        write_back: bool = True,
        changed: Collection[str] | None = None,
        uses: Collection[str] | None = None,
        data_decides: bool = False,
    ) -> None:
        """Take the fields of `sandbox.verdicts.run_report.Crossing`."""
        self.kinds: set[str] = set()
        self.errors: set[str] = set()
        self.raising: set[str] = set()
        self.returning: set[str] = set()
        self.changed: set[str] = set()
        self.refused: set[str] = set()
        """Fields of `Crossing` by which something was refused."""
        self.may_end = True
        """Whether StopIteration may cross outside of an iteration, if nothing says which errors may."""
        self.steps = 0
        """What crossed so far, as fields of `Crossing`."""
        may_change = frozenset(changed or ()) | frozenset(uses or ())
        self.record = UseRecord(None if uses is None else may_change, by_line=data_decides)
        self.exports = Exports(self.record, spares_mocks=uses is not None or data_decides)
        self.probes = ANY_COMPARISON in may_change
        """Whether the equality of every candidate object counts, if it tells values apart."""
        self.compares = (kinds is None and not data_decides) or self.probes
        """Whether the candidate's objects may be compared by their own operators."""
        self.only_data = kinds is not None
        self.write_back = write_back
        self._allowed = None if kinds is None else frozenset(kinds)
        self._expected = None if errors is None else frozenset(errors)
        self._may_raise = frozenset(raising)
        self._must_return = frozenset(returning) - self._may_raise
        self._changeable = None if changed is None else may_change
        self._max_steps = steps

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Allow everything and record nothing in the block, while a module is loaded."""
        agreed = self._allowed, self._expected
        self._allowed = self._expected = None
        try:
            yield
        finally:
            self._allowed, self._expected = agreed
            self.kinds.clear()
            self.errors.clear()

    def admits(self, kind: str) -> bool:
        """Whether references of a kind may cross."""
        return self._allowed is None or kind in self._allowed

    def step(self) -> None:
        """Count a step of a generator. Raises CandidateGone beyond the limit."""
        self.steps += 1
        if self._max_steps is not None and self.steps > self._max_steps:
            raise CandidateGone(f"its generators went on for more than {self._max_steps:,} steps")

    def shown(self, changes: Any, owners: list[frozenset[str]]) -> Any:
        """Select the changes that the test sees; `owners`: the arguments or uses of each lent container."""
        if not changes:
            return ()
        if not self.write_back:
            self.changed.add("*")
            return ()
        if type(changes) is not tuple or any(type(one) is not tuple or len(one) != 2 for one in changes):
            return changes  # write_back refuses it
        owners_of = dict(enumerate(owners))
        return tuple(one for one in changes if self._may_change(owners_of.get(one[0], _UNKNOWN)))

    def _may_change(self, owners: frozenset[str]) -> bool:
        """Return whether the test sees a change, as with the case's own answer; record the change."""
        if self.record.by_line and self._changeable is None:
            if not self.record.permits({f"change {owner}" for owner in owners}):
                self.changed |= owners
                return False
            return True
        if self._changeable is not None and ANY_CHANGE in self._changeable:
            return True
        agreed = owners if self._changeable is None else owners & self._changeable
        self.changed |= agreed or owners
        return bool(agreed)

    def shows_again(self) -> bool:
        """Return whether a test may see that a generator yields the same object again after a change."""
        return self._may_change(_ITEM) and self.write_back

    def suppresses(self, error: BaseException | None) -> bool:
        """Return whether the candidate's `with` block may suppress an error; never a failure of the test.

        Raises CandidateGone if the case's own answer doesn't suppress it, as the test may expect the error.
        """
        if not isinstance(error, Exception) or isinstance(error, AssertionError):
            return False
        if self.record.by_line:
            self._require_end(error, self.record.raising_line(error.__traceback__))
        return True

    def check_caught(self, error: BaseException) -> None:
        """Check an error of a test's function that the candidate called and caught. Raises CandidateGone."""
        is_end = isinstance(error, (StopIteration, StopAsyncIteration))
        line = self.record.raising_line(error.__traceback__)
        if line and not is_end and (self.record.by_line or is_failure(error)):
            self._require_end(error, line)

    def _require_end(self, error: BaseException, line: str) -> None:
        if not self._ends(error, line):
            kind = type(error).__name__
            raise CandidateGone(
                f"the candidate caught an error of {line}, which is to reach the test: {kind}"
            )

    def _ends(self, error: BaseException, line: str) -> bool:
        """Return whether an error of this line doesn't reach the test with the case's own answer.

        If so, any error of the candidate may end here, and the test's own errors of the recorded kinds.
        """
        if number_of(error) is not None:
            return self.record.permits({f"suppress {line}"})
        kinds = [f"suppress {line} {cls.__name__}" for cls in type(error).__mro__ if cls not in _ROOTS]
        return self.record.permits({f"suppress {line} {type(error).__name__}"}, also=kinds)

    def may_compute(self, operator: str) -> bool:
        """Return whether the candidate's operator may compute with the test's own data at this line."""
        return not self.record.by_line or self.record.permits({f"compute {self.record.line()} {operator}"})

    def bases_of_error(self, bases: list[type]) -> list[type]:
        """Select the bases that the test sees of a class of exceptions: only one line of inheritance.

        All if the case's own answer has a class of the same kinds, or if uses aren't recorded by line.
        An exception of many kinds would match every exception that a test expects.
        """
        standard_kinds = {cls for base in bases for cls in base.__mro__ if number_of(cls) is None}
        ends = {
            cls
            for cls in standard_kinds
            if not any(one is not cls and issubclass(one, cls) for one in standard_kinds)
        }
        inherited = (cls for base in bases for cls in base.__mro__ if cls in ends)
        hidden = ends - {*self._kinds_of_error(list(dict.fromkeys(inherited)))}
        return [base for base in bases if hidden.isdisjoint(base.__mro__)]

    def _kinds_of_error(self, kinds: list[type]) -> list[type]:
        """Return all kinds if one class may have them, else the first that the case's own answer raises."""
        names = [f"raise {cls.__name__}" for cls in kinds]
        if len(kinds) < 2 or not self.record.by_line or self.record.permits({" ".join(sorted(names))}):
            return kinds
        raised = [cls for cls in kinds if self.record.permits({f"raise {cls.__name__}"})]
        return (raised or kinds)[:1]

    def ended(self, raised: BaseException) -> BaseException:
        """Return what the test sees of StopIteration raised outside of an iteration (PEP 479)."""
        if not isinstance(raised, (StopIteration, StopAsyncIteration)):
            return raised
        name = "StopIteration" if isinstance(raised, StopIteration) else "StopAsyncIteration"
        if self.record.by_line:
            may = self.record.permits({f"end {self.record.line()}"})
        else:
            may = self.may_end if self._expected is None else name in self._expected
        return raised if may else RuntimeError(f"the candidate raised {type(raised).__name__}")

    def admit(self, met: dict[str, object], doing: str) -> None:
        """Record the kinds of references received. Raises CandidateGone if one may not cross."""
        self.kinds |= met.keys()
        if self._allowed is not None and (refused := met.keys() - self._allowed):
            self.refused.add("kinds")
            description = show_kind(min(refused), met[min(refused)])
            raise CandidateGone(f"{doing} gave {description} where plain data is expected")

    def note_return(self, call: bytes | None) -> None:
        """Record that a call of the entry point with plain data returned a value."""
        if self._expected is None and call is not None and len(self.returning) < _MAX_CALLS:
            self.returning.add(_digest(call))

    def expected(
        self, raised: BaseException, met: dict[str, object], doing: str, call: bytes | None
    ) -> BaseException:
        """Return the exception that the test sees; `call`: a call of the entry point with plain data.

        Raises CandidateGone unless the exception is agreed or the case's own answer raised one in this call;
        also if that answer returned and the test has no handler: iterations or `getattr` would swallow it.
        """
        standard: list[Any] = [cls for cls in type(raised).__mro__ if number_of(cls) is None]
        self.errors.add(standard[0].__name__)
        digest = _digest(call)
        if self._expected is None:
            if self.record.by_line and not isinstance(raised, AttributeError):  # tools look for attributes
                self.record.note(f"raise {standard[0].__name__}")
            if digest and len(self.raising) < _MAX_CALLS:
                self.raising.add(digest)
            return raised
        exceptions = self._expected  # an exception of several kinds counts as the first one that is expected
        agreed = [cls for cls in standard if not exceptions.isdisjoint(one.__name__ for one in cls.__mro__)]
        is_swallowed = digest in self._must_return and not has_handler()
        may_raise = ANY_CALL in self._may_raise or digest in self._may_raise
        if is_swallowed or not (agreed or may_raise):
            self.refused.add("errors")
            text = show_error(raised)[:300]
            place = "".join(f" at {one}" for one in vars(raised).get("__where__", [])[-1:])
            raise CandidateGone(f"{doing} raised {type(raised).__name__}: {text}{place}")
        kind: Any = (agreed or standard)[0]
        plain: BaseException = kind.__new__(kind)
        text = vars(raised).get("__far__", ("", "", ""))[2]
        if not met.keys() - _OF_ERRORS - (self._allowed or frozenset()):
            with suppress(TypeError, ValueError):  # arguments that this class doesn't take
                plain = kind(*raised.args)
        if text and show_error(plain) != text:  # by a __str__ of its own
            with suppress(TypeError, ValueError):
                plain = kind(text)
        return plain


def _digest(call: bytes | None) -> str:
    return "" if call is None else sha256(call).hexdigest()[:16]
