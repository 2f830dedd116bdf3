"""What may cross from a candidate to the tests of it."""

from pydantic import BaseModel, ConfigDict


class Crossing(BaseModel):
    """What may cross besides plain data. Where a set is None nothing is refused, and all is reported."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: frozenset[str] | None = frozenset()
    """Of references: `generator`, `coroutine`, `function`, `record`; for an `object` its word is taken."""
    errors: frozenset[str] | None = frozenset()
    """Names of the standard exceptions that the tests expect."""
    steps: int | None = None
    """Of all generators together, at most; None: as many as time allows."""
    write_back: bool = False
    """Changes that a call makes to its arguments are made to the test's own objects too."""
    changed: frozenset[str] | None = None
    """Of which arguments, by position or name (`*`: of calls of other functions)."""
    uses: frozenset[str] | None = None
    """What may be done with the test's own objects, as an earlier report has it; then no mock is changed."""
    data_decides: bool = False
    """Objects of the candidate aren't compared by operators of their own, and nothing is set on a mock."""

    def plain(self) -> dict[str, object]:
        """The same for a process inside a sandbox, as JSON has it."""
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in self}


OPEN = Crossing(kinds=None, errors=None, write_back=True)
"""Refuses nothing."""
